"""Is a backup what was written, and can it be restored? Everything that can be checked is checked.

What was not checked is said too: it has not passed.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db.migrations.loader import MigrationLoader

from autoforge.operations.backups.container import unpacked
from autoforge.operations.backups.errors import DamagedBackup
from autoforge.operations.backups.hashing import TableDigest
from autoforge.operations.backups.manifest import Manifest
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.reading import SqliteReader, hash_tables
from autoforge.operations.backups.schema import Schema, read_schema
from core.database.drift import compare_schema

__all__ = [
    "SchemaAge",
    "Verified",
    "check_database",
    "compare_migrations",
    "read_migrations",
    "verify",
]

MAX_LISTED: Final = 5
APPLIED: Final = "SELECT app, name FROM django_migrations"


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaAge:
    """How the schema of a backup stands to the code."""

    pending: tuple[str, ...]
    """Migrations that the code has and the backup has not: `migrate_safely` comes next."""
    unknown: tuple[str, ...]
    """Migrations that the backup has and the code has not: it is of a newer version."""

    @property
    def is_current(self) -> bool:
        """Whether both are the same."""
        return not (self.pending or self.unknown)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A backup that was found to be good."""

    manifest: Manifest
    """What it says of itself, all of which is true."""
    age: SchemaAge
    """Whether the code can use it as it is."""
    checks: tuple[str, ...]
    """What was checked, a sentence each."""
    not_checked: tuple[str, ...]
    """What could not be checked, and why."""


def verify(
    path: Path,
    *,
    identities: Sequence[Path] = (),
    folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Verified:
    """Check everything about a backup.

    Args:
        path: the file.
        identities: files of age identities, where it is encrypted.
        folder: where there is room for the database; else the system's folder for such files.
        on_progress: told how far it is.

    Raises:
        BackupError: it cannot be opened: no backup, another key, a newer format.
        DamagedBackup: it is not what was written.
        NoRoom: it does not fit where it is unpacked, and was not checked.
    """
    with unpacked(path, folder, identities=identities, on_progress=on_progress) as (
        manifest,
        database,
    ):
        return check_database(database, manifest, path.name, on_progress=on_progress)


def check_database(
    database: sqlite3.Connection,
    manifest: Manifest,
    name: str,
    *,
    with_schema: bool = True,
    on_progress: OnProgress = ignore_progress,
) -> Verified:
    """Check a database that came out of a backup, or goes into one; its checksum is right.

    Args:
        database: what is in it.
        manifest: what it has to be.
        name: what it is called in messages.
        with_schema: compare the schema with the migrations too; a database that was changed by
            hand can be backed up all the same.
        on_progress: told how far it is.

    Raises:
        DamagedBackup: it is not what the manifest says, or is damaged itself.
    """
    checks = [
        f"checksum: {manifest.size_bytes:,} bytes, SHA-256 {manifest.sha256[:16]}…",
    ]
    on_progress(Progress(stage="checking integrity", done=0, total=0))
    checks.append(_check_integrity(database, name))
    checks.append(_check_foreign_keys(database, name))
    with SqliteReader(database) as reader:
        schema = read_schema(reader.query)
        _compare_tables(manifest.tables, hash_tables(reader, schema, on_progress=on_progress), name)
        migrations = read_migrations(reader, schema)
        sql = [
            row[0] for row in reader.query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        ]
    total = sum(digest.rows for digest in manifest.tables.values())
    checks.append(f"tables: count and hash of {len(manifest.tables)} tables, {total:,} rows")
    if migrations != manifest.migrations:
        raise DamagedBackup(
            f"{name} is damaged: its migrations are not those that its manifest lists."
        )
    age = compare_migrations(migrations)
    not_checked: tuple[str, ...] = ()
    if age.is_current and with_schema:
        checks.append(_check_schema(sql, name))
    elif with_schema:
        reason = "the backup has other migrations than this version, which cannot say what it"
        not_checked = (f"schema: {reason} should be",)
    return Verified(manifest=manifest, age=age, checks=tuple(checks), not_checked=not_checked)


def _check_integrity(connection: sqlite3.Connection, name: str) -> str:
    try:
        rows = connection.execute(f"PRAGMA integrity_check({MAX_LISTED})").fetchall()
    except sqlite3.DatabaseError as error:
        raise DamagedBackup(f"{name} is damaged: its content is no database ({error}).") from error
    if rows != [("ok",)]:
        faults = "; ".join(str(row[0]) for row in rows)
        raise DamagedBackup(f"{name} contains a damaged database: {faults}.")
    return "integrity: every page, index and constraint (PRAGMA integrity_check)"


def _check_foreign_keys(connection: sqlite3.Connection, name: str) -> str:
    rows = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_LISTED)
    if rows:
        tables = sorted({f"{table} → {parent}" for table, _rowid, parent, _key in rows})
        listed = ", ".join(tables)
        raise DamagedBackup(f"{name} contains rows whose foreign keys lead nowhere: {listed}.")
    return "foreign keys: each leads to a row"


def _compare_tables(
    expected: dict[str, TableDigest], actual: dict[str, TableDigest], name: str
) -> None:
    for table in sorted(expected.keys() | actual.keys()):
        if expected.get(table) != actual.get(table):
            raise DamagedBackup(
                f"{name} is damaged: the table {table} is not what its manifest says "
                f"({_show(actual.get(table))} instead of {_show(expected.get(table))})."
            )


def _show(digest: TableDigest | None) -> str:
    return "none" if digest is None else f"{digest.rows:,} rows, {digest.sha256[:12]}…"


def read_migrations(reader: SqliteReader, schema: Schema) -> tuple[str, ...]:
    """Return the applied migrations of a database as "app.name", sorted."""
    if all(table.name != "django_migrations" for table in schema.tables):
        return ()
    return tuple(sorted(f"{app}.{name}" for app, name in reader.query(APPLIED)))


def compare_migrations(applied: Iterable[str]) -> SchemaAge:
    """Compare the migrations of a backup with those of the code."""
    loader = MigrationLoader(None)
    ours = {f"{app}.{name}" for app, name in loader.disk_migrations}
    replaced = set()
    for migration in loader.disk_migrations.values():
        replaced |= {f"{app}.{name}" for app, name in migration.replaces}
    names = set(applied)
    # The rows of an app that is installed no more stay in the table, and harm nobody.
    theirs = {name for name in names if name.partition(".")[0] in loader.migrated_apps}
    return SchemaAge(
        pending=tuple(sorted(ours - names)),
        unknown=tuple(sorted(theirs - ours - replaced)),
    )


def _check_schema(sql: Sequence[str], name: str) -> str:
    differences = compare_schema(sql)
    if differences:
        listed = "; ".join(str(difference) for difference in differences[:MAX_LISTED])
        raise DamagedBackup(f"{name} has another schema than its migrations make: {listed}.")
    return "schema: tables, indexes and triggers are those of its migrations"
