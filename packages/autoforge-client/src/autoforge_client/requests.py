"""What is sent, what comes back and when to try again; nothing here opens a connection."""

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from autoforge_client.errors import (
    AutoForgeError,
    ConnectionFailed,
    FieldError,
    InvalidAnswer,
    find_kind,
)

__all__ = [
    "Request",
    "as_error",
    "check_address",
    "check_key",
    "explain",
    "find_wait",
    "prompt_path",
]

API: Final = "/api/v1/"
PROBLEM_JSON: Final = "application/problem+json"
RETRIED: Final = frozenset({429, 502, 503, 504})
FIRST_WAIT: Final = 0.5  # seconds; each further one is twice as long
LONGEST_WAIT: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request below /api/v1."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False
    """Whether it does the same if it is sent twice."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for httpx's `request`."""
        return {
            "method": self.method,
            "url": API + self.path,
            "params": self.query,
            "json": self.body,
            "headers": self.headers,
        }

    @classmethod
    def get(cls, path: str, query: Mapping[str, Any] | None = None, etag: str = "") -> "Request":
        """Return a request that reads."""
        known = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        headers = {"If-None-Match": etag} if etag else {}
        return cls(method="GET", path=path, query=known, headers=headers, is_repeatable=True)

    @classmethod
    def create(cls, path: str, body: object) -> "Request":
        """Return a request that creates, once, however often it is sent."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return cls(method="POST", path=path, body=body, headers=headers, is_repeatable=True)


def prompt_path(name: str, *rest: str | int) -> str:
    """Return the path of a prompt, or of what belongs to it.

    Raises:
        ValueError: an address cannot hold the name.
    """
    parts = name.split("/")
    if any(part in {"", ".", "..", "-"} for part in (*parts, *map(str, rest))):
        raise ValueError(f"no name of a prompt, a label or a version: {name!r}, {rest!r}")
    path = "prompts/" + "/".join(quote(part, safe="") for part in parts)
    if rest:
        path += "/-/" + "/".join(quote(str(part), safe="") for part in rest)
    return path


def check_address(url: str) -> str:
    """Return the server's address without what belongs to no address.

    Raises:
        ValueError: it is none, or holds a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address must begin with http:// or https:// (or set AUTOFORGE_URL)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the address must hold no user, password, query or fragment")
    return url.rstrip("/").removesuffix("/api/v1")


def check_key(key: str) -> str:
    """Return the key as a header holds it.

    Raises:
        ValueError: it is missing, or holds what no header can hold; the key is not named.
    """
    key = key.strip()
    if not key:
        raise ValueError("an API key is needed: pass key=… or set AUTOFORGE_API_KEY")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("the API key holds characters that no key has")
    return key


def find_wait(
    request: Request, outcome: httpx.Response | httpx.TransportError, attempt: int
) -> float | None:
    """Return how many seconds to wait before the next attempt; None: do not try again."""
    if isinstance(outcome, httpx.Response):
        # 429: nothing was done yet, whatever the request is.
        is_safe = request.is_repeatable or outcome.status_code == 429
        if outcome.status_code not in RETRIED or not is_safe:
            return None
        asked = _read_retry_after(outcome)
        if asked is not None:
            return asked if asked <= LONGEST_WAIT else None
    elif not request.is_repeatable and not isinstance(outcome, _NEVER_SENT):
        return None
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311 (so that clients do not come at once)


_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def _read_retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def explain(error: httpx.TransportError) -> ConnectionFailed:
    """Return why nobody answered."""
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailed("AutoForge did not answer in time.", code="client.timeout")
    name = type(error).__name__
    detail = f"AutoForge cannot be reached ({name}: {error})."
    return ConnectionFailed(detail, code="client.unreachable")


def as_error(response: httpx.Response) -> AutoForgeError:
    """Return what an answer other than 2xx and 304 says."""
    status = response.status_code
    wait = _read_retry_after(response)
    if response.headers.get("Content-Type", "").partition(";")[0] != PROBLEM_JSON:
        detail = f"The address answers with status {status} and no sentence of AutoForge's."
        if status < 500 and status != 429:
            return InvalidAnswer(detail, code="client.no-problem", status=status)
        return find_kind(status)(detail, code="client.no-problem", status=status, retry_after=wait)
    try:
        problem = json.loads(response.content)
        errors = []
        for entry in problem.get("errors", []):
            known = {name: entry[name] for name in FieldError.__slots__ if name in entry}
            errors.append(FieldError(**known))
        return find_kind(status)(
            str(problem["detail"]),
            code=str(problem["code"]),
            status=status,
            errors=errors,
            extra=problem.get("extra"),
            retry_after=wait,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = f"The answer with status {status} cannot be read."
        return InvalidAnswer(detail, code="client.unreadable", status=status)
