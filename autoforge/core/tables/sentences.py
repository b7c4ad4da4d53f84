"""Sentences about files, apart from their parameters; texts of a file inside them are quoted."""

from collections.abc import Collection
from itertools import islice
from typing import Any, Final

__all__ = ["Sentence", "UnreadableError", "clean", "gettext_noop", "listed", "quoted"]

LONGEST_TEXT: Final = 60  # characters of a file that a sentence repeats
MOST_NAMES: Final = 20


def gettext_noop(text: str) -> str:
    """Mark a sentence for translation."""
    return text


class Sentence:
    """What is wrong: a template with %(name)s, and its parameters; `str()` is English.

    Args:
        template: marked for translation where it is written.
        **params: what stands in for each name; sentences among them are translated too.
    """

    def __init__(self, template: str, **params: Any) -> None:
        self.template = template
        self.params = params

    def __str__(self) -> str:
        return self.template % self.params

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Sentence) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


class UnreadableError(Exception):
    """The file cannot be read; `str()` is one sentence that says where and why.

    Attributes:
        sentence: the same, for whoever translates it.
    """

    def __init__(self, sentence: Sentence | str, **params: Any) -> None:
        self.sentence = Sentence(sentence, **params) if isinstance(sentence, str) else sentence
        super().__init__(str(self.sentence))


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
