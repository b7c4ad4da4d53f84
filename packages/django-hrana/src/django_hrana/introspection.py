"""What tables, columns and constraints there are."""

from django.db.backends.sqlite3 import introspection as sqlite3

__all__ = ["DatabaseIntrospection"]


class DatabaseIntrospection(sqlite3.DatabaseIntrospection):
    """Reads the schema from the server."""
