"""Asking a model once, in an event loop of this thread's own."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.conf import settings

from evaluations.engine.costs import find_answer_cost
from evaluations.engine.errors import BrokenAnswerError
from evaluations.engine.providers import (
    ProviderSpec,
    check_parts,
    find_price,
    make,
    with_retries,
)
from evaluations.engine.requests import completed
from evaluations.engine.types import Answer, Request

__all__ = ["Outcome", "ask"]

LONGEST_WAIT_SECONDS: Final = 20.0
"""Somebody waits for the answer: a service that asks for more is not waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a call."""

    answer: Answer
    cost_usd: Decimal | None
    """In US dollars; None: the price is not known."""


def ask(spec: ProviderSpec, request: Request) -> Outcome:
    """Return a model's answer, and what it cost.

    Raises:
        ProviderError: it did not answer.
    """
    answer = asyncio.run(_ask(spec, request))
    if answer.broken_off:
        raise BrokenAnswerError("gateway.broken-off", reason=answer.broken_off)
    return Outcome(answer=answer, cost_usd=find_cost(spec, request, answer))


def find_cost(spec: ProviderSpec, request: Request, answer: Answer) -> Decimal | None:
    """Return what an answer cost, None where that is not known."""
    if answer.cost_usd is not None:
        return answer.cost_usd
    return find_answer_cost(find_price(spec), request.messages, answer)


async def _ask(spec: ProviderSpec, request: Request) -> Answer:
    provider = make(spec, settings.PROVIDER_ENVIRONMENT)
    try:
        check_parts(provider.abilities, request.messages)
        answer, _attempts = await with_retries(
            lambda: completed(provider, request),
            provider.limits,
            longest_wait_seconds=LONGEST_WAIT_SECONDS,
        )
        return answer
    finally:
        await provider.close()
