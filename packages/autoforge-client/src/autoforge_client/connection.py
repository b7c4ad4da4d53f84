"""What both clients share: requests, sent again where that may help, and prompts in memory."""

import functools
import hashlib
import logging
import os
import random
import re
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx
from msgspec import Struct, json, structs

from autoforge_client import errors
from autoforge_client.models import Prompt

S = TypeVar("S", bound=Struct)
GOOD: Final = frozenset({*range(200, 300), 304})
RETRIED: Final = frozenset({0, 429, 502, 503, 504})  # 0: nobody answered
FIRST_WAIT: Final = 0.25  # seconds, doubled before each wait
LONGEST_WAIT: Final = 30.0
RETRY_SECONDS: Final = 5.0  # after a failed refresh: a server that comes back is not overrun
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
log: Final = logging.getLogger("autoforge_client")


class _Page(Struct, Generic[S]):
    items: list[S]
    next_cursor: str | None = None


class Slot:
    """What is known of a prompt by its label or number, in memory and if asked in a file."""

    def __init__(self, origin: str, name: str, which: str | int, folder: str) -> None:
        self.url = prompt_path(name)
        self.params = {"label" if isinstance(which, str) else "version": which}
        self.locks: dict[int, Any] = {}  # of each process: one asks, the others wait
        self.requests = 0
        self.changes = -1  # made by this client before; after more of them it asks first
        self.refresh_at = 0.0  # on the monotonic clock
        self.error: errors.AutoForgeError | None = None  # of the last request
        self.prompt: Prompt | None = None
        digest = hashlib.sha256(repr((origin, name, which)).encode()).hexdigest()
        self.file = Path(folder, f"{digest}.json") if folder else None
        if self.file is not None and self.file.is_file():
            try:
                self.prompt = json.decode(self.file.read_bytes(), type=Prompt)
            except (OSError, ValueError) as error:
                log.warning("A file of the prompt cache cannot be read: %s", type(error).__name__)

    def store(self, prompt: Prompt | None) -> None:
        """Keep what the server answered; None: there is no such prompt."""
        self.prompt = prompt
        try:
            if self.file is not None and prompt is None:
                self.file.unlink(missing_ok=True)
            elif self.file is not None:
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # For its owner alone (0600), and renamed when whole: readers see no half of it.
                with tempfile.NamedTemporaryFile(dir=self.file.parent, delete=False) as file:
                    file.write(json.encode(prompt))
                Path(file.name).replace(self.file)
        except OSError as error:
            log.warning("The prompt cache cannot be written: %s", error.strerror)


