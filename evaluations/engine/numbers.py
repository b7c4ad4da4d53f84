"""Numbers of files, forms and services: what can be counted with, and how JSON writes them."""

import json
import math
from typing import Final

__all__ = ["finite", "stringify"]

EXACT: Final = 2**53  # JavaScript writes larger whole numbers otherwise


def finite(value: object) -> float | None:
    """Return a number as a float; None for what is none, is not finite or is too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None


def stringify(value: object) -> str:
    """Return a value as `JSON.stringify` writes it."""
    return json.dumps(_whole_numbers(value), ensure_ascii=False, separators=(",", ":"))


def _whole_numbers(value: object) -> object:
    if isinstance(value, dict):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)  # JavaScript has one kind of number: 1.0 is written as 1
    return value
