"""What sentences about files are made of: the error, and quoted texts of the file."""

from collections.abc import Collection
from itertools import islice
from typing import Final

from core.sentences import CodedError

__all__ = ["UnreadableError", "clean", "listed", "quoted"]

LONGEST_TEXT: Final = 60  # characters of a file that a sentence repeats
MOST_NAMES: Final = 20


class UnreadableError(CodedError):
    """The file cannot be read; `str()` is one sentence that says where and why."""


def clean(text: str) -> str:
    """Return `text` without line ends and control characters, which a terminal would obey."""
    if text.isprintable():
        return text
    characters = []
    for character in text:
        if character.isprintable():
            characters.append(character)
        else:
            characters.append(ascii(character)[1:-1])  # \n or \x1b, without the quotes around it
    return "".join(characters)


def quoted(text: str) -> str:
    """Return `text` in quotes, cut after 60 characters."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return f"'{clean(cut)}'"


def listed(names: Collection[str]) -> str:
    """Return the names in quotes, the first 20 of them; "nothing" if there are none."""
    if not names:
        return "nothing"
    names_in_quotes = [quoted(name) for name in islice(names, MOST_NAMES)]
    text = ", ".join(names_in_quotes)
    if len(names) > MOST_NAMES:
        text += f" and {len(names) - MOST_NAMES} more"
    return text