class Connection:
    """A server, and the prompts that it answered."""

    _make_http: Any = httpx.Client
    _make_lock: Any = threading.Lock
    _pause: Any = staticmethod(time.sleep)

    def __init__(
        self,
        base_url: str = "",
        key: str = "",
        *,
        attempts: int = 3,
        fresh_seconds: float = 60.0,
        most_prompts: int = 500,
        cache_folder: str | os.PathLike[str] = "",
        language: str = "en",
        timeout: float = 10.0,
        **http: Any,
    ) -> None:
        url = base_url or os.environ.get("AUTOFORGE_URL", "")
        if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
            rule = "must begin with http:// or https://, and hold no user, password or query"
            raise ValueError(f"the address (or AUTOFORGE_URL) {rule}")
        secret = (key or os.environ.get("AUTOFORGE_API_KEY", "")).strip()
        if not re.fullmatch("[!-~]+", secret):
            rule = "an API key is needed, without characters that no key has"
            raise ValueError(f"{rule}: pass key=… or set AUTOFORGE_API_KEY")
        self.base_url = url.rstrip("/").removesuffix("/api/v1")
        headers = {"Authorization": f"Bearer {secret}", "Accept-Language": language}
        http |= {"base_url": f"{self.base_url}/api/v1/", "headers": headers, "timeout": timeout}
        # One for each process: those that are forked share no connections.
        self._http_of = functools.cache(lambda _pid: self._make_http(**http))
        self._attempts, self._fresh_seconds, self._most = attempts, fresh_seconds, most_prompts
        self._folder = os.fspath(cache_folder)
        self._slots: dict[tuple[str, str | int], Slot] = {}
        self._changes = 0  # that this client made
        self._tasks: set[Any] = set()

    async def ask(self, method: str, path: str, /, **options: Any) -> httpx.Response:
        """Send any request below /api/v1, with httpx's options; return its good answer, or 304.

        It is sent again where that may help, and where nothing can happen twice.
        """
        http = self._http_of(os.getpid())
        if method == "POST":  # the server does it once, however often it is sent
            key = {"Idempotency-Key": uuid.uuid4().hex}
            options["headers"] = {**key, **options.get("headers", {})}
        attempt = 0
        while True:
            attempt += 1
            if http.is_closed:
                raise errors.ConnectionFailed("The client is closed.", code="client.closed")
            try:
                outcome = await settle(http.request(method, path, **options))
            except httpx.RequestError as failure:
                outcome = failure
            finally:  # it may have been done, also after a failure
                self._changes += method != "GET" and not path.endswith("/render")
            if isinstance(outcome, httpx.Response) and outcome.status_code in GOOD:
                return outcome
            error = _as_error(outcome)
            # After 429, or without a connection, nothing was done yet, whatever the method is.
            is_untouched = error.status == 429 or isinstance(outcome, NEVER_SENT)
            may_help = error.status in RETRIED and (is_untouched or method in {"GET", "POST"})
            longest = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
            wait = error.retry_after or random.uniform(longest / 2, longest)  # noqa: S311
            if not may_help or wait > LONGEST_WAIT or attempt == self._attempts:
                raise error
            await settle(self._pause(wait))

    async def _walk(self, kind: type[S], path: str, **params: str | int) -> AsyncIterator[S]:
        """Give the items of a list, page by page."""
        cursor: str | int | None = params.get("cursor", "")
        while cursor is not None:
            response = await self.ask("GET", path, params={**params, "cursor": cursor})
            page = read(_Page[kind], response)  # type: ignore[valid-type]  # known when it runs
            for item in page.items:
                yield item
            cursor = page.next_cursor

    def _find_slot(self, name: str, which: str | int) -> Slot:
        slot = self._slots.get((name, which))
        if slot is None:
            new = Slot(self.base_url, name, which, self._folder)
            slot = self._slots.setdefault((name, which), new)
            if len(self._slots) > self._most:
                self._slots.pop(next(iter(self._slots)), None)
        return slot

    async def _refresh(self, slot: Slot) -> None:
        """Ask for a prompt; whoever waited for another's answer takes that."""
        requests = slot.requests
        lock = slot.locks.setdefault(os.getpid(), self._make_lock())
        await settle(lock.acquire())
        try:
            if slot.requests == requests or slot.changes != self._changes:
                await self._read_prompt(slot)
        finally:
            lock.release()

    async def _read_prompt(self, slot: Slot) -> None:
        known, changes, seconds = slot.prompt, self._changes, self._fresh_seconds
        headers = {"If-None-Match": known.etag} if known is not None else {}
        slot.error = None
        try:
            response = await self.ask("GET", slot.url, params=slot.params, headers=headers)
            if known is None or response.status_code != httpx.codes.NOT_MODIFIED:
                slot.store(read(Prompt, response))
        except errors.AutoForgeError as error:
            slot.error = error
            seconds = max(RETRY_SECONDS, error.retry_after or 0)
            # The 404 of an address, not of a prompt, takes nothing away.
            if isinstance(error, errors.NotFound) and error.code != "api.no-operation":
                slot.store(None)
                seconds = 0
            elif known is not None:
                log.warning("Prompt %s: the last answer is used: %s", known.name, error)
        slot.changes, slot.refresh_at = changes, time.monotonic() + seconds
        slot.requests += 1


async def settle(value: Any) -> Any:
    """Return what a call gave, or what comes of it where it is to be awaited."""
    return await value if isawaitable(value) else value


def read(kind: type[S], response: httpx.Response) -> S:
    """Return the value of an answer, with its ETag where it has one."""
    try:
        value = json.decode(response.content, type=kind)
    except (ValueError, RecursionError) as error:
        detail = f"The answer is not AutoForge's: {error}. Check the address."
        raise errors.InvalidAnswer(detail, code="client.unreadable") from None
    if hasattr(value, "etag"):
        value = structs.replace(value, etag=response.headers.get("ETag", ""))
    return value


def _as_error(outcome: httpx.Response | httpx.RequestError) -> errors.AutoForgeError:
    if isinstance(outcome, httpx.RequestError):
        is_late = isinstance(outcome, httpx.TimeoutException)
        code = "client.timeout" if is_late else "client.unreachable"
        return errors.ConnectionFailed(f"No answer of AutoForge: {outcome!r}.", code=code)
    status = outcome.status_code
    kind = errors.Unavailable if status >= 500 else errors.KINDS.get(status, errors.InvalidRequest)
    try:
        problem = json.decode(outcome.content, type=errors.Problem)
    except (ValueError, RecursionError):
        detail = f"The address answers with status {status} and no sentence of AutoForge's."
        problem = errors.Problem("", detail, "client.no-problem")
        kind = kind if kind.is_temporary else errors.InvalidAnswer
    error = kind(problem.detail, code=problem.code, status=status)
    error.errors, error.extra = problem.errors, problem.extra
    seconds = outcome.headers.get("Retry-After", "")
    error.retry_after = float(seconds) if seconds.isdecimal() else None
    return error


def prompt_path(name: str, *rest: str) -> str:
    """Return the path of a prompt, or of what belongs to it."""
    parts = name.split("/")
    if any(part in {"", ".", "..", "-"} for part in [*parts, *rest]):
        raise ValueError(f"no name of a prompt or a label: {name!r}, {rest!r}")
    marked = ["-", *rest] if rest else []
    return "/".join(quote(part, safe="") for part in ["prompts", *parts, *marked])
