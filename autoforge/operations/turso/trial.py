"""Does a token open its database? It is tried as it will be used, and nothing stays of it."""

import ipaddress
import time
from contextlib import closing, suppress
from typing import Final
from urllib.parse import urlsplit

from autoforge.operations.turso.errors import TursoError
from django_hrana import driver

__all__ = ["build_url", "try_token", "wait_for_token"]

TIMEOUT_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 0.25
# It is never committed, so that no two trials meet.
TABLE: Final = "_autoforge_token_trial"


def build_url(hostname: str) -> str:
    """Return the URL of a database for its host name; without encryption on this machine alone."""
    host = urlsplit(f"//{hostname}").hostname or ""
    is_here = host == "localhost"
    with suppress(ValueError):  # a name: Turso's are
        is_here = is_here or ipaddress.ip_address(host).is_loopback
    return f"{'http' if is_here else 'libsql'}://{hostname}"


def try_token(url: str, token: str, *, is_read_only: bool) -> None:
    """Read with a token, and write with it, or see that it cannot write; nothing is kept.

    Args:
        url: of the database.
        token: the one to try.
        is_read_only: whether it must not be able to write.

    Raises:
        TursoError: the token does not do what it is for, or the database does not answer.
    """
    try:
        with closing(
            driver.connect(url, auth_token=token, autocommit=True, timeout=TIMEOUT_SECONDS)
        ) as connection:
            connection.cursor().execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
            can_write = _write(connection)
    except driver.Error as error:
        message = str(error).replace(token, "****")
        raise TursoError(f"The new token was tried and does not work: {message}.") from error
    if is_read_only and can_write:
        raise TursoError("The new token was tried: it was to be read-only, and it can write.")
    if not is_read_only and not can_write:
        raise TursoError("The new token was tried: it can read, and it cannot write.")


def wait_for_token(url: str, token: str, *, is_read_only: bool, seconds: float) -> None:
    """Try a token until it works: a database that was just made takes a moment.

    Raises:
        TursoError: it did not work within the time; as of the last attempt.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            try_token(url, token, is_read_only=is_read_only)
        except TursoError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _write(connection: driver.Connection) -> bool:
    """Return whether a write is accepted; it is rolled back."""
    cursor: driver.Cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        cursor.execute(f"CREATE TABLE {TABLE} (x INTEGER)")
    except driver.AccessDenied:
        return False
    finally:
        connection.rollback()
    return True
