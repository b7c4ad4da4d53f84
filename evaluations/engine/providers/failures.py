"""What a service means by an answer that is none: by its status, by its body, or by both.

Some services answer 200 and put the error into the body; what it says there counts as if it were
the status.
"""

import json
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from core.sentences import Sentence
from evaluations.engine.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextTooLongError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ServiceError,
    UnansweredError,
)
from evaluations.engine.providers.retry import LONGEST_ASKED_SECONDS

__all__ = [
    "Embedded",
    "find_embedded",
    "find_embedded_error",
    "find_status_error",
    "is_page",
    "read_page_text",
    "shorten",
]

LONGEST_MESSAGE: Final = 300  # characters of a service's own message
ANY: Final = range(1000)
ERROR_STATUSES: Final = range(400, 600)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meaning:
    """What an answer without success means, by its status or by words in its body."""

    kind: type[ProviderError]
    code: str
    statuses: Container[int] = ()
    signs: tuple[str, ...] = ()
    """In lower case."""


FILTER_SIGNS: Final = ("content_filter", "content_policy", "content management policy")
# The first that fits counts. 402 is OpenRouter's and DeepSeek's, `insufficient_quota` stands in a
# 429 of OpenAI's, the credit balance in a 400 of Anthropic's; 524 is Cloudflare's.
MEANINGS: Final = (
    _Meaning(kind=AuthenticationError, statuses=(401,), code="http.unauthorized"),
    _Meaning(
        kind=AuthenticationError,
        statuses=(402,),
        signs=("insufficient_quota", "credit balance is too low", "billing_hard_limit"),
        code="http.no-credit",
    ),
    _Meaning(kind=RateLimitError, statuses=(429,), code="http.rate-limit"),
    # Whether the work was done behind a gateway that gave up, nobody knows.
    _Meaning(
        kind=UnansweredError,
        statuses=(408, 504, 524),
        code="http.gateway-timeout",
    ),
    _Meaning(kind=ServiceError, statuses=range(500, 1000), code="http.failed"),
    _Meaning(
        kind=ContextTooLongError,
        signs=(
            "context_length",
            "context length",
            "maximum context",
            "prompt is too long",
            "too many tokens",
            "exceed_context_size",
            "exceeds the available context",
        ),
        code="http.context",
    ),
    _Meaning(
        kind=ContentFilterError,
        signs=(*FILTER_SIGNS, "responsibleai", "flagged", "moderation"),
        code="http.filtered",
    ),
    _Meaning(kind=RefusedError, statuses=ANY, code="http.refused"),
)
# What services write instead of a number, and the status that it stands for.
STATUS_OF_WORD: Final = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthorized": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "forbidden": 403,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limited": 429,
    "resource_exhausted": 429,
    "requests": 429,
    "tokens": 429,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "server_error": 500,
    "bad_gateway": 502,
    "provider_error": 502,
    "service_unavailable": 503,
    "unavailable": 503,
    "timeout": 504,
    "timeout_error": 504,
    "overloaded": 529,
    "overloaded_error": 529,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """An error in the body of an answer."""

    status: int | None
    """The status that it stands for, None where it does not say."""
    message: str
    """What the service says."""
    text: str
    """All of it, to look for signs in."""


def find_embedded(body: Mapping[str, object]) -> Embedded | None:
    """Return the error in a body, None where there is none.

    Known shapes: {"error": {…}} of OpenAI and OpenRouter, {"type": "error", "error": {…}} of
    Anthropic, {"object": "error", …} of vLLM, {"errors": [{…}]}, {"error": "…"}.
    """
    error = body.get("error")
    errors = body.get("errors")
    if not error and body.get("object") == "error":
        error = body
    if not error and isinstance(errors, list) and errors:
        error = errors[0]
    if isinstance(error, str) and error.strip():
        return Embedded(status=_find_status(body), message=shorten(error), text=error)
    # An answer that is good may have `error` as well: null, or an object without a value.
    if not isinstance(error, Mapping) or not any(error.values()):
        return None
    text = json.dumps(dict(error))
    message = str(error.get("message") or error.get("detail") or text)
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("raw"), str):
        # OpenRouter's own message is a general one; here is what the model's provider said.
        message = f"{message}: {metadata['raw']}"
    status = _find_status(error)
    if status is None:
        status = _find_status(body)
    return Embedded(status=status, message=shorten(message), text=text)


