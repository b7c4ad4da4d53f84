"""Errors on the wire: RFC 9457, in the language that the request asks for.

    {"type": "tag:autoforge,2026:prompt.stale", "title": "Conflict", "status": 409,
     "detail": "…", "code": "prompt.stale", "errors": [{"field": "content", "line": 3, …}]}

Programs act on `code`, which never changes; people read `detail`.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from core.access.authentication import NotAuthenticatedError
from core.access.services import PersonRefusedError
from core.access.token_errors import TokenCannotBeChecked, TokenRefused, TokensNotConfigured
from core.errors import (
    ApplicationError,
    ImmutableRowError,
    InvalidInputError,
    NotFoundError,
    StaleEditError,
)
from core.sentences import CodedError, Sentence

__all__ = [
    "PROBLEM_JSON",
    "FieldProblem",
    "ForbiddenError",
    "LimitReachedError",
    "PreconditionError",
    "PreconditionMissingError",
    "Problem",
    "RequestError",
    "describe_mismatch",
    "find_byte",
    "is_api",
    "make_problem",
    "problem_of",
    "register_problem",
    "send_problem",
]

PROBLEM_JSON: Final = "application/problem+json"
TYPE: Final = "tag:autoforge,2026:"
# What msgspec says of a value that does not fit its type, always in English: taken apart here, so
# that it is said in the reader's language and with the field's name apart.
MISMATCH: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
EXPECTED: Final = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`")
PARSED: Final = re.compile(r"^\.?(?:parsed_)?(?:body|query|path|headers)\b\.?")
BYTE: Final = re.compile(r"\(byte (\d+)\)")


class FieldProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that is wrong, and where it stands in what was sent."""

    detail: str
    """A sentence for people."""
    field: str = ""
    """The field, such as `variables` or `config.temperature`."""
    code: str = ""
    """A code for programs."""
    line: int = 0
    """Line in the field's text, from 1."""
    column: int = 0
    """Column in that line, from 1."""


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error, as RFC 9457 has it, with members of ours after the standard's."""

    type: str
    """Says which kind of error this is: `tag:autoforge,2026:` and the code."""
    title: str
    """What the status means."""
    status: int
    """The HTTP status."""
    detail: str
    """A sentence for people: what is wrong, what is allowed, how to mend it."""
    code: str
    """A code for programs, such as `prompt.missing-name`."""
    errors: list[FieldProblem] = []
    """One entry for each thing that is wrong."""
    extra: dict[str, Any] = {}
    """What else a program needs to go on, such as the verdicts of a gate."""

    def set_code(self, code: str) -> None:
        """Give the problem a code, and the type that goes with it."""
        self.code = code
        self.type = TYPE + code


Describe = Callable[[Any], list[FieldProblem]]
Extra = Callable[[Any], Mapping[str, object]]
_DESCRIBE: Final[dict[type[BaseException], Describe]] = {}
_EXTRA: Final[dict[type[BaseException], Extra]] = {}


class RequestError(ApplicationError):
    """The request itself is not what the API reads."""


class ForbiddenError(ApplicationError):
    """The caller is known, and may not do this."""


class PreconditionError(ApplicationError):
    """The state is another one than the request was made for.

    Attributes:
        extra: what there is now.
    """

    def __init__(self, code: str, extra: Mapping[str, object], **params: object) -> None:
        super().__init__(code, **params)
        self.extra = dict(extra)


class PreconditionMissingError(ApplicationError):
    """The request must say which state it was made for."""


class LimitReachedError(ApplicationError):
    """The caller sends more than it may."""


