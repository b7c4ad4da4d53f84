"""Are the files of backups where their records say, and can the next one be written there?

A look and no more: a file's existence, size and first bytes, S3's answer to a HEAD request. What
they contain is checked by `verify_backup`. Everything ends after some seconds, whatever hangs.
"""

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.newest import NewestBackup
from autoforge.operations.backups.storage import S3, Bucket, is_s3

__all__ = ["AGAIN", "CONTENT", "Missing", "Presence", "check_place", "find_present", "find_problem"]

SECONDS: Final = 3.0  # for one file or folder: health is asked by people who wait
AGAIN: Final = "Make a new one with `manage.py backup_database`, and look what removes files there."
CONTENT: Final = "its content (`manage.py verify_backup` checks it)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A backup that is not as its record says."""

    record: NewestBackup
    """The backup."""
    problem: str
    """What is wrong with its file, a clause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """What a look at backups has shown."""

    newest: NewestBackup | None
    """The newest that is there; None where none of them is."""
    missing: tuple[Missing, ...]
    """Newer ones, which are not."""


def find_present(records: Sequence[NewestBackup]) -> Presence:
    """Return which backup is the newest that is where its record says.

    Args:
        records: good backups, the newest first.
    """
    missing: list[Missing] = []
    for record in records:
        problem = find_problem(record)
        if not problem:
            return Presence(newest=record, missing=tuple(missing))
        missing.append(Missing(record=record, problem=problem))
    return Presence(newest=None, missing=tuple(missing))


def find_problem(record: NewestBackup) -> str:
    """Return what is wrong with the file of a backup, a clause; empty where it looks right."""
    if is_s3(record.place):
        return _within(record.place, lambda: _look_into_bucket(record))
    return _within(record.place, lambda: _look_at_file(record))


def _look_at_file(record: NewestBackup) -> str:
    from autoforge.operations.backups.container import (
        begins_as_backup,
    )  # compression: seldom needed

    try:
        with Path(record.place).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            is_backup = begins_as_backup(stream)  # a disk that fails says so here
    except FileNotFoundError:
        return f"{record.place} is gone"
    except OSError as error:
        return f"{record.place} cannot be read: {error.strerror}"
    if size == record.size_bytes and not is_backup:
        return f"{record.place} is no backup any more: it begins with something else"
    return _compare_sizes(record, size)


def _look_into_bucket(record: NewestBackup) -> str:
    s3 = S3.parse(record.place)
    try:
        size = Bucket(s3, seconds=SECONDS).find_size(s3.key)
    except BackupError as error:
        return f"{record.place} cannot be looked at: {str(error).rstrip('.')}"
    if size is None:
        return f"{record.place} is gone"
    return _compare_sizes(record, size)


def _compare_sizes(record: NewestBackup, size: int) -> str:
    if size == record.size_bytes:
        return ""
    return f"{record.place} has {size:,} bytes instead of {record.size_bytes:,}"


def check_place(target: str, needed_bytes: int) -> str:
    """Return what keeps the next backup from being written, a clause; empty where nothing does.

    Args:
        target: a folder on this machine, as `keeping.default_target` returns it; nothing is said of
            S3, where only writing would tell.
        needed_bytes: how much the next one takes, about.
    """
    if is_s3(target):
        return ""
    return _within(target, lambda: _look_at_folder(Path(target), needed_bytes))


def _look_at_folder(folder: Path, needed_bytes: int) -> str:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent  # what is missing is made by the next backup
    if not existing.is_dir():
        return f"{existing} is a file, where {folder} should be a folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} cannot be written to"
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        return f"{folder} has {free:,} bytes free, and the next backup needs about {needed_bytes:,}"
    return ""


def _within(place: str, look: Callable[[], str]) -> str:
    """Return what a look has shown, or that it takes too long: a network disk may hang for ever."""
    answers = []

    def work() -> None:
        try:
            answers.append(look())
        except OSError as error:
            answers.append(f"{place} cannot be looked at: {error.strerror}")

    thread = threading.Thread(target=work, name="look-at-backup", daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers[0] if answers else f"{place} did not answer within {SECONDS:g} s"
