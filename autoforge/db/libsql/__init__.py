"""The room of the Django backend for libSQL (`ENGINE = "autoforge.db.libsql"`)."""
