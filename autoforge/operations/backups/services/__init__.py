"""Writes of the record of backups."""
