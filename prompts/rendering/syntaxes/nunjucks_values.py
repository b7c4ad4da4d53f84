"""Values as JavaScript takes them: what is true, equal or a sum, and how they are written."""

import json
import math
import operator as operators
import re
from decimal import Decimal
from typing import Final

from jinja2 import Undefined

__all__ = [
    "BLANKS",
    "add",
    "as_json",
    "as_number",
    "as_text",
    "as_word",
    "compare",
    "is_number",
    "is_same",
    "is_true",
    "present",
]

BLANKS: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript takes for blanks: Python's own set has others besides, and no byte order mark."""

DIGITS_BEFORE_EXPONENT: Final = 1e21
LEAST_IN_DIGITS: Final = 1e-6
NUMBER: Final = re.compile(
    r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|Infinity)", re.ASCII
)
ORDERS: Final = {"lt": operators.lt, "lteq": operators.le, "gt": operators.gt, "gteq": operators.ge}


def present(value: object) -> object:
    """Return None for what is not defined."""
    return None if isinstance(value, Undefined) else value


def as_text(value: object) -> str:
    """Return how a template writes a value: nothing for null, commas between a list's members."""
    value = present(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, list | tuple):
        return ",".join(as_text(member) for member in value)
    return str(value) if isinstance(value, int) else "[object Object]"


def _number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if not value or LEAST_IN_DIGITS <= abs(value) < DIGITS_BEFORE_EXPONENT:
        return f"{Decimal(repr(value)):f}".removesuffix(".0").removeprefix("-" * (not value))
    return re.sub(r"e([+-])0+", r"e\1", repr(value))


def as_json(value: object, indent: int | str | None = None) -> str:
    """Return a value as `JSON.stringify` writes it: no blanks, 1 for 1.0, null for NaN."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(_plain(value), ensure_ascii=False, indent=indent, separators=separators)


def _plain(value: object) -> object:
    value = present(value)
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        is_whole = value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT
        return int(Decimal(repr(value))) if is_whole else value
    return value


def is_true(value: object) -> bool:
    """Whether a condition holds: an empty list is true, an empty text is not."""
    value = present(value)
    if isinstance(value, list | tuple | dict):
        return True
    is_nan = isinstance(value, float) and math.isnan(value)  # true in Python, not in JavaScript
    return bool(value) and not is_nan


def as_number(value: object) -> float | int:
    """Return a value as a number, NaN where it is none."""
    if isinstance(value, Undefined):
        return math.nan
    if value is None or isinstance(value, bool | int | float):
        return value or 0
    text = as_text(value).strip(BLANKS)
    if not text:
        return 0
    if not NUMBER.fullmatch(text):
        return math.nan
    number = float(text.replace("Infinity", "inf"))
    return int(number) if number.is_integer() and abs(number) < DIGITS_BEFORE_EXPONENT else number


def is_number(value: object) -> bool:
    """Whether a sum with it is a sum of numbers: all but texts, lists and objects."""
    return value is None or isinstance(value, bool | int | float | Undefined)


def add(left: object, right: object) -> object:
    """Return a sum, or both texts in one where one of them is no number."""
    if is_number(left) and is_number(right):
        return as_number(left) + as_number(right)
    return as_word(left) + as_word(right)


def as_word(value: object) -> str:
    """Return a value as it stands in a longer text: null and undefined in so many letters."""
    if isinstance(value, Undefined):
        return "undefined"
    return "null" if value is None else as_text(value)


def compare(left: object, operator: str, right: object) -> bool:
    """Return what a comparison says; texts and numbers are compared as numbers."""
    if operator in ("in", "notin"):
        return _contains(right, left) == (operator == "in")
    if operator in ("eq", "ne"):
        return _equal(left, right) == (operator == "eq")
    if not isinstance(left, str) or not isinstance(right, str):
        left, right = as_number(left), as_number(right)
    return bool(ORDERS[operator](left, right))


def _equal(left: object, right: object) -> bool:
    left, right = present(left), present(right)
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    boxes = (list, tuple, dict)
    if isinstance(left, boxes) and isinstance(right, boxes):
        return left is right
    if isinstance(left, boxes) or isinstance(right, boxes):
        return _equal(_unboxed(left), _unboxed(right))
    return as_number(left) == as_number(right)


def _unboxed(value: object) -> object:
    return as_text(value) if isinstance(value, list | tuple | dict) else value


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, str):
        return as_word(part) in whole
    if isinstance(whole, dict):
        return as_word(part) in whole
    if not isinstance(whole, list | tuple):
        return False
    # Python finds at once that there is none; of what it finds, true is no 1.
    return part in whole and any(is_same(member, part) for member in whole)


def is_same(left: object, right: object) -> bool:
    """Whether JavaScript's === holds."""
    if isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
