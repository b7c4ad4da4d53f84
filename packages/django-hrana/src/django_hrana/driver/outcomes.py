"""Whether a request did what it was for, and whether it may be sent again.

A server that carried a request out can still be followed by another answer: one of a proxy that
lost its patience, one to a copy of the request that somebody sent again, half of the right one. So
the status of an answer proves nothing by itself. What a write outside of a transaction, or a
COMMIT, has done is known only

- from a proper answer, which has a result for each step;
- if the request did not leave whole;
- if the server itself refused it before the first statement (`failures.is_refusal`);
- if the baton of a COMMIT can still be used (`Stream.is_undone`).

Anything else is `OutcomeUnknown`, and never sent again. What only reads, or what nobody has
committed yet, can be repeated: then the status only says whether that is likely to help.

Source: "The SQL over HTTP Protocol" 4.5 and 5.3: a request that failed as a whole may have been
executed, up to committed writes; RFC 9110, 15.5.2.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from django_hrana.driver import failures, messages
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import (
    Busy,
    DatabaseError,
    InterfaceError,
    Overloaded,
    TransactionLost,
)
from django_hrana.driver.messages import (
    NOT_HRANA,
    TOO_LARGE,
    BatchResult,
    StatementRequest,
    StatementResult,
)
from django_hrana.driver.stream import Stream
from django_hrana.driver.transaction import WRITE_LOCK
from django_hrana.driver.transport import TransportError

__all__ = [
    "FAILURES",
    "PAUSES_SECONDS",
    "check_done",
    "demand_repeat",
    "find_pause",
    "run_alone",
    "run_from_begin",
    "send_alone",
    "with_room",
]

Answer = TypeVar("Answer")

# How a request fails as a whole: on the network, by an answer that is no Hrana, or refused. What
# a single step of a batch says is in the batch's result.
FAILURES: Final = (TransportError, InterfaceError, DatabaseError)
# Before trying again where the server has no room: it ends streams that nobody uses after ten
# seconds, so that the last attempt, after 9.5 s and the time of the requests, finds theirs.
PAUSES_SECONDS: Final = (0.1, 0.4, 1.0, 3.0, 5.0)


def with_room(send: Callable[[], Answer], *, may_repeat: bool) -> Answer:
    """Send; where the server has no room or no lock, send again after a pause.

    The server can ask for a longer one (Retry-After); one beyond the connection's timeout is left
    to the caller, who reads it from the error.

    Args:
        send: sends the request and returns its answer.
        may_repeat: it does no harm to carry the request out twice. Else it is only sent again
            where the answer proves that it was not carried out: 429 does not.
    """
    started = time.monotonic()
    for pause_seconds in PAUSES_SECONDS:
        try:
            return send()
        except (Overloaded, Busy) as error:
            time.sleep(find_pause(error, pause_seconds, started, may_repeat=may_repeat))
    return send()


def find_pause(
    error: Overloaded | Busy, pause_seconds: float, started: float, *, may_repeat: bool
) -> float:
    """Return how long to wait before sending again, in seconds.

    Args:
        error: why the server did not carry it out.
        pause_seconds: how long to wait if the server asks for nothing.
        started: when it was sent first, by `time.monotonic`.
        may_repeat: as in `with_room`.

    Raises:
        Overloaded: it must not be sent again, or not within the connection's timeout.
        Busy: as above.
    """
    if not may_repeat and not failures.was_not_done(error):
        raise error
    asked_seconds = error.retry_after_seconds or 0.0
    until_then = time.monotonic() - started + asked_seconds
    if asked_seconds and until_then > error.patience_seconds:
        raise error  # to ask before the server wants it would only cost it more
    return max(pause_seconds, asked_seconds)


def send_alone(
    send: Callable[[], Answer], endpoint: Endpoint, *, is_read: bool, is_all_or_nothing: bool
) -> Answer:
    """Send what stands outside of a transaction; again if it only reads and no answer came.

    Args:
        send: sends the request and returns its answer.
        endpoint: where to, for messages.
        is_read: it changes nothing.
        is_all_or_nothing: it has a BEGIN and a COMMIT of its own.

    Raises:
        OutcomeUnknown: it writes, and may have been carried out.
        Unreachable: no connection, or it did not leave whole.
        Error: the server refused it.
    """
    try:
        return with_room(send, may_repeat=is_read)
    except FAILURES as error:
        demand_repeat(endpoint, error, is_read=is_read, is_all_or_nothing=is_all_or_nothing)
    try:
        return with_room(send, may_repeat=True)
    except TransportError as error:
        raise failures.unreachable(endpoint, error) from error


def run_alone(
    stream: Stream,
    prefix: Sequence[str],
    statements: Sequence[StatementRequest],
    *,
    is_read: bool,
    close: bool,
) -> list[StatementResult]:
    """Run statements outside of a transaction, in one request; several are all or nothing.

    Args:
        stream: where.
        prefix: what must come first on it.
        statements: what to run.
        is_read: they change nothing.
        close: end the stream with the request.

    Raises:
        Error: as `send_alone`.
    """
    endpoint = stream.home.endpoint
    is_transaction = len(statements) > 1
    if not is_transaction and not prefix:
        request = messages.execute(statements[0])

        def run_one() -> StatementResult:
            return stream.run_one(request, close=close)

        return [send_alone(run_one, endpoint, is_read=is_read, is_all_or_nothing=False)]

    before = [*prefix, WRITE_LOCK] if is_transaction else prefix
    after = ["COMMIT"] if is_transaction else []
    steps = [*map(StatementRequest, before), *statements, *map(StatementRequest, after)]
    batch = messages.batch(steps, is_begun=False, finally_rollback=is_transaction)

    def run_all() -> BatchResult:
        result = run_from_begin(stream, batch, len(before), close=close)
        check_done(result, len(steps) - 1, is_guarded=False)
        return result

    result = send_alone(run_all, endpoint, is_read=is_read, is_all_or_nothing=is_transaction)
    return result.completed(len(before), len(before) + len(statements))


def run_from_begin(
    stream: Stream, request: dict[str, Any], before: int, *, close: bool
) -> BatchResult:
    """Run a batch whose first steps, as many as `before`, begin a transaction.

    Raises:
        Busy: the server refused the lock at BEGIN, as it does now and then when it has little
            processor time: nothing was begun.
    """
    result = stream.run_batch(request, close=close)
    step, error = result.first_error()
    if isinstance(error, Busy) and step < before:
        raise error
    return result


def demand_repeat(
    endpoint: Endpoint, error: Exception, *, is_read: bool, is_all_or_nothing: bool
) -> None:
    """Return if a request that failed may and should be sent once more; else raise what it means.

    Args:
        endpoint: as in `send_alone`.
        error: how it failed.
        is_read: as in `send_alone`.
        is_all_or_nothing: as in `send_alone`.

    Raises:
        Error: as `send_alone`.
    """
    if not is_read:
        _fail_write(endpoint, error, is_all_or_nothing=is_all_or_nothing)
        raise error
    if not _may_help(error):
        raise error
    if isinstance(error, TransportError) and (error.timed_out or not error.was_sent):
        raise failures.unreachable(endpoint, error) from error


def _fail_write(endpoint: Endpoint, error: Exception, *, is_all_or_nothing: bool) -> None:
    """Raise what it means that a write failed; return where it means what it says."""
    if isinstance(error, DatabaseError) and error.code == TOO_LARGE:
        if is_all_or_nothing:  # the server stopped before the COMMIT
            raise failures.too_large_in_transaction() from error
        raise failures.too_large_outside() from error
    if not failures.was_not_done(error):
        raise failures.unknown(endpoint, error, "a statement that writes") from error
    if isinstance(error, TransportError):
        raise failures.unreachable(endpoint, error) from error


def _may_help(error: Exception) -> bool:
    """Whether it is worth while to send a request that only reads once more."""
    if isinstance(error, TransportError):
        return True
    if not isinstance(error, DatabaseError) or not error.status:
        return False
    if isinstance(error, TransactionLost):  # the stream that was kept for it is gone
        return True
    return error.retryable and not isinstance(error, Overloaded)


def check_done(result: BatchResult, last: int, *, is_guarded: bool) -> None:
    """Check that a batch was carried out up to the step that makes it count.

    Args:
        result: what the server says.
        last: number of that step: the COMMIT, or the statement itself. What comes after it cleans
            up.
        is_guarded: the steps only run if their transaction is still open.

    Raises:
        DatabaseError: the server refused a step, and `last` was not done.
        TransactionLost: the transaction was not open any more, and `last` was not done.
        InterfaceError: the answer contradicts itself, and says nothing of `last`.
    """
    step, error = result.first_error()
    results = result.step_results[: last + 1]
    if error is None and None not in results:
        return
    if results[last] is None:
        if error is not None and step <= last:
            raise error
        has_cleaned_up = any(done is not None for done in result.step_results[last + 1 :])
        if error is None and is_guarded and not has_cleaned_up:
            raise failures.ended()
    raise InterfaceError(NOT_HRANA)
