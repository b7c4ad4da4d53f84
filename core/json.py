"""Types of JSON values as Python's json module reads them, and a fast way to write them."""

import json
from typing import Final, TypeAlias

import msgspec

__all__ = ["JSONObject", "JSONValue", "dump"]

# mypy cannot follow a recursive alias through Django's JSONField, hence Any inside containers.
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
