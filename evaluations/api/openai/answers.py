"""What OpenAI's clients are told: completions, models and errors in their shapes."""

import time
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec
from django.http import HttpResponse

from core.api.problems import Problem
from core.errors import ApplicationError
from evaluations.api.openai.calls import Outcome
from evaluations.api.openai.targets import Target
from evaluations.engine.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextTooLongError,
    ProviderError,
    RateLimitError,
    RefusedError,
    UnansweredError,
)
from evaluations.engine.providers.streams import has_own_text, list_tool_calls
from evaluations.engine.types import Answer

__all__ = [
    "as_completion",
    "as_finish_reason",
    "as_model",
    "as_usage",
    "describe_call",
    "make_id",
    "read_provider_error",
    "say",
    "say_provider_error",
    "say_spending_limit",
    "send",
]

OWNER: Final = "autoforge"
REASONS: Final = ("stop", "length", "tool_calls", "content_filter")
INVALID: Final = "invalid_request_error"
SERVER: Final = "server_error"
# Status of a problem → what OpenAI calls its type and its code.
ERRORS: Final = {
    HTTPStatus.UNAUTHORIZED: (INVALID, "invalid_api_key"),
    HTTPStatus.FORBIDDEN: ("permission_error", "permission_denied"),
    HTTPStatus.NOT_FOUND: (INVALID, "model_not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: ("requests", "rate_limit_exceeded"),
    HTTPStatus.SERVICE_UNAVAILABLE: (SERVER, "service_unavailable"),
}
# The first that fits counts. That our key or our settings are wrong is no fault of the caller's.
PROVIDER_ERRORS: Final[Sequence[tuple[type[ProviderError], HTTPStatus, str, str]]] = (
    (ContextTooLongError, HTTPStatus.BAD_REQUEST, INVALID, "context_length_exceeded"),
    (ContentFilterError, HTTPStatus.BAD_REQUEST, INVALID, "content_filter"),
    (AuthenticationError, HTTPStatus.BAD_GATEWAY, SERVER, "provider_authentication"),
    (RefusedError, HTTPStatus.BAD_REQUEST, INVALID, "provider_refused"),
    (RateLimitError, HTTPStatus.TOO_MANY_REQUESTS, "requests", "rate_limit_exceeded"),
    (UnansweredError, HTTPStatus.GATEWAY_TIMEOUT, SERVER, "provider_timeout"),
    (ProviderError, HTTPStatus.BAD_GATEWAY, SERVER, "provider_error"),
)
LONGEST_WAIT: Final = 3600  # seconds, in a Retry-After


def send(body: object, status: int = HTTPStatus.OK) -> HttpResponse:
    """Return an answer as JSON."""
    return HttpResponse(
        msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def say(problem: Problem) -> HttpResponse:
    """Return a problem as their clients read one."""
    status = HTTPStatus(problem.status)
    if status in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT):
        status = HTTPStatus.BAD_REQUEST  # the clients send again what is answered with 409
    own_code, param = problem.code, None
    if problem.errors:  # there is room for the first of them alone
        own_code, param = problem.errors[0].code or own_code, problem.errors[0].field
    kind, code = ERRORS.get(status, (INVALID, own_code))
    if status == HTTPStatus.NOT_FOUND:
        param = "model"
    return send(_error(problem.detail, kind, param, code), status)


def read_provider_error(error: ProviderError) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the status of a provider's error, and its body; no text of it contains a key."""
    fitting = (row for row in PROVIDER_ERRORS if isinstance(error, row[0]))
    _kind, status, name, code = next(fitting)
    return status, _error(str(error), name, None, code)


def say_provider_error(error: ProviderError) -> HttpResponse:
    """Return the answer where a model did not answer."""
    status, body = read_provider_error(error)
    response = send(body, status)
    # It was asked again here where that is safe: their clients must not do so once more.
    response.headers["x-should-retry"] = "false"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = min(LONGEST_WAIT, round(error.retry_after_seconds or 10))
        response.headers["Retry-After"] = str(max(1, seconds))
    return response


def say_spending_limit(error: ApplicationError, seconds: int) -> HttpResponse:
    """Return the answer where the caller may not spend more today.

    Args:
        error: says what the limit is.
        seconds: until the next day begins.
    """
    body = _error(str(error), "insufficient_quota", None, "insufficient_quota")
    response = send(body, HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(seconds)
    response.headers["x-should-retry"] = "false"
    return response


def _error(message: str, kind: str, param: str | None, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def make_id() -> str:
    """Return the ID of a completion."""
    return f"chatcmpl-{uuid.uuid4().hex}"


def as_completion(target: Target, outcome: Outcome) -> dict[str, Any]:
    """Return an answer as a chat completion."""
    answer = outcome.answer
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    calls = list_tool_calls(answer)
    if calls:
        message["tool_calls"] = calls
        if not has_own_text(answer):
            message["content"] = None
    elif answer.refused:
        message |= {"content": None, "refusal": answer.text}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": as_finish_reason(answer),
        "logprobs": None,
    }
    return {
        "id": make_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": target.name,
        "choices": [choice],
        "usage": as_usage(answer),
    }


def as_finish_reason(answer: Answer) -> str:
    """Return why an answer ended, in one of the words that clients know."""
    if isinstance(answer.data, list) and answer.data:
        return "tool_calls"
    return answer.finish_reason if answer.finish_reason in REASONS else "stop"


def as_usage(answer: Answer) -> dict[str, Any] | None:
    """Return the tokens of a call; None where the service does not count them."""
    if answer.input_tokens is None and answer.output_tokens is None:
        return None
    prompt, completion = answer.input_tokens or 0, answer.output_tokens or 0
    cached = answer.cache.read if answer.cache else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens or 0},
    }


def as_model(name: str) -> dict[str, Any]:
    """Return a model as lists have it; when it was made is not said: versions come and go."""
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def describe_call(target: Target, outcome: Outcome | None = None) -> Mapping[str, str]:
    """Return headers that say which version was asked, and what the call cost."""
    headers = {}
    if target.prompt is not None:
        # A header is ASCII; names of prompts may be of any script.
        headers["X-AutoForge-Prompt"] = quote(target.prompt.name, safe="/")
        headers["X-AutoForge-Version"] = str(target.prompt.number)
    if outcome is not None and outcome.cost_usd is not None:
        headers["X-AutoForge-Cost-USD"] = f"{outcome.cost_usd:f}"
    return headers
