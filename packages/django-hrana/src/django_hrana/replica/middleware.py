"""Middleware: what a request has written, the next ones of the same browser read.

Put it near the top of MIDDLEWARE: "django_hrana.replica.middleware.read_own_writes".

A request that writes gets a cookie with a moment of the machine's clock; it lives as long as a
replica may lag behind. Without a replica in DATABASES it does nothing.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from django_hrana.replica.process import longest_age_seconds
from django_hrana.replica.sessions import SESSION, Session, parse_token, write_token

__all__ = ["COOKIE", "read_own_writes"]

COOKIE: Final = "hrana_written"


@sync_and_async_middleware
def read_own_writes(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Return the middleware, for synchronous and asynchronous sites."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            session, required_ns = _begin(request)
            reset = SESSION.set(session)
            try:
                answer: Awaitable[HttpResponseBase] = get_response(request)
                response = await answer
            finally:
                SESSION.reset(reset)
            return _mark(response, session, required_ns)

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        session, required_ns = _begin(request)
        reset = SESSION.set(session)
        try:
            response: HttpResponseBase = get_response(request)
        finally:
            SESSION.reset(reset)
        return _mark(response, session, required_ns)

    return respond


def _begin(request: HttpRequest) -> tuple[Session, int]:
    token = request.COOKIES.get(COOKIE)
    required_ns = 0 if token is None else parse_token(token)
    return Session(required_ns=required_ns), required_ns


def _mark(response: HttpResponseBase, session: Session, before_ns: int) -> HttpResponseBase:
    """Give the response its cookie, where the request has written."""
    if session.required_ns > before_ns:
        response.set_cookie(
            COOKIE,
            write_token(session.required_ns),
            # After that, no replica gives data from before the write.
            max_age=math.ceil(longest_age_seconds()) + 1,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
