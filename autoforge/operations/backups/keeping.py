"""Where backups are kept: files, folders and S3; how many; and the memory that a restoration ends.

A folder keeps several, with names that sort by time. Older ones are deleted only after the new one
was verified, and only those that bear our name for this database.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.core.cache import cache

from autoforge.operations.backups.container import read_manifest
from autoforge.operations.backups.encryption import AGE
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.locations import Location, find_location
from autoforge.operations.backups.making import (
    ENDING,
    Written,
    clean_name,
    name_backup,
    write_backup,
)
from autoforge.operations.backups.manifest import Manifest
from autoforge.operations.backups.progress import OnProgress, ignore_progress
from autoforge.operations.backups.room import temporary_room
from autoforge.operations.backups.scratch import scratch_folder
from autoforge.operations.backups.storage import S3, Bucket, is_s3
from core.private_files import list_database_files

__all__ = [
    "Kept",
    "back_up_to",
    "fetched",
    "forget_what_is_cached",
    "note_backup",
]

MOMENT: Final = r"\d{8}T\d{12}Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A backup that is where it belongs."""

    place: str
    """A path, or s3://bucket/key."""
    manifest: Manifest
    """What is in it."""
    size_bytes: int
    """Its size."""
    checks: tuple[str, ...]
    """What was checked."""
    is_encrypted: bool
    """Whether only its recipients can read it."""
    deleted: tuple[str, ...]
    """Older backups that were deleted."""


