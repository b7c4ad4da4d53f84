"""`AsyncAutoForge`, and `AutoForge`: the same methods, run without asyncio.

Every method is written once, as a coroutine. What it awaits (sending, sleeping) does not suspend
in `AutoForge`, so its coroutines end at the first step, in the caller's own thread.
"""

import asyncio
import functools
import math
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar
from uuid import UUID

import httpx

from autoforge_client import models
from autoforge_client.connection import LONGEST_WAIT, Connection, log, prompt_path, read, settle
from autoforge_client.errors import AutoForgeError, NotFound, RunNotEnded
from autoforge_client.models import Message, Prompt, Run

__all__ = ["AsyncAutoForge", "AutoForge"]

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate[Any, P], T]
Content = str | list[Message]
Fallback = Prompt | Content | None
Values = Mapping[str, Any] | None
DEFAULT: Final = "production"
POLL_SECONDS: Final = 1.0  # between two looks at a run


class AsyncAutoForge(Connection):
    """AutoForge's API, for programs with asyncio."""

    _make_http, _make_lock, _pause = httpx.AsyncClient, asyncio.Lock, staticmethod(asyncio.sleep)

    async def __aenter__(self) -> Self:
        return self

    async def aclose(self, *_error: object) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await self._http_of(os.getpid()).aclose()

    __aexit__ = aclose

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # else it may be collected before it ends
        task.add_done_callback(self._tasks.discard)

    request = Connection.ask

    async def get_prompt(
        self, name: str, label: str = DEFAULT, version: int | None = None, fallback: Fallback = None
    ) -> Prompt:
        """Return a prompt, from memory if it was read before and refreshed in the background.

        While the server is away the last answer is used, and `fallback` where there is none.
        """
        slot = self._find_slot(name, label if version is None else version)
        is_due = slot.refresh_at <= time.monotonic()
        if slot.prompt is None or slot.changes != self._changes:
            if fallback is None or slot.prompt is not None or is_due:
                await self._refresh(slot)
        elif is_due:
            slot.refresh_at = time.monotonic() + LONGEST_WAIT  # the others use the last one
            self._start(self._refresh(slot))
        if slot.prompt is not None:
            return slot.prompt
        error = slot.error or NotFound("It was deleted a moment ago.", code="client.deleted")
        if fallback is None:
            raise error.with_traceback(None)
        log.warning("Prompt %s: the fallback is used: %s", name, error)
        if isinstance(fallback, Prompt):
            return fallback
        kind = "text" if isinstance(fallback, str) else "chat"
        return Prompt(name=name, kind=kind, content=fallback, is_fallback=True)

    async def render(
        self, name: str, variables: Values = None, label: str = DEFAULT, version: int | None = None
    ) -> models.Rendered:
        """Return a prompt with values inserted by the server."""
        which = {"label": label} if version is None else {"version": version}
        body = {"variables": variables or {}, **which}
        return read(models.Rendered, await self.ask("POST", prompt_path(name, "render"), json=body))

    def list_prompts(self, /, **filters: str | int) -> AsyncIterator[models.PromptSummary]:
        """Give prompts by name; filters are `search`, `status`, `tag`, `label` and `folder`."""
        return self._walk(models.PromptSummary, "prompts", **filters)

    def list_versions(self, name: str) -> AsyncIterator[models.VersionSummary]:
        """Give the versions of a prompt, the newest first."""
        return self._walk(models.VersionSummary, prompt_path(name, "versions"))

    async def diff(self, name: str, before: int, after: int) -> models.Diff:
        """Return what changed between two versions."""
        params = {"before": before, "after": after}
        return read(models.Diff, await self.ask("GET", prompt_path(name, "diff"), params=params))

    async def create_prompt(self, /, name: str, content: Content, **fields: Any) -> Prompt:
        """Create a prompt with its version 1; the fields are those of `POST /api/v1/prompts`."""
        body = {"name": name, "content": content, **fields}
        return read(Prompt, await self.ask("POST", "prompts", json=body))

    async def edit_prompt(self, name: str, /, *, if_match: str, **fields: Any) -> Prompt:
        """Change a prompt that is as it was read (its `etag`); a new wording is a new version."""
        headers, path = {"If-Match": if_match}, prompt_path(name)
        return read(Prompt, await self.ask("PATCH", path, json=fields, headers=headers))

    def list_labels(self, name: str) -> AsyncIterator[models.LabelItem]:
        """Give the labels of a prompt."""
        return self._walk(models.LabelItem, prompt_path(name, "labels"))

    async def move_label(
        self, name: str, label: str, version: int, *, reason: str = "", override: bool = False
    ) -> models.LabelItem:
        """Let a label stand at a version; a gate that refuses is a Conflict with `verdicts`."""
        body = {"version": version, "reason": reason, "override": override}
        path = prompt_path(name, "labels", label)
        return read(models.LabelItem, await self.ask("PUT", path, json=body))

    async def roll_back_label(self, name: str, label: str, reason: str = "") -> models.LabelItem:
        """Let a label stand where it stood before."""
        path = prompt_path(name, "labels", label, "roll-back")
        return read(models.LabelItem, await self.ask("POST", path, json={"reason": reason}))

    async def me(self) -> models.Caller:
        """Return who the key is."""
        return read(models.Caller, await self.ask("GET", "me"))

    async def estimate_run(self, /, **fields: Any) -> models.RunPreview:
        """Return what a run would take; the fields are those of `start_run`."""
        return read(models.RunPreview, await self.ask("POST", "runs/estimate", json=fields))

    async def start_run(self, /, *, idempotency_key: str = "", **fields: Any) -> Run:
        """Start a run, once for a key; the fields are those of `POST /api/v1/runs`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return read(Run, await self.ask("POST", "runs", json=fields, headers=headers))

    async def get_run(self, run_id: str, known: Run | None = None) -> Run:
        """Return a run; the known one itself if nothing has changed since it was read."""
        headers = {"If-None-Match": known.etag} if known is not None else {}
        response = await self.ask("GET", f"runs/{UUID(run_id)}", headers=headers)
        return read(Run, response) if known is None or response.content else known

    async def wait_for_run(
        self,
        run_id: str,
        timeout: float = math.inf,
        on_progress: Callable[[Run], Any] | None = None,
    ) -> Run:
        """Return a run once it has ended; ask until then, also while the server restarts."""
        run, started = None, time.monotonic()
        while True:
            wait = POLL_SECONDS
            try:
                latest = await AsyncAutoForge.get_run(self, run_id, run)
            except AutoForgeError as error:
                if not error.is_temporary:
                    raise
                wait = max(wait, error.retry_after or 0)
            else:
                if on_progress is not None and latest is not run:
                    on_progress(latest)
                run = latest
                if not run.progress.active:
                    return run
            if time.monotonic() + wait > started + timeout:
                raise RunNotEnded("The run has not ended in time.", code="client.run-not-ended")
            await settle(self._pause(wait))

    async def cancel_run(self, run_id: str) -> Run:
        """Ask a run to stop; what it has found stays."""
        return read(Run, await self.ask("POST", f"runs/{UUID(run_id)}/cancel"))

    def list_results(self, run_id: str, /, **filters: str | int) -> AsyncIterator[models.Result]:
        """Give the answers of a run; filters are `state`, `column_id` and `search`."""
        return self._walk(models.Result, f"runs/{UUID(run_id)}/results", **filters)


def _finish(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends; return what it returns."""
    try:
        next(work.__await__())
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError("a coroutine of AutoForge was suspended")


