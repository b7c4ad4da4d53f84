"""Values of records as JSON has them: finite, storable, of a sane depth and size."""

import math
from datetime import date, datetime, time
from typing import Any, Final

from core.tables.records import InvalidValue
from core.tables.sentences import Sentence, gettext_noop

__all__ = [
    "DEEPEST",
    "TOO_DEEP",
    "TOO_LONG_A_NUMBER",
    "UnsupportedValueError",
    "describe_depth",
    "kind",
    "plain",
    "storable",
]

DEEPEST: Final = 100  # levels; SQLite's JSON functions end at 1000
LONGEST_NUMBER_BITS: Final = 4096  # Python itself refuses to write more than 4300 digits
TOO_DEEP: Final = gettext_noop("is nested deeper than %(limit)d levels")
TOO_LONG_A_NUMBER: Final = gettext_noop(
    "contains a number with more than 1,200 digits; write it as a string"
)
HAS_NUL: Final = gettext_noop("holds a NUL character; remove it")
HALF_A_PAIR: Final = gettext_noop("holds half of a surrogate pair; it is not a character")
NAME_IS_NO_TEXT: Final = gettext_noop("holds a name that is %(kind)s, not a text; put it in quotes")
NO_JSON: Final = gettext_noop("holds %(kind)s, which JSON cannot hold")
NOT_FINITE: Final = gettext_noop("holds a number that is not finite, which JSON cannot hold")
OTHER_TYPE: Final = gettext_noop("a value of type %(name)s")
KINDS: Final[dict[type, str]] = {
    type(None): gettext_noop("empty (null)"),
    bool: gettext_noop("true or false"),
    int: gettext_noop("a number"),
    float: gettext_noop("a number"),
    str: gettext_noop("a string"),
    list: gettext_noop("a list"),
    dict: gettext_noop("an object"),
}


class UnsupportedValueError(ValueError):
    """JSON or the database has no such value; `str()` says why, to follow a column's name."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        super().__init__(sentence)

    def __str__(self) -> str:
        return str(self.sentence)


def describe_depth(template: str) -> Sentence:
    """Return the sentence about a value that is nested too deeply."""
    return Sentence(template, limit=DEEPEST)


def kind(value: object) -> Sentence:
    """Return what sort of value this is, for a sentence."""
    template = KINDS.get(type(value))
    return Sentence(template) if template else Sentence(OTHER_TYPE, name=type(value).__name__)


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as JSON has it; dates and times become ISO 8601 texts.

    Raises:
        UnsupportedValueError: JSON or the database has no such value.
    """
    if depth >= DEEPEST and isinstance(value, dict | list):
        raise UnsupportedValueError(describe_depth(TOO_DEEP))
    if isinstance(value, dict):
        return {_name(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, str):
        return storable(value)
    return _scalar(value)


def storable(text: str) -> str:
    """Return `text`.

    Raises:
        UnsupportedValueError: a database cannot give it back as it is.
    """
    if "\x00" in text:
        raise UnsupportedValueError(Sentence(HAS_NUL))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsupportedValueError(Sentence(HALF_A_PAIR)) from None
    return text


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise UnsupportedValueError(Sentence(NAME_IS_NO_TEXT, kind=kind(key)))
    return storable(key)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, InvalidValue):
        raise UnsupportedValueError(value.reason)
    raise UnsupportedValueError(Sentence(NO_JSON, kind=kind(value)))


def _number(value: float) -> float:
    if isinstance(value, int):
        if value.bit_length() > LONGEST_NUMBER_BITS:
            raise UnsupportedValueError(Sentence(TOO_LONG_A_NUMBER))
    elif not math.isfinite(value):
        raise UnsupportedValueError(Sentence(NOT_FINITE))
    return value
