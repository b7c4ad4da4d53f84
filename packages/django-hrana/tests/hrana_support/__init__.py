"""What the tests of django-hrana stand on: real servers, proxies, and Django's settings."""
