"""A stream: one SQLite connection on the server, which lives as long as its batons are answered.

Requests are sent and answers taken apart here. What to send, and what to do about a failure, is
decided in `connection`.

Source: Hrana 3 specification, "Stateful streams"; `base_url` from "Hrana over HTTP".
"""

import math
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from django_hrana.driver import failures, messages
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import (
    AccessDenied,
    DatabaseError,
    Error,
    InterfaceError,
    TransactionLost,
    from_server,
    from_status,
)
from django_hrana.driver.messages import (
    BatchAnswer,
    BatchResult,
    ExecuteAnswer,
    StatementResult,
)
from django_hrana.driver.network import Network
from django_hrana.driver.tokens import Token, open_source
from django_hrana.driver.transport import Response, Transport, TransportError

__all__ = ["Freshness", "Stream", "check_answer"]

AnswerT = TypeVar("AnswerT", ExecuteAnswer, BatchAnswer)

PIPELINE: Final = "/v3/pipeline"
CURSOR: Final = "/v3/cursor"
# A kept stream saves the server half a millisecond of opening the database, but takes one of its
# 128 places: it is only worth that while statements follow each other closely, and where half a
# millisecond counts. On a server that is far away each statement ends its stream, in the same
# request: to end it later would cost a round trip, and not to end it a place for ten seconds.
BURST_SECONDS: Final = 0.1
NEAR_SECONDS: Final = 0.005  # an answer that took longer comes from far away, or was much work
KEPT_SECONDS: Final = 2.0  # the server ends a stream after ten; far enough from that for slow links
DOUBTFUL_SECONDS: Final = 8.0  # from here on it may have ended when the next request arrives
TAKE_BACK_SECONDS: Final = 5.0  # at most so much longer takes what has failed already
OK: Final = 200
UNAUTHORIZED: Final = 401


class Freshness:
    """The newest state of a database that this process has seen, on whatever connection.

    Sent along with each statement, it makes a replica wait until it has that state: what one
    request wrote, the next one reads, also where another thread answers it.
    """

    _newest: Final[dict[str, int]] = {}
    _lock: Final = threading.Lock()

    def __init__(self, endpoint: Endpoint) -> None:
        # Each database of a server counts its states by itself, and the header names it.
        self._key = f"{endpoint} {endpoint.header}"

    @property
    def index(self) -> int | None:
        """The newest state's number; None where nothing is known."""
        return self._newest.get(self._key)

    def saw(self, index: str | int | None) -> None:
        """Remember a state that the server named."""
        if index is None:
            return
        number = int(index)
        with self._lock:
            if number > self._newest.get(self._key, -1):
                self._newest[self._key] = number

    def forget(self) -> None:
        """Forget it: after a restore, the server would wait for a state that never comes."""
        with self._lock:
            self._newest.pop(self._key, None)


