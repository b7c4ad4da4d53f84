"""Operations in formats that others have defined: their clients read their own errors.

@foreign(permission="prompts.view_prompt", say=as_langfuse)
def projects(request): ...
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from core.api.controllers import RETRY_SECONDS, let_in, say_allowance
from core.api.problems import (
    Problem,
    RequestError,
    problem_of,
    register_problem,
)

__all__ = ["foreign"]

View = Callable[..., HttpResponseBase]
Say = Callable[[Problem], HttpResponse]


def foreign(
    *, say: Say, permission: str | None, methods: tuple[str, ...] = ("GET",)
) -> Callable[[View], View]:
    """Let a view be called by those who may, and answer what goes wrong in its own format.

    Args:
        say: makes the answer of a problem.
        permission: such as `prompts.view_prompt`; empty: every caller; None: everybody.
        methods: that the view knows.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                _check(request, permission, methods)
                response = view(request, *args, **kwargs)
            except Exception as error:
                problem = problem_of(error)
                if problem is None:
                    raise
                response = _retry_later(say(problem))
                if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                    response.headers["Allow"] = ", ".join(methods)
            say_allowance(request, response)
            return response

        # For who refuses a request before the view has it: `autoforge.web.body_limits`.
        vars(answer)["say_problem"] = lambda _request, problem: say(problem)
        return csrf_exempt(answer)

    return decorate


class MethodError(RequestError):
    """The address does not know this method."""


register_problem(MethodError, HTTPStatus.METHOD_NOT_ALLOWED)


def _check(request: HttpRequest, permission: str | None, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        raise MethodError("api.method", method=request.method, allowed=", ".join(methods))
    if permission is not None:
        let_in(request, permission)


def _retry_later(response: HttpResponse) -> HttpResponse:
    if response.status_code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
