"""Where runs are kept: rows in bulk, one statement and one round trip for any number.

Rows go in as one JSON parameter that the database takes apart: neither 999 parameters nor Django's
compiler limit them, and what is stored already stays (`ON CONFLICT DO NOTHING`).
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID, uuid4

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from msgspec import UNSET

from core.aggregates import JSONGroupArray
from core.database.outages import find_outage
from core.database.waiting import announcer
from core.json import JSONObject, JSONValue, dump
from core.stopping import stop_request
from evaluations.adapters import prepare
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.documents import case_from_document
from evaluations.engine.protocol import (
    INTERRUPTED,
    Column,
    HeartbeatReply,
    LeaseLost,
    Task,
    TaskResult,
)
from evaluations.engine.scorers import CaseGrade
from evaluations.engine.types import UNFINISHED, Answer, Message, ScoredAssertion
from evaluations.models import Run, RunCase, TestResult
from evaluations.stored import AnswerDetails, Component, components_as_json
from prompts import interface as prompts

__all__ = ["LEASE", "DatabaseStore", "insert_rows", "retry_while_unavailable"]

ResultT = TypeVar("ResultT")
SQLValue: TypeAlias = str | int | float | None

LEASE: Final = timedelta(seconds=30)
# libSQL takes a value of up to 5,000,000 bytes; many rows go as one, as JSON.
STATEMENT_BYTES: Final = 4 * 1024 * 1024
PATIENCE_SECONDS: Final = 300.0  # how long a database may be away before a run gives up
FILLING_SECONDS: Final = 1.0  # that templates are filled for before others have their turn
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 3.0
STOPPING_WAIT_SECONDS: Final = 0.5  # in a process that is to stop: it has little time
ANSWERED: Final = Q(attempts__gt=0, latency_ms__isnull=False)  # a model was asked, and answered
ANSWER: Final = (
    "output", "details", "latency_ms", "input_tokens", "output_tokens", "finish_reason",
    "cost_usd",
)  # fmt: skip
NUL: Final = str.maketrans({"\0": "\ufffd"})  # no text of SQLite holds one


class _NewResult(NamedTuple):
    """A row of test_results as it is inserted: JSON as text, what is absent as the default."""

    id: str
    evaluation_id: str
    run_case_id: int
    case_id: str | None
    repeat: int
    request_hash: str
    messages: str
    output: str = ""
    components: str = "[]"
    details: str = "{}"
    score: float | None = None
    passed: int | None = None
    finish_reason: str = ""
    cached: int = 0
    attempts: int = 0
    grading_calls: int = 0
    grading_cost_usd: float | None = None
    latency_ms: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    error: str = ""


class _PendingCase(Protocol):
    """A case of the run, and which of its repeats have a result: a list, or its JSON."""

    pk: int
    position: int
    case_id: UUID | None
    name: str
    document: JSONObject
    weight: float
    done: list[int] | str | None


class _EarlierAnswer(Protocol):
    """What a result keeps of an answer: `ANSWER`, and its request."""

    request_hash: str
    output: str
    details: JSONObject
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str
    cost_usd: Decimal | None


def retry_while_unavailable(work: Callable[[], ResultT]) -> ResultT:
    """Return what `work` returns; while the database is away, wait, say so, and do it again.

    `work` must be safe to repeat, also where it was done already: a write whose answer was lost may
    have been. Slots stay taken meanwhile, so nobody is asked in vain.

    Raises:
        DatabaseError: the database was away for five minutes (in a process that is to stop: for as
            long as that has time), or refuses what no waiting mends.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            result = work()
        except (DatabaseError, InterfaceError) as error:
            outage = find_outage(error)
            if outage is None or not outage.may_pass or connection.in_atomic_block:
                raise
            if time.monotonic() > deadline or not stop_request.seconds_for_storing:
                announcer.gives_up()
                raise
            if wait > FIRST_WAIT_SECONDS:  # the first may be over before anybody has read of it
                announcer.waits(outage.sentence)
            connection.close()
            time.sleep(min(wait, stop_request.seconds_for_storing))
            longest = STOPPING_WAIT_SECONDS if stop_request.is_asked else LONGEST_WAIT_SECONDS
            wait = min(longest, wait * 2)
        else:
            announcer.goes_on()
            return result


def insert_rows(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[JSONValue]],
    *,
    only_if: tuple[str, Sequence[SQLValue]] = ("1", ()),
) -> int:
    """Insert rows, by one statement if they are not too large for it; return how many are new.

    Args:
        table: its name.
        columns: names of its columns.
        rows: values that JSON can hold, one for each column.
        only_if: an SQL condition with its parameters.
    """
    quote = connection.ops.quote_name
    head = f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) SELECT"
    condition, params = only_if
    tail = f"WHERE {condition} ON CONFLICT DO NOTHING"
    of_json = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    by_text = f"{head} {of_json} FROM json_each(%s) {tail}"
    by_value = f"{head} {', '.join(['%s'] * len(columns))} {tail}"
    count = 0
    with connection.cursor() as cursor:
        for texts, row in _parts(rows):
            if row is None:
                cursor.execute(by_text, [f"[{','.join(texts)}]", *params])
            else:
                cursor.execute(by_value, [*map(_as_value, row), *params])
            count += int(cursor.rowcount)
    return count


