"""About how many tokens a text is, where nobody has counted."""

from collections.abc import Iterable, Mapping
from typing import Final

from evaluations.engine.types import Message

__all__ = ["CHARACTERS_PER_TOKEN", "estimate_characters", "estimate_tokens"]

# English, as OpenAI counts it: https://help.openai.com/en/articles/4936856. Japanese has fewer.
CHARACTERS_PER_TOKEN: Final = 4
# An image of a megapixel at Anthropic (width x height / 750), at OpenAI less; a file of some pages.
# https://platform.claude.com/docs/en/build-with-claude/vision
TOKENS_PER_PART: Final[Mapping[str, int]] = {"text": 0, "image": 1400, "file": 6000}


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Return about how many tokens messages are, their images and files among them."""
    return estimate_characters(messages) // CHARACTERS_PER_TOKEN


def estimate_characters(messages: Iterable[Message]) -> int:
    """Return how many characters of text take about as many tokens as the messages do."""
    characters = 0
    for message in messages:
        characters += len(message.content)
        for part in message.parts:
            characters += TOKENS_PER_PART[part.type] * CHARACTERS_PER_TOKEN
    return characters
