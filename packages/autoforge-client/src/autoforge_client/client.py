"""`AsyncAutoForge`, and `AutoForge`: the same methods, run without asyncio.

Every method is written once, as a coroutine. What it awaits (sending, sleeping) does not suspend
in `AutoForge`, so its coroutines end at the first step, in the caller's own thread.
"""

import asyncio
import functools
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from autoforge_client.cache import Cache, Key
from autoforge_client.errors import AutoForgeError, ConnectionFailed, NotFound
from autoforge_client.models import (
    Caller,
    Diff,
    LabelItem,
    Message,
    Prompt,
    PromptSummary,
    Rendered,
    VersionSummary,
    read,
    read_json,
    read_list,
    read_prompt,
)
from autoforge_client.requests import (
    Request,
    as_error,
    check_address,
    check_key,
    explain,
    find_wait,
    prompt_path,
)

__all__ = ["AsyncAutoForge", "AutoForge"]

log = logging.getLogger("autoforge_client")
P = ParamSpec("P")
T = TypeVar("T")
Fallback = Prompt | str | list[Message]
DEFAULT: Final = "production"
NO_OPERATION: Final = "api.no-operation"  # 404 of an address, not of a prompt: it evicts nothing


class AsyncAutoForge:
    """AutoForge's API, for programs with asyncio.

    Args:
        base_url: of the server, such as https://prompts.example.com; default AUTOFORGE_URL.
        key: an API key; default AUTOFORGE_API_KEY.
        timeout: seconds for connecting, and for each wait for a part of the answer.
        attempts: how often a request is sent at most.
        fresh_seconds: how long a prompt is used before it is refreshed in the background.
        most_prompts: how many prompts are remembered.
        cache_folder: where prompts are kept for the next process; readable for its owner alone.
        language: of the server's sentences, such as `ja`.
        transport: of httpx, for certificates and proxies of your own.
    """

    def __init__(  # noqa: PLR0913 (options, each by its name)
        self,
        base_url: str = "",
        key: str = "",
        *,
        timeout: float = 10.0,
        attempts: int = 3,
        fresh_seconds: float = 60.0,
        most_prompts: int = 500,
        cache_folder: str | os.PathLike[str] | None = None,
        language: str = "en",
        transport: Any = None,
    ) -> None:
        self.base_url = check_address(base_url or os.environ.get("AUTOFORGE_URL", ""))
        secret = check_key(key or os.environ.get("AUTOFORGE_API_KEY", ""))
        self._attempts = attempts
        folder = Path(cache_folder) if cache_folder is not None else None
        self._cache = Cache(
            fresh_seconds=fresh_seconds, most=most_prompts, folder=folder, origin=self.base_url
        )
        headers = {
            "Authorization": f"Bearer {secret}",
            "Accept": "application/json",
            "Accept-Language": language,
            "User-Agent": "autoforge-client-python",
        }
        self._http = self._connect(
            base_url=self.base_url, headers=headers, timeout=timeout, transport=transport
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await self._http.aclose()

    async def get_prompt(
        self,
        name: str,
        label: str = DEFAULT,
        version: int | None = None,
        fallback: Fallback | None = None,
    ) -> Prompt:
        """Return a version of a prompt: of a label, or of a number.

        A prompt that was read before is returned at once; when it is no longer fresh, it is
        refreshed in the background. While the server is away the last answer is used.

        Args:
            name: with its folders, such as `support/reply`.
            label: is not looked at where a version is given.
            version: a number.
            fallback: what is returned where there is no answer at all: a text, messages, a prompt.

        Raises:
            NotFound: the server has no such prompt, label or version.
            AutoForgeError: nothing was read before, and nothing can be read now.
        """
        key: Key = (name, "", version) if version is not None else (name, label, 0)
        entry, is_due = self._cache.find(key)
        prompt = entry.prompt if entry is not None else None
        if entry is not None and prompt is not None and not entry.must_ask:
            if is_due:
                self._in_background(self._refresh_quietly(key, prompt))
            return prompt
        if entry is not None and prompt is None and fallback is not None and not is_due:
            return _as_prompt(name, fallback)  # the server was away a moment ago
        try:
            return await self._refresh(key, prompt)
        except AutoForgeError as error:
            if prompt is not None and not _is_gone(error):
                log.warning("Prompt %s: the last answer is used: %s", name, error)
                return prompt
            if fallback is None:
                raise
            log.warning("Prompt %s: the fallback is used: %s", name, error)
            return _as_prompt(name, fallback)

    async def render(
        self,
        name: str,
        variables: dict[str, Any] | None = None,
        *,
        label: str = DEFAULT,
        version: int | None = None,
    ) -> Rendered:
        """Return a prompt with values inserted by the server: every syntax, includes, histories.

        Raises:
            InvalidRequest: values are missing, unknown or of a wrong type; see its `errors`.
        """
        which = {"label": label} if version is None else {"version": version}
        body = {"variables": variables or {}, **which}
        path = prompt_path(name, "render")
        request = Request(method="POST", path=path, body=body, is_repeatable=True)
        return read(Rendered, await self._json(request))

    async def list_page(
        self, /, *, cursor: str = "", limit: int = 50, **filters: str
    ) -> tuple[list[PromptSummary], str]:
        """Return some prompts, and the cursor of the next page; it is empty on the last one."""
        request = Request.get("prompts", {"cursor": cursor, "limit": limit, **filters})
        page = await self._json(request)
        return read_list(PromptSummary, page["items"]), page["next_cursor"] or ""

    async def list_prompts(
        self, *, limit: int = 50, **filters: str
    ) -> AsyncIterator[PromptSummary]:
        """Give all prompts by name, page by page.

        Args:
            limit: how many a page has.
            filters: `search`, `status`, `tag`, `label` and `folder`.
        """
        cursor = ""
        while True:
            items, cursor = await self.list_page(cursor=cursor, limit=limit, **filters)
            for item in items:
                yield item
            if not cursor:
                return

    async def versions(self, name: str) -> list[VersionSummary]:
        """Return all versions of a prompt, the newest first."""
        versions: list[VersionSummary] = []
        cursor = ""
        while True:
            query = {"cursor": cursor, "limit": 100}
            page = await self._json(Request.get(prompt_path(name, "versions"), query))
            versions += read_list(VersionSummary, page["items"])
            cursor = page["next_cursor"] or ""
            if not cursor:
                return versions

    async def diff(self, name: str, before: int, after: int, *, context: int = 3) -> Diff:
        """Return what changed between two versions, with some unchanged lines around it."""
        query = {"before": before, "after": after, "context": context}
        return read(Diff, await self._json(Request.get(prompt_path(name, "diff"), query)))

    async def create_prompt(
        self, /, name: str, content: str | list[Message], **fields: Any
    ) -> Prompt:
        """Create a prompt with its version 1.

        Args:
            name: with its folders.
            content: the text, or the messages of a chat.
            fields: `title`, `kind`, `syntax`, `description`, `variables`, `config`, `tags`,
                `metadata`, `user_id`, `status`, `change_note`, `labels`.
        """
        body = {"name": name, "content": content, **fields}
        return await self._write(name, Request.create("prompts", body))

    async def create_version(self, name: str, /, **fields: Any) -> Prompt:
        """Save the next version of a prompt; a wording that it has already makes none.

        Args:
            name: of the prompt.
            fields: `content`, `kind`, `syntax`, `variables`, `config`, `change_note`, `labels`;
                what is missing stays as it is in the newest version.
        """
        return await self._write(name, Request.create(prompt_path(name, "versions"), fields))

    async def edit_prompt(self, name: str, /, *, if_match: str, **fields: Any) -> Prompt:
        """Change a prompt that is as it was read; another wording becomes the next version.

        Args:
            name: of the prompt.
            if_match: `etag` of `get_prompt(name, label="latest")`; `*` matches every state.
            fields: those of `create_version`, without `labels`; `title`, `name`, `description`,
                `tags`, `metadata`, `user_id`, `status`.

        Raises:
            Conflict: it has changed since; `extra` holds what there is now.
        """
        headers = {"If-Match": if_match}
        path = prompt_path(name)
        request = Request(method="PATCH", path=path, body=fields, headers=headers)
        return await self._write(name, request)

    async def move_label(
        self, name: str, label: str, version: int, *, reason: str = "", override: bool = False
    ) -> LabelItem:
        """Let a label stand at a version.

        Raises:
            Forbidden: the key may not move this label.
            Conflict: a check refuses; `extra["verdicts"]` says why.
        """
        body = {"version": version, "reason": reason, "override": override}
        path = prompt_path(name, "labels", label)
        response = await self._change(name, Request(method="PUT", path=path, body=body))
        return read(LabelItem, read_json(response.content))

    async def remove_label(self, name: str, label: str, *, reason: str = "") -> None:
        """Take a label off a prompt."""
        query = {"reason": reason} if reason else {}
        path = prompt_path(name, "labels", label)
        await self._change(name, Request(method="DELETE", path=path, query=query))

    async def roll_back_label(self, name: str, label: str, *, reason: str = "") -> LabelItem:
        """Let a label stand where it stood before."""
        path = prompt_path(name, "labels", label, "roll-back")
        response = await self._change(name, Request.create(path, {"reason": reason}))
        return read(LabelItem, read_json(response.content))

    async def me(self) -> Caller:
        """Return who the key is."""
        return read(Caller, await self._json(Request.get("me")))

    async def _refresh(self, key: Key, known: Prompt | None) -> Prompt:
        """Ask for a prompt and remember the answer; one that is known is asked for by its ETag."""
        name, label, version = key
        query = {"label": label} if label else {"version": version}
        request = Request.get(prompt_path(name), query, known.etag if known else "")
        try:
            response = await self._ask(request)
            body = response.content
            if response.status_code == httpx.codes.NOT_MODIFIED and known is not None:
                prompt, body = known, b""
            else:
                prompt = read_prompt(body, response.headers.get("ETag", ""))
        except AutoForgeError as error:
            if _is_gone(error):
                self._cache.evict(key)
            elif error.is_temporary or known is not None:
                self._cache.postpone(key, known, error.retry_after)
            raise
        self._cache.store(key, prompt, body)
        return prompt

    async def _refresh_quietly(self, key: Key, known: Prompt) -> None:
        try:
            await self._refresh(key, known)
        except AutoForgeError as error:
            log.warning("Prompt %s could not be refreshed: %s", key[0], error)

    async def _write(self, name: str, request: Request) -> Prompt:
        response = await self._change(name, request)
        return read_prompt(response.content, response.headers.get("ETag", ""))

    async def _change(self, name: str, request: Request) -> httpx.Response:
        try:
            return await self._ask(request)
        finally:
            self._cache.expire(name)  # also after a failure: it may have been done

    async def _json(self, request: Request) -> Any:
        return read_json((await self._ask(request)).content)

    async def _ask(self, request: Request) -> httpx.Response:
        """Send a request, several times if that is safe and may help; return its good answer.

        Raises:
            AutoForgeError: it was refused, or nobody answered.
        """
        attempt = 0
        while True:
            outcome = await self._try(request)
            attempt += 1
            wait = find_wait(request, outcome, attempt - 1)
            if wait is None or attempt >= self._attempts:
                break
            await self._sleep(wait)
        if not isinstance(outcome, httpx.Response):
            raise explain(outcome) from outcome
        if outcome.is_success or outcome.status_code == httpx.codes.NOT_MODIFIED:
            return outcome
        raise as_error(outcome)

    async def _try(self, request: Request) -> httpx.Response | httpx.TransportError:
        try:
            return await self._send(request)
        except httpx.TransportError as error:
            return error
        except httpx.DecodingError as error:  # a body that is not compressed as it says
            return httpx.ReadError(str(error))
        except RuntimeError:
            if not self._http.is_closed:
                raise
            raise ConnectionFailed("The client is closed.", code="client.closed") from None

    # The rest is all that differs between the two clients.

    def _connect(self, **options: Any) -> Any:
        return httpx.AsyncClient(**options)

    async def _send(self, request: Request) -> httpx.Response:
        response: httpx.Response = await self._http.request(**request.arguments)
        return response

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # else it may be collected before it ends
        task.add_done_callback(self._tasks.discard)


class _Blocking(AsyncAutoForge):
    """The same, whose coroutines never suspend."""

    def _connect(self, **options: Any) -> Any:
        return httpx.Client(**options)

    async def _send(self, request: Request) -> httpx.Response:
        response: httpx.Response = self._http.request(**request.arguments)
        return response

    async def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        name = "autoforge-refresh"
        threading.Thread(target=_finish, args=(work,), name=name, daemon=True).start()


def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends; return what it returns."""
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError("a coroutine of AutoForge was suspended")


def _blocking(
    method: Callable[Concatenate[AsyncAutoForge, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["AutoForge", P], T]:
    """Return a method of `AsyncAutoForge` as one of `AutoForge`."""

    @functools.wraps(method)
    def call(self: "AutoForge", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _finish(method(self._core, *args, **kwargs))

    return call


def _like(
    make: Callable[P, AsyncAutoForge],
) -> Callable[[Callable[..., None]], Callable[Concatenate["AutoForge", P], None]]:
    """Give `__init__` the arguments of another class, for type checkers and editors."""
    return functools.wraps(make.__init__)


class AutoForge:
    """AutoForge's API, for programs without asyncio; its threads may share one.

    The arguments are those of `AsyncAutoForge`.
    """

    @_like(AsyncAutoForge)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._core = _Blocking(*args, **kwargs)
        self.base_url = self._core.base_url

    def __repr__(self) -> str:
        return f"AutoForge({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._core.close()

    get_prompt = _blocking(AsyncAutoForge.get_prompt)
    render = _blocking(AsyncAutoForge.render)
    list_page = _blocking(AsyncAutoForge.list_page)
    versions = _blocking(AsyncAutoForge.versions)
    diff = _blocking(AsyncAutoForge.diff)
    create_prompt = _blocking(AsyncAutoForge.create_prompt)
    create_version = _blocking(AsyncAutoForge.create_version)
    edit_prompt = _blocking(AsyncAutoForge.edit_prompt)
    move_label = _blocking(AsyncAutoForge.move_label)
    remove_label = _blocking(AsyncAutoForge.remove_label)
    roll_back_label = _blocking(AsyncAutoForge.roll_back_label)
    me = _blocking(AsyncAutoForge.me)

    def list_prompts(self, *, limit: int = 50, **filters: str) -> Iterator[PromptSummary]:
        """Give all prompts by name, page by page; see `AsyncAutoForge.list_prompts`."""
        pages = self._core.list_prompts(limit=limit, **filters)
        while True:
            try:
                yield _finish(pages.__anext__())  # type: ignore[arg-type]  # of an async generator
            except StopAsyncIteration:
                return


def _is_gone(error: AutoForgeError) -> bool:
    return isinstance(error, NotFound) and error.code != NO_OPERATION


def _as_prompt(name: str, fallback: Fallback) -> Prompt:
    if isinstance(fallback, Prompt):
        return fallback
    kind = "text" if isinstance(fallback, str) else "chat"
    return Prompt(name=name, kind=kind, content=fallback, is_fallback=True)
