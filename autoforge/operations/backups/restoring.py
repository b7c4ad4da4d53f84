"""Putting a backup into a database: an empty one, or, where somebody says so, the one in use.

The backup is unpacked beside and verified first. SQLite then gets it through its backup API, which
is one transaction of the live file: other processes keep their connections, see the old content
until it is committed and the new one afterwards. libSQL: see `staging`.
"""

import secrets
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autoforge.operations.backups.container import unpacked
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.hashing import TableDigest
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.manifest import Manifest
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.reading import SqliteReader
from autoforge.operations.backups.schema import read_schema
from autoforge.operations.backups.snapshots import explained
from autoforge.operations.backups.staging import Staging
from autoforge.operations.backups.verifying import SchemaAge, check_database
from core.private_files import keep_private

__all__ = ["Restored", "check_target", "put_database", "restore_into"]

PAGES_AT_A_TIME: Final = 2_000
LOCK_SECONDS: Final = 20.0  # as everywhere else in AutoForge
PAUSE_SECONDS: Final = 0.1
BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was restored."""

    target: Location
    """Where it is now."""
    manifest: Manifest
    """What the backup says of itself."""
    age: SchemaAge
    """Whether migrations are pending."""
    checks: tuple[str, ...]
    """What was checked before anything was changed."""


def restore_into(
    path: Path,
    target: Location,
    *,
    replace: bool = False,
    identities: Sequence[Path] = (),
    folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Restored:
    """Restore a backup.

    Args:
        path: the backup.
        target: the database that gets it.
        replace: whether what is in the database may go.
        identities: files of age identities, where the backup is encrypted.
        folder: where there is room for the database; else the system's folder for such files.
        on_progress: told how far it is.

    Raises:
        BackupError: nothing was changed.
        DamagedBackup: nor here: the backup is not what was written.
        SwitchUnknown: the server did not say whether it has switched.
    """
    check_target(target, replace=replace)
    room = folder or Path(tempfile.gettempdir())
    with unpacked(path, room, identities=identities, on_progress=on_progress) as (
        manifest,
        database,
    ):
        verified = check_database(database, manifest, path.name, on_progress=on_progress)
        if verified.age.unknown:
            listed = ", ".join(verified.age.unknown[:3])
            raise BackupError(
                f"{path.name} is of a newer version ({manifest.version}; it has {listed}, which "
                "this version does not know); install that version to restore it."
            )
        put_database(database, manifest.tables, target, replace=replace, on_progress=on_progress)
    return Restored(target=target, manifest=manifest, age=verified.age, checks=verified.checks)


def check_target(target: Location, *, replace: bool) -> None:
    """Check that a database can take a backup.

    Raises:
        BackupError: it cannot be reached, or has tables that may not go.
    """
    with explained(target):
        if replace or _is_empty(target):
            return
    raise BackupError(
        f"{target} is not empty; to replace all that is in it, add --replace {target.name}."
    )


def _is_empty(target: Location) -> bool:
    if target.path is None:
        from autoforge.operations.backups.reading import LibsqlReader

        with LibsqlReader(target) as reader:
            return read_schema(reader.query).is_empty
    if not target.path.parent.is_dir():
        raise BackupError(f"The folder {target.path.parent} does not exist; create it first.")
    if not target.path.exists():
        return True
    with SqliteReader(target.path) as reader:
        return read_schema(reader.query).is_empty


def put_database(
    database: Path,
    tables: Mapping[str, TableDigest],
    target: Location,
    *,
    replace: bool,
    identifier: str = "",
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Give a database the content of a file, all of it or nothing.

    Args:
        database: the file, verified.
        tables: its tables' hashes.
        target: the database.
        replace: whether what is in it may go.
        identifier: of an earlier attempt that is continued, on a server; else a new one.
        on_progress: told how far it is.

    Raises:
        BackupError: nothing was changed.
        SwitchUnknown: the server did not say whether it has switched.
    """
    with explained(target):
        if target.path is not None:
            _put_into_file(database, target.path, replace=replace, on_progress=on_progress)
            return
        with Staging(target, database, identifier or secrets.token_hex(4)) as staging:
            staging.drop_leftovers(but_ours=True)
            staging.fill(on_progress=on_progress)
            staging.check(tables, on_progress=on_progress)
            on_progress(Progress(stage="switching", done=0, total=0))
            staging.switch(into_empty=not replace)


# --- SQLite


def _put_into_file(database: Path, target: Path, *, replace: bool, on_progress: OnProgress) -> None:
    keep_private(target)
    with (
        closing(sqlite3.connect(database)) as new,
        closing(sqlite3.connect(target, timeout=LOCK_SECONDS)) as live,
    ):
        # A file in WAL mode keeps the size of its pages.
        _match_page_size(new, live)
        if not replace:
            with SqliteReader(live) as reader:
                if not read_schema(reader.query).is_empty:
                    raise BackupError(f"{target} is not empty any more; nothing was changed.")
        deadline = time.monotonic() + LOCK_SECONDS

        def tell(status: int, remaining: int, total: int) -> None:
            # Python asks again for ever where another process holds the lock.
            if status in BUSY and time.monotonic() > deadline:
                raise BackupError(
                    f"Another program holds the lock on {target}; nothing was changed. Stop it, "
                    "and try again."
                )
            on_progress(Progress(stage="switching", done=total - remaining, total=total))

        # From the first page to the last, this is one transaction of the live file.
        new.backup(live, pages=PAGES_AT_A_TIME, progress=tell, sleep=PAUSE_SECONDS)


def _match_page_size(new: sqlite3.Connection, live: sqlite3.Connection) -> None:
    [size] = live.execute("PRAGMA page_size").fetchone()
    [current] = new.execute("PRAGMA page_size").fetchone()
    if size != current:
        new.execute("PRAGMA journal_mode = DELETE")  # else the next has no effect
        new.execute(f"PRAGMA page_size = {int(size)}")
        new.execute("VACUUM")
