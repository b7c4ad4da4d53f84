"""The real clients of others, and our own, against a live server (`make clients`)."""
