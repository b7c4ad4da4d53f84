"""Errors of the application, those a caller can act on.

    ApplicationError
    ├── InvalidInputError     a field holds what is not allowed: mend the input
    ├── NotFoundError         there is no such row: look it up again
    ├── StaleEditError        somebody else saved first: read the new state and edit again
    └── ImmutableRowError     the row may never change: make a new one instead

None of them is worth a retry with the same input; `StaleEditError` is after a fresh read.

Each is a code of the catalogue with its parameters, said in the language of whoever reads it: the
page's in a request, LANGUAGE_CODE in a command (`core.sentences`).
"""

from collections.abc import Mapping

from core.language import gettext
from core.sentences import CodedError, Sentence

__all__ = [
    "ApplicationError",
    "ImmutableRowError",
    "InvalidInputError",
    "NotFoundError",
    "StaleEditError",
]


class ApplicationError(CodedError):
    """Base of what the application refuses; `str()` is one sentence for the user."""


class InvalidInputError(ApplicationError):
    """Fields hold what is not allowed.

    Attributes:
        problems: field → what is wrong with it.
    """

    def __init__(self, problems: Mapping[str, Sentence | str]) -> None:
        self.problems: dict[str, Sentence] = {}
        for field, text in problems.items():
            sentence = text if isinstance(text, Sentence) else Sentence.verbatim(text)
            self.problems[field] = sentence
        super().__init__("input.invalid", problems=_Joined(self.problems))

    # Pickled by its problems: BaseException would call __init__ with the sentence.
    def __reduce__(self) -> tuple[type["InvalidInputError"], tuple[Mapping[str, Sentence]]]:
        return type(self), (self.problems,)

    @property
    def messages(self) -> dict[str, str]:
        """Field → what is wrong with it, one sentence each, in the reader's language."""
        return {field: str(sentence) for field, sentence in self.problems.items()}

    def renamed(self, names: Mapping[str, str]) -> "InvalidInputError":
        """Return the same with other names for fields, such as those of a command's options."""
        problems = {}
        for field, sentence in self.problems.items():
            name = names.get(field, field)
            problems[name] = sentence
        return InvalidInputError(problems)


class _Joined:
    """The problems of all fields in one sentence, each after what people call its field."""

    def __init__(self, problems: Mapping[str, Sentence]) -> None:
        self._problems = problems

    def __str__(self) -> str:
        parts = []
        for field, sentence in self._problems.items():
            parts.append(f"{_name(field, sentence)}: {sentence}")
        return "; ".join(parts)


def _name(field: str, sentence: Sentence) -> str:
    """Return what people call a field; what is no field is named as the program wrote it."""
    if sentence.code == "field.unknown":
        return field
    translated = gettext(field)
    if translated == field:  # the catalogue has none: English, or no field of a form
        return field.replace("_", " ")
    return translated


class NotFoundError(ApplicationError):
    """There is no such row, or it is deleted."""


class StaleEditError(ApplicationError):
    """Somebody else saved the row after it was read for this edit."""


class ImmutableRowError(ApplicationError):
    """The row may never change or go."""
