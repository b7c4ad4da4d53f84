"""Types of JSON values as Python's json module reads them; how they are written and compared."""

import json
from typing import Final, TypeAlias

import msgspec

__all__ = ["JSONObject", "JSONValue", "dump", "is_same"]

# mypy cannot follow a recursive alias through Django's JSONField, hence object inside containers.
JSONObject: TypeAlias = dict[str, object]
JSONValue: TypeAlias = bool | int | float | str | list[object] | JSONObject | None

ENCODER: Final = msgspec.json.Encoder()


def dump(value: object) -> str:
    """Return a value as JSON; no number (NaN) is null, other characters stay as they are."""
    try:
        return ENCODER.encode(value).decode()
    except (OverflowError, TypeError, ValueError):
        # Halves of surrogate pairs and numbers of more than 64 bits: slowly, but faithfully.
        return json.dumps(value, ensure_ascii=False)


def is_same(left: object, right: object) -> bool:
    """Whether two values are the same JSON; the order of an object's names does not count.

    To Python `True`, `1` and `1.0` are equal, so that `==` would take an edit of one into another
    for no edit.

    >>> is_same({"a": 1, "b": 2}, {"b": 2, "a": 1}), is_same({"a": True}, {"a": 1})
    (True, False)
    """
    if left != right:
        return False
    if not isinstance(left, dict | list):
        return True
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
