"""The base of every operation: who calls, whether they may, how errors are answered.

An operation names the permission that it needs, the same that the admin asks for:

    class Prompts(BaseController):
        @operation(Page, permission="prompts.view_prompt")
        def get(self, parsed_query: Query[ListQuery]) -> HttpResponse: ...
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final, Self, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from dmr import Controller, HeaderSpec, ResponseSpec, validate
from dmr.endpoint import Endpoint
from dmr.errors import ErrorType
from dmr.exceptions import (
    NotAcceptableError,
    RequestSerializationError,
    ValidationError,
)
from dmr.metadata import EndpointMetadata
from dmr.openapi.objects import Reference, SecurityRequirement, SecurityScheme
from dmr.plugins.msgspec import MsgspecJsonParser, MsgspecJsonRenderer, MsgspecSerializer
from dmr.security.base import SyncAuth
from dmr.serializer import BaseSerializer

from core.access.authentication import authenticate
from core.access.callers import Caller
from core.api.limits import count_request
from core.api.problems import (
    PROBLEM_JSON,
    FieldProblem,
    ForbiddenError,
    Problem,
    describe_mismatch,
    find_byte,
    make_problem,
    problem_of,
    send_problem,
)
from core.sentences import Sentence

__all__ = [
    "CHALLENGE",
    "ETAG",
    "FILE_TYPES",
    "PERMISSION",
    "RETRY_SECONDS",
    "BaseController",
    "answer_unless_seen",
    "caller_of",
    "empty",
    "let_in",
    "need_permission",
    "operation",
    "say_allowance",
]

PERMISSION: Final = "x-permission"
FILE_TYPES: Final = "x-file-types"
"""Where the body is a file: content types that it may have."""
PROBLEM_RENDERER: Final = MsgspecJsonRenderer(PROBLEM_JSON)
RETRY_SECONDS: Final = 10
CHALLENGE: Final = 'Bearer realm="AutoForge"'
# What every operation may answer. Pages of other statuses are named by the operation.
COMMON: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
ETAG: Final = {"ETag": HeaderSpec(description="Changes with every change of what is answered.")}
MethodT = TypeVar("MethodT", bound=Callable[..., HttpResponse])


def operation(
    model: Any,
    *,
    permission: str,
    status: HTTPStatus = HTTPStatus.OK,
    problems: Sequence[HTTPStatus] = (),
    headers: dict[str, HeaderSpec] | None = None,
    also: Sequence[ResponseSpec] = (),
    file_types: Sequence[str] = (),
) -> Callable[[MethodT], MethodT]:
    """Declare what an operation answers and which permission it needs.

    Args:
        model: the body of its answer; None: it has none.
        permission: such as `prompts.view_prompt`; empty: every caller may.
        status: of its answer.
        problems: statuses of problems, beside those that every operation may answer.
        headers: of its answer.
        also: other answers that are no problems.
        file_types: content types of the body, where that is a file and no JSON of a model.
    """
    responses = [ResponseSpec(model, status_code=status, headers=headers), *also]
    for problem in sorted({*COMMON, *problems}):
        responses.append(
            ResponseSpec(
                Problem,
                status_code=problem,
                limit_to_content_types={PROBLEM_JSON},
                description=problem.phrase,
            )
        )
    extensions: dict[str, Any] = {PERMISSION: permission}
    if file_types:
        extensions[FILE_TYPES] = list(file_types)
    declare = validate(*responses, x_extensions=extensions)
    return cast("Callable[[MethodT], MethodT]", declare)


class StrictJsonParser(MsgspecJsonParser):
    """Reads JSON as it is typed: "1" is no number."""

    __slots__ = ()
    strict = True


class CallerAuth(SyncAuth):
    """An API key, an access token or a person's session token, and what they may."""

    __slots__ = ()

    def security_schemes(
        self, metadata: EndpointMetadata, controller_cls: type[Controller[BaseSerializer]]
    ) -> dict[str, SecurityScheme | Reference]:
        """Describe the two ways to send a key."""
        return {
            "bearer": SecurityScheme(
                type="http",
                scheme="bearer",
                description="An API key (af_…), an access token, or a session token of Clerk.",
            ),
            "basic": SecurityScheme(
                type="http",
                scheme="basic",
                description="An API key as the password; the user name is free.",
            ),
        }

    def security_requirements(
        self, metadata: EndpointMetadata, controller_cls: type[Controller[BaseSerializer]]
    ) -> list[SecurityRequirement]:
        """Name both: one of them is enough."""
        return [{"bearer": []}, {"basic": []}]

    @property
    def www_authenticate_challenge(self) -> str:
        """Say how to authenticate."""
        return CHALLENGE

    def __call__(self, endpoint: Endpoint, controller: Controller[BaseSerializer]) -> Self:
        """Let the caller in, or refuse.

        Raises:
            NotAuthenticatedError: nobody that is known.
            LimitReachedError: it sends too much.
            ForbiddenError: its role lacks the permission.
        """
        extensions = endpoint.metadata.x_extensions or {}
        let_in(controller.request, extensions.get(PERMISSION, ""))
        return self


def empty(status: HTTPStatus) -> HttpResponse:
    """Return an answer without a body, which is of no type either."""
    answer = HttpResponse(status=status)
    del answer.headers["Content-Type"]
    return answer


