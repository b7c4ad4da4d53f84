"""The lock against a second runner, and the journal that tells it where a dead one stopped.

Both are one table in the database that is migrated, so that they hold for every machine that can
reach it. It is there before the first migration, and no migration knows it. A row is a run; one
without an end holds the lock, and a unique index lets no second one in.

A lock is a lease: its holder renews it, and when that stops, another runner may end it. Within the
transaction of a migration nothing is renewed: SQLite would refuse to write, and a libSQL server
would take the transaction away from its holder after five seconds. So the lease of a migration is
longer. Whoever has lost the lock finds out before it commits: the transaction of each migration
writes to the row of its run.

Times are the database's, in seconds since 1970: clocks of machines differ.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from django.db import DatabaseError, connection, transaction

from autoforge.operations.migrating.errors import HeldError, RefusedError
from core.database.schemas import MIGRATION_RUNS
from evaluations.leases import is_dead, worker_name

__all__ = [
    "LEASE_SECONDS",
    "STEP_LEASE_SECONDS",
    "Heartbeat",
    "RunRow",
    "acquire",
    "describe_holder",
    "note_backup",
    "note_step",
    "read_open",
    "read_unfinished",
    "renew",
    "stop",
]

LEASE_SECONDS: Final = 60
"""How long a runner may say nothing between two migrations."""
STEP_LEASE_SECONDS: Final = 900
"""How long a runner may say nothing within a migration."""
HEARTBEAT_SECONDS: Final = 15.0

NOW: Final = "CAST(strftime('%%s', 'now') AS integer)"
TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {MIGRATION_RUNS} (
    id integer NOT NULL PRIMARY KEY,
    holder text NOT NULL,
    plan text NOT NULL,
    backup text NOT NULL DEFAULT '',
    unfinished text NOT NULL DEFAULT '',
    began_at integer NOT NULL,
    lease_until integer NOT NULL,
    ended_at integer NULL,
    outcome text NOT NULL DEFAULT ''
)"""
INDEX: Final = (
    f"CREATE UNIQUE INDEX IF NOT EXISTS {MIGRATION_RUNS}_one "
    f"ON {MIGRATION_RUNS} ((ended_at IS NULL)) WHERE ended_at IS NULL"
)
COLUMNS: Final = (
    f"id, holder, plan, backup, unfinished, outcome, ended_at, began_at, lease_until, {NOW}"
)
OPEN: Final = f"SELECT {COLUMNS} FROM {MIGRATION_RUNS} WHERE ended_at IS NULL"  # noqa: S608 (constants)  # nosec B608
# Since a run that ended well, or whose changes were undone, nothing of those before it is left.
UNFINISHED: Final = f"""
SELECT {COLUMNS} FROM {MIGRATION_RUNS}
WHERE plan <> '' AND outcome NOT IN ('refused', 'superseded') AND id > COALESCE(
    (SELECT max(id) FROM {MIGRATION_RUNS} WHERE outcome IN ('done', 'restored', 'stamped')), 0
) ORDER BY id"""  # noqa: S608 (constants)  # nosec B608
BACKWARDS: Final = "take back "
"""What a plan begins with in the journal if its migrations are taken back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A run, as the database has it."""

    id: int
    """Its number."""
    holder: str
    """Host, process and its begin, as `evaluations.leases` writes them."""
    plan: str
    """The migrations that it runs, with commas; behind "take back" where it does that."""
    backup: str
    """Where the backup of before is; empty where there is none yet."""
    unfinished: str
    """A migration that is not atomic and has begun: half of it may be there; else empty."""
    outcome: str
    """How it ended; empty where it has not."""
    is_open: bool
    """Whether it has not ended."""
    began_at: datetime
    """When it began, UTC."""
    seconds_left: int
    """How long its lease is; below 0 where it has run out."""

    @property
    def is_abandoned(self) -> bool:
        """Whether its holder is known to be gone, or has said nothing for too long."""
        return self.seconds_left < 0 or is_dead(self.holder)

    @property
    def is_backwards(self) -> bool:
        """Whether its migrations are taken back."""
        return self.plan.startswith(BACKWARDS)

    @property
    def migrations(self) -> tuple[str, ...]:
        """Its migrations, in order."""
        names = self.plan.removeprefix(BACKWARDS)
        return tuple(names.split(", ")) if names else ()

    @property
    def holder_name(self) -> str:
        """Host and process for people."""
        host, pid, *_rest = self.holder.rsplit(" ", 3)
        return f"process {pid} on {host.partition('/')[0]}"

    def __str__(self) -> str:
        since = self.began_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"{self.holder_name} has been migrating this database since {since}"


def read_open() -> RunRow | None:
    """Return the run that holds the lock, None where nobody does.

    Raises:
        DatabaseError: the database does not answer, or nobody has ever migrated it in this way.
    """
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [])
        row = cursor.fetchone()
    return None if row is None else _as_row(row)


