"""Requests that are too large are refused before anything of them is written.

Django counts the fields of a form and not its files, which it writes to the disk as they come; over
ASGI it writes every body there before anybody is asked. So the length is looked at first: by the
middleware where the body is still on the wire (WSGI), by `LimitBodies` around the application where
it is not (ASGI, and there also as the pieces come, for who does not say a length).
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import resolve
from django.utils.deprecation import MiddlewareMixin

from core.access.authentication import authenticate
from core.api.problems import is_api, make_problem, send_problem
from core.errors import ApplicationError
from core.sentences import Sentence
from core.uploads import ANONYMOUS_BYTES, FORM_BYTES, LARGEST_BYTES, MEBIBYTE

__all__ = [
    "CONTENT_TOO_LARGE",
    "BodyLimitMiddleware",
    "LimitBodies",
    "get_limited_application",
]

CONTENT_TOO_LARGE: Final = 413
PIECE_BYTES: Final = 64 * 1024
REFUSED: Final = "autoforge.refused_bytes"  # in a scope: how much came, or was announced

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BodyLimitMiddleware(MiddlewareMixin):
    """Answers 413 for what is larger than the page takes from this person.

    It must stand where the session and the user are known, and acts before the check of CSRF, which
    reads the form.
    """

    def process_view(
        self, request: HttpRequest, view: object, _arguments: object, _named: object
    ) -> HttpResponse | None:
        """Return the refusal, or nothing."""
        refused = getattr(request, "scope", {}).get(REFUSED)
        size = int(refused or _length(request.META.get("CONTENT_LENGTH")))
        if size <= ANONYMOUS_BYTES:  # the user is not asked for: it may cost two queries
            return None
        is_known = _is_known(request)
        limit = find_limit(view, is_known=is_known)
        if size <= limit and refused is None:
            return None
        if refused is None:
            most_bytes = _most_discarded(is_known=is_known)
            if _reads_the_rest(request):
                most_bytes = size
            _discard(request, most_bytes)
        if is_api(request):
            sentence = Sentence("api.body-over-limit", limit=filesizeformat(limit))
            problem = make_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
            say = getattr(view, "say_problem", None)  # in the format of other clients
            answer: HttpResponse = say(request, problem) if say else send_problem(problem)
            return answer
        context = {
            "size": filesizeformat(size),
            "limit": filesizeformat(limit),
            "is_known": is_known,
            "command": getattr(view, "upload_command", ""),
        }
        return render(request, "413.html", context, status=CONTENT_TOO_LARGE)


def find_limit(view: object, *, is_known: bool) -> int:
    """Return how many bytes a view takes, from who has logged in or from anybody."""
    if not is_known:
        return ANONYMOUS_BYTES
    return int(getattr(view, "body_limit_bytes", FORM_BYTES))


def _is_known(request: HttpRequest) -> bool:
    """Whether the person has logged in, or the program has a key that is good."""
    if not is_api(request):
        return bool(request.user.is_authenticated)
    try:
        authenticate(request)
    except ApplicationError:
        return False
    return True


def _length(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:  # Django reads nothing of such a body either
        return 0


def _reads_the_rest(request: HttpRequest) -> bool:
    """Whether the server reads what is left, and into memory: the development server does."""
    return str(request.META.get("SERVER_SOFTWARE", "")).startswith("WSGIServer")


def _most_discarded(*, is_known: bool) -> int:
    # Somebody who has not logged in gets no more of our time than a short form takes.
    return LARGEST_BYTES if is_known else MEBIBYTE


def _discard(request: HttpRequest, most_bytes: int) -> None:
    """Read some of a body and throw it away: a browser sends everything before it reads."""
    read = 0
    with suppress(OSError):  # the browser has gone
        while read < most_bytes:
            piece = request.read(PIECE_BYTES)
            if not piece:
                return
            read += len(piece)


class LimitBodies:
    """An ASGI application that never sees more of a body than the page takes."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or pass it on without a body and marked as refused."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        size = _length(_announced(scope))
        if size > ANONYMOUS_BYTES:  # anybody may send less: the session is not asked for
            limit = await _ask_limit(scope)
            if size > limit:
                await self._refuse(scope, size, _Remainder(receive, limit), send)
                return
        counting = _Counting(scope, receive)
        await self.application(scope, counting.receive, send)
        if counting.limit is not None and counting.size > counting.limit:
            await self._refuse(scope, counting.size, _Remainder(receive, counting.limit), send)

    async def _refuse(self, scope: Message, size: int, remainder: "_Remainder", send: Send) -> None:
        """Let the application answer: the page, its language and its line in the log are there."""
        await self.application({**scope, REFUSED: size}, remainder.receive, send)


def get_limited_application() -> LimitBodies:
    """Return Django's ASGI application behind the limits."""
    return LimitBodies(get_asgi_application())


class _Counting:
    """Counts the pieces of a body as they come, and breaks off where it is too much."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self.size = 0
        self.limit: int | None = None
        self._scope = scope
        self._receive = receive

    async def receive(self) -> Message:
        """Return the next message; for one too many, what Django takes for a broken connection.

        It throws away then what it has, and answers nothing.
        """
        message = await self._receive()
        self.size += len(message.get("body", b""))
        if self.size > ANONYMOUS_BYTES:
            if self.limit is None:
                self.limit = await _ask_limit(self._scope)
            if self.size > self.limit:
                return {"type": "http.disconnect"}
        return message


class _Remainder:
    """What a refused request looks like: no body. The rest of it is thrown away, within bounds."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._most = _most_discarded(is_known=limit > ANONYMOUS_BYTES)
        self._is_begun = False

    async def receive(self) -> Message:
        """Return an empty body, and then that the connection broke, if it does."""
        if not self._is_begun:
            self._is_begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        read = 0
        while read < self._most:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            read += len(message.get("body", b""))
        return await asyncio.Future()  # Django gives up waiting when it has answered


def _announced(scope: Message) -> str | None:
    length = None
    for name, value in scope["headers"]:
        if name.lower() == b"content-length":
            length = value.decode("latin-1")
    return length


@sync_to_async
def _ask_limit(scope: Message) -> int:
    """Return how many bytes the page at this address takes from who sends this cookie."""
    request = ASGIRequest(scope, BytesIO())
    try:
        match = resolve(request.path_info)
    except Http404:
        return ANONYMOUS_BYTES
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    request.user = get_user(request)
    return find_limit(match.func, is_known=_is_known(request))