def answer_unless_seen(
    request: HttpRequest, body: bytes, etag: str, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    """Return JSON with its ETag; 304 where it was asked for by who has it already."""
    # Compared weakly: a proxy that compresses may have marked the tag so.
    header = request.META.get("HTTP_IF_NONE_MATCH", "")
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    if status == HTTPStatus.OK and (etag in tags or "*" in tags):
        answer = empty(HTTPStatus.NOT_MODIFIED)
    else:
        answer = HttpResponse(body, status=status, content_type="application/json")
    answer.headers["ETag"] = etag
    return answer


def let_in(request: HttpRequest, permission: str) -> None:
    """Let the caller of a request in, or refuse; afterwards `caller_of` knows it.

    Args:
        request: with credentials.
        permission: such as `prompts.view_prompt`; empty: every caller may.

    Raises:
        NotAuthenticatedError: nobody that is known.
        LimitReachedError: it sends too much.
        ForbiddenError: its role lacks the permission.
    """
    caller = authenticate(request)
    request.caller = caller  # type: ignore[attr-defined]  # ours: see `caller_of`
    request.allowance = count_request(caller)  # type: ignore[attr-defined]  # as above
    if permission:
        need_permission(caller, permission)


def need_permission(caller: Caller, permission: str) -> None:
    """Refuse a caller whose role lacks a permission.

    Raises:
        ForbiddenError: it does.
    """
    if not caller.may(permission):
        raise ForbiddenError("access.may-not", permission=permission, role=caller.role)


def say_allowance(request: HttpRequest, answer: HttpResponseBase) -> None:
    """Write what is left of the caller's limit into an answer's headers."""
    allowance = getattr(request, "allowance", None)
    if allowance is not None:
        for name, value in allowance.as_headers().items():
            answer.headers[name] = value


def caller_of(request: HttpRequest) -> Caller:
    """Return who sent the request; it was let in before."""
    caller: Caller = request.caller  # type: ignore[attr-defined]  # set by `let_in`
    return caller


class BaseController(Controller[MsgspecSerializer]):
    """What all operations have."""

    is_abstract: ClassVar[bool] = True
    error_model: ClassVar[Any] = Problem
    auth: ClassVar[Sequence[SyncAuth]] = (CallerAuth(),)
    parsers: ClassVar[Any] = (StrictJsonParser(),)
    renderers: ClassVar[Any] = (MsgspecJsonRenderer(), PROBLEM_RENDERER)

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return caller_of(self.request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, and say what is left of the caller's limit."""
        answer = super().dispatch(request, *args, **kwargs)
        say_allowance(request, answer)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    def format_error(
        self,
        error: str | Exception,
        *,
        loc: str | list[str | int] | None = None,
        error_type: str | ErrorType | None = None,
    ) -> Problem:
        """Return an error of the library as a problem."""
        problem = self._library_problem(error)
        if problem is None:
            sentence = Sentence("api.bad-request", what=str(error))
            problem = make_problem(HTTPStatus.BAD_REQUEST, sentence)
        return problem

    def handle_method_not_allowed(self, method: str) -> HttpResponse:
        """Answer a method that this address does not have."""
        allowed = ", ".join(sorted(self.api_endpoints))
        sentence = Sentence("api.method", method=method, allowed=allowed)
        problem = make_problem(HTTPStatus.METHOD_NOT_ALLOWED, sentence)
        return send_problem(problem, {"Allow": allowed})

    def handle_error(
        self, endpoint: Endpoint, controller: Controller[BaseSerializer], exc: Exception
    ) -> HttpResponse:
        """Answer with a problem; what nobody expected goes on as an error of the server."""
        problem = problem_of(exc) or self._library_problem(exc)
        if problem is None:
            raise exc
        return self.answer_problem(problem)

    def answer_problem(self, problem: Problem) -> HttpResponse:
        """Return the answer that carries a problem."""
        headers = {}
        if problem.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = CHALLENGE
        if problem.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            allowance = getattr(self.request, "allowance", None)
            seconds = allowance.reset_seconds if allowance else RETRY_SECONDS
            headers["Retry-After"] = str(seconds)
        return send_problem(problem, headers)

    def _library_problem(self, error: str | Exception) -> Problem | None:
        if isinstance(error, ValidationError):
            errors = [describe_mismatch(str(entry["msg"])) for entry in error.payload]
            sentence = Sentence.verbatim("; ".join(_say(entry) for entry in errors))
            problem = make_problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, errors=errors)
            problem.set_code(errors[0].code)
            return problem
        if isinstance(error, RequestSerializationError):
            line, column = find_byte(str(error), self.request.body)
            place = FieldProblem(detail=str(error), line=line, column=column)
            sentence = Sentence("api.not-json", line=line, column=column)
            return make_problem(HTTPStatus.BAD_REQUEST, sentence, errors=[place])
        if isinstance(error, NotAcceptableError):
            return make_problem(HTTPStatus.NOT_ACCEPTABLE, Sentence("api.not-acceptable"))
        return None


def _say(problem: FieldProblem) -> str:
    return f"{problem.field}: {problem.detail}" if problem.field else problem.detail
