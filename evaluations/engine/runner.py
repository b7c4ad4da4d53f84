"""Runs everything once: asks, scores, stores. Plain asyncio; where it is stored is the caller's.

    store.page ──▶ workers of columns ──▶ ask (cache, pace, retries) ──▶ score ──▶ BatchWriter

A worker keeps its provider's slot until its answer is stored, so what is lost with a process is at
most what was in flight. Answers that wait at the same time are stored together.

A process that is asked to stop begins no case and no scoring that asks a model, waits for what is
in flight, and stores it. An answer without its score is stored as it is, and scored by whoever goes
on. What has not answered at the limit is stored as asked, for it may have been paid, and asked
again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from evaluations.engine.batching import BatchWriter, StoreThread
from evaluations.engine.budget import Budget
from evaluations.engine.costs import find_answer_cost
from evaluations.engine.errors import (
    AuthenticationError,
    ContentFilterError,
    EngineError,
    ProviderError,
    RefusedError,
    ScoringError,
    SetupError,
)
from evaluations.engine.grader_models import UsageMeter
from evaluations.engine.protocol import (
    INTERRUPTED,
    UNANSWERED,
    Column,
    EndStatus,
    LeaseLost,
    Options,
    RunOutcome,
    Stopping,
    Store,
    Task,
    TaskResult,
    request_hash,
)
from evaluations.engine.providers import Provider, RateLimiter, check_parts, with_retries
from evaluations.engine.requests import (
    as_evaluated,
    build_refusal,
    build_request,
    cached_answer,
    completed,
    estimated_tokens,
)
from evaluations.engine.scorers import Context, asks_about_refusals, grade, service_calls
from evaluations.engine.scripts import describe_prompt
from evaluations.engine.types import Answer, Case

__all__ = ["run"]

PAGE: Final = (64, 1000)  # tasks that are read at a time: at least, at most
PAGE_PER_SLOT: Final = 4  # so many answers take longer than it takes to read the next page
SHARED: Final = 4096  # answers that the same request may still take: more than is read ahead
MOST_WORKERS: Final = 1024  # of a column: each is a task of its own
LOOK_SECONDS: Final = 0.1  # how often it is looked whether the process has to end

_Ready = tuple[Task, str, Answer | None]
"""A task, the hash of its request, and an earlier answer to it."""
_Page = tuple[list[_Ready], int | None]
"""Tasks, and where the next page begins; no more where that is None."""


class _Stopped(Exception):
    """The run stops: what waits to be sent is not sent any more."""


class _GivenUpError(Exception):
    """The process has to end now: what was asked has not answered in time."""


class _Run:
    """The state of one run in one process."""

    def __init__(
        self,
        store: Store,
        options: Options,
        on_finished: Callable[[TaskResult], object],
    ) -> None:
        self.store = store
        self.blocking = StoreThread()
        self.budget = Budget(options.caps, options.spent)
        self.options = options
        self.on_finished = on_finished
        self.committer = BatchWriter(lambda group: self.blocking(store.save, group))
        self.stopping = ""
        self.stopped = asyncio.Event()
        self.abandoned = asyncio.Event()
        self.status = EndStatus.COMPLETED
        self._asked: dict[str, asyncio.Future[Answer | None]] = {}
        self._slots: dict[int, asyncio.Semaphore] = {}
        self._paces: dict[int, RateLimiter] = {}
        self._limits: set[asyncio.Timeout] = set()

    def stop(self, status: EndStatus, message: str) -> None:
        """Begin no more calls; the first reason is the one that is told."""
        if not self.stopping:
            self.status, self.stopping = status, message
            self.stopped.set()
            if status != EndStatus.STOPPED:
                self.abandoned.set()

    async def pause(self, seconds: float, *, until: asyncio.Event | None = None) -> None:
        """Wait before a request is sent, at most until the run stops (or another event).

        Raises:
            _Stopped: it is not to be sent; or it would be beyond the run's time.
        """
        until = until or self.stopped
        if seconds >= self.budget.seconds_left:
            self.stop(EndStatus.STOPPED, self.budget.time_sentence)
            raise _Stopped
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await until.wait()
        if until.is_set():
            raise _Stopped

    async def heed(self, stopping: Stopping) -> None:
        """Stop when the process has to end; give up what has not answered at its limit."""
        while not stopping.is_asked:
            await asyncio.sleep(LOOK_SECONDS)
        self.stop(EndStatus.RELEASED, "the worker was asked to stop")
        await asyncio.sleep(stopping.seconds_for_calls)
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            limit.reschedule(now)

    @contextlib.asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        """Wait for a model inside, but no longer than the process may live.

        Raises:
            _GivenUpError: it has to end.
        """
        limit = asyncio.timeout(None)  # `heed` moves it
        try:
            async with limit:
                self._limits.add(limit)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise _GivenUpError from None
        finally:
            self._limits.discard(limit)

    def slots(self, provider: Provider) -> asyncio.Semaphore:
        """Return the slots of a provider, which all its columns share."""
        if id(provider) not in self._slots:
            self._slots[id(provider)] = asyncio.Semaphore(provider.limits.concurrency)
        return self._slots[id(provider)]

    def pace(self, provider: Provider) -> RateLimiter:
        """Return the pace of a provider, which all its columns share."""
        if id(provider) not in self._paces:
            self._paces[id(provider)] = RateLimiter(provider.limits, sleep=self.pause)
        return self._paces[id(provider)]

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
        page: asyncio.Task[_Page] | None = asyncio.create_task(self._read_page(column, 0))
        try:
            while page is not None:
                ready, next_page = await page
                page = None
                if next_page is not None and not self.stopping:
                    page = asyncio.create_task(self._read_page(column, next_page))
                for item in ready:
                    yield item
        finally:
            if page is not None:
                page.cancel()
                await asyncio.gather(page, return_exceptions=True)

    async def _read_page(self, column: Column, after: int) -> _Page:
        least, most = PAGE
        size = min(most, max(least, PAGE_PER_SLOT * column.provider.limits.concurrency))
        tasks, next_page = await self.blocking(self.store.page, column, after, size)
        hashes = [request_hash(column, task) for task in tasks]
        answers = await self._find_answers(column, hashes)
        ready = [(task, key, answers.get(key)) for task, key in zip(tasks, hashes, strict=True)]
        return ready, next_page

    async def _find_answers(self, column: Column, hashes: list[str]) -> Mapping[str, Answer]:
        """Return answers that were paid already; of this run itself also without the cache."""
        options = self.options
        if not hashes or not (column.cacheable or options.only_stored):
            return {}
        # What was cut or filtered is scored again as it is, and asked again where it may be.
        whole = options.use_cache and not options.only_stored
        find = partial(self.store.find_answers, own=not options.use_cache, whole=whole)
        return await self.blocking(find, hashes)

    async def _work(
        self,
        column: Column,
        tasks: AsyncIterator[_Ready],
        lock: asyncio.Lock,
    ) -> None:
        slots = self.slots(column.provider)
        while not self.stopping:
            async with lock:  # a generator is not entered twice
                ready = await anext(tasks, None)
            if ready is None:
                return
            async with slots:
                result = await self._process(column, *ready)
                if result is None:
                    return
                await self.committer.store(result)
            observer = self.options.observer
            if observer is not None and result.attempts:
                observer.call_finished(result)
            self.on_finished(result)

    async def _process(
        self, column: Column, task: Task, key: str, known: Answer | None
    ) -> TaskResult | None:
        """Return what became of a task, None where no call may begin."""
        part = TaskResult(column=column, task=task, request_hash=key)
        answer = cached_answer(task, known)
        refusal = task.error or self._find_refusal(column, task, answer)
        if refusal:
            return replace(part, error=refusal)
        try:
            if answer is None:
                answer = await self._share_answer(column, key)
            judged = service_calls(task.case.assertions)
            await self._begin(column, task, calls=judged + (answer is None), ask=answer is None)
            if answer is None:
                part = replace(part, asked_at=time.time())
                async with self._limited():
                    answer, attempts = await self._ask_once(column, task, key)
                part = replace(part, attempts=attempts, answered_at=time.time())
            return await self._score(part, answer, judged)
        except _Stopped:
            return None
        except _GivenUpError:
            self.budget.give_back(judged)
            # Counted as a call, and no answer: whoever goes on asks again.
            return replace(part, error=UNANSWERED, attempts=1, answered_at=time.time())
        except (SetupError, AuthenticationError) as error:
            self.stop(EndStatus.FAILED, str(error))  # no other call would fare better
            return None
        except ProviderError as error:
            self.budget.give_back(judged)  # nothing came that could be judged
            return replace(part, error=str(error), attempts=error.attempts, answered_at=time.time())

    def _find_refusal(self, column: Column, task: Task, answer: Answer | None) -> str:
        """Return why a task may not be asked, "" where it may or has an answer already."""
        if answer is not None:
            return ""
        if column.problem:
            return column.problem
        if self.options.only_stored:
            return "no stored answer to this request"
        try:
            check_parts(column.provider.abilities, task.messages)
        except RefusedError as error:
            return str(error)
        return ""

    async def _share_answer(self, column: Column, key: str) -> Answer | None:
        """Return the answer to exactly the same request of this run, if one was asked for.

        Both were read before the first one was stored: the store does not know of it yet.
        """
        pending = self._asked.get(key) if self._may_share(column) else None
        if pending is None:
            return None
        # Shielded: where this worker is cancelled, others still wait for the same answer.
        answer = await asyncio.shield(pending)
        if answer is None:
            return None
        return replace(answer, cached=True)

    def _may_share(self, column: Column) -> bool:
        return column.cacheable and self.options.use_cache

    async def _ask_once(self, column: Column, task: Task, key: str) -> tuple[Answer, int]:
        """Ask, and let others with the same request wait for the answer."""
        if not self._may_share(column):
            return await self._ask(column, task)
        shared: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._asked[key] = shared
        if len(self._asked) > SHARED:
            self._asked.pop(next(iter(self._asked)))
        try:
            answer, attempts = await self._ask(column, task)
        except BaseException:
            self._asked.pop(key, None)
            shared.set_result(None)  # who waits asks for itself
            raise
        shared.set_result(answer if answer.is_whole else None)
        return answer, attempts

    async def _begin(self, column: Column, task: Task, *, calls: int, ask: bool) -> None:
        """Wait for the column's pace and count what is about to be called.

        Raises:
            _Stopped: no call may begin.
        """
        pace = self.pace(column.provider)
        if ask and pace.is_limited:
            await pace.wait(estimated_tokens(build_request(column, task)))
        why = self.stopping or (self.budget.begin_calls(calls) if calls else "")
        if why:
            self.stop(EndStatus.STOPPED, why)
            raise _Stopped

    async def _ask(self, column: Column, task: Task) -> tuple[Answer, int]:
        request = build_request(column, task)
        pause = partial(self.pause, until=self.abandoned)
        # What has begun is within the limits: only a cancelled or failed run gives it up.
        try:
            answer, attempts = await with_retries(
                lambda: completed(column.provider, request), column.provider.limits, sleep=pause
            )
        except ContentFilterError as error:
            if not asks_about_refusals(task.case.assertions):
                raise
            return build_refusal(error), error.attempts
        cost = answer.cost_usd
        if cost is None:
            cost = find_answer_cost(column.price, request.messages, answer)
        self.budget.add_cost(cost)
        return replace(as_evaluated(answer, column.parameters), cost_usd=cost), attempts

    async def judge_pause(self, seconds: float) -> None:
        """Wait before a judge is asked again.

        Raises:
            ScoringError: the run was cancelled, or has no time left.
        """
        try:
            await self.pause(seconds, until=self.abandoned)
        except _Stopped:
            raise ScoringError(INTERRUPTED) from None

    async def _score(self, part: TaskResult, answer: Answer, judged: int) -> TaskResult:
        if answer.broken_off:
            self.budget.give_back(judged)
            return replace(part, answer=answer, error=answer.broken_off)
        if judged and self.status == EndStatus.RELEASED:
            self.budget.give_back(judged)
            return replace(part, answer=answer, error=INTERRUPTED)
        case = part.task.case
        meter = None if self.options.services is None else UsageMeter(self.options.services)
        context = Context(
            messages=part.task.messages,
            variables=case.variables,
            expected=case.expected,
            provider_config=part.column.parameters,
            services=meter,
            prompt=describe_prompt(part.task.messages),
            provider=part.column.model or part.column.name,
            test=_describe_case(case),
        )
        try:
            # What asks a judge twice goes on to its end: else the first would be paid again.
            async with self._limited():
                graded = await grade(case.assertions, answer, context, case.threshold)
            result = replace(part, answer=answer, graded=graded, error=graded.error)
        except _GivenUpError:
            result = replace(part, answer=answer, error=INTERRUPTED)
        if meter is None:
            self.budget.give_back(judged)
            return result
        # Assertions after one that could not be scored have not asked.
        self.budget.give_back(judged - meter.calls)
        self.budget.add_cost(meter.cost_usd)
        if meter.setup_error:
            self.stop(EndStatus.FAILED, meter.setup_error)
        return replace(result, grading_calls=meter.calls, grading_cost_usd=meter.cost_usd)

    async def beats(self, seconds: float) -> None:
        """Renew the lease until cancelled; do what the store says."""
        while True:
            await asyncio.sleep(seconds)
            reply = await self.blocking(self.store.beat, self.budget.seconds)
            if reply.cancel:
                self.stop(EndStatus.CANCELLED, "the run was cancelled")


def _describe_case(case: Case) -> dict[str, object]:
    """Return what code may know of a case, under promptfoo's names."""
    known: dict[str, object] = {"description": case.name, "metadata": dict(case.metadata)}
    if case.threshold is not None:
        known["threshold"] = case.threshold
    return known


async def run(
    store: Store,
    columns: Sequence[Column],
    options: Options | None = None,
    *,
    on_finished: Callable[[TaskResult], object] = lambda _finished: None,
    last: Callable[[], object] = lambda: None,
) -> RunOutcome:
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
        await _work_through(state, columns)
    except* LeaseLost:
        state.status, state.stopping = EndStatus.LOST, "another worker has taken over the run"
    finally:
        # Once each: columns may share one. By identity, since a provider need not be hashable.
        providers = {id(column.provider): column.provider for column in columns}
        for provider in providers.values():
            with contextlib.suppress(EngineError, OSError):
                await provider.close()
        if options.services is not None:
            await options.services.close()
        state.blocking.close(last)
    return RunOutcome(status=state.status, message=state.stopping, seconds=state.budget.seconds)


async def _work_through(state: _Run, columns: Sequence[Column]) -> None:
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(state.committer.work()),
            group.create_task(state.beats(state.options.beat_seconds)),
        ]
        if state.options.stopping is not None:
            helpers.append(group.create_task(state.heed(state.options.stopping)))
        async with asyncio.TaskGroup() as work:
            for column in columns:
                work.create_task(state.column(column))
        for helper in helpers:
            helper.cancel()
