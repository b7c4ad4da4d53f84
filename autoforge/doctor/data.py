"""The database: token, answer, clock, migrations, schema, writing, and all of it with --deep."""

import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import connection

from autoforge.doctor.asking import ask_probe, limit_waiting
from autoforge.doctor.findings import Finding, NotCheckedError, Options, fine, problem
from core.database.outages import database_file

__all__ = [
    "check_clock",
    "check_database",
    "check_integrity",
    "check_migrations",
    "check_replica",
    "check_schema",
    "check_token",
    "check_write",
]

MOST_SKEW_SECONDS: Final = 30.0  # tokens, leases and sessions are compared with the clock
MOST_NAMED: Final = 3
RESTORE: Final = "Stop AutoForge and restore the latest backup (see docs/database.md)."


def check_token(options: Options) -> Iterator[Finding]:
    """Look until when the database's token is good."""
    yield ask_probe("token", "token", options)


def check_database(options: Options) -> Iterator[Finding]:
    """Ask the database for its version."""
    limit_waiting(options.seconds)
    yield ask_probe("database", "database", options)


def check_replica(options: Options) -> Iterator[Finding]:
    """Look how old the copy is that pages are read from."""
    yield ask_probe("replica", "replica", options)


def check_clock(_options: Options) -> Iterator[Finding]:
    """Compare the time here with that of a database elsewhere."""
    if database_file() is not None or not _is_remote():
        yield fine("clock", "the database is on this machine")
        return
    started = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT unixepoch()")
        [there] = cursor.fetchone()
    ended = time.time()
    # It was read somewhere between the two; whole seconds are cut off.
    skew = max(started - (there + 1), there - ended, 0.0)
    if skew > MOST_SKEW_SECONDS:
        yield problem(
            "clock",
            f"this machine's clock and the database's differ by {skew:.0f} s",
            "Let this machine set its clock by NTP.",
        )
        return
    yield fine("clock", "this machine's clock and the database's agree")


def _is_remote() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"] == "django_hrana")


def check_migrations(options: Options) -> Iterator[Finding]:
    """Compare the migrations of the code with those of the database."""
    yield ask_probe("migrations", "migrations", options)


def check_schema(options: Options) -> Iterator[Finding]:
    """Compare the schema with the models and migrations."""
    yield ask_probe("schema", "tables", options)


def check_write(options: Options) -> Iterator[Finding]:
    """Write a row and take it back."""
    yield ask_probe("write", "write", options)


def check_integrity(_options: Options) -> Iterator[Finding]:
    """Read the whole database: its pages, indexes and constraints, and every foreign key."""
    faults = _read_faults("PRAGMA integrity_check")
    if faults:
        yield problem("integrity", f"the database is damaged: {'; '.join(faults)}", RESTORE)
        return
    broken = _read_broken_keys()
    if broken:
        yield problem(
            "integrity",
            f"foreign keys point at rows that are not there: {'; '.join(broken)}",
            "Restore the latest backup, or delete the rows that point nowhere.",
        )
        return
    yield fine("integrity", "the file is whole, and every foreign key finds its row")


def _read_faults(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = [str(row[0]) for row in cursor.fetchall()]
    if not rows:
        raise NotCheckedError("the server gives no answer to it")
    return [] if rows == ["ok"] else rows[:MOST_NAMED]


def _read_broken_keys() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_key_check")
        rows = cursor.fetchall()
    counts: dict[tuple[str, str], int] = {}
    for table, _row, parent, _key in rows:
        counts[table, parent] = counts.get((table, parent), 0) + 1
    named = [f"{count} of {table} (to {parent})" for (table, parent), count in counts.items()]
    return named[:MOST_NAMED]
