"""Values as JavaScript writes them: configurations of promptfoo mean what they mean there."""

import json
import math
import re
from collections.abc import Sequence
from typing import Final

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


def as_text(value: object) -> str:
    """Return `String(value)`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_as_text(value)
    if isinstance(value, list | tuple):
        # Array.prototype.join leaves null and undefined empty.
        texts = ["" if member is None else as_text(member) for member in value]
        return ",".join(texts)
    return "[object Object]" if isinstance(value, dict) else str(value)


def _number_as_text(value: float) -> str:
    # ECMA-262, Number::toString; Python's repr gives the same shortest digits.
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT:
        return str(int(value))
    return re.sub(r"e([+-])0+", r"e\1", repr(value))  # 1e-07 is written 1e-7


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
    if isinstance(value, list | tuple) and value and all(isinstance(text, str) for text in value):
        return list(value)
    raise ScoringError("scorer.texts", type=assertion.type)


def split_values(assertion: Assertion) -> Sequence[object]:
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
    index = 0
    while True:
        while index < len(text) and (text[index] in SPACE or text[index] == ","):
            index += 1
        if index == len(text):
            return fields
        if text[index] == '"':
            field, index = _read_quoted(text, index + 1)
        else:
            end = text.find(",", index)
            if end == -1:
                end = len(text)
            field, index = text[index:end].strip(SPACE), end
        fields.append(field)


def _read_quoted(text: str, index: int) -> tuple[str, int]:
    """Return the field whose opening mark is before `index`, and where the next one may begin."""
    characters: list[str] = []
    while index < len(text):
        # A mark within the field is doubled, as in CSV (RFC 4180), or escaped, as in JSON.
        if text[index : index + 2] in ('""', '\\"'):
            characters.append('"')
            index += 2
        elif text[index] == '"':
            return "".join(characters), _skip_to_comma(text, index + 1)
        else:
            characters.append(text[index])
            index += 1
    raise ScoringError("scorer.open-quote")


def _skip_to_comma(text: str, index: int) -> int:
    while index < len(text) and text[index] in SPACE:
        index += 1
    if index < len(text) and text[index] != ",":
        raise ScoringError("scorer.comma")
    return index


def shortened(value: object, length: int = 120) -> str:
    """Return a value for a sentence, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else f"{text[: length - 1]}…"
