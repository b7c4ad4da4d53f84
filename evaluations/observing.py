"""What others are told of calls of models: by runs, and by the gateway.

Who wants to know registers when the apps are ready (`autoforge.tracing` does). Without anybody,
nothing is built. An observer returns at once; one that fails is logged and disturbs nobody.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

from evaluations.engine.protocol import Observer, TaskResult
from evaluations.engine.scorers import CaseGrade
from evaluations.engine.types import Answer, Message
from evaluations.models import Evaluation, Run
from evaluations.models.runs import OPEN
from evaluations.stored import Target

__all__ = [
    "CallObserver",
    "ObservedCall",
    "ObservedPrompt",
    "ObservedRun",
    "ObservedScore",
    "PlaceInRun",
    "find_run_observer",
    "has_observers",
    "register_observer",
    "tell_call",
    "tell_run_finished",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedPrompt:
    """The version of a prompt that was rendered for a call."""

    name: str
    """As used in code."""
    number: int
    """Of the version, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedScore:
    """What one assertion, or one named metric, says of an answer."""

    name: str
    """The metric that it feeds, else its type."""
    value: float
    """From 0 to 1."""
    passed: bool | None = None
    """None: a metric does not decide."""
    reason: str = ""
    """One sentence; it may quote the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceInRun:
    """Which of a run's results a call is."""

    run_id: UUID
    run_name: str
    column: str
    """Display name of the column."""
    case: str
    """Name of the case."""
    repeat: int
    """From 0."""
    score: float | None = None
    """Of the whole case, from 0 to 1; None: it was not scored."""
    passed: bool | None = None
    grading_calls: int = 0
    """Calls of judges and embeddings."""
    grading_cost_usd: Decimal | None = None
    """What those cost, in US dollars."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedCall:
    """One call of a model: what was asked, what came, what it cost."""

    provider: str
    """Such as openai."""
    model: str
    """Its name at the provider."""
    asked_at: float
    """Seconds since 1970."""
    answered_at: float
    """Seconds since 1970."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    answer: Answer | None = None
    """None: there is none."""
    cost_usd: Decimal | None = None
    """None: not known."""
    error: str = ""
    """Why there is no answer, or no score."""
    attempts: int = 1
    """How many requests were sent."""
    prompt: ObservedPrompt | None = None
    """None: the text came with a file, or a model was asked directly."""
    place: PlaceInRun | None = None
    """None: the gateway asked."""
    scores: tuple[ObservedScore, ...] = ()
    traceparent: str = ""
    """The header of that name (W3C Trace Context) that came with the request, unchecked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedRun:
    """A run that has ended, or that has stopped until it is resumed."""

    run_id: UUID
    name: str
    status: str
    """A value of `Run.Status`."""
    message: str
    """Why it is not completed."""
    started_at: float
    """Seconds since 1970: of its very beginning, where it was resumed."""
    finished_at: float
    """Seconds since 1970."""


class CallObserver(Protocol):
    """Somebody who is told of calls; the methods return at once, in any thread."""

    def call_finished(self, call: ObservedCall) -> None:
        """Take note of a call."""

    def run_finished(self, run: ObservedRun) -> None:
        """Take note of the end of a run."""


_observers: Final[list[CallObserver]] = []


def register_observer(observer: CallObserver) -> Callable[[], None]:
    """Have somebody told of every call of this process; return what ends it again."""
    _observers.append(observer)
    return lambda: _observers.remove(observer)


def has_observers() -> bool:
    """Whether anybody wants to know: then, and only then, an `ObservedCall` is worth its time."""
    return bool(_observers)


def tell_call(call: ObservedCall) -> None:
    """Tell everybody of a call."""
    for observer in _observers:
        try:
            observer.call_finished(call)
        except Exception:
            logger.exception("An observer of calls failed")


def tell_run_finished(run: Run) -> None:
    """Tell everybody that a run has ended; one that another worker has goes on, and is not told."""
    if not _observers or run.status in OPEN or run.started_at is None or run.finished_at is None:
        return
    observed = ObservedRun(
        run_id=run.pk,
        name=str(run),
        status=str(run.status),
        message=run.message,
        started_at=run.started_at.timestamp(),
        finished_at=run.finished_at.timestamp(),
    )
    for observer in _observers:
        try:
            observer.run_finished(observed)
        except Exception:
            logger.exception("An observer of runs failed")


def find_run_observer(run: Run, columns: Sequence[Evaluation]) -> Observer | None:
    """Return what the engine tells of its calls, None where nobody wants to know."""
    return _RunObserver(run, columns) if _observers else None


class _RunObserver:
    """Adds to the engine's results what it does not know: the run, the version of the prompt.

    Args:
        run: the run.
        columns: with `prompt` and `version` loaded: there is no database where results come in.
    """

    def __init__(self, run: Run, columns: Sequence[Evaluation]) -> None:
        self._run_id = run.pk
        self._run_name = str(run)
        self._prompts: dict[str, ObservedPrompt] = {}
        self._providers: dict[str, str] = {}
        for row in columns:
            key = str(row.pk)
            self._providers[key] = Target.read(row.target).kind
            if row.prompt is not None and row.version is not None:
                prompt = ObservedPrompt(name=row.prompt.name, number=row.version.number)
                self._prompts[key] = prompt

    def call_finished(self, result: TaskResult) -> None:
        """Tell of a result."""
        column, task, answer = result.column, result.task, result.answer
        if result.asked_at is None or result.answered_at is None:
            return
        tell_call(
            ObservedCall(
                provider=self._providers[column.key],
                model=column.model,
                asked_at=result.asked_at,
                answered_at=result.answered_at,
                parameters=column.parameters,
                messages=task.messages,
                answer=answer,
                cost_usd=None if answer is None else answer.cost_usd,
                error=result.error,
                attempts=result.attempts,
                prompt=self._prompts.get(column.key),
                place=self._find_place(result),
                scores=_list_scores(result.graded),
            )
        )

    def _find_place(self, result: TaskResult) -> PlaceInRun:
        graded = result.graded
        return PlaceInRun(
            run_id=self._run_id,
            run_name=self._run_name,
            column=result.column.name,
            case=result.task.case.name,
            repeat=result.task.repeat,
            score=None if graded is None else graded.score,
            passed=None if graded is None else graded.passed,
            grading_calls=result.grading_calls,
            grading_cost_usd=result.grading_cost_usd,
        )


def _list_scores(graded: CaseGrade | None) -> tuple[ObservedScore, ...]:
    """Return a score for each assertion that was scored, then one for each named metric."""
    if graded is None:
        return ()
    scores = []
    for part in graded.grades:
        if part.error:
            continue
        assertion, outcome = part.assertion, part.outcome
        kind = f"not-{assertion.type}" if assertion.negated else assertion.type
        scores.append(
            ObservedScore(
                name=assertion.metric or kind,
                value=outcome.score,
                passed=outcome.passed,
                reason=outcome.reason,
            )
        )
    told = {score.name for score in scores}
    for name, value in graded.named.items():
        if name not in told:  # a metric that one assertion alone feeds is there already
            scores.append(ObservedScore(name=name, value=value))
    return tuple(scores)
