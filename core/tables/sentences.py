"""Sentences about files, apart from their parameters; texts of a file inside them are quoted."""

from collections.abc import Collection
from itertools import islice
from typing import Any, Final

from core.language import gettext, gettext_noop

__all__ = ["Sentence", "UnreadableError", "clean", "gettext_noop", "listed", "quoted"]

LONGEST_TEXT: Final = 60  # characters of a file that a sentence repeats
MOST_NAMES: Final = 20


class Sentence:
    """What is wrong: a template with %(name)s, and its parameters; `str()` translates it.

    Args:
        template: marked for translation where it is written.
        **params: what stands in for each name; sentences among them are translated too.
    """

    def __init__(self, template: str, **params: Any) -> None:
        self.template = template
        self.params = params

    def __str__(self) -> str:
        return gettext(self.template) % self.params

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Sentence) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


class UnreadableError(Exception):
    """The file cannot be read; `str()` is one sentence that says where and why.

    Attributes:
        sentence: the same, before it is translated.
    """

    def __init__(self, sentence: Sentence | str, **params: Any) -> None:
        self.sentence = Sentence(sentence, **params) if isinstance(sentence, str) else sentence
        super().__init__(self.sentence)

    def __str__(self) -> str:
        return str(self.sentence)


def clean(text: str) -> str:
    """Return `text` without line ends and control characters, which a terminal would obey."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def quoted(text: str) -> str:
    """Return `text` in quotes, cut after 60 characters."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return f"'{clean(cut)}'"


def listed(names: Collection[str]) -> str:
    """Return the names in quotes, the first 20 of them; "nothing" if there are none."""
    if not names:
        return "nothing"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(quoted(name) for name in islice(names, MOST_NAMES)) + more
