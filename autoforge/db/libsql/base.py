"""Django loads a backend by this file's name; until the backend is here, it says so."""

from django.core.exceptions import ImproperlyConfigured

raise ImproperlyConfigured(
    "The database URL names a libSQL server, but this version of AutoForge has no libSQL backend "
    "yet (autoforge.db.libsql): set DATABASE_URL to a SQLite file, such as "
    "sqlite:///./data/autoforge_dev.db, and remove TURSO_DATABASE_URL and "
    "TURSO_STAGING_DATABASE_URL."
)
