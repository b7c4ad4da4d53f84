"""Django's SQLite backend, with triggers that outlive its remakes of tables."""
