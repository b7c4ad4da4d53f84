"""Values as JavaScript takes them: what is true, equal or a sum, and how they are written."""

import json
import math
import operator as operators
import re
from typing import Any, Final

from jinja2 import Undefined

__all__ = ["add", "as_json", "as_number", "as_text", "compare", "is_true", "present"]

DIGITS_BEFORE_EXPONENT: Final = 1e21
NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|Infinity)")
ORDERS: Final = {"lt": operators.lt, "lteq": operators.le, "gt": operators.gt, "gteq": operators.ge}


def present(value: Any) -> Any:
    """Return None for what is not defined."""
    return None if isinstance(value, Undefined) else value


def as_text(value: Any) -> str:
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
        return ",".join(as_text(one) for one in value)
    return str(value) if isinstance(value, int) else "[object Object]"


def _number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT:
        return str(int(value))
    return re.sub(r"e([+-])0+", r"e\1", repr(value))


def as_json(value: Any, indent: int | None = None) -> str:
    """Return a value as `JSON.stringify` writes it: no blanks, 1 for 1.0, null for NaN."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(_plain(value), ensure_ascii=False, indent=indent, separators=separators)


def _plain(value: Any) -> Any:
    value = present(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < DIGITS_BEFORE_EXPONENT else value
    return value


def is_true(value: Any) -> bool:
    """Whether a condition holds: an empty list is true, an empty text is not."""
    value = present(value)
    if isinstance(value, list | tuple | dict):
        return True
    return bool(value) and value == value  # noqa: PLR0124 (NaN is not true)


def as_number(value: Any) -> float | int:
    """Return a value as a number, NaN where it is none."""
    if isinstance(value, Undefined):
        return math.nan
    if value is None or isinstance(value, bool | int | float):
        return value or 0
    text = value.strip() if isinstance(value, str) else as_text(value).strip()
    if not text:
        return 0
    if not NUMBER.fullmatch(text):
        return math.nan
    number = float(text.replace("Infinity", "inf"))
    return int(number) if number.is_integer() and abs(number) < DIGITS_BEFORE_EXPONENT else number


def add(left: Any, right: Any) -> Any:
    """Return a sum, or both texts in one where one of them is no number."""
    numbers = (bool, int, float, type(None), Undefined)
    if isinstance(left, numbers) and isinstance(right, numbers):
        return as_number(left) + as_number(right)
    return _shown(left) + _shown(right)


def _shown(value: Any) -> str:
    if isinstance(value, Undefined):
        return "undefined"
    return "null" if value is None else as_text(value)


def compare(left: Any, operator: str, right: Any) -> bool:
    """Return what a comparison says; texts and numbers are compared as numbers."""
    if operator in ("in", "notin"):
        return _contains(right, left) == (operator == "in")
    if operator in ("eq", "ne"):
        return _equal(left, right) == (operator == "eq")
    if not isinstance(left, str) or not isinstance(right, str):
        left, right = as_number(left), as_number(right)
    return bool(ORDERS[operator](left, right))


def _equal(left: Any, right: Any) -> bool:
    left, right = present(left), present(right)
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    boxes = (list, tuple, dict)
    if isinstance(left, boxes) and isinstance(right, boxes):
        return left is right
    if isinstance(left, boxes) or isinstance(right, boxes):
        return as_text(left) == as_text(right)
    return as_number(left) == as_number(right)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return as_text(part) in whole
    return isinstance(whole, list | tuple | dict) and part in whole
