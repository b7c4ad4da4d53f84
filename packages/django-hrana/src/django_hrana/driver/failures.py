"""What it means for the caller that a request failed: lost, unknown, unreachable. No I/O here."""

from typing import Final

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import (
    DatabaseError,
    DataError,
    OutcomeUnknown,
    TransactionLost,
    Unreachable,
)
from django_hrana.driver.transport import TransportError

__all__ = [
    "again",
    "ended",
    "is_server_fault",
    "lost",
    "too_large_in_transaction",
    "too_large_outside",
    "unknown",
    "unreachable",
    "was_not_done",
]

SERVER_FAULTS: Final = 500  # and above: HTTP's statuses for a server that failed


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
    return TransactionLost(
        f"the transaction on {endpoint} was interrupted ({error}) and rolled back: run it again"
    )


def ended() -> TransactionLost:
    """Return the error for a statement that was not run, since no transaction is open any more."""
    return TransactionLost("the server has ended the transaction and rolled it back: run it again")


def again(error: Exception) -> TransactionLost:
    """Return the error for the use of a transaction that was lost before."""
    repeated = TransactionLost(str(error))
    repeated.__cause__ = error
    return repeated


def unknown(endpoint: Endpoint, error: Exception, what: str) -> OutcomeUnknown:
    """Return the error for a write that was sent and has no answer."""
    return OutcomeUnknown(
        f"{endpoint} did not answer {what} ({error}), so it is unknown whether it was executed: "
        "check the data before you run it again"
    )


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


def is_server_fault(error: DatabaseError) -> bool:
    """Whether the HTTP status says nothing about what was done."""
    return error.status >= SERVER_FAULTS


def was_not_done(error: Exception) -> bool:
    """Whether the server cannot have carried the request out."""
    if isinstance(error, TransportError):
        return not error.was_sent
    return isinstance(error, DatabaseError) and not is_server_fault(error)
