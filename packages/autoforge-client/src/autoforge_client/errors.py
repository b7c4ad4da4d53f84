"""Everything that can go wrong, as one tree.

    AutoForgeError
    ├── ConnectionFailed    nobody answered, or not in time            (later, it may work)
    ├── InvalidAnswer       who answered was no AutoForge
    ├── CompileError        only the server can fill this prompt, or the values do not fit
    └── ProblemError        the server said no; code, detail and errors are its own
        ├── InvalidRequest      400, 422 and others: mend what is sent
        ├── AuthenticationError 401: the key is missing, wrong, expired or revoked
        ├── Forbidden           403: the key's role may not do this
        ├── NotFound            404
        ├── Conflict            409, 412, 428: something else was done meanwhile, or a gate refuses
        ├── LimitReached        429                                    (later, it may work)
        └── Unavailable         5xx                                    (later, it may work)

No message and no `repr` holds a key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "AuthenticationError",
    "AutoForgeError",
    "CompileError",
    "Conflict",
    "ConnectionFailed",
    "FieldError",
    "Forbidden",
    "InvalidAnswer",
    "InvalidRequest",
    "LimitReached",
    "NotFound",
    "ProblemError",
    "Unavailable",
    "find_kind",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing that is wrong with what was sent."""

    detail: str
    """A sentence for people."""
    field: str = ""
    """Such as `variables` or `config.temperature`."""
    code: str = ""
    """A code for programs."""
    line: int = 0
    """Line in the field's text, from 1; 0 if the error has no place."""
    column: int = 0
    """Column in that line, from 1."""


class AutoForgeError(Exception):
    """What every error of this package is.

    Attributes:
        code: for programs, such as `prompt.missing-name`; it never changes.
        status: the HTTP status; 0 if there was no answer.
        detail: a sentence for people.
        errors: one entry for each thing that is wrong with what was sent.
        extra: what else the server said, such as the verdicts of a gate.
        retry_after: seconds that the server asks to wait; None if it does not say.
    """

    is_temporary = False
    """Whether the same call may work later."""

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int = 0,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.retry_after = retry_after


class ConnectionFailed(AutoForgeError):
    """Nobody answered, or not in time."""

    is_temporary = True


class InvalidAnswer(AutoForgeError):
    """Who answered was no AutoForge: a proxy's page, half an answer."""

    is_temporary = True


class CompileError(AutoForgeError):
    """A prompt cannot be filled here; `render` fills it on the server."""


class ProblemError(AutoForgeError):
    """The server refused the request."""


class InvalidRequest(ProblemError):
    """What was sent is wrong."""


class AuthenticationError(ProblemError):
    """The key is missing, wrong, expired or revoked."""


class Forbidden(ProblemError):
    """The key's role may not do this."""


class NotFound(ProblemError):
    """There is no such prompt, version or label."""


class Conflict(ProblemError):
    """The state is another one than the request was made for, or a gate refuses."""


class LimitReached(ProblemError):
    """The key sent more requests than it may."""

    is_temporary = True


class Unavailable(ProblemError):
    """The server has a bad day."""

    is_temporary = True


KINDS: Final[Mapping[int, type[ProblemError]]] = {
    401: AuthenticationError,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    428: Conflict,
    429: LimitReached,
}


def find_kind(status: int) -> type[ProblemError]:
    """Return the error of an HTTP status."""
    if status >= 500:
        return Unavailable
    return KINDS.get(status, InvalidRequest)
