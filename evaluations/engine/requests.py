"""One request of a run: what is sent, what it takes, what comes of it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evaluations.engine.costs import answer_limit
from evaluations.engine.errors import BrokenAnswerError, ContentFilterError, EngineError
from evaluations.engine.numbers import stringify
from evaluations.engine.protocol import Column, Task
from evaluations.engine.providers import Provider
from evaluations.engine.tokens import estimate_tokens
from evaluations.engine.types import Answer, Request

__all__ = [
    "as_evaluated",
    "build_refusal",
    "build_request",
    "cached_answer",
    "completed",
    "estimated_tokens",
]

logger = logging.getLogger(__name__)

ANSWER_TOKENS: Final = 256  # reserved where no max_tokens is set


def cached_answer(task: Task, known: Answer | None) -> Answer | None:
    """Return an answer for which nobody has to be asked: a given one, or an earlier one."""
    if task.case.given_answer is not None:
        return Answer(text=task.case.given_answer)
    if known is None:
        return None
    return replace(known, cached=True)


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
        raise BrokenAnswerError("answer.unreadable", name=name) from error


def build_request(column: Column, task: Task) -> Request:
    """Return what is sent."""
    return Request(
        model=column.model,
        messages=task.messages,
        parameters=column.parameters,
        variables=task.case.variables,
    )


def as_evaluated(answer: Answer, parameters: Mapping[str, object]) -> Answer:
    """Return an answer with the text that assertions see; see `Answer.evaluated`.

    Where a schema was asked for, promptfoo takes the answer as a value, which it writes as compact
    JSON; what is none stays a text.
    """
    if answer.evaluated is not None:
        return replace(answer, text=answer.evaluated, evaluated=None)
    if answer.data is not None or not _asks_for_schema(parameters):
        return answer
    try:
        value = json.loads(answer.text)
    except (ValueError, RecursionError):
        return answer
    return replace(answer, text=value if isinstance(value, str) else stringify(value), data=value)


def _asks_for_schema(parameters: Mapping[str, object]) -> bool:
    config = parameters.get("output_config")
    formats = [parameters.get("response_format"), parameters.get("output_format")]
    formats.append(config.get("format") if isinstance(config, Mapping) else None)
    return any(
        isinstance(asked, Mapping) and asked.get("type") == "json_schema" for asked in formats
    )


def estimated_tokens(request: Request) -> int:
    """Return about how many tokens a request and its answer take."""
    return estimate_tokens(request.messages) + answer_limit(request.parameters, ANSWER_TOKENS)


def build_refusal(error: ContentFilterError) -> Answer:
    """Return the answer that a service's filter stands for, for checks that ask about it."""
    return Answer(text=str(error), finish_reason="content_filter", refused=True, flagged=True)
