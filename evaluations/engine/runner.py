"""Runs everything once: asks, scores, stores. Plain asyncio; where it is stored is the caller's.

    store.page ──▶ column's workers ──▶ ask (cache, pace, retries) ──▶ score ──▶ Committer ──▶ store

A worker keeps its provider's slot until its answer is stored, so what is lost with a process is at
most what was in flight. Answers that wait at the same time are stored together.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from evaluations.engine.budget import Budget, Caps, Spent
from evaluations.engine.errors import (
    AuthenticationError,
    BrokenAnswerError,
    EngineError,
    ProviderError,
    ScoringError,
    SetupError,
)
from evaluations.engine.providers import Pace, Price, Provider, cost_of, with_retries
from evaluations.engine.scorers import CaseGrade, Context, grade, service_calls
from evaluations.engine.services import ModelServices, Tally
from evaluations.engine.types import Answer, Case, Message, Request

__all__ = [
    "BEAT_SECONDS",
    "INTERRUPTED",
    "Column",
    "Ending",
    "Finished",
    "Lost",
    "Options",
    "Orders",
    "Store",
    "Task",
    "request_hash",
    "run",
]

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 2.0
PAGE: Final = (64, 1000)  # tasks that are read at a time: at least, at most
PAGE_PER_SLOT: Final = 4
CHARACTERS_PER_TOKEN: Final = 4
ANSWER_TOKENS: Final = 256  # reserved where no max_tokens is set
SHARED: Final = 4096  # answers that the same request may still take: more than is read ahead
MOST_WORKERS: Final = 1024  # of a column: each is a task of its own
INTERRUPTED: Final = "the run stopped while its judge was waited for"

ResultT = TypeVar("ResultT")


class Lost(Exception):  # noqa: N818 (named for what happened)
    """Another worker has the run now."""


class _Stopped(Exception):  # noqa: N818 (as above)
    """The run stops: what waits to be sent is not sent any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One version of a prompt, asked of one model."""

    key: str
    """What the store knows it by."""
    name: str
    """What people call it."""
    model: str
    """The model's name at its provider."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What goes into every request."""
    provider: Provider
    """Who is asked; columns may share one, and then share its slots."""
    price: Price | None = None
    """None: not known."""
    cacheable: bool = True
    """Whether earlier answers are worth looking up."""
    identity: str = ""
    """What makes answers interchangeable: kind and address of the provider."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One case to ask once."""

    case_key: Any
    """What the store knows the case by."""
    case: Case
    repeat: int
    """From 0."""
    messages: tuple[Message, ...] = ()
    """What to send."""
    error: str = ""
    """Why it cannot be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What became of a task; `answer` or `error` is there, or both."""

    column: Column
    task: Task
    request_hash: str
    answer: Answer | None = None
    graded: CaseGrade | None = None
    error: str = ""
    attempts: int = 0
    """How many requests were sent for it; 0 for an earlier or a given answer."""
    grading_calls: int = 0
    """How many calls of judges and embeddings it took."""
    grading_cost_usd: Decimal | None = None
    """What those cost, None where none was made or no price is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Orders:
    """What the store says at each heartbeat."""

    cancel: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a run is to go."""

    caps: Caps = field(default_factory=Caps)
    """Limits of the whole run."""
    spent: Spent = field(default_factory=Spent)
    """What earlier workers have spent."""
    use_cache: bool = True
    """Whether earlier answers to exactly the same requests are taken."""
    only_stored: bool = False
    """Whether nobody is asked: what has no earlier answer becomes an error."""
    services: ModelServices | None = None
    """Models that scorers may ask; the run closes them."""
    beat_seconds: float = BEAT_SECONDS
    """How often the lease is renewed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a run ended here."""

    status: str
    """"completed", "stopped", "cancelled", "failed" or "lost"."""
    message: str
    """Why, where it is not completed."""
    seconds: float
    """How long it has been worked on, all workers together."""


class Store(Protocol):
    """Where tasks come from and answers go; its methods block and are called one at a time."""

    def page(self, column: Column, after: Any, limit: int) -> tuple[Sequence[Task], Any]:
        """Return the next tasks of a column without a result, and what to pass as `after` next.

        No more where that is None.
        """

    def find_answers(self, hashes: Sequence[str], *, own: bool) -> Mapping[str, Answer]:
        """Return earlier answers by request hash; `own`: of this run alone."""

    def save(self, finished: Sequence[Finished]) -> None:
        """Store all or nothing; what is stored already stays as it is.

        Raises:
            Lost: another worker has the run.
        """

    def beat(self, seconds: float) -> Orders:
        """Renew the lease.

        Raises:
            Lost: another worker has the run.
        """


