"""What an answer cost, where the service says how many tokens it took and where it does not."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from evaluations.engine.providers import Price, calculate_cost
from evaluations.engine.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from evaluations.engine.types import Answer, Message

__all__ = ["answer_limit", "find_answer_cost"]

# What services call the most tokens of an answer; OpenAI's newer name first, which counts there.
LIMITS: Final = ("max_completion_tokens", "max_tokens")


def find_answer_cost(
    price: Price | None, messages: Sequence[Message], answer: Answer
) -> Decimal | None:
    """Return what an answer cost; where the service counts no tokens, about four characters each.

    Without that a limit of cost would never act there.
    """
    input_tokens, output_tokens = answer.input_tokens, answer.output_tokens
    if price is not None and price.input_usd_per_million + price.output_usd_per_million > 0:
        if input_tokens is None:
            input_tokens = estimate_tokens(messages)
        if output_tokens is None:
            output_tokens = len(answer.text) // CHARACTERS_PER_TOKEN + 1
    return calculate_cost(price, input_tokens, output_tokens, answer.cache)


def answer_limit(parameters: Mapping[str, object], usual: int) -> int:
    """Return the most tokens that an answer may have, `usual` where parameters do not say."""
    for name in LIMITS:
        limit = parameters.get(name)
        if isinstance(limit, int) and not isinstance(limit, bool):
            return limit
    return usual
