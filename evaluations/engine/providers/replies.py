"""What services say beside the answer itself, taken where it is of the kind that was promised."""

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluations.engine.numbers import finite
from evaluations.engine.types import Vector

__all__ = [
    "LARGEST_COUNT",
    "clean",
    "extract_text",
    "normalise_reason",
    "order_vectors",
    "read_count",
    "read_object",
    "read_objects",
    "read_reason",
    "read_vector",
]

LONGEST_REASON: Final = 50  # characters; those that are known have fewer than 20
LARGEST_COUNT: Final = 2**31 - 1  # what a database keeps
FLOAT_BYTES: Final = 4
# Why an answer ended, as services write it, and what it is called here.
REASONS: Final = {
    # Anthropic: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # its turn is not over: the rest would come with another request
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    # OpenAI and what speaks the same: Mistral, DeepSeek, vLLM, Gemini's compatible endpoint
    "function_call": "tool_calls",
    "eos": "stop",
    "eos_token": "stop",
    "max_output_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "recitation": "content_filter",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "insufficient_system_resource": "error",
    "abort": "error",
}
KNOWN: Final = frozenset({"stop", "length", "content_filter", "tool_calls", "error"})


def read_object(value: object) -> Mapping[str, object]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def read_objects(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a JSON list, none for anything else."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def read_count(value: object) -> int | None:
    """Return a number of tokens or milliseconds, None for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_COUNT else None


def read_reason(value: object) -> str | None:
    """Return why an answer ended, None where that is no text or an empty one."""
    if not isinstance(value, str) or not value:
        return None
    return value[:LONGEST_REASON]


def normalise_reason(value: object) -> tuple[str | None, str | None]:
    """Return why an answer ended as it is called here, and the service's own word for it.

    The second is None where both are the same. A word that means nothing here stays as it is.
    """
    own = read_reason(value)
    if own is None:
        return None, None
    lower = own.lower()
    reason = lower if lower in KNOWN else REASONS.get(lower, own)
    return reason, own if own != reason else None


def extract_text(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def clean(value: Any, secrets: Sequence[str], mask: str) -> Any:
    """Return a JSON value whose texts hold no secret, and no half of a surrogate pair.

    Services repeat what they are sent; a key would be stored with the answer. Half of a pair is no
    character: neither a database nor a file takes it.
    """
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, mask)
        if value.isascii():
            return value
        # Both halves of a pair become their character, a lone half the replacement character.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [clean(inner, secrets, mask) for inner in value]
    if isinstance(value, dict):
        members = value.items()
        return {clean(name, secrets, mask): clean(inner, secrets, mask) for name, inner in members}
    return value


def order_vectors(rows: object) -> list[Vector]:
    """Return the embeddings of an answer in the order of their texts.

    Args:
        rows: objects with `embedding` and mostly `index`; without any index they are in order.

    Raises:
        ValueError: they are not what was promised.
    """
    objects = read_objects(rows)
    if not isinstance(rows, list) or len(objects) < len(rows):
        raise ValueError("no list of objects")
    if all(row.get("index") is None for row in objects):
        return [read_vector(row.get("embedding")) for row in objects]
    by_index = {read_count(row.get("index")): read_vector(row.get("embedding")) for row in objects}
    if by_index.keys() != set(range(len(objects))):
        raise ValueError("the indices are not the numbers from 0")
    return [by_index[index] for index in range(len(objects))]


def read_vector(value: object) -> list[float]:
    """Return an embedding: a list of numbers, or 32-bit floats as base64.

    Raises:
        ValueError: it is neither, has a number that is not finite, or is empty.
    """
    if isinstance(value, str):
        value = _unpack_floats(value)
    if not isinstance(value, list) or not value:
        raise ValueError("no list of numbers")
    vector = []
    for item in value:
        number = finite(item)
        if number is None:
            raise ValueError("no finite number")
        vector.append(number)
    return vector


def _unpack_floats(text: str) -> list[float]:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(raw) % FLOAT_BYTES:
        raise ValueError("no 32-bit floats")
    # Little-endian, as OpenAI's own client reads it.
    return list(struct.unpack(f"<{len(raw) // FLOAT_BYTES}f", raw))
