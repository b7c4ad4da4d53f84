"""The HTTP API: what the apps offer, mounted at one place, with its document."""
