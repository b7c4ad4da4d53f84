"""Making a backup: a snapshot, checked, compressed, checked again, and only then in its place."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import autoforge
from autoforge.operations.backups.container import check_content, hash_stream, pack
from autoforge.operations.backups.database_file import DatabaseFile
from autoforge.operations.backups.encryption import check_recipients, encrypt_stream
from autoforge.operations.backups.errors import BackupError, DamagedBackup
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.locations import Location, find_location
from autoforge.operations.backups.manifest import FORMAT, Manifest
from autoforge.operations.backups.progress import OnProgress, ignore_progress
from autoforge.operations.backups.reading import SqliteReader
from autoforge.operations.backups.room import Room
from autoforge.operations.backups.scratch import scratch_folder
from autoforge.operations.backups.snapshots import take_snapshot
from autoforge.operations.backups.verifying import check_database, read_migrations

__all__ = ["ENDING", "Written", "clean_name", "name_backup", "write_backup"]

ENDING: Final = ".backup.zst"
FINISHED: Final = "backup"
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
    replace: bool = False,
    room: Room | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Written:
    """Make a backup; whoever writes to the database meanwhile is not disturbed.

    Args:
        source: an alias of the settings, or a database.
        path: the file.
        recipients: age recipients, each of whom can read it; none: it is not encrypted.
        replace: whether a file that is there is replaced, once the new one is good.
        room: what the folder of the file is called where it is full.
        on_progress: told how far it is.

    Raises:
        BackupError: it could not be made; there is no file then, or the one from before.
        NoRoom: it does not fit there.
    """
    location = find_location(source) if isinstance(source, str) else source
    check_recipients(recipients)
    made_at = datetime.now(UTC)
    room = room or _describe_room(path, location)
    with (
        explained(path, room=room),
        scratch_folder(path.parent) as scratch,
        DatabaseFile.unnamed(scratch) as database,
    ):
        snapshot = take_snapshot(location, database, room, on_progress=on_progress)
        with SqliteReader(database.connection) as reader:
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
            size_bytes=database.size_bytes,
            sha256=hash_stream(database.stream, stage="checksum", on_progress=on_progress),
        )
        checks = _check_source(database.connection, manifest, location, on_progress)
        # What is not encrypted yet has no name, as the database has none.
        with tempfile.TemporaryFile(dir=scratch) if recipients else _create(scratch) as packed:
            pack(database.stream, manifest, packed, on_progress=on_progress)
            packed.flush()
            check_content(packed, path.name, on_progress=on_progress)
            if recipients:
                packed.seek(0)
                with _create(scratch) as encrypted:
                    encrypt_stream(packed, encrypted, recipients)
        _put(scratch / FINISHED, path, replace=replace)
    return Written(path=path, manifest=manifest, size_bytes=path.stat().st_size, checks=checks)


def _describe_room(path: Path, location: Location) -> Room:
    size = location.path.stat().st_size if location.path and location.path.is_file() else 0
    return Room(
        folder=path.parent,
        purpose=f"a backup of {location}",
        elsewhere="write it to another disk",
        needed_bytes=size,
    )


def _create(scratch: Path) -> BinaryIO:
    """Return the file that becomes the backup."""
    handle = os.open(scratch / FINISHED, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "w+b")


def _check_source(
    database: sqlite3.Connection, manifest: Manifest, location: Location, on_progress: OnProgress
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


def _put(finished: Path, path: Path, *, replace: bool) -> None:
    """Move a file to its place, so that a power failure leaves it whole or not there."""
    with finished.open("rb") as stream:
        os.fsync(stream.fileno())
    if replace:
        finished.replace(path)
    else:
        _put_as_new(finished, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_as_new(finished: Path, path: Path) -> None:
    """Give a file its name, unless another process has taken that meanwhile.

    Raises:
        BackupError: it has.
    """
    try:
        try:
            path.hardlink_to(finished)
        except FileExistsError:
            raise
        except OSError:  # a disk without links (FAT, some network disks): an empty file claims it
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            finished.replace(path)
    except FileExistsError as error:
        raise BackupError(
            f"{path} was made by another process meanwhile, and stays as it is; specify another "
            "file, or add --replace."
        ) from error
