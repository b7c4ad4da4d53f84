"""Types of JSON values as Python's json module reads them."""

from typing import Any, TypeAlias

__all__ = ["JSONObject", "JSONValue"]

# mypy cannot follow a recursive alias through Django's JSONField, hence Any inside containers.
JSONObject: TypeAlias = dict[str, Any]
JSONValue: TypeAlias = bool | int | float | str | list[Any] | JSONObject | None
