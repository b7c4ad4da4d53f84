"""One request of a run: what is sent, what it takes, what its answer cost."""

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Final

from evaluations.engine.errors import BrokenAnswerError, EngineError
from evaluations.engine.providers import Price, Provider, cost_of
from evaluations.engine.tokens import CHARACTERS_PER_TOKEN, tokens_of
from evaluations.engine.types import Answer, Request
from evaluations.engine.work import Column, Task

__all__ = ["answer_at_hand", "completed", "cost_of_answer", "estimated_tokens", "request_of"]

logger = logging.getLogger(__name__)

ANSWER_TOKENS: Final = 256  # reserved where no max_tokens is set


def answer_at_hand(task: Task, known: Answer | None) -> Answer | None:
    """Return an answer for which nobody has to be asked: a given one, or an earlier one."""
    if task.case.given_answer is not None:
        return Answer(text=task.case.given_answer)
    return known and replace(known, cached=True)


async def completed(provider: Provider, request: Request) -> Answer:
    """Return a provider's answer.

    Raises:
        ProviderError: it did not answer, or failed in a way that nobody expected.
    """
    try:
        return await provider.complete(request)
    except EngineError:
        raise
    except Exception as error:
        # A bug of one provider is an error of one case; what it is stands in the log.
        logger.exception("A provider failed unexpectedly")
        name = type(error).__name__
        raise BrokenAnswerError(f"the answer could not be read ({name})") from error


def cost_of_answer(price: Price | None, request: Request, answer: Answer) -> Decimal | None:
    """Return what an answer cost; where the service counts no tokens, about four characters each.

    A limit of cost would never act else.
    """
    sent, came = answer.input_tokens, answer.output_tokens
    if price is not None and price.input_usd_per_million + price.output_usd_per_million > 0:
        sent = tokens_of(request.messages) if sent is None else sent
        came = len(answer.text) // CHARACTERS_PER_TOKEN + 1 if came is None else came
    return cost_of(price, sent, came)


def request_of(column: Column, task: Task) -> Request:
    """Return what is sent."""
    return Request(model=column.model, messages=task.messages, parameters=column.parameters)


def estimated_tokens(request: Request) -> int:
    """Return about how many tokens a request and its answer take."""
    limit = request.parameters.get("max_tokens")
    return tokens_of(request.messages) + (limit if isinstance(limit, int) else ANSWER_TOKENS)
