"""Putting a backup into a database: an empty one, or, where somebody says so, the one in use.

The backup is unpacked beside and verified first. SQLite then gets it through its backup API, which
is one transaction of the live file: other processes keep their connections, see the old content
until it is committed and the new one afterwards. libSQL: see `staging`.
"""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autoforge.operations.backups.container import unpacked
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.hashing import TableDigest
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.manifest import Manifest
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.reading import SqliteReader
from autoforge.operations.backups.room import Room
from autoforge.operations.backups.schema import read_schema
from autoforge.operations.backups.staging import Staging
from autoforge.operations.backups.verifying import SchemaAge, check_database
from core.private_files import keep_private, list_database_files

__all__ = ["Restored", "check_target", "put_database", "restore_into"]

PAGES_AT_A_TIME: Final = 2_000
LOCK_SECONDS: Final = 20.0  # as everywhere else in AutoForge
PAUSE_SECONDS: Final = 0.1
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
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
    with unpacked(path, folder, identities=identities, on_progress=on_progress) as (
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


def check_target(target: Location, *, replace: bool, instead: str = "") -> None:
    """Check that a database can take a backup.

    Args:
        target: the database.
        replace: whether what is in it may go.
        instead: what helps where it is not empty, a sentence; else it is --replace.

    Raises:
        BackupError: it cannot be reached, or has tables that may not go.
    """
    with explained(target), _damage_explained(target):
        if replace:
            _check_header(target)
            return
        if _is_empty(target):
            return
    remedy = instead or f"To replace all that is in it, add --replace {target.name}."
    raise BackupError(f"{target} is not empty. {remedy}")


@contextmanager
def _damage_explained(target: Location) -> Iterator[None]:
    """Say what to do where the file of a database is none.

    Raises:
        BackupError: instead of SQLite's error.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if target.path is None or _primary_code(error) not in DAMAGED:
            raise
        files = [str(file) for file in list_database_files(target.path)]
        raise BackupError(
            f"{target} is damaged or not a SQLite database ({error}); nothing was changed. Stop "
            f"what uses it, move {_join(files)} to another folder, and run the command again: "
            "what is not there needs no --replace."
        ) from error


def _primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's code without what it adds to tell more; 0 where it raised no error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _check_header(target: Location) -> None:
    """Check before long work that SQLite can replace the content; what is damaged inside may go."""
    if target.path is None:
        return
    _check_folder(target.path)
    if target.path.exists():
        with SqliteReader(target.path) as reader:
            try:
                reader.query("SELECT count(*) FROM sqlite_master")
            except sqlite3.DatabaseError as error:
                if _primary_code(error) != sqlite3.SQLITE_CORRUPT:
                    raise


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise BackupError(f"The folder {path.parent} does not exist; create it first.")


def _join(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _is_empty(target: Location) -> bool:
    if target.path is None:
        from autoforge.operations.backups.reading import LibsqlReader

        with LibsqlReader(target) as reader:
            return read_schema(reader.query).is_empty
    _check_folder(target.path)
    if not target.path.exists():
        return True
    with SqliteReader(target.path) as reader:
        return read_schema(reader.query).is_empty


def put_database(
    database: Path | sqlite3.Connection,
    tables: Mapping[str, TableDigest],
    target: Location,
    *,
    replace: bool,
    identifier: str = "",
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Give a database the content of a file, all of it or nothing.

    Args:
        database: the file or a connection to it, verified.
        tables: its tables' hashes.
        target: the database.
        replace: whether what is in it may go.
        identifier: of an attempt that can be continued, on a server; without one, what was written
            is dropped where it fails.
        on_progress: told how far it is.

    Raises:
        BackupError: nothing was changed.
        SwitchUnknown: the server did not say whether it has switched.
    """
    if target.path is not None:
        room = Room(
            folder=target.path.parent,
            purpose=f"the new content of {target.path.name}",
        )
        with explained(target, room=room), _damage_explained(target), ExitStack() as stack:
            if isinstance(database, Path):
                database = stack.enter_context(closing(sqlite3.connect(database)))
            _put_into_file(database, target.path, replace=replace, on_progress=on_progress)
        return
    is_continued = bool(identifier)  # what is there is what the next attempt goes on with
    identifier = identifier or secrets.token_hex(4)
    with explained(target), Staging(target, database, identifier) as staging:
        staging.drop_leftovers(but_ours=True)
        try:
            staging.fill(on_progress=on_progress)
            staging.check(tables, on_progress=on_progress)
            on_progress(Progress(stage="switching", done=0, total=0))
            staging.switch(into_empty=not replace)
        except BaseException:  # Ctrl-C, too
            if not is_continued:
                staging.discard()
            raise


# --- SQLite


def _put_into_file(
    new: sqlite3.Connection, target: Path, *, replace: bool, on_progress: OnProgress
) -> None:
    is_new = not target.exists()
    keep_private(target)
    try:
        _replace_content(new, target, replace=replace, on_progress=on_progress)
    except BaseException:  # Ctrl-C, too
        if is_new and target.stat().st_size == 0:
            target.unlink()
        raise


def _replace_content(
    new: sqlite3.Connection, target: Path, *, replace: bool, on_progress: OnProgress
) -> None:
    with closing(sqlite3.connect(target, timeout=LOCK_SECONDS)) as live:
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
        new.execute("PRAGMA journal_mode = MEMORY")  # with a WAL the next has no effect
        new.execute(f"PRAGMA page_size = {int(size)}")
        new.execute("VACUUM")
