"""The schema editor: Django's for SQLite, whose table remake works on the server as it is.

Turning foreign keys off costs no request: the driver keeps that state and tells each new stream.
"""

from django.db.backends.sqlite3 import schema as sqlite3

__all__ = ["DatabaseSchemaEditor"]


class DatabaseSchemaEditor(sqlite3.DatabaseSchemaEditor):
    """Changes tables, in transactions that roll back."""