STATUSES: Final[dict[type[BaseException], HTTPStatus]] = {
    NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    TokenRefused: HTTPStatus.UNAUTHORIZED,
    TokenCannotBeChecked: HTTPStatus.SERVICE_UNAVAILABLE,
    TokensNotConfigured: HTTPStatus.UNAUTHORIZED,
    PersonRefusedError: HTTPStatus.FORBIDDEN,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    StaleEditError: HTTPStatus.CONFLICT,
    ImmutableRowError: HTTPStatus.CONFLICT,
    PreconditionError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionMissingError: HTTPStatus.PRECONDITION_REQUIRED,
    LimitReachedError: HTTPStatus.TOO_MANY_REQUESTS,
    RequestError: HTTPStatus.BAD_REQUEST,
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ApplicationError: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def register_problem(
    error: type[BaseException],
    status: HTTPStatus,
    *,
    describe: Describe | None = None,
    extra: Extra | None = None,
) -> None:
    """Let an error of a higher storey be answered.

    Args:
        error: the error, and what is derived from it.
        status: of the answer.
        describe: gives what is wrong with its places.
        extra: gives what else a program needs to go on.
    """
    STATUSES[error] = status
    if describe is not None:
        _DESCRIBE[error] = describe
    if extra is not None:
        _EXTRA[error] = extra


def problem_of(error: BaseException) -> Problem | None:
    """Return an error as it goes over the wire; None for what nobody expected."""
    for kind in type(error).__mro__:
        status = STATUSES.get(kind)
        if status is not None:
            return _describe(error, status)
    if isinstance(error, RequestDataTooBig):
        sentence = Sentence("api.body-too-large")
        return make_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
    return None


def make_problem(
    status: HTTPStatus,
    sentence: Sentence,
    *,
    errors: list[FieldProblem] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Problem:
    """Return a problem of a status, with a sentence of the catalogue."""
    code = sentence.code or status.phrase.lower().replace(" ", "-")
    return Problem(
        type=TYPE + code,
        title=status.phrase,
        status=int(status),
        detail=str(sentence),
        code=code,
        errors=errors or [],
        extra=dict(extra or {}),
    )


def is_api(request: HttpRequest) -> bool:
    """Whether a request is for programs, who read problems and no pages."""
    return request.path_info.startswith(settings.API_PATHS)


def send_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return the answer that carries a problem."""
    return HttpResponse(
        msgspec.json.encode(problem),
        status=problem.status,
        content_type=PROBLEM_JSON,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def describe_mismatch(message: str) -> FieldProblem:
    """Return what msgspec says of a value that does not fit, in the reader's language.

    >>> describe_mismatch("Expected `int`, got `str` - at `$.parsed_body.number`").field
    'number'
    """
    match = MISMATCH.fullmatch(message)
    what = message
    field = ""
    if match is not None:
        what = match["what"]
        field = PARSED.sub("", match["path"] or "").lstrip(".")
    missing = MISSING.fullmatch(what)
    unknown = UNKNOWN.fullmatch(what)
    expected = EXPECTED.fullmatch(what)
    if missing is not None:
        sentence = Sentence("api.field-missing", name=missing["name"])
        field = _join(field, missing["name"])
    elif unknown is not None:
        sentence = Sentence("api.field-unknown", name=unknown["name"])
        field = _join(field, unknown["name"])
    elif expected is not None:
        sentence = Sentence("api.field-type", wanted=expected["wanted"], got=expected["got"])
    elif field == "cursor":
        sentence = Sentence("api.cursor")
    else:
        sentence = Sentence("api.field-value", what=what)
    return FieldProblem(detail=str(sentence), field=field, code=sentence.code)


def find_byte(message: str, body: bytes) -> tuple[int, int]:
    """Return line and column of the byte that a JSON parser names; (0, 0) if it names none.

    >>> find_byte("JSON is malformed: invalid character (byte 6)", b'{"a":,}')
    (1, 7)
    """
    match = BYTE.search(message)
    if match is None:
        return 0, 0
    before = body[: int(match[1])].decode(errors="replace")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _describe(error: BaseException, status: HTTPStatus) -> Problem:
    sentence = Sentence.verbatim(str(error))
    code = ""
    if isinstance(error, CodedError):
        code = error.sentence.code
    errors = _field_problems(error)
    problem = make_problem(status, sentence, errors=errors, extra=_find_extra(error))
    is_joined = isinstance(error, InvalidInputError)  # its sentence only joins those of fields
    if errors and (not code or (is_joined and len(errors) == 1)):
        code = errors[0].code or code
    if code:
        problem.set_code(code)
    return problem


def _find_extra(error: BaseException) -> Mapping[str, object]:
    if isinstance(error, PreconditionError):
        return error.extra
    for kind in type(error).__mro__:
        if kind in _EXTRA:
            return _EXTRA[kind](error)
    return {}


def _field_problems(error: BaseException) -> list[FieldProblem]:
    if isinstance(error, InvalidInputError):
        problems = []
        for field, sentence in error.problems.items():
            problems.append(FieldProblem(field=field, detail=str(sentence), code=sentence.code))
        return problems
    for kind in type(error).__mro__:
        if kind in _DESCRIBE:
            return _DESCRIBE[kind](error)
    return []
