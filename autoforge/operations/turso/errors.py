"""The errors of the commands for Turso; `str()` of each is one sentence for the person who typed.

TursoError (exit 1)             Turso refused, or something is not as it must be
├── TursoInputError (exit 2)    what was typed is not valid; nothing was sent
├── TursoAccessError (exit 3)   not logged in, or not allowed: 401, 402, 403
├── TursoNotFoundError (exit 1) there is no such database or group: 404
├── TursoExistsError (exit 1)   the name is taken: 409, 422
└── TursoUnavailable (exit 4)   no answer, or none of Turso's; the same again can succeed
"""

__all__ = [
    "TursoAccessError",
    "TursoError",
    "TursoExistsError",
    "TursoInputError",
    "TursoNotFoundError",
    "TursoUnavailable",
]


class TursoError(Exception):
    """Turso refused, or something is not as it must be."""

    code = "turso.refused"
    """For programs."""

    exit_status = 1
    """What the command ends with."""


class TursoInputError(TursoError):
    """What was typed is not valid; nothing was sent."""

    code = "turso.input"
    """For programs."""

    exit_status = 2


class TursoAccessError(TursoError):
    """Nobody is logged in, or the platform token does not allow this."""

    code = "turso.access"
    """For programs."""

    exit_status = 3


class TursoNotFoundError(TursoError):
    """There is no such database, group or organization."""

    code = "turso.not-found"
    """For programs."""


class TursoExistsError(TursoError):
    """The name is taken, or is not available."""

    code = "turso.exists"
    """For programs."""


class TursoUnavailable(TursoError):
    """There was no answer, or one that is not Turso's; the same again can succeed.

    Attributes:
        was_sent: whether Turso may have got the request, and done what it asks for.
    """

    code = "turso.unavailable"
    """For programs."""

    exit_status = 4

    def __init__(self, sentence: str, *, was_sent: bool = True) -> None:
        super().__init__(sentence)
        self.was_sent = was_sent
