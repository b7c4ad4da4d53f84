"""Values as JavaScript writes them: configurations of promptfoo mean what they mean there."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.types import Assertion

__all__ = ["as_text", "one_text", "split_fields", "split_values", "text_list", "toward_words"]

# What \s and trim() mean in ECMAScript; Python's str.split() knows other control characters.
SPACE: Final = (
    "\t\n\x0b\x0c\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
SPACES: Final = re.compile(f"[{SPACE}]+")
DIGITS_BEFORE_EXPONENT: Final = 1e21


def as_text(value: Any) -> str:
    """Return `String(value)`."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return ",".join("" if part is None else as_text(part) for part in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT:
        return str(int(value))
    return re.sub(r"e([+-])0+", r"e\1", repr(value))


def toward_words(text: str) -> list[str]:
    """Return what stands between white space, lower-cased; of an empty text one empty word."""
    return SPACES.split(text.lower().strip(SPACE))


def one_text(assertion: Assertion) -> str:
    """Return the value of an assertion that takes one text.

    Raises:
        ScoringError: it is none, or empty.
    """
    if not isinstance(assertion.value, str) or not assertion.value:
        raise ScoringError("scorer.text", type=assertion.type)
    return assertion.value


def text_list(assertion: Assertion) -> list[str]:
    """Return the references of an assertion that takes a text or a list of texts.

    Raises:
        ScoringError: the value is neither.
    """
    value = assertion.value
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return list(value)
    raise ScoringError("scorer.texts", type=assertion.type)


def split_values(assertion: Assertion) -> Sequence[Any]:
    """Return the members of a list, or of a text with commas between its fields.

    Raises:
        ScoringError: the value is neither, or a quotation in it does not end.
    """
    value = assertion.value
    if isinstance(value, str) and value:
        return split_fields(value)
    if isinstance(value, list | tuple):
        return value
    raise ScoringError("scorer.list", type=assertion.type)


def split_fields(text: str) -> list[str]:
    """Return the fields of a text: commas divide, quotation marks hold commas, blanks go.

    Raises:
        ScoringError: a quotation does not end, or something follows it.
    """
    fields: list[str] = []
    place = 0
    while True:
        while place < len(text) and (text[place] in SPACE or text[place] == ","):
            place += 1
        if place == len(text):
            return fields
        if text[place] == '"':
            field, place = _quoted(text, place + 1)
        else:
            end = text.find(",", place)
            end = len(text) if end == -1 else end
            field, place = text[place:end].strip(SPACE), end
        fields.append(field)


def _quoted(text: str, place: int) -> tuple[str, int]:
    found: list[str] = []
    while place < len(text):
        if text[place : place + 2] in ('""', '\\"'):
            found.append('"')
            place += 2
        elif text[place] == '"':
            return "".join(found), _after_quotation(text, place + 1)
        else:
            found.append(text[place])
            place += 1
    raise ScoringError("scorer.open-quote")


def _after_quotation(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACE:
        place += 1
    if place < len(text) and text[place] != ",":
        raise ScoringError("scorer.comma")
    return place


def shortened(value: Any, length: int = 120) -> str:
    """Return a value for a sentence, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else f"{text[: length - 1]}…"
