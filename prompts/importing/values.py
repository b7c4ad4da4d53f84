"""Which values metadata can hold: those of JSON, finite, storable, of a sane depth and size."""

import math
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

__all__ = ["TOO_DEEP", "TOO_LONG_A_NUMBER", "UnfitError", "Unusable", "kind", "plain", "storable"]

DEEPEST: Final = 100  # levels; SQLite's JSON functions end at 1000
LONGEST_NUMBER_BITS: Final = 4096  # Python itself refuses to write more than 4300 digits
TOO_DEEP: Final = f"is nested deeper than {DEEPEST} levels"
TOO_LONG_A_NUMBER: Final = "holds a number of more than 1,200 digits; write it as a text"
KINDS: Final[dict[type, str]] = {
    type(None): "empty (null)",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    date: "a date",
    datetime: "a date",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """Stands where a file has a value that its format or ours does not allow."""

    reason: str
    """Why not, to follow the name of a column."""


class UnfitError(ValueError):
    """JSON or the database has no such value; `str()` says why, to follow a column's name."""


def kind(value: object) -> str:
    """Return what sort of value this is, for a sentence."""
    return KINDS.get(type(value), f"a value of type {type(value).__name__}")


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as JSON has it; dates and times become ISO 8601 texts.

    Raises:
        UnfitError: JSON or the database has no such value.
    """
    if depth >= DEEPEST and isinstance(value, dict | list):
        raise UnfitError(TOO_DEEP)
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
        UnfitError: a database cannot give it back as it is.
    """
    if "\x00" in text:
        raise UnfitError("holds a NUL character; remove it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnfitError("holds half of a surrogate pair; it is not a character") from None
    return text


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise UnfitError(f"holds a name that is {kind(key)}, not a text; put it in quotes")
    return storable(key)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Unusable):
        raise UnfitError(value.reason)
    raise UnfitError(f"holds {kind(value)}, which JSON cannot hold")


def _number(value: float) -> float:
    if isinstance(value, int):
        if value.bit_length() > LONGEST_NUMBER_BITS:
            raise UnfitError(TOO_LONG_A_NUMBER)
    elif not math.isfinite(value):
        raise UnfitError("holds a number that is not finite, which JSON cannot hold")
    return value