class Stream:
    """One stream at a time; the first request opens it."""

    # Whether a database gives another baton with each answer, as far as this process has seen.
    _gives_new_batons: Final[dict[str, bool]] = {}

    def __init__(
        self,
        endpoint: Endpoint,
        timeout_seconds: float,
        token: Token,
        network: Network | None = None,
    ) -> None:
        self._baton: str | None = None
        self._pid = os.getpid()
        self._answered = -math.inf
        self._duration_seconds = math.inf
        self.freshness = Freshness(endpoint)
        self.home = Transport(endpoint, timeout_seconds, network)
        self._transport = self.home
        self._given = token
        self._tokens = open_source(token)
        self._token = ""  # the one that was sent last
        self._place = f"{endpoint} {endpoint.header}"
        self.is_undone = False
        """The last request had no proper answer, was not carried out, and never will be."""

    @property
    def baton(self) -> str | None:
        """What names the stream in the next request; None opens another.

        After a fork the stream is the parent's: the child may neither use nor end it.
        """
        return self._baton if self._pid == os.getpid() else None

    @property
    def is_open(self) -> bool:
        """Whether the server keeps a SQLite connection for this stream, as far as is known."""
        return self.baton is not None

    @property
    def is_in_burst(self) -> bool:
        """Whether the last answer came just now and quickly: the next request is likely to follow.

        Quickly, since keeping a stream for it is worth its place only on a server that is near.
        """
        is_near = self._duration_seconds < NEAR_SECONDS
        return is_near and time.monotonic() - self._answered < BURST_SECONDS

    def drop_if_idle(self) -> None:
        """Forget a stream without a transaction that the server may have ended by now.

        It is not ended: that would cost the next statement a request. Django's requests and tasks
        release theirs.
        """
        is_old = time.monotonic() - self._answered > KEPT_SECONDS
        if self.is_open and (is_old or self._transport.was_cut):
            self.drop()

    @property
    def is_doubtful(self) -> bool:
        """Whether the server may have ended the stream: after a long silence, or a new start.

        Worth a look before a COMMIT: "unknown stream" would not tell whether it was carried out.
        """
        silence = time.monotonic() - self._answered
        return silence > DOUBTFUL_SECONDS or self._transport.was_cut

    def drop(self) -> None:
        """Forget the stream; the server rolls back what is open on it and ends it by itself."""
        self._baton = None
        if self._transport is not self.home:
            self._transport.close()
            self._transport = self.home

    def close(self) -> None:
        """Forget the stream and close the network connection."""
        self.drop()
        self.home.close()

    def sibling(self) -> "Stream":
        """Return another stream to the same database, over a network connection of its own."""
        home = self.home
        return Stream(home.endpoint, home.timeout_seconds, self._given, home.network)

    def run_one(self, request: dict[str, object], *, close: bool) -> StatementResult:
        """Run a statement.

        Args:
            request: made by `messages.execute`.
            close: end the stream with it.

        Raises:
            DatabaseError: the server refused it.
            TransportError: no answer came.
            InterfaceError: the answer is no Hrana.
        """
        answer = self._run(request, ExecuteAnswer, close=close)
        self.freshness.saw(answer.result.replication_index)
        return answer.result

    def run_batch(self, request: dict[str, Any], *, close: bool) -> BatchResult:
        """Run a batch, made by `messages.batch`; otherwise as `run_one`."""
        answer = self._run(request, BatchAnswer, close=close)
        self.freshness.saw(answer.result.replication_index)
        return answer.result

    def _run(self, request: dict[str, Any], kind: type[AnswerT], *, close: bool) -> AnswerT:
        self._demand_freshness(request)
        requests = [request, messages.CLOSE] if close else [request]
        baton, self.is_undone = self.baton, False
        try:
            response = self._post(messages.pipeline(baton, requests))
            answer = messages.decode_pipeline(response.body, len(requests))
            self._follow(baton, answer.baton, answer.base_url)
            result = answer.results[0]
            if isinstance(result, messages.Ok):
                return check_answer(result.response, kind, request)
            refused = result.error
        except InterfaceError:
            if self.baton != baton:
                self.end()
            self.close()
            self._take_back(baton, closes=close)
            raise
        except (DatabaseError, TransportError):
            if not self.is_open:
                self._take_back(baton, closes=close)
            raise
        finally:
            if close:
                self.drop()
        raise from_server(refused.message, refused.code)

    def end(self) -> None:
        """End the stream, if there is one: its place on the server is free at once."""
        if self.is_open:
            try:
                # Nobody waits for this: neither does it for another token.
                self._post(messages.pipeline(self.baton, [messages.CLOSE]), wait=False)
            except (Error, TransportError):
                pass  # the server ends it after ten seconds
            finally:
                self.drop()

    def _take_back(self, baton: str | None, *, closes: bool) -> None:
        """End the stream of a request without a proper answer, by the baton that it carried.

        Its place and its lock are free at once. And it proves something: a server takes a baton
        once. Whoever is the first to use it makes the other one fail, whether it came before or is
        still on its way.

        Args:
            baton: what the request carried; without one there is nothing to do.
            closes: the request was to end the stream. Where the baton stays the same, only that
                tells before from after.
        """
        if baton is None or self._pid != os.getpid():
            return
        timeout_seconds = self.home.timeout_seconds
        self.home.timeout_seconds = min(timeout_seconds, TAKE_BACK_SECONDS)
        try:
            body = messages.pipeline(baton, [messages.CLOSE])
            response = self.home.request(PIPELINE, body, self._token)
            if response.status != OK:
                return
            results = messages.decode_pipeline(response.body, 1).results
        except (InterfaceError, TransportError):
            return
        finally:
            self.home.timeout_seconds = timeout_seconds
        is_proof = closes or self._gives_new_batons.get(self._place, False)
        self.is_undone = is_proof and isinstance(results[0], messages.Ok)

    def lines(self, request: dict[str, object]) -> Iterator[bytes]:
        """Run a batch and return its answer line by line, while it arrives.

        Until the last line was read, nothing else may run on this stream.

        Raises:
            DatabaseError: the server refused it.
            TransportError: no answer came, or (from the iterator) it broke off.
            InterfaceError: the answer is no Hrana.
        """
        self._demand_freshness(request)
        baton, self.is_undone = self.baton, False
        try:
            return self._begin_lines(messages.cursor_request(baton, request))
        except (DatabaseError, InterfaceError, TransportError) as error:
            if not getattr(error, "was_refused", False):
                self.close()
                self._take_back(baton, closes=False)
            raise

    def _begin_lines(self, body: bytes) -> Iterator[bytes]:
        status, lines = self._transport.post_for_lines(CURSOR, body, self._current_token())
        if status == UNAUTHORIZED:
            refusal = Response(status, b"\n".join(lines))  # all of it, before the next request
            if not self._may_renew(refusal, wait=True):
                raise self._failure(refusal)
            status, lines = self._transport.post_for_lines(CURSOR, body, self._current_token())
        if status != OK:
            raise self._failure(Response(status, b"\n".join(lines)))
        head = messages.decode_cursor_line(next(lines, b""), is_head=True)
        self._follow(self.baton, head.baton, head.base_url)
        return lines

    def ending_with(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the lines, then end the stream that they came from, also when nobody wants more.

        The request for lines has no "close": the server would keep the stream for ten seconds.
        """
        try:
            yield from lines
            self.end()
        except TransportError:
            self.drop()  # another request would only wait as long once more
            raise
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the stream, whatever is still arriving from it, and close the network connection."""
        self._transport.close()  # the rest of the lines would be taken for the next answer
        self.end()
        self.close()

    def _demand_freshness(self, request: dict[str, Any]) -> None:
        # Not part of Hrana 3: sqld takes it in a statement or a batch, as text.
        index = self.freshness.index
        if index is None:
            return
        if request["type"] == "execute":
            request["stmt"].replication_index = str(index)
        else:
            request["batch"]["replication_index"] = str(index)

    def _post(self, body: bytes, *, wait: bool = True) -> Response:
        """Send a request; return an answer that has status 200."""
        response = self._send(body)
        if self._may_renew(response, wait=wait):
            response = self._send(body)
        if response.status != OK:
            raise self._failure(response)
        return response

    def _may_renew(self, response: Response, *, wait: bool) -> bool:
        """Whether the same request may be sent again with another token, which is then in use.

        Only where the server itself did not accept the token: nothing was executed then, and the
        baton is still valid. What answers 401 in its place may have passed the request on.
        """
        if response.status != UNAUTHORIZED:
            return False
        if not failures.is_refusal(response.status, response.body):
            return False
        return self._tokens.replace(self._token, wait=wait) is not None

    def _send(self, body: bytes) -> Response:
        token = self._current_token()
        try:
            started = time.monotonic()
            response = self._transport.request(PIPELINE, body, token)
            self._answered = time.monotonic()
            self._duration_seconds = self._answered - started
            return response
        except TransportError:
            self.drop()
            # It may have waited for a state that a restored database never had.
            self.freshness.forget()
            raise
        except BaseException:  # such as Ctrl-C: the server may be at work with this baton
            self.drop()
            raise

    def _current_token(self) -> str:
        token = self._tokens.current()
        if token != self._token:
            # Else it could end its header and begin another.
            if not token.isascii() or any(character.isspace() for character in token):
                raise AccessDenied(
                    "the auth_token contains white space or characters that no token has: copy "
                    "it again"
                )
            self._token = token
        return token

    def _failure(self, response: Response) -> DatabaseError:
        """Return the error for a status; but for a refused token, the stream is gone."""
        message, code = messages.describe_failure(response.body)
        if self._token:  # a proxy may repeat the request in its answer
            message = message.replace(self._token, "(token)")
        place, had_stream = str(self.home.endpoint), self.is_open
        error = from_status(response.status, message, code, place, had_stream=had_stream)
        error.was_refused = failures.is_refusal(response.status, response.body)
        error.retry_after_seconds = failures.read_retry_after(self._transport.retry_after)
        error.patience_seconds = self.home.timeout_seconds
        if not (error.was_refused and response.status == UNAUTHORIZED):
            self.drop()
        if isinstance(error, TransactionLost):
            self.freshness.forget()
        return error

    def _follow(self, sent: str | None, baton: str | None, base_url: str | None) -> None:
        """Take the next baton, and go where the server wants the stream to be continued."""
        if sent is not None and baton is not None:
            known = self._gives_new_batons
            known[self._place] = baton != sent and known.get(self._place, True)
        self._baton, self._pid = baton, os.getpid()
        # Without a baton the server has ended the stream: there is nothing to continue.
        if base_url is None or baton is None:
            return
        home = self.home
        endpoint = home.endpoint.continued_at(base_url)
        if endpoint == self._transport.endpoint:
            return
        if self._transport is not home:
            self._transport.close()
        is_home = endpoint == home.endpoint
        self._transport = (
            home if is_home else Transport(endpoint, home.timeout_seconds, home.network)
        )


def check_answer(answer: object, kind: type[AnswerT], request: dict[str, Any]) -> AnswerT:
    """Return an answer to the request, checked.

    Raises:
        InterfaceError: it is an answer to another one, or not of as many steps.
    """
    if not isinstance(answer, kind):
        raise InterfaceError(messages.NOT_HRANA)
    if isinstance(answer, BatchAnswer):
        answer.result.check_shape(len(request["batch"]["steps"]))
    return answer
