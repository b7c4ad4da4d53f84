"""Which requests may be answered from an embedded replica: pages that people look at.

A page may be as old as the replica, about a second; what its reader has written, it shows (the
cookie of `django_hrana.replica.middleware`). What a form sends, and what programs ask, must be
decided by what is true now: a program that has just made a prompt keeps no cookie, and asks for it
at another process. It is in use only where the database has a replica.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from django_hrana.replica.sessions import read_newest

__all__ = ["read_pages_from_replica"]

READING: Final = ("GET", "HEAD")


@sync_and_async_middleware
def read_pages_from_replica(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """Return the middleware; it stands right behind `read_own_writes`."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            answer: Awaitable[HttpResponseBase]
            if _is_page(request):
                answer = get_response(request)
                return await answer
            with read_newest():
                answer = get_response(request)
                return await answer

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase
        if _is_page(request):
            response = get_response(request)
            return response
        with read_newest():
            response = get_response(request)
            return response

    return respond


def _is_page(request: HttpRequest) -> bool:
    return request.method in READING and request.path_info.startswith(reverse("admin:index"))
