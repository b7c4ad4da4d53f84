"""How a value stands in a text."""

import json

__all__ = ["as_json", "as_text", "estimate_size"]


def as_text(value: object) -> str:
    """Return a value as a text shows it: nothing for None, true or false, JSON for containers."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return as_json(value)
    return str(value)


def as_json(value: object, indent: int | None = None) -> str:
    """Return a value as JSON, letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def estimate_size(value: object) -> int:
    """Return about how many characters a value has when it is written."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(estimate_size, value)) + len(value)
    if isinstance(value, dict):
        return sum(map(estimate_size, value)) + sum(map(estimate_size, value.values()))
    return 1
