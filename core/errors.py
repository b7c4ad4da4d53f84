"""Errors of the application, those a caller can act on.

    ApplicationError
    ├── InvalidInputError     a field holds what is not allowed: mend the input
    ├── NotFoundError         there is no such row: look it up again
    ├── StaleEditError        somebody else saved first: read the new state and edit again
    └── ImmutableRowError     the row may never change: make a new one instead

None of them is worth a retry with the same input; `StaleEditError` is after a fresh read.

Every sentence goes through gettext where it is raised: the page's language in a request,
LANGUAGE_CODE in a command. `tests/test_refusals.py` reads the sources for one that does not.
"""

from core.language import gettext as _

__all__ = [
    "ApplicationError",
    "ImmutableRowError",
    "InvalidInputError",
    "NotFoundError",
    "StaleEditError",
]


class ApplicationError(Exception):
    """Base of what the application refuses; `str()` is one sentence for the user."""


class InvalidInputError(ApplicationError):
    """A field holds what is not allowed.

    Attributes:
        messages: field name → what is wrong with it, one sentence each.
    """

    def __init__(self, messages: dict[str, str]) -> None:
        self.messages = messages
        super().__init__("; ".join(f"{_(field)}: {text}" for field, text in messages.items()))


class NotFoundError(ApplicationError):
    """There is no such row, or it is deleted."""


class StaleEditError(ApplicationError):
    """Somebody else saved the row after it was read for this edit."""


class ImmutableRowError(ApplicationError):
    """The row may never change or go."""
