"""The schema editor: Django's for SQLite, whose table remake works on the server as it is.

Turning foreign keys off costs no request: the driver keeps that state and tells each new stream.
"""

from django.db.backends.sqlite3 import schema as sqlite3

from django_hrana.triggers import KeepsTriggers

__all__ = ["DatabaseSchemaEditor"]


class DatabaseSchemaEditor(KeepsTriggers, sqlite3.DatabaseSchemaEditor):
    """Changes tables and keeps their triggers, in transactions that roll back."""
