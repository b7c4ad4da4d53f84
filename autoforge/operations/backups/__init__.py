"""Backups that restore: made, verified, restored, copied from one database to another.

For other rooms:

- `making.write_backup(alias, path, on_progress=…)` → what was written, verified
- `verifying.verify(path)` → what was checked; raises where it is not good
- `restoring.restore_into(path, target, replace=True)`; `locations.find_location(alias)` is a target
- `reading.hash_tables(reader)` → count and hash per table; `reading.open_reader(location)`, or
  `reading.SqliteReader(connection)` within a transaction of yours

All raise `errors.BackupError`, whose text is one sentence. How far they are, they tell a function
that takes a `progress.Progress`.

Layers: making, restoring → verifying, staging → container, snapshots → reading → schema, hashing,
locations, encryption.
"""
