"""About how many tokens a text is, where nobody has counted."""

from collections.abc import Iterable
from typing import Final

from evaluations.engine.types import Message

__all__ = ["CHARACTERS_PER_TOKEN", "estimate_tokens"]

# English, as OpenAI counts it: https://help.openai.com/en/articles/4936856. Japanese has fewer.
CHARACTERS_PER_TOKEN: Final = 4


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Return about how many tokens messages are."""
    return sum(len(message.content) for message in messages) // CHARACTERS_PER_TOKEN
