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
    "is_plain_number",
    "is_same",
    "is_true",
    "present",
]

BLANKS: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript takes for blanks: Python's own set has others besides, and no byte order mark."""

# Number.prototype.toString writes 1e21 and more, and less than 1e-6, with an exponent.
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
    if value == 0:
        return "0"  # also -0
    if LEAST_IN_DIGITS <= abs(value) < DIGITS_BEFORE_EXPONENT:
        # By way of Decimal: repr has an exponent from 1e16 on and below 1e-4 already.
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return re.sub(r"e([+-])0+", r"e\1", repr(value))  # 1e-07 is 1e-7


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
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT:
        # By its shortest digits, as JavaScript writes it: int(1e17 + 16) has others at its end.
        return int(Decimal(repr(value)))
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
    if number.is_integer() and abs(number) < DIGITS_BEFORE_EXPONENT:
        return int(number)
    return number


def is_number(value: object) -> bool:
    """Whether a sum with it is a sum of numbers: all but texts, lists and objects."""
    return value is None or isinstance(value, bool | int | float | Undefined)


def is_plain_number(value: object) -> bool:
    """Whether `typeof` says number: true and false are none there, as they are in Python."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def add(left: object, right: object) -> object:
    """Return a sum, or both texts in one where one of them is no number."""
    if is_number(left) and is_number(right):
        return as_number(left) + as_number(right)
    return as_word(left) + as_word(right)


def as_word(value: object) -> str:
    """Return a value as it stands in a longer text: null and undefined in so many letters."""
    if isinstance(value, Undefined):
        return "undefined"
    if value is None:
        return "null"
    return as_text(value)


def compare(left: object, operator: str, right: object) -> bool:
    """Return what a comparison says; texts and numbers are compared as numbers.

    Two texts are compared as texts, as in JavaScript: "10" is less than "9".
    """
    if operator in ("in", "notin"):
        return _contains(right, left) == (operator == "in")
    if operator in ("eq", "ne"):
        return _equal(left, right) == (operator == "eq")
    if not isinstance(left, str) or not isinstance(right, str):
        left, right = as_number(left), as_number(right)
    return bool(ORDERS[operator](left, right))


def _equal(left: object, right: object) -> bool:
    """Whether JavaScript's == holds."""
    left, right = present(left), present(right)
    if left is None or right is None:
        return left is right  # null == undefined, and neither equals 0 or ""
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, list | tuple | dict):
        if isinstance(right, list | tuple | dict):
            return left is right
        return _equal(as_text(left), right)  # an object becomes a text: [1] == "1"
    if isinstance(right, list | tuple | dict):
        return _equal(left, as_text(right))
    return as_number(left) == as_number(right)


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, str | dict):
        return as_word(part) in whole
    if not isinstance(whole, list | tuple):
        return False
    if part not in whole:  # in C, where the loop below takes its time
        return False
    return any(is_same(member, part) for member in whole)  # true is no 1, as it is in Python


def is_same(left: object, right: object) -> bool:
    """Whether JavaScript's === holds."""
    if isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