def _run(method: Method[P, Coroutine[Any, Any, T]]) -> Method[P, T]:
    @functools.wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _finish(method(self, *args, **kwargs))

    return call


def _iterate(method: Method[P, AsyncIterator[T]]) -> Method[P, Iterator[T]]:
    @functools.wraps(method)
    def iterate(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = method(self, *args, **kwargs)
        while (item := _finish(anext(items, None))) is not None:
            yield item

    return iterate


class AutoForge(Connection):
    """AutoForge's API, for programs without asyncio; its threads may share one."""

    def __enter__(self) -> Self:
        return self

    def close(self, *_error: object) -> None:
        """Close the connections."""
        self._http_of(os.getpid()).close()

    __exit__ = close

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        threading.Thread(target=_finish, args=(work,), name="autoforge", daemon=True).start()

    request = _run(Connection.ask)
    get_prompt = _run(AsyncAutoForge.get_prompt)
    render = _run(AsyncAutoForge.render)
    list_prompts = _iterate(AsyncAutoForge.list_prompts)
    list_versions = _iterate(AsyncAutoForge.list_versions)
    diff = _run(AsyncAutoForge.diff)
    create_prompt = _run(AsyncAutoForge.create_prompt)
    edit_prompt = _run(AsyncAutoForge.edit_prompt)
    list_labels = _iterate(AsyncAutoForge.list_labels)
    move_label = _run(AsyncAutoForge.move_label)
    roll_back_label = _run(AsyncAutoForge.roll_back_label)
    me = _run(AsyncAutoForge.me)
    estimate_run = _run(AsyncAutoForge.estimate_run)
    start_run = _run(AsyncAutoForge.start_run)
    get_run = _run(AsyncAutoForge.get_run)
    wait_for_run = _run(AsyncAutoForge.wait_for_run)
    cancel_run = _run(AsyncAutoForge.cancel_run)
    list_results = _iterate(AsyncAutoForge.list_results)
