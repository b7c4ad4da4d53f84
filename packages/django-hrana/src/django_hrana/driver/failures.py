"""What it means for the caller that a request failed: lost, unknown, unreachable. No I/O here."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import (
    DatabaseError,
    DataError,
    OutcomeUnknown,
    TransactionLost,
    Unreachable,
)
from django_hrana.driver.messages import TOO_LARGE
from django_hrana.driver.transport import TransportError

__all__ = [
    "again",
    "ended",
    "is_refusal",
    "is_server_fault",
    "lost",
    "read_retry_after",
    "too_large_in_transaction",
    "too_large_outside",
    "unknown",
    "unreachable",
    "was_not_done",
]

SERVER_FAULTS: Final = 500  # and above: HTTP's statuses for a server that failed
# By these sentences a libSQL server refuses a request before it looks at the first statement. They
# depend on the token and the address alone, so that the same request cannot have been carried out
# a moment before. 401 means so in HTTP too, whatever the sentence (RFC 9110, 15.5.2). An overloaded
# server (429) and one that does not know the stream (400, 404) are not here: a copy of the request
# may have come first, and found room and its stream.
REFUSALS: Final[Mapping[int, re.Pattern[str]]] = {
    401: re.compile(r"."),
    403: re.compile(r"Authorization forbidden: |Namespace `[^`]*` doesn't allow attach"),
    404: re.compile(r"Namespace `[^`]*` doesn't exist"),
}


def unreachable(endpoint: Endpoint, error: Exception) -> Unreachable:
    """Return the error for a server that does not answer, where nothing was done."""
    return Unreachable(
        f"{endpoint} is not responding ({error}): check that the server is running, and that the "
        "URL and the network are correct"
    )


def lost(endpoint: Endpoint, error: BaseException) -> TransactionLost:
    """Return the error for a transaction whose stream ended with a failed request."""
    if isinstance(error, TransactionLost):
        return error
    lost = TransactionLost(
        f"the transaction on {endpoint} was interrupted ({error}) and rolled back: run it again"
    )
    lost.__cause__ = error
    return lost


def ended() -> TransactionLost:
    """Return the error for a statement that was not run, since no transaction is open any more."""
    return TransactionLost("the server has ended the transaction and rolled it back: run it again")


def again(error: Exception) -> TransactionLost:
    """Return the error for the use of a transaction that was lost before."""
    repeated = TransactionLost(str(error))
    repeated.__cause__ = error
    return repeated


def unknown(endpoint: Endpoint, error: Exception, what: str) -> OutcomeUnknown:
    """Return the error for a write that was sent and has no answer that counts."""
    reason = str(error)
    code, status = "", 0
    if isinstance(error, DatabaseError) and error.status:
        # Its own sentence may advise what only holds where nothing was done.
        code, status = error.code, error.status
        reason = f"HTTP status {status}"
    unknown = OutcomeUnknown(
        f"{endpoint} did not confirm {what} ({reason}), so it is unknown whether it was executed: "
        "check the data before you run it again"
    )
    unknown.code, unknown.status = code, status
    return unknown


def too_large_in_transaction() -> DataError:
    """Return the error for a write in a transaction whose result the server cannot send."""
    return DataError(
        "the result is larger than the 10 MB that the server sends, so the transaction was "
        "rolled back: return fewer columns or rows"
    )


def too_large_outside() -> DataError:
    """Return the error for such a write outside of a transaction, where it stays done."""
    return DataError(
        "the statement was executed, but its result is larger than the 10 MB that the server "
        "sends: return fewer columns or rows"
    )


def is_refusal(status: int, body: bytes) -> bool:
    """Whether the server itself refused a request, and has not begun with it.

    Args:
        status: the HTTP status.
        body: of the answer. A server's is a JSON object with a sentence; the page of a proxy, which
            may have passed the request on before, is none.
    """
    pattern = REFUSALS.get(status)
    if pattern is None:
        return False
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    sentence = content.get("error") if isinstance(content, dict) else None
    return isinstance(sentence, str) and pattern.match(sentence) is not None


def read_retry_after(header: str) -> float | None:
    """Return how many seconds a Retry-After header asks to wait; None where it says nothing.

    Source: RFC 9110, 10.2.3: a number of seconds, or a date.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # it is no date, or one without a time zone
        return None


def is_server_fault(error: DatabaseError) -> bool:
    """Whether the HTTP status is one of a server that failed."""
    return error.status >= SERVER_FAULTS


def was_not_done(error: Exception) -> bool:
    """Whether it is proven that the server has carried nothing of the request out."""
    if isinstance(error, TransportError):
        return not error.was_sent
    if not isinstance(error, DatabaseError) or error.code == TOO_LARGE:
        return False
    # Without a status, it stands in a proper answer, or nothing was sent.
    return error.was_refused or not error.status
