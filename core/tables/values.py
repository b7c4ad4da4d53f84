"""Values of records as JSON has them: finite, storable, of a sane depth and size."""

import math
from datetime import date, datetime, time
from typing import Final

from core.sentences import CodedError, Sentence
from core.tables.records import InvalidValue

__all__ = [
    "DEEPEST",
    "UnsupportedValueError",
    "describe_depth",
    "kind",
    "plain",
    "storable",
]

DEEPEST: Final = 100  # levels; SQLite's JSON functions end at 1000
LONGEST_NUMBER_BITS: Final = 4096  # Python itself refuses to write more than 4300 digits
KINDS: Final[dict[type, str]] = {
    type(None): "kind.null",
    bool: "kind.boolean",
    int: "kind.number",
    float: "kind.number",
    str: "kind.string",
    list: "kind.list",
    dict: "kind.object",
}


class UnsupportedValueError(CodedError, ValueError):
    """JSON or the database has no such value; `str()` says why, to follow a column's name."""


def describe_depth(template: str) -> Sentence:
    """Return the sentence about a value that is nested too deeply."""
    return Sentence(template, limit=DEEPEST)


def kind(value: object) -> Sentence:
    """Return what sort of value this is, for a sentence."""
    template = KINDS.get(type(value))
    if template is None:
        return Sentence("kind.other", name=type(value).__name__)
    return Sentence(template)


def plain(value: object, depth: int = 0) -> object:
    """Return `value` as JSON has it; dates and times become ISO 8601 texts.

    Raises:
        UnsupportedValueError: JSON or the database has no such value.
    """
    if depth >= DEEPEST and isinstance(value, dict | list):
        raise UnsupportedValueError(describe_depth("value.depth"))
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
        raise UnsupportedValueError("value.nul")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsupportedValueError("value.surrogate") from None
    return text


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise UnsupportedValueError("value.key-type", kind=kind(key))
    return storable(key)


def _scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, InvalidValue):
        raise UnsupportedValueError(value.reason)
    raise UnsupportedValueError("value.not-json", kind=kind(value))


def _number(value: float) -> float:
    if isinstance(value, int):
        if value.bit_length() > LONGEST_NUMBER_BITS:
            raise UnsupportedValueError("value.long-number")
    elif not math.isfinite(value):
        raise UnsupportedValueError("value.not-finite")
    return value
