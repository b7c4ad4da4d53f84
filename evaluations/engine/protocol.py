"""What the runner and its store hand to each other: columns, tasks, results, orders, and the store.

Left to others: who asks and scores (`runner`), and where results are stored (`services.store`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from evaluations.engine.budget import Caps, Spent
from evaluations.engine.grader_models import ModelServices
from evaluations.engine.providers import Price, Provider
from evaluations.engine.scorers import CaseGrade
from evaluations.engine.types import Answer, Case, Message, identify_message

__all__ = [
    "BEAT_SECONDS",
    "INTERRUPTED",
    "UNANSWERED",
    "Column",
    "EndStatus",
    "HeartbeatReply",
    "LeaseLost",
    "Observer",
    "Options",
    "RunOutcome",
    "Stopping",
    "Store",
    "Task",
    "TaskResult",
    "request_hash",
]

BEAT_SECONDS: Final = 2.0
# Stored with results, which are found by it when the run is resumed: its words stay as they are.
INTERRUPTED: Final = "the run stopped while its judge was waited for"
UNANSWERED: Final = "the worker stopped while the answer was waited for; it may have been paid"


class LeaseLost(Exception):
    """Another worker has the run now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One version of a prompt, asked of one model."""

    key: str
    """What the store knows it by."""
    name: str
    """Display name."""
    model: str
    """The model's name at its provider."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """What goes into every request."""
    provider: Provider
    """Who is asked; columns may share one, and then share its slots."""
    price: Price | None = None
    """None: not known."""
    cacheable: bool = True
    """Whether earlier answers are worth looking up."""
    identity: str = ""
    """What makes answers interchangeable: kind and address of the provider."""
    problem: str = ""
    """Why nobody can be asked; then each case without an answer is an error with this sentence."""
    kind: str = ""
    """The provider's: a chat in a file's prompt is read as its service reads one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One case to ask once."""

    case_key: tuple[int, UUID | None]
    """What the store knows the case by: its copy in the run, and the case that was copied."""
    case: Case
    repeat: int
    """From 0."""
    messages: tuple[Message, ...] = ()
    """What to send."""
    error: str = ""
    """Why it cannot be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
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
    asked_at: float | None = None
    """When the first request began, in seconds since 1970; None where nobody was asked."""
    answered_at: float | None = None
    """When the answer or the last error had come, in the same seconds."""


class Observer(Protocol):
    """Is told of the calls of a run, in its event loop: it returns at once and raises nothing."""

    def call_finished(self, result: TaskResult) -> None:
        """Take note of a result that is stored and that a model was asked for."""


class Stopping(Protocol):
    """Says whether the process has to end."""

    @property
    def is_asked(self) -> bool:
        """Whether no other call may begin."""

    @property
    def seconds_for_calls(self) -> float:
        """How long the calls in flight may still be waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeartbeatReply:
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
    observer: Observer | None = None
    """Who is told of each call; None: nobody."""
    beat_seconds: float = BEAT_SECONDS
    """How often the lease is renewed."""
    stopping: Stopping | None = None
    """Who says that the process has to end; None: it goes on to the end of the run."""


class EndStatus(StrEnum):
    """How the work on a run ended; all but LOST and RELEASED are a status of the run itself."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    """At one of its limits."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    LOST = "lost"
    """Another worker took it over, and will say how it ends."""
    RELEASED = "released"
    """The process had to end; another one goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """How a run ended here."""

    status: EndStatus
    message: str
    """Why, where it is not completed."""
    seconds: float
    """How long it has been worked on, all workers together."""


class Store(Protocol):
    """Where tasks come from and answers go; its methods block and are called one at a time."""

    def page(self, column: Column, after: int, limit: int) -> tuple[Sequence[Task], int | None]:
        """Return the next tasks of a column without a result, and where the next page begins.

        Args:
            column: whose tasks.
            after: 0, or what the page before returned; None there means that it was the last.
            limit: about how many tasks.
        """

    def find_answers(
        self, hashes: Sequence[str], *, own: bool, whole: bool
    ) -> Mapping[str, Answer]:
        """Return earlier answers by request hash.

        Args:
            hashes: of the requests.
            own: whether those of this run alone count.
            whole: whether those that were cut or filtered do not count.
        """

    def save(self, finished: Sequence[TaskResult]) -> None:
        """Store all or nothing; what is stored already stays as it is.

        Raises:
            LeaseLost: another worker has the run.
        """

    def beat(self, seconds: float) -> HeartbeatReply:
        """Renew the lease.

        Raises:
            LeaseLost: another worker has the run.
        """


def request_hash(column: Column, task: Task) -> str:
    """Return the SHA-256 of exactly what is sent, to whom, and which repeat it is."""
    content = {
        "to": column.identity,
        "model": column.model,
        "parameters": dict(column.parameters),
        "messages": list(map(identify_message, task.messages)),
        "repeat": task.repeat,
    }
    if column.provider.abilities.uses_variables:
        content["variables"] = dict(task.case.variables)
    # The form is part of every stored hash: whatever changes it forgets all stored answers.
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
