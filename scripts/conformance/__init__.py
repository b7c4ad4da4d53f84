"""Django's own test suite against the libSQL backend, over a real server, judged beside SQLite."""
