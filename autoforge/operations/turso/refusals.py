"""What Turso's statuses mean for whoever typed the command: one sentence each, with a remedy."""

from http import HTTPStatus
from typing import Final

from autoforge.operations.turso.errors import (
    TursoAccessError,
    TursoError,
    TursoExistsError,
    TursoNotFoundError,
    TursoUnavailable,
)

__all__ = ["build_refusal"]

REFUSALS: Final[dict[int, tuple[type[TursoError], str]]] = {
    HTTPStatus.UNAUTHORIZED: (
        TursoAccessError,
        (
            "Turso does not accept the platform token{said}: it is wrong or has expired; create "
            "one at app.turso.tech and run `manage.py turso login`, or set TURSO_PLATFORM_TOKEN."
        ),
    ),
    HTTPStatus.PAYMENT_REQUIRED: (
        TursoAccessError,
        (
            "The plan of {organization} does not allow this{said}: upgrade it, or delete what is "
            "not needed."
        ),
    ),
    HTTPStatus.FORBIDDEN: (
        TursoAccessError,
        (
            "The platform token may not do this in {organization}{said}: use one of a member, or "
            "with a wider scope."
        ),
    ),
    HTTPStatus.NOT_FOUND: (
        TursoNotFoundError,
        "Turso has nothing at {place}{said}; `manage.py turso list` shows what {organization} has.",
    ),
    HTTPStatus.CONFLICT: (TursoExistsError, "The name is taken{said}; choose another one."),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        TursoExistsError,
        "Turso does not accept the name{said}; choose another one.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        TursoUnavailable,
        "Turso gets too many requests{said}; try again in a minute.",
    ),
}
FAULT: Final = "Turso failed with status {status}{said}; look at status.turso.tech and try again."
OTHER: Final = "Turso refused this with status {status}{said}."


def build_refusal(status: int, *, message: str, organization: str, place: str) -> TursoError:
    """Return the error for a status that is no success.

    Args:
        status: of HTTP.
        message: Turso's own words, without secrets; may be empty.
        organization: slug of who asked; may be empty.
        place: what was asked for, such as `databases/staging`.
    """
    kind, sentence = REFUSALS.get(status, (TursoError, OTHER))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind, sentence = TursoUnavailable, FAULT
    said = f" ({message})" if message else ""
    return kind(
        sentence.format(
            status=status, said=said, place=place, organization=organization or "the organization"
        )
    )