def back_up_to(
    target: str,
    *,
    source: str | Location = "default",
    keep: int | None = None,
    recipients: Sequence[str] = (),
    replace: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Kept:
    """Make a backup and put it somewhere.

    Args:
        target: a file, a folder (one that is there, or a name that ends with /), s3://bucket/key or
            s3://bucket/folder/.
        source: an alias of the settings, or a database.
        keep: how many backups of this database the folder keeps, at least 1; None: all.
        recipients: age recipients; none: it is not encrypted.
        replace: whether a file that is there may be overwritten.
        on_progress: told how far it is.

    Raises:
        BackupError: nothing was written, and nothing was deleted.
    """
    if keep is not None and keep < 1:
        raise BackupError("--keep must be an integer of at least 1: the new backup is kept.")
    location = find_location(source) if isinstance(source, str) else source
    name = name_backup(location, datetime.now(UTC), is_encrypted=bool(recipients))
    if is_s3(target):
        return _back_up_to_bucket(
            S3.parse(target), location, name, keep, recipients, on_progress, replace=replace
        )
    path = Path(target)
    is_folder = target.endswith("/") or path.is_dir()
    if is_folder:
        with explained(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path /= name
    elif keep is not None:
        raise BackupError(f"--keep needs a folder; {target} is a file. Write {target}/ for one.")
    _check_path(path, location, replace=replace)
    written = write_backup(
        location, path, recipients=recipients, replace=replace, on_progress=on_progress
    )
    deleted: tuple[str, ...] = ()
    if keep is not None:
        deleted = _delete_old_files(path.parent, location, keep)
    return _kept(written, str(path), recipients, deleted)


def _kept(
    written: Written, place: str, recipients: Sequence[str], deleted: tuple[str, ...]
) -> Kept:
    return Kept(
        place=place,
        manifest=written.manifest,
        size_bytes=written.size_bytes,
        checks=written.checks,
        is_encrypted=bool(recipients),
        deleted=deleted,
    )


def _check_path(path: Path, location: Location, *, replace: bool) -> None:
    if not path.parent.is_dir():
        raise BackupError(f"The folder {path.parent} does not exist; create it first.")
    if not path.exists():
        return
    if location.path is not None:
        own = list_database_files(location.path)
        if any(path.samefile(file) for file in own):
            raise BackupError(f"{path} is the database itself; specify another file.")
    if not replace:
        raise BackupError(f"{path} already exists; specify another file, or add --replace.")


# --- which are ours


def _find_ours(names: Sequence[str], location: Location) -> list[str]:
    """Return those names that we give to backups of a database, the newest first."""
    pattern = re.compile(rf"{re.escape(clean_name(location))}-{MOMENT}{re.escape(ENDING)}(\.age)?")
    return sorted((name for name in names if pattern.fullmatch(name)), reverse=True)


def _delete_old_files(folder: Path, location: Location, keep: int) -> tuple[str, ...]:
    names = [path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    deleted = []
    for name in _find_ours(names, location)[keep:]:
        path = folder / name
        if _is_ours(path, location):
            path.unlink(missing_ok=True)
            deleted.append(str(path))
    return tuple(deleted)


def _is_ours(path: Path, location: Location) -> bool:
    """Whether a file with our name is a backup of this database; encrypted ones say no more."""
    try:
        with path.open("rb") as stream:
            if stream.read(len(AGE)) == AGE:
                return True
            stream.seek(0)
            return read_manifest(stream, path.name).database == location.name
    except (OSError, BackupError):
        return False


# --- S3


def _back_up_to_bucket(
    s3: S3,
    location: Location,
    name: str,
    keep: int | None,
    recipients: Sequence[str],
    on_progress: OnProgress,
    *,
    replace: bool,
) -> Kept:
    bucket = Bucket(s3)
    key = s3.key + name if s3.is_folder else s3.key
    if keep is not None and not s3.is_folder:
        raise BackupError(f"--keep needs a folder; write {s3}/ for one.")
    if not replace:
        _check_key(bucket, s3, key)
    room = temporary_room(f"a backup of {location}")
    with explained(s3, room=room), scratch_folder(room.folder) as scratch:
        path = scratch / name
        written = write_backup(
            location, path, recipients=recipients, room=room, on_progress=on_progress
        )
        if not replace:  # not all services can refuse it themselves
            _check_key(bucket, s3, key)
        bucket.put(key, path, on_progress=on_progress)
        deleted = []
        if keep is not None:
            folder = {other.removeprefix(s3.key): other for other in bucket.list(s3.key)}
            for old in _find_ours(list(folder), location)[keep:]:
                bucket.delete(folder[old])
                deleted.append(f"s3://{s3.bucket}/{folder[old]}")
        return _kept(written, f"s3://{s3.bucket}/{key}", recipients, tuple(deleted))


def _check_key(bucket: Bucket, s3: S3, key: str) -> None:
    if bucket.find_size(key) is not None:
        raise BackupError(
            f"s3://{s3.bucket}/{key} already exists; specify another key, or add --replace."
        )


@contextmanager
def fetched(file: str) -> Iterator[Path]:
    """Give a backup as a file of this machine: itself, or a copy of what is in S3.

    Raises:
        BackupError: it is not there.
    """
    if not is_s3(file):
        path = Path(file)
        if path.is_dir():
            raise BackupError(f"{file} is a folder; name a backup in it.")
        if not path.exists():
            raise BackupError(f"There is no file {file}.")
        yield path
        return
    s3 = S3.parse(file)
    if s3.is_folder:
        raise BackupError(f"{file} is a folder; name a backup in it.")
    room = temporary_room(f"a copy of {file}")
    with explained(file, room=room), scratch_folder(room.folder) as scratch:
        path = scratch / Path(s3.key).name
        Bucket(s3).get(s3.key, path)
        yield path


def note_backup(kept: Kept) -> None:
    """Record a good backup of the database of the settings, where it has a table for that."""
    if "backup_records" not in kept.manifest.tables:  # migrations are pending
        return
    from autoforge.operations.backups.services.records import record_backup  # needs the apps

    record_backup(
        started_at=datetime.fromisoformat(kept.manifest.made_at),
        # Whoever looks for it later may be in another folder.
        place=kept.place if is_s3(kept.place) else str(Path(kept.place).absolute()),
        size_bytes=kept.size_bytes,
    )


def forget_what_is_cached(target: Location) -> None:
    """Forget what the cache knows of the database of the settings, which is another one now."""
    try:
        is_ours = target.is_same(find_location())
    except BackupError:
        return
    if is_ours:
        cache.clear()
