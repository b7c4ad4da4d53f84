"""What can be wrong with a template or with the values it gets, in sentences with their places.

Their sentences stand in `prompts/catalogue.py`, below `template.`: what is wrong, what is allowed
and how to fix it.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.language import gettext, gettext_noop
from core.sentences import CATALOGUE

__all__ = [
    "ContractError",
    "Problem",
    "RenderError",
    "SourceLocation",
    "TemplateError",
    "ValuesError",
    "nearest",
]


OUR_WORDS: Final = ("expected", "reason")
"""Parameters that hold words of ours, where they are not somebody else's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLocation:
    """Where something stands: all from 1, None where it is not known or there is none."""

    line: int | None = None
    column: int | None = None
    message: int | None = None
    """Number of a chat's message; line and column are then within its content."""
    part: int | None = None
    """Number of the message's part, where it has several; line and column are then within it."""
    placeholder: str | None = None
    """Name of the placeholder that the message was provided for."""

    def __str__(self) -> str:
        parts = (
            (gettext_noop("message %(number)d"), self.message),
            (gettext_noop("part %(number)d"), self.part),
            (gettext_noop("line %(number)d"), self.line),
            (gettext_noop("column %(number)d"), self.column),
        )
        texts = []
        if self.placeholder is not None:
            texts.append(gettext("placeholder “%(name)s”") % {"name": self.placeholder})
        for text, number in parts:
            if number is not None:
                texts.append(gettext(text) % {"number": number})
        return ", ".join(texts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong; `str()` says it in the language of whoever reads it."""

    code: str
    """A code of the catalogue, without `template.` before it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence's places hold."""
    place: SourceLocation = SourceLocation()
    """Where it stands in the content."""

    @property
    def sentence(self) -> str:
        """The sentence, with its places open."""
        return CATALOGUE[f"template.{self.code}"]

    @property
    def variable(self) -> str:
        """The variable it is about, empty if none."""
        return str(self.params.get("name", ""))

    def __str__(self) -> str:
        params = dict(self.params)
        for name in OUR_WORDS:
            if params.get(name):
                params[name] = gettext(params[name])
        sentence = gettext(self.sentence) % params
        location = str(self.place)
        if not location:
            return sentence
        return f"{location}: {sentence}"


class TemplateError(ValueError):
    """Something is wrong with a template or its values; `str()` names all of it.

    Attributes:
        problems: one each.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    def __str__(self) -> str:
        # Anew: it may have been raised in a process that knows no language but English.
        return "; ".join(map(str, self.problems))


class ContractError(TemplateError):
    """The text or its declarations are wrong: mend the prompt."""


class ValuesError(TemplateError):
    """The values do not fit the declarations: give others."""


class RenderError(TemplateError):
    """The template cannot be filled with these values."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None where none is."""
    folded = {other.casefold(): other for other in known}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if not matches:
        return None
    return folded[matches[0]]
