"""HTTP for providers: one connection pool each, and every failure translated in one place."""

import asyncio
import json
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from evaluations.engine.errors import (
    AuthenticationError,
    BrokenAnswerError,
    ContentFilterError,
    ContextTooLongError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ServiceError,
    UnansweredError,
)

__all__ = ["Client", "error_of_status"]

LARGEST_ANSWER: Final = 32 * 1024 * 1024
SHOWN: Final = 300  # characters of a service's own message
ANY: Final = range(1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meaning:
    """What an answer without success means, by its status or by what its body holds."""

    kind: type[ProviderError]
    sentence: str
    statuses: Container[int] = ()
    signs: tuple[str, ...] = ()
    """In lower case."""


# The first that fits counts.
MEANINGS: Final = (
    _Meaning(
        kind=AuthenticationError, statuses=(401, 403), sentence="{name} does not accept the key"
    ),
    _Meaning(
        kind=AuthenticationError,
        statuses=(402,),
        signs=("insufficient_quota", "credit balance is too low", "billing_hard_limit"),
        sentence="the account at {name} has nothing left",
    ),
    _Meaning(kind=RateLimitError, statuses=(429,), sentence="{name} has had too many requests"),
    # Whether the work was done behind a gateway that gave up, nobody knows.
    _Meaning(
        kind=UnansweredError,
        statuses=(408, 504, 524),
        sentence="{name} did not answer its gateway in time",
    ),
    _Meaning(kind=ServiceError, statuses=range(500, 1000), sentence="{name} failed"),
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
        sentence="the prompt is too long for this model of {name}",
    ),
    _Meaning(
        kind=ContentFilterError,
        signs=("content_filter", "content_policy", "responsibleai"),
        sentence="the content filter of {name} refused the prompt",
    ),
    _Meaning(kind=RefusedError, statuses=ANY, sentence="{name} refused the request"),
)


class Client:
    """Sends JSON to one service and gives JSON back.

    Args:
        name: what the service is called in messages.
        base_url: what paths are appended to.
        headers: sent with each request; their values never show.
        secrets: texts that are masked wherever the service repeats them.
        timeout_seconds: for one request, from its start to the last byte.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        secrets: tuple[str, ...],
        timeout_seconds: float,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._secrets = tuple(filter(None, secrets))
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Client(name={self.name!r}, base_url={self.base_url!r})"

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """Return the answer's JSON object and how many milliseconds it took.

        Raises:
            ProviderError: the most specific kind.
        """
        started = time.perf_counter()
        try:
            status, headers, text = await self._send(path, body)
        except TimeoutError:
            seconds = self._timeout.total
            raise UnansweredError(f"{self.name} did not answer within {seconds:g} s") from None
        except aiohttp.ClientPayloadError:
            raise BrokenAnswerError(f"the answer of {self.name} was cut") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise self._unreachable(error) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said = self._masked(str(error))
            raise RefusedError(f"{self.name} could not be asked: {said}") from None
        milliseconds = round((time.perf_counter() - started) * 1000)
        if status != 200:
            raise error_of_status(self.name, status, headers, self._masked(text))
        return self._object(text), milliseconds

    async def _send(self, path: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=0),
                # Not trust_env: each request would read ~/.netrc, and send what is there.
                proxy=_proxy_for(self.base_url),
            )
        url = f"{self.base_url}{path}"
        async with self._session.post(url, json=body, allow_redirects=False) as response:
            raw = await response.content.read(LARGEST_ANSWER + 1)
            while chunk := await response.content.read(LARGEST_ANSWER):
                raw += chunk
                if len(raw) > LARGEST_ANSWER:
                    break
            return response.status, response.headers, raw.decode("utf-8", "replace")

    def _unreachable(self, error: Exception) -> ProviderError:
        # Refused before it was sent, the work was not done; cut afterwards, nobody knows.
        if isinstance(error, aiohttp.ClientConnectorError):
            return ServiceError(f"{self.name} cannot be reached at {self.base_url}")
        return BrokenAnswerError(f"{self.name} closed the connection without an answer")

    def _object(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise BrokenAnswerError(f"the answer of {self.name} is not JSON") from None
        if not isinstance(found, dict):
            raise BrokenAnswerError(f"the answer of {self.name} is no JSON object")
        return found

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            # Transports end in the next turns of the loop.
            await asyncio.sleep(0)
            self._session = None


def _proxy_for(url: str) -> str | None:
    """Return the proxy that this machine has for an address (HTTPS_PROXY, NO_PROXY …)."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def error_of_status(name: str, status: int, headers: Mapping[str, str], text: str) -> ProviderError:
    """Return the error that an answer with another status than 200 stands for."""
    lower = text.lower()
    kind, sentence = next(
        (one.kind, one.sentence)
        for one in MEANINGS
        if status in one.statuses or any(sign in lower for sign in one.signs)
    )
    wait = _wait_seconds(headers) if kind.may_retry else None
    message = f"{sentence.format(name=name)} ({status}): {_message(text)}"
    return kind(message, retry_after_seconds=wait)


def _message(text: str) -> str:
    try:
        found = json.loads(text)
        error = found.get("error", found)
        said = error.get("message", text) if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError, RecursionError):
        said = text
    said = " ".join(str(said).split()) or "no message"
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After says (RFC 9110, 10.2.3): seconds or a date."""
    if "retry-after-ms" in headers:
        return _float(headers["retry-after-ms"], 1000)
    value = headers.get("retry-after", headers.get("Retry-After", ""))
    seconds = _float(value, 1)
    if seconds is not None or not value:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _float(text: str, unit: float) -> float | None:
    try:
        return max(0.0, float(text) / unit)
    except ValueError:
        return None
