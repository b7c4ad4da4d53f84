"""Real parts for the tests: servers that they start, ask, kill and end."""
