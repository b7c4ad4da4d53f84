"""What the caller is told when a request failed: whether anything was done, and what to do now."""

import pytest

from django_hrana.driver import OutcomeUnknown, TransactionLost, Unreachable, failures
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import from_server, from_status
from django_hrana.driver.transport import TransportError

SERVER = Endpoint.parse("http://db.example:8080", "shop")
WHERE = "http://db.example:8080 (namespace shop)"
CUT = TransportError("connection reset", was_sent=True)
REFUSED = TransportError("connection refused", was_sent=False)


def refused(error):
    error.was_refused = True
    return error


@pytest.mark.parametrize(
    ("make", "kind", "sentence", "retryable"),
    [
        (
            lambda: failures.unreachable(SERVER, REFUSED),
            Unreachable,
            f"{WHERE} is not responding (connection refused): check that the server is running, "
            "and that the URL and the network are correct",
            True,
        ),
        (
            lambda: failures.lost(SERVER, CUT),
            TransactionLost,
            f"the transaction on {WHERE} was interrupted (connection reset) and rolled back: run "
            "it again",
            True,
        ),
        (
            failures.ended,
            TransactionLost,
            "the server has ended the transaction and rolled it back: run it again",
            True,
        ),
        (
            lambda: failures.unknown(SERVER, CUT, "COMMIT"),
            OutcomeUnknown,
            f"{WHERE} did not confirm COMMIT (connection reset), so it is unknown whether it was "
            "executed: check the data before you run it again",
            False,
        ),
    ],
)
def test_what_is_said(make, kind, sentence, retryable):
    error = make()
    assert (type(error), str(error), error.retryable) == (kind, sentence, retryable)


def test_a_lost_transaction_says_the_same_each_time_and_keeps_its_cause():
    first = failures.lost(SERVER, CUT)
    assert failures.lost(SERVER, first) is first
    repeated = failures.again(first)
    assert repeated is not first  # each raise has a traceback of its own
    assert type(repeated) is TransactionLost
    assert str(repeated) == str(first)
    assert repeated.__cause__ is first


@pytest.mark.parametrize(
    ("error", "not_done"),
    [
        (REFUSED, True),
        (CUT, False),
        (TransportError("timed out", was_sent=True, timed_out=True), False),
        (from_server("UNIQUE constraint failed: t.x", "SQLITE_CONSTRAINT"), True),
        (from_server("Response is too large", "RESPONSE_TOO_LARGE"), False),
        (from_status(400, "bad request", "", "http://db"), False),
        (from_status(401, "Unauthorized", "", "http://db"), False),
        (refused(from_status(401, "Unauthorized", "", "http://db")), True),
        (from_status(404, "stream not found: 1", "", "http://db"), False),
        (from_status(429, "Timed out", "", "http://db"), False),
        (from_status(499, "closed", "", "http://db"), False),
        (from_status(500, "internal error", "", "http://db"), False),
        (from_status(502, "Bad gateway", "", "http://db"), False),
        (KeyboardInterrupt(), False),
        (ValueError("no JSON"), False),
    ],
)
def test_only_what_certainly_was_not_done_may_be_done_again(error, not_done):
    assert failures.was_not_done(error) is not_done


EXPIRED = b'{"error":"Unauthorized: `The JWT has expired`"}'
NO_DATABASE = b'{"error":"Namespace `x` doesn\'t exist"}'
READ_ONLY = (
    b'{"error":"Authorization forbidden: Current session doesn\'t not have Write permission to '
    b'namespace default"}'
)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, EXPIRED, True),
        (401, b'{"error":"token expired"}', True),  # the sentence is the server's own business
        (403, READ_ONLY, True),
        (403, b'{"error":"Namespace `a` doesn\'t allow attach"}', True),
        (404, NO_DATABASE, True),
        (401, b"", False),
        (401, b"<h1>401 Authorization Required</h1>", False),
        (401, b'{"error":""}', False),
        (401, b'{"error":1}', False),
        (401, b'["error"]', False),
        (401, b'{"error":"Unauth', False),
        (401, b"\xff", False),
        (401, b"[" * 100_000, False),
        (403, b'{"error":"blocked by rule 942100"}', False),
        (404, b'{"error":"stream not found: 1"}', False),
        (404, b'{"error":"no route"}', False),
        (400, EXPIRED, False),
        (429, b'{"error":"Too many concurrent requests"}', False),
        (500, NO_DATABASE, False),
    ],
)
def test_only_the_servers_own_sentence_refuses_a_request(status, body, expected):
    assert failures.is_refusal(status, body) is expected


def test_an_unknown_outcome_repeats_no_advice_for_what_was_not_done():
    overloaded = from_status(429, "Timed out", "BUSY", "http://db")
    assert "try again" in str(overloaded)
    error = failures.unknown(SERVER, overloaded, "COMMIT")
    assert "COMMIT (HTTP status 429), so it is unknown" in str(error)
    assert "try again" not in str(error)
    assert (error.status, error.code, error.retryable) == (429, "BUSY", False)
