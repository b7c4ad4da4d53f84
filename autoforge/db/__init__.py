"""Database drivers and backends."""