def _parts(
    rows: Iterable[Sequence[JSONValue]],
) -> Iterator[tuple[list[str], Sequence[JSONValue] | None]]:
    """Yield what one statement takes: rows as JSON; or one row, too large to be one value of it."""
    texts: list[str] = []
    size = 0
    for row in rows:
        text = _storable(dump(list(row)))
        length = len(text.encode())
        if length > STATEMENT_BYTES:
            yield [], row
            continue
        if texts and size + length > STATEMENT_BYTES:
            yield texts, None
            texts, size = [], 0
        texts.append(text)
        size += length
    if texts:
        yield texts, None


def _as_value(value: JSONValue) -> SQLValue:
    """Return what SQL's json_extract makes of a value."""
    if isinstance(value, list | dict):
        return _storable(dump(value))
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    # Half of a surrogate pair is no character: no database takes it.
    return text.encode("utf-8", "replace").decode()


class DatabaseStore:
    """The store of one run, for one worker that holds its lease.

    Args:
        run: the run.
        templates: column's key → what it asks.
        places: column's key → its place among the run's columns; in their order if not given.
    """

    def __init__(
        self,
        run: Run,
        templates: Mapping[str, prompts.Template],
        places: Mapping[str, int] | None = None,
    ) -> None:
        self._run = run
        self._templates = templates
        self._prepare = lru_cache(lambda key, *around: prepare(self._templates[key], *around))
        self._places = places or {key: place for place, key in enumerate(templates)}

    def page(self, column: Column, after: int, limit: int) -> tuple[Sequence[Task], int | None]:
        """Return tasks of the next cases that have no result yet, and where to go on."""
        count = max(1, limit // self._run.repeats)
        done = (
            TestResult.objects.filter(run_case=OuterRef("pk"), evaluation=UUID(column.key))
            .order_by()
            .values("run_case")
            .annotate(repeats=JSONGroupArray("repeat"))
            .values("repeats")
        )
        found = RunCase.objects.filter(run=self._run, position__gte=after)
        found = found.annotate(done=Subquery(done)).order_by("position")[: count + 1]
        names = ("pk", "position", "case_id", "name", "document", "weight", "done")
        rows = retry_while_unavailable(lambda: list(found.values_list(*names, named=True)))
        tasks: list[Task] = []
        until = time.monotonic() + FILLING_SECONDS
        for place, row in enumerate(rows[:count], start=1):
            tasks += self._tasks(column, row)
            # The lease is renewed by the same thread: it must not wait for a thousand templates.
            if time.monotonic() > until and place < len(rows):
                return tasks, rows[place].position
        return tasks, rows[count].position if len(rows) > count else None

    def _tasks(self, column: Column, row: _PendingCase) -> Iterable[Task]:
        done = set(row.done if isinstance(row.done, list) else json.loads(row.done or "[]"))
        missing = [repeat for repeat in range(self._run.repeats) if repeat not in done]
        if not missing:
            return
        case = case_from_document(row.name, row.document, row.weight)
        if case.columns is not None and self._places[column.key] not in case.columns:
            return
        messages: tuple[Message, ...] = ()
        error = ""
        try:
            messages = self._prepare(column.key, column.kind, case.prefix, case.suffix)(
                case.variables
            )
        except (prompts.TemplateError, SuiteError) as problem:
            error = f"the prompt cannot be rendered: {problem}"
        for repeat in missing:
            key = (row.pk, row.case_id)
            yield Task(case_key=key, case=case, repeat=repeat, messages=messages, error=error)

    def find_answers(
        self, hashes: Sequence[str], *, own: bool, whole: bool
    ) -> Mapping[str, Answer]:
        """Return earlier answers to the same requests, the newest of each."""
        rows = TestResult.objects.filter(ANSWERED, request_hash__in=list(hashes))
        # What a service broke off is an error, never an answer.
        rows = rows.exclude(finish_reason="error")
        # Those that were kept aside when their errors were forgotten.
        aside = Q(evaluation__run=self._run, run_case__isnull=True)
        if own:
            rows = rows.filter(aside)
        if whole:
            # What was cut is asked again; but not where only its score is missing.
            unscored = aside & Q(error=INTERRUPTED)
            rows = rows.filter(~Q(finish_reason__in=UNFINISHED) | unscored)
        found = rows.order_by("created_at").values_list("request_hash", *ANSWER, named=True)
        return retry_while_unavailable(
            lambda: {row.request_hash: _build_answer(row) for row in found.all()}
        )

    def save(self, finished: Sequence[TaskResult]) -> None:
        """Store results; only while the lease is ours.

        Raises:
            LeaseLost: another worker has the run.
        """
        rows = [_row(one) for one in finished]
        ours = "EXISTS (SELECT 1 FROM evaluation_runs WHERE id = %s AND worker = %s)"
        params = (self._run.pk.hex, self._run.worker)

        def insert(some: Sequence[_NewResult]) -> int:
            return retry_while_unavailable(
                lambda: insert_rows(
                    "test_results", _NewResult._fields, some, only_if=(ours, params)
                )
            )

        try:
            new = insert(rows)
        except (IntegrityError, DataError):
            new = sum(self._insert_one(insert, row) for row in rows)
        if new < len(rows) and not retry_while_unavailable(self._is_ours):
            raise LeaseLost

    def _insert_one(self, insert: Callable[[Sequence[_NewResult]], int], row: _NewResult) -> int:
        """Store one of a group that the database refused; the wrong one becomes an error."""
        try:
            return insert([row])
        except (IntegrityError, DataError) as error:
            # What was asked stays, and how often.
            bare = _NewResult(
                id=row.id,
                evaluation_id=row.evaluation_id,
                run_case_id=row.run_case_id,
                case_id=row.case_id,
                repeat=row.repeat,
                request_hash=row.request_hash,
                messages=row.messages,
                attempts=row.attempts,
                error=f"the database rejected the answer: {error}",
            )
            return insert([bare])

    def _is_ours(self) -> bool:
        return Run.objects.filter(pk=self._run.pk, worker=self._run.worker).exists()

    def beat(self, seconds: float) -> HeartbeatReply:
        """Renew the lease.

        Raises:
            LeaseLost: another worker has the run.
        """
        return retry_while_unavailable(lambda: self._beat(seconds))

    def _beat(self, seconds: float) -> HeartbeatReply:
        rows = Run.objects.filter(pk=self._run.pk, worker=self._run.worker)
        if not rows.update(worker_until=timezone.now() + LEASE, seconds_used=seconds):
            raise LeaseLost
        cancel = rows.values_list("cancel_requested", flat=True).first()
        return HeartbeatReply(cancel=bool(cancel))


def _build_answer(row: _EarlierAnswer) -> Answer:
    details = AnswerDetails.read(row.details)
    return Answer(
        text=row.output,
        data=details.data,
        refused=bool(details.refused),
        flagged=details.flagged,
        logprobs=_read_logprobs(details),
        cache=details.cache_tokens,
        reasoning_tokens=details.reasoning_tokens,
        service_reason=details.service_reason,
        latency_ms=row.latency_ms,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        finish_reason=row.finish_reason or None,
        cost_usd=row.cost_usd,  # what it cost then: what is asserted of it; it is not paid again
    )


def _read_logprobs(details: AnswerDetails) -> tuple[float, ...] | None:
    if not details.logprobs:
        return None
    # JSON has no infinity: the logarithm of a probability of 0 was written as null.
    return tuple(-math.inf if value is None else value for value in details.logprobs)


def _build_details(answer: Answer) -> AnswerDetails:
    """Return what `_build_answer` needs to make the same answer again; mostly nothing."""
    return AnswerDetails(
        data=answer.data,
        refused=answer.refused or None,
        flagged=answer.flagged,
        logprobs=answer.logprobs,
        cache_tokens=answer.cache,
        reasoning_tokens=answer.reasoning_tokens,
        service_reason=answer.service_reason,
    )


def _money(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _paid(answer: Answer) -> float | None:
    return 0.0 if answer.cached else _money(answer.cost_usd)


def _row(finished: TaskResult) -> _NewResult:
    messages = [{"role": part.role, "content": part.content} for part in finished.task.messages]
    case_key, case_id = finished.task.case_key
    asked = _NewResult(
        id=uuid4().hex,
        evaluation_id=UUID(finished.column.key).hex,
        run_case_id=case_key,
        case_id=None if case_id is None else case_id.hex,
        repeat=finished.task.repeat,
        request_hash=finished.request_hash,
        messages=dump(messages),
        attempts=finished.attempts,
        grading_calls=finished.grading_calls,
        grading_cost_usd=_money(finished.grading_cost_usd),
        error=finished.error.translate(NUL),
    )
    return _with_grade(_with_answer(asked, finished.answer), finished.graded)


def _with_answer(row: _NewResult, answer: Answer | None) -> _NewResult:
    if answer is None:
        return row
    return row._replace(
        output=answer.text.translate(NUL),
        details=dump(_build_details(answer).as_json()).replace("\\u0000", "\\ufffd"),
        finish_reason=(answer.finish_reason or "")[:50],
        cached=int(answer.cached),
        latency_ms=answer.latency_ms,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=_paid(answer),
    )


def _with_grade(row: _NewResult, graded: CaseGrade | None) -> _NewResult:
    if graded is None:
        return row
    return row._replace(
        components=dump(components_as_json([_component(part) for part in graded.grades])),
        score=graded.score,
        passed=None if graded.passed is None else int(graded.passed),
    )


def _component(part: ScoredAssertion) -> Component:
    members = [_component(member) for member in part.outcome.components]
    return Component(
        assertion=assertion_as_dict(part.assertion),
        passed=part.outcome.passed,
        score=part.outcome.score,
        reason=part.outcome.reason,
        normalisation=part.semantics.normalisation,
        direction=part.semantics.direction,
        threshold=part.semantics.threshold,
        error=part.error or UNSET,
        components=members or UNSET,
    )
