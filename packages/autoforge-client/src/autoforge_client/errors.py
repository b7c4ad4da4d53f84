"""Everything that can go wrong, as one family; no message and no `repr` holds a key."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

__all__ = [
    "AuthenticationError", "AutoForgeError", "CompileError", "Conflict", "ConnectionFailed",
    "FieldError", "Forbidden", "InvalidAnswer", "InvalidRequest", "LimitReached", "NotFound",
    "RunNotEnded", "Unavailable",
]  # fmt: skip


class FieldError(Struct, frozen=True):
    """One thing that is wrong with what was sent, and where; line and column count from 1."""

    detail: str
    field: str = ""
    code: str = ""
    line: int = 0
    column: int = 0


class Problem(Struct):
    """A refusal (RFC 9457); that of another server is of another type."""

    type: Annotated[str, Meta(pattern="^tag:autoforge,")]
    detail: str
    code: str
    errors: list[FieldError] = []
    extra: dict[str, Any] = {}


class AutoForgeError(Exception):
    """What every error is: `detail` is for people, `code` for programs; `status` 0: no answer."""

    is_temporary = False  # whether the same call may work later

    def __init__(self, detail: str, *, code: str, status: int = 0) -> None:
        super().__init__(detail)
        self.detail, self.code, self.status = detail, code, status
        self.errors: Sequence[FieldError] = ()
        self.extra: Mapping[str, Any] = {}  # what else there is, such as the verdicts of a gate
        self.retry_after: float | None = None  # seconds that the server asks to wait


# A table, one line for each.
# fmt: off
class TemporaryError(AutoForgeError):
    """The same call may work later."""
    is_temporary = True
class ConnectionFailed(TemporaryError): """Nobody answered, or not in time."""
class InvalidAnswer(TemporaryError): """Who answered was no AutoForge: a proxy, half an answer."""
class LimitReached(TemporaryError): """429: the key sends more requests than it may."""
class Unavailable(TemporaryError): """5xx: the server has a bad day."""
class CompileError(AutoForgeError): """Only the server can fill this prompt, or values are wrong."""
class RunNotEnded(AutoForgeError): """A run takes longer than was to be waited; it goes on."""
class InvalidRequest(AutoForgeError): """400, 422 and others: what was sent is wrong."""
class AuthenticationError(AutoForgeError): """401: the key is missing, wrong, expired or revoked."""
class Forbidden(AutoForgeError): """403: the key's role may not do this."""
class NotFound(AutoForgeError): """404: there is no such prompt, version, label or run."""
class Conflict(AutoForgeError): """409, 412, 428: it has changed meanwhile, or a gate refuses."""

KINDS: Final[Mapping[int, type[AutoForgeError]]] = {
    401: AuthenticationError, 403: Forbidden, 404: NotFound, 409: Conflict, 412: Conflict,
    428: Conflict, 429: LimitReached,
}
