"""What somebody has written must be seen by the same somebody: from when on, in one number.

A number of nanoseconds on the machine's clock: a replica that asked the server after it holds all
that was written before it. For a process that is enough; a person's requests go to many processes,
and bring the number with them (`middleware`).

A token from another machine, or from before this one was started, says nothing in this clock. It is
then read as "now": the request asks the server until the replica has asked as well.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django_hrana.replica.state import BOOT

__all__ = ["SESSION", "Session", "parse_token", "read_newest", "write_token"]

MACHINE: Final = BOOT.hex()[:12]
TOKEN: Final = re.compile(r"([0-9a-f]{12})\.([0-9a-f]{1,16})")


@dataclass(slots=True)
class Session:
    """What the requests of one person have written."""

    required_ns: int
    """A replica must have asked the server after this moment."""


# The request's session; its threads and tasks share the object.
SESSION: Final[ContextVar[Session | None]] = ContextVar("django_hrana_session", default=None)


@contextlib.contextmanager
def read_newest() -> Iterator[None]:
    """Read, until the block ends, what is at least as new as its beginning.

    For whoever was told of a row by others: a task that gets its key, a program that calls an API.
    Its reads go to the server until the replica has asked it once more. What the block writes
    counts for the session around it.
    """
    outer = SESSION.get()
    began_ns = time.monotonic_ns()
    session = Session(required_ns=began_ns)
    reset = SESSION.set(session)
    try:
        yield
    finally:
        SESSION.reset(reset)
        if outer is not None and session.required_ns > began_ns:
            outer.required_ns = max(outer.required_ns, session.required_ns)


def write_token(required_ns: int) -> str:
    """Return the token for a moment, 29 characters at most."""
    return f"{MACHINE}.{required_ns:x}"


def parse_token(token: str) -> int:
    """Return the moment that a token means; "now" where it is not ours, or is not valid.

    It is not signed: whoever forges one only makes his own reads slower, or older.
    """
    now_ns = time.monotonic_ns()
    match = TOKEN.fullmatch(token)
    if match is None or match[1] != MACHINE:
        return now_ns
    return min(int(match[2], 16), now_ns)
