"""Making a backup: a snapshot, checked, compressed, checked again, and only then in its place."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import autoforge
from autoforge.operations.backups.container import check_content, hash_file, pack
from autoforge.operations.backups.encryption import check_recipients, encrypt_file
from autoforge.operations.backups.errors import BackupError, DamagedBackup
from autoforge.operations.backups.locations import Location, find_location
from autoforge.operations.backups.manifest import FORMAT, Manifest
from autoforge.operations.backups.progress import OnProgress, ignore_progress
from autoforge.operations.backups.reading import SqliteReader
from autoforge.operations.backups.scratch import scratch_folder
from autoforge.operations.backups.snapshots import explained, take_snapshot
from autoforge.operations.backups.verifying import check_database, read_migrations

__all__ = ["ENDING", "Written", "clean_name", "name_backup", "write_backup"]

ENDING: Final = ".backup.zst"
UNUSABLE: Final = re.compile(r"[^A-Za-z0-9_-]+")  # in a file's name


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A backup that is in its place and good."""

    path: Path
    """The file."""
    manifest: Manifest
    """What is in it."""
    size_bytes: int
    """Size of the file."""
    checks: tuple[str, ...]
    """What was checked before it was said to be written."""


def clean_name(location: Location) -> str:
    """Return a database's name as names of files have it, with what tells it from its namesakes."""
    name = UNUSABLE.sub("-", location.name).strip("-") or "database"
    return f"{name}-{location.identity}"


def name_backup(location: Location, when: datetime, *, is_encrypted: bool) -> str:
    """Return the name of a backup's file: names sort by time, and tell whose they are."""
    moment = when.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return f"{clean_name(location)}-{moment}{ENDING}{'.age' if is_encrypted else ''}"


def write_backup(
    source: str | Location,
    path: Path,
    *,
    recipients: Sequence[str] = (),
    on_progress: OnProgress = ignore_progress,
) -> Written:
    """Make a backup; whoever writes to the database meanwhile is not disturbed.

    Args:
        source: an alias of the settings, or a database.
        path: the file; one that is there is replaced once the new one is good.
        recipients: age recipients, each of whom can read it; none: it is not encrypted.
        on_progress: told how far it is.

    Raises:
        BackupError: it could not be made; there is no file then, or the one from before.
    """
    location = find_location(source) if isinstance(source, str) else source
    check_recipients(recipients)
    made_at = datetime.now(UTC)
    with (
        explained(path),
        scratch_folder(path.parent) as scratch,
    ):
        database = scratch / "database.sqlite3"
        snapshot = take_snapshot(location, database, on_progress=on_progress)
        with SqliteReader(database) as reader:
            migrations = read_migrations(reader, snapshot.schema)
        manifest = Manifest(
            product="AutoForge",
            format=FORMAT,
            version=autoforge.__version__,
            made_at=made_at.isoformat(timespec="seconds"),
            database=location.name,
            engine=snapshot.engine,
            engine_version=snapshot.version,
            migrations=migrations,
            tables=snapshot.tables,
            size_bytes=database.stat().st_size,
            sha256=hash_file(database, stage="checksum", on_progress=on_progress),
        )
        checks = _check_source(database, manifest, location, on_progress)
        finished = scratch / "backup"
        handle = os.open(finished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            pack(database, manifest, out, on_progress=on_progress)
            out.flush()
            os.fsync(out.fileno())
        check_content(finished, path.name, on_progress=on_progress)
        if recipients:
            encrypted = scratch / "encrypted"
            encrypt_file(finished, encrypted, recipients)
            finished = encrypted
        _put(finished, path)
    return Written(path=path, manifest=manifest, size_bytes=path.stat().st_size, checks=checks)


def _check_source(
    database: Path, manifest: Manifest, location: Location, on_progress: OnProgress
) -> tuple[str, ...]:
    """Check the snapshot: what is wrong with it is wrong with the database."""
    try:
        verified = check_database(
            database, manifest, str(location), with_schema=False, on_progress=on_progress
        )
    except DamagedBackup as error:
        raise BackupError(
            f"{error} This is the database's own state; repair it, or restore an older backup."
        ) from error
    return verified.checks


def _put(finished: Path, path: Path) -> None:
    """Move a file to its place, so that a power failure leaves it whole or not there."""
    with finished.open("rb") as stream:
        os.fsync(stream.fileno())
    finished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
