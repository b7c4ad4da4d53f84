"""Which errors of the database are nobody's bug, but somebody's bad day: said in one sentence.

A wrong, expired or read-only token, an unknown database, a server that is down or has no room, a
used-up quota, a transaction that was taken away, an answer that never came.
"""

from collections.abc import Iterator

from autoforge.db import hrana

__all__ = ["explain", "find_cause"]

BAD_DAYS = (
    hrana.AccessDenied,
    hrana.Blocked,
    hrana.Busy,
    hrana.DatabaseNotFound,
    hrana.OutcomeUnknown,
    hrana.Overloaded,
    hrana.TransactionLost,
    hrana.Unreachable,
)


def explain(error: BaseException | None) -> str | None:
    """Return what happened and how to mend it, without secrets; None for any other error.

    Args:
        error: Django's error or the driver's.
    """
    cause = find_cause(error)
    return str(cause) if cause is not None else None


def find_cause(error: BaseException | None) -> hrana.Error | None:
    """Return the driver's error behind Django's; None where it is none of those above."""
    for one in _chain(error):
        if isinstance(one, BAD_DAYS):
            return one
        if isinstance(one, hrana.InterfaceError):
            return one  # what answers there is no libSQL server
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