def request_hash(column: Column, task: Task) -> str:
    """Return the SHA-256 of exactly what is sent, to whom, and which repeat it is."""
    content = {
        "to": column.identity,
        "model": column.model,
        "parameters": dict(column.parameters),
        "messages": [[message.role, message.content] for message in task.messages],
        "repeat": task.repeat,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


_Ready = tuple[Task, str, Answer | None]
"""A task, the hash of its request, and an earlier answer to it."""
_Page = tuple[list[_Ready], Any]
"""Tasks, and where the next page begins; no more where that is None."""


class _Blocking:
    """Runs the store's methods in one thread, one at a time."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 (only for runs)

        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def __call__(self, function: Callable[..., ResultT], *args: Any) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self, last: Callable[[], object]) -> None:
        self._pool.submit(last)
        self._pool.shutdown(wait=True)


class _Committer:
    """Group commit: whatever waits when the store is free goes in together."""

    def __init__(self, save: Callable[[Sequence[Finished]], Any]) -> None:
        self._save = save
        self._waiting: list[tuple[Finished, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def store(self, finished: Finished) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((finished, future))
        self._wake.set()
        await future

    async def work(self) -> None:
        while True:
            await self._wake.wait()
            # Whoever is ready in this turn of the loop comes along.
            await asyncio.sleep(0)
            self._wake.clear()
            group, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._save([finished for finished, _ in group])
            except Exception as failure:  # noqa: BLE001 (each of the group gets it)
                error = failure
            for _, future in group:
                _settle(future, error)


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():  # its worker was cancelled meanwhile
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class _Run:
    """The state of one run in one process."""

    def __init__(
        self,
        store: Store,
        options: Options,
        on_finished: Callable[[Finished], object],
    ) -> None:
        self.store = store
        self.blocking = _Blocking()
        self.budget = Budget(options.caps, options.spent)
        self.options = options
        self.on_finished = on_finished
        self.committer = _Committer(lambda group: self.blocking(store.save, group))
        self.stopping = ""
        self.stopped = asyncio.Event()
        self.abandoned = asyncio.Event()
        self.status = "completed"
        self._asked: dict[str, asyncio.Future[Answer | None]] = {}
        self._slots: dict[int, asyncio.Semaphore] = {}
        self._paces: dict[int, Pace] = {}

    def stop(self, status: str, message: str) -> None:
        """Begin no more calls; the first reason is the one that is told."""
        if not self.stopping:
            self.status, self.stopping = status, message
            self.stopped.set()
            if status != "stopped":
                self.abandoned.set()

    async def pause(self, seconds: float, *, until: asyncio.Event | None = None) -> None:
        """Wait before a request is sent, at most until the run stops (or another event).

        Raises:
            _Stopped: it is not to be sent; or it would be beyond the run's time.
        """
        until = until or self.stopped
        if seconds >= self.budget.seconds_left:
            self.stop("stopped", self.budget.sentence_of_time)
            raise _Stopped
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await until.wait()
        if until.is_set():
            raise _Stopped

    def slots(self, provider: Provider) -> asyncio.Semaphore:
        limits = provider.limits
        return self._slots.setdefault(id(provider), asyncio.Semaphore(limits.concurrency))

    def pace(self, provider: Provider) -> Pace:
        limits = provider.limits
        return self._paces.setdefault(id(provider), Pace(limits, sleep=self.pause))

    async def column(self, column: Column) -> None:
        """Work through one column."""
        lock = asyncio.Lock()
        workers = min(column.provider.limits.concurrency, MOST_WORKERS)
        async with (
            contextlib.aclosing(self._tasks(column)) as tasks,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(workers):
                group.create_task(self._work(column, tasks, lock))

    async def _tasks(self, column: Column) -> AsyncGenerator[_Ready, None]:
        """Yield what is to be done; the next page is read while one is worked on."""
        page: asyncio.Task[_Page] | None = asyncio.create_task(self._page(column, 0))
        try:
            while page is not None:
                ready, after = await page
                page = None
                if after is not None and not self.stopping:
                    page = asyncio.create_task(self._page(column, after))
                for one in ready:
                    yield one
        finally:
            if page is not None:
                page.cancel()
                await asyncio.gather(page, return_exceptions=True)

    async def _page(self, column: Column, after: Any) -> _Page:
        least, most = PAGE
        size = min(most, max(least, PAGE_PER_SLOT * column.provider.limits.concurrency))
        tasks, after = await self.blocking(self.store.page, column, after, size)
        hashes = [request_hash(column, task) for task in tasks]
        known = await self._known(column, hashes)
        return [(task, key, known.get(key)) for task, key in zip(tasks, hashes, strict=True)], after

    async def _known(self, column: Column, hashes: list[str]) -> Mapping[str, Answer]:
        """Return answers that were paid already; of this run itself also without the cache."""
        if not hashes or not (column.cacheable or self.options.only_stored):
            return {}
        find = partial(self.store.find_answers, own=not self.options.use_cache)
        return await self.blocking(find, hashes)

    async def _work(
        self,
        column: Column,
        tasks: AsyncIterator[_Ready],
        lock: asyncio.Lock,
    ) -> None:
        slots = self.slots(column.provider)
        while not self.stopping:
            async with lock:
                found = await anext(tasks, None)
            if found is None:
                return
            async with slots:
                finished = await self._do(column, *found)
                if finished is None:
                    return
                await self.committer.store(finished)
            self.on_finished(finished)

    async def _do(
        self, column: Column, task: Task, key: str, known: Answer | None
    ) -> Finished | None:
        """Return what became of a task, None where no call may begin."""
        part = Finished(column=column, task=task, request_hash=key)
        if task.error:
            return replace(part, error=task.error)
        answer = _answer_at_hand(task, known)
        if answer is None and self.options.only_stored:
            return replace(part, error="there is no stored answer to this request")
        try:
            if answer is None:
                answer = await self._asked_meanwhile(column, key)
            judged = service_calls(task.case.assertions)
            await self._begin(column, task, calls=judged + (answer is None), ask=answer is None)
            if answer is None:
                answer, attempts = await self._ask_once(column, task, key)
                part = replace(part, attempts=attempts)
            return await self._score(part, answer, judged)
        except _Stopped:
            return None
        except (SetupError, AuthenticationError) as error:
            self.stop("failed", str(error))  # no other call would fare better
            return None
        except ProviderError as error:
            self.budget.give_back(judged)  # nothing came that could be judged
            return replace(part, error=str(error), attempts=error.attempts)

    async def _asked_meanwhile(self, column: Column, key: str) -> Answer | None:
        """Return the answer to exactly the same request of this run, if one was asked for.

        Both were read before the first one was stored: the store does not know of it yet.
        """
        pending = self._asked.get(key) if self._may_share(column) else None
        if pending is None:
            return None
        answer = await asyncio.shield(pending)
        return answer and replace(answer, cached=True)

    def _may_share(self, column: Column) -> bool:
        return column.cacheable and self.options.use_cache

    async def _ask_once(self, column: Column, task: Task, key: str) -> tuple[Answer, int]:
        """Ask, and let others with the same request wait for the answer."""
        if not self._may_share(column):
            return await self._ask(column, task)
        answers = asyncio.get_running_loop().create_future()
        self._asked[key] = answers
        if len(self._asked) > SHARED:
            self._asked.pop(next(iter(self._asked)))
        try:
            answer, attempts = await self._ask(column, task)
        except BaseException:
            self._asked.pop(key, None)
            answers.set_result(None)  # who waits asks for itself
            raise
        answers.set_result(answer)
        return answer, attempts

    async def _begin(self, column: Column, task: Task, *, calls: int, ask: bool) -> None:
        """Wait for the column's pace and count what is about to be called.

        Raises:
            _Stopped: no call may begin.
        """
        pace = self.pace(column.provider)
        if ask and pace.is_limited:
            await pace.wait(_estimated_tokens(_request(column, task)))
        why = self.stopping or (self.budget.begin_calls(calls) if calls else "")
        if why:
            self.stop("stopped", why)
            raise _Stopped

    async def _ask(self, column: Column, task: Task) -> tuple[Answer, int]:
        request = _request(column, task)
        pause = partial(self.pause, until=self.abandoned)
        # What has begun is within the limits: only a cancelled or failed run gives it up.
        answer, attempts = await with_retries(
            lambda: _completed(column.provider, request), column.provider.limits, sleep=pause
        )
        cost = answer.cost_usd
        if cost is None:
            cost = _cost_of_answer(column.price, request, answer)
        self.budget.add_cost(cost)
        return replace(answer, cost_usd=cost), attempts

    async def judge_pause(self, seconds: float) -> None:
        """Wait before a judge is asked again.

        Raises:
            ScoringError: the run was cancelled, or has no time left.
        """
        try:
            await self.pause(seconds, until=self.abandoned)
        except _Stopped:
            raise ScoringError(INTERRUPTED) from None

    async def _score(self, part: Finished, answer: Answer, judged: int) -> Finished:
        case = part.task.case
        tally = None if self.options.services is None else Tally(self.options.services)
        context = Context(
            messages=part.task.messages,
            variables=case.variables,
            expected=case.expected,
            provider_config=part.column.parameters,
            services=tally,
        )
        graded = await grade(case.assertions, answer, context, case.threshold)
        self.budget.give_back(judged - (tally.calls if tally else 0))
        if tally is not None:
            self.budget.add_cost(tally.cost_usd)
            if tally.setup_error:
                self.stop("failed", tally.setup_error)
        return replace(
            part,
            answer=answer,
            graded=graded,
            error=graded.error,
            grading_calls=tally.calls if tally else 0,
            grading_cost_usd=tally.cost_usd if tally else None,
        )

    async def beats(self, seconds: float) -> None:
        """Renew the lease until cancelled; do what the store says."""
        while True:
            await asyncio.sleep(seconds)
            orders = await self.blocking(self.store.beat, self.budget.seconds)
            if orders.cancel:
                self.stop("cancelled", "it was cancelled")


def _answer_at_hand(task: Task, known: Answer | None) -> Answer | None:
    if task.case.given_answer is not None:
        return Answer(text=task.case.given_answer)
    return known and replace(known, cached=True)


async def _completed(provider: Provider, request: Request) -> Answer:
    try:
        return await provider.complete(request)
    except EngineError:
        raise
    except Exception as error:
        # A bug of one provider is an error of one case; what it is stands in the log.
        logger.exception("A provider failed unexpectedly")
        name = type(error).__name__
        raise BrokenAnswerError(f"the answer could not be read ({name})") from error


def _cost_of_answer(price: Price | None, request: Request, answer: Answer) -> Decimal | None:
    """Return what an answer cost; where the service counts no tokens, about four characters each.

    A limit of cost would never act else.
    """
    sent, came = answer.input_tokens, answer.output_tokens
    if price is not None and price.input_usd_per_million + price.output_usd_per_million > 0:
        sent = _sent_tokens(request) if sent is None else sent
        came = len(answer.text) // CHARACTERS_PER_TOKEN + 1 if came is None else came
    return cost_of(price, sent, came)


def _request(column: Column, task: Task) -> Request:
    return Request(model=column.model, messages=task.messages, parameters=column.parameters)


def _sent_tokens(request: Request) -> int:
    return sum(len(message.content) for message in request.messages) // CHARACTERS_PER_TOKEN


def _estimated_tokens(request: Request) -> int:
    limit = request.parameters.get("max_tokens")
    return _sent_tokens(request) + (limit if isinstance(limit, int) else ANSWER_TOKENS)


async def run(
    store: Store,
    columns: Sequence[Column],
    options: Options | None = None,
    *,
    on_finished: Callable[[Finished], object] = lambda _finished: None,
    last: Callable[[], object] = lambda: None,
) -> Ending:
    """Work through all columns at a time and return how it ended.

    Args:
        store: where tasks come from and answers go.
        columns: what is asked of whom.
        options: limits, cache, judges.
        on_finished: called after each stored answer.
        last: called in the store's thread when all is done, to close its connection.
    """
    options = options or Options()
    state = _Run(store, options, on_finished)
    if options.services is not None:
        options.services.sleep = state.judge_pause
    try:
        await _work_through(state, columns, options.beat_seconds)
    except* Lost:
        state.status, state.stopping = "lost", "another worker has taken it over"
    finally:
        for provider in {id(column.provider): column.provider for column in columns}.values():
            with contextlib.suppress(EngineError, OSError):
                await provider.close()
        if options.services is not None:
            await options.services.close()
        state.blocking.close(last)
    return Ending(status=state.status, message=state.stopping, seconds=state.budget.seconds)


async def _work_through(state: _Run, columns: Sequence[Column], beat_seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(state.committer.work()),
            group.create_task(state.beats(beat_seconds)),
        ]
        async with asyncio.TaskGroup() as work:
            for column in columns:
                work.create_task(state.column(column))
        for helper in helpers:
            helper.cancel()