def _find_status(error: Mapping[str, object]) -> int | None:
    """Return the status that an error's numbers or words stand for."""
    for name in ("status", "status_code", "code", "type"):
        value = error.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == len("429"):
            value = int(value)  # LiteLLM writes its codes as texts
        if isinstance(value, int) and value in ERROR_STATUSES:
            return value
        if isinstance(value, str) and value.lower() in STATUS_OF_WORD:
            return STATUS_OF_WORD[value.lower()]
    return None


def find_embedded_error(name: str, embedded: Embedded, headers: Mapping[str, str]) -> ProviderError:
    """Return the error in the body of an answer with a good status."""
    status = embedded.status or HTTPStatus.OK
    kind, code = _find_meaning(status, embedded.text)
    what = Sentence(code, name=name)
    if embedded.status:
        what = Sentence("http.status", what=what, status=embedded.status)
    return _build_error(kind, Sentence.verbatim(embedded.message, at=what), headers, status)


def find_status_error(
    name: str, status: int, headers: Mapping[str, str], text: str
) -> ProviderError:
    """Return the error that an answer with another status than a good one stands for."""
    kind, code = _find_meaning(status, text)
    what = Sentence("http.status", what=Sentence(code, name=name), status=status)
    return _build_error(kind, Sentence.verbatim(_read_message(text), at=what), headers, status)


def _find_meaning(status: int, text: str) -> tuple[type[ProviderError], str]:
    lower = text.lower()
    for meaning in MEANINGS:
        if status in meaning.statuses or any(sign in lower for sign in meaning.signs):
            return meaning.kind, meaning.code
    raise AssertionError("unreachable")  # the last one fits every status


def _build_error(
    kind: type[ProviderError], sentence: Sentence, headers: Mapping[str, str], status: int
) -> ProviderError:
    wait = _wait_seconds(headers) if kind.may_retry else None
    if wait is not None and wait > LONGEST_ASKED_SECONDS:
        sentence = Sentence("http.long-wait", error=sentence, seconds=f"{wait:,.0f}")
    return kind(sentence, retry_after_seconds=wait, status=status)


def _read_message(text: str) -> str:
    """Return what a body says, whatever it is: JSON of some shape, a web page, a text."""
    try:
        body: object = json.loads(text)
    except (ValueError, RecursionError):
        if is_page(text):
            return f"a web page, “{shorten(read_page_text(text))}”"
        return shorten(text)
    if isinstance(body, list) and body:
        body = body[0]  # Gemini's compatible API puts an error into a list
    if isinstance(body, Mapping):
        embedded = find_embedded(body)
        if embedded is not None:
            return embedded.message
        for name in ("message", "detail", "error_description"):
            if isinstance(body.get(name), str):
                return shorten(body[name])
    return shorten(text)


def read_page_text(text: str) -> str:
    """Return what a web page says, without its tags; for people, so it need not be exact."""
    parts = text[:10_000].replace("<", "\0<").replace(">", ">\0").split("\0")
    texts = [part.strip() for part in parts if not part.startswith("<")]
    return " ".join(filter(None, texts))


def is_page(text: str) -> bool:
    """Whether a text is a web page."""
    return text.lstrip()[:100].lower().startswith(("<!doctype", "<html"))


def shorten(text: str) -> str:
    """Return a service's own words on one line, not too long, fit for a terminal."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split()) or "no message"
    if len(line) <= LONGEST_MESSAGE:
        return line
    return f"{line[: LONGEST_MESSAGE - 1]}…"


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After says (RFC 9110, 10.2.3): seconds or a date."""
    if "retry-after-ms" in headers:  # OpenAI's and Azure's, more exact than whole seconds
        milliseconds = _read_number(headers["retry-after-ms"])
        return None if milliseconds is None else milliseconds / 1000
    value = headers.get("retry-after", headers.get("Retry-After", ""))
    seconds = _read_number(value)
    if seconds is not None or not value:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _read_number(text: str) -> float | None:
    """Return a number of 0 or more, None for what is none."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return None