def read_unfinished() -> list[RunRow]:
    """Return the runs since the last one that ended well, the oldest first.

    Raises:
        DatabaseError: the database does not answer, or nobody has ever migrated it in this way.
    """
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED, [])
        return [_as_row(row) for row in cursor.fetchall()]


def _as_row(row: Sequence[Any]) -> RunRow:
    number, holder, plan, backup, unfinished, outcome, ended_at, began_at, lease_until, now = row
    return RunRow(
        id=number,
        holder=holder,
        plan=plan,
        backup=backup,
        unfinished=unfinished,
        outcome=outcome,
        is_open=ended_at is None,
        began_at=datetime.fromtimestamp(began_at, UTC),
        seconds_left=lease_until - now,
    )


def describe_holder(row: RunRow) -> str:
    """Return who holds the lock and what to do, for whoever was refused."""
    return (
        f"{row}; wait until it has ended, or add --wait SECONDS. If that process is gone, its lock "
        f"ends by itself in {row.seconds_left} s, or at once with --take-over."
    )


def acquire(
    plan: Sequence[str], *, is_backwards: bool = False, take_over: bool = False
) -> tuple[int, RunRow | None]:
    """Take the lock.

    Args:
        plan: the migrations that will be run.
        is_backwards: whether they will be taken back.
        take_over: take it from whoever holds it: somebody knows that the holder is gone.

    Returns:
        The number of the run, and the run of a dead holder that was ended for it, if any. What
        that one has left half done is noted in the new run too.

    Raises:
        HeldError: somebody else holds it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute(INDEX)
        before = read_open()
        if before is not None:
            if not (take_over or before.is_abandoned):
                raise HeldError(describe_holder(before))
            end = f"UPDATE {MIGRATION_RUNS} SET ended_at = {NOW}, outcome = %s WHERE id = %s"  # noqa: S608 (a constant name)  # nosec B608
            cursor.execute(end, ["abandoned", before.id])
        insert = f"""
            INSERT INTO {MIGRATION_RUNS}
                (holder, plan, backup, unfinished, began_at, lease_until)
            VALUES (%s, %s, %s, %s, {NOW}, {NOW} + %s) RETURNING id"""  # noqa: S608 (a constant name)  # nosec B608
        half = before if before is not None and before.unfinished else None
        values: list[Any] = [
            worker_name(),
            (BACKWARDS if is_backwards else "") + ", ".join(plan),
            half.backup if half else "",
            half.unfinished if half else "",
            LEASE_SECONDS,
        ]
        cursor.execute(insert, values)
        return int(cursor.fetchone()[0]), before


def renew(number: int, seconds: int = LEASE_SECONDS) -> None:
    """Renew the lease; within the transaction of a migration it proves that the lock is ours.

    Raises:
        RefusedError: somebody has taken the lock over.
    """
    _update(number, f"lease_until = {NOW} + %s", [seconds])


def note_backup(number: int, backup: str) -> None:
    """Note where the backup is, for whoever takes over."""
    _update(number, "backup = %s", [backup])


def note_step(number: int, unfinished: str) -> None:
    """Note a migration that is not atomic before it begins, and an empty text when it has ended."""
    _update(number, "unfinished = %s", [unfinished])


def stop(number: int, outcome: str) -> None:
    """Give the lock back; a run with something half done stays open, for the next one to undo."""
    with suppress(RefusedError):  # it was taken over: then it is no longer ours to give
        ended = f"ended_at = CASE unfinished WHEN '' THEN {NOW} END"
        _update(number, f"{ended}, lease_until = 0, outcome = %s", [outcome])


def _update(number: int, change: str, values: list[Any]) -> None:
    sql = f"UPDATE {MIGRATION_RUNS} SET {change} WHERE id = %s AND ended_at IS NULL"  # noqa: S608 (constants)  # nosec B608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, number])
        if cursor.rowcount != 1:
            raise RefusedError(
                "Another runner has taken the lock over, since this one had said nothing for too "
                "long; what was not finished is undone."
            )


class Heartbeat:
    """A thread that renews a lease while there is no transaction of a migration."""

    def __init__(self, number: int) -> None:
        """Nothing runs before the block is entered."""
        self._number = number
        self._ended = threading.Event()
        self._quiet = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="lease of migrations", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Write nothing within the block: a migration has the write lock."""
        with self._quiet:
            renew(self._number, STEP_LEASE_SECONDS)
            yield

    def _beat(self) -> None:
        try:
            while not self._ended.wait(HEARTBEAT_SECONDS):
                with self._quiet, suppress(DatabaseError, RefusedError):
                    # Whoever has lost the lock finds out in its next transaction.
                    if not self._ended.is_set():
                        renew(self._number)
        finally:
            connection.close()
