"""What services say beside the answer itself, taken where it is of the kind that was promised."""

from collections.abc import Mapping
from typing import Any, Final

from evaluations.engine.numbers import finite

__all__ = ["LARGEST_COUNT", "count_of", "object_of", "reason_of", "text_of", "vector_of"]

LONGEST_REASON: Final = 50  # characters; those that are known have fewer than 20
LARGEST_COUNT: Final = 2**31 - 1  # what a database keeps


def object_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def count_of(value: object) -> int | None:
    """Return a number of tokens or milliseconds, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_COUNT else None


def reason_of(value: object) -> str | None:
    """Return why an answer ended, None where that is no text or an empty one."""
    return value[:LONGEST_REASON] or None if isinstance(value, str) else None


def text_of(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def vector_of(value: object) -> list[float]:
    """Return an embedding.

    Raises:
        ValueError: it is no list of finite numbers, or empty.
    """
    numbers = [finite(one) for one in value] if isinstance(value, list) else []
    found = [one for one in numbers if one is not None]
    if not found or len(found) < len(numbers):
        raise ValueError("no list of finite numbers")
    return found
