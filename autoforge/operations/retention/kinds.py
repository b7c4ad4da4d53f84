"""Kinds of rows: how those that are old enough are found, and who deletes them.

They stand in the order in which they are deleted. What hangs on something goes before it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import BinaryField, Min, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, Length
from django.utils import timezone

from autoforge.operations.retention.ages import Age
from core.access.services import forget_answers, list_old_answers
from core.events.services import deliveries
from core.services import delete_in_batches
from evaluations.models import CallRecord
from evaluations.selectors import expired
from evaluations.services import records, retention
from prompts import services as prompts
from prompts.models import PromptTemplate

__all__ = ["Finding", "Kind", "list_kinds"]

Report = Callable[[int], object]
PROMPTS_AT_A_TIME: Final = 10  # they go with all their versions, in one transaction
COLUMNS_OF_RUNS: Final = "in-runs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is old enough."""

    rows: int = 0
    """How many rows may go; of runs, how many runs."""
    oldest: datetime | None = None
    """The oldest of them."""
    size: int = 0
    """Their texts, about, in bytes; what goes along is counted."""
    along: int = 0
    """How many rows go along with them, such as the answers of runs."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Reason → how many of that age stay."""


class Kind(ABC):
    """Rows of one kind, and how long they are kept.

    Args:
        age: how long.
        now: the time.
    """

    name: str
    """As it is called in reports."""

    def __init__(self, age: Age, now: datetime) -> None:
        self.age = age
        self.now = now

    @property
    def before(self) -> datetime:
        """What is older than that is old enough; only where there is an age."""
        return self.now - (self.age.duration or timedelta())

    @abstractmethod
    def find(self) -> Finding:
        """Return what is old enough."""

    @abstractmethod
    def remove(self, report: Report) -> int:
        """Delete it, and return how many rows there were.

        Args:
            report: called now and then with how many went.
        """


class _Table(Kind):
    """Rows of one table that nothing hangs on."""

    time_field: str
    texts: Sequence[str] = ()

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""

    def find(self) -> Finding:
        """Return what is old enough."""
        return _measure(self.rows(), self.time_field, self.texts)

    def remove(self, report: Report) -> int:
        """Delete it."""
        return delete_in_batches(self.rows(), report=report)


def _measure(rows: QuerySet[Any], time_field: str, texts: Iterable[str]) -> Finding:
    """Return the figures of rows, by two queries at most."""
    size: Any = Value(0)
    for name in texts:
        size = size + Coalesce(Length(Cast(name, BinaryField())), 0)
    found = rows.order_by().aggregate(oldest=Min(time_field), size=Sum(size))
    if found["oldest"] is None:
        return Finding()
    return Finding(rows=rows.order_by().count(), oldest=found["oldest"], size=found["size"] or 0)


class Runs(Kind):
    """Runs with their cases, columns and answers."""

    name = "runs"

    def __init__(self, age: Age, now: datetime) -> None:
        super().__init__(age, now)
        self._expired: expired.Expired | None = None

    def _list(self) -> expired.Expired:
        if self._expired is None:  # asked once for the plan and for deleting
            self._expired = self._find()
        return self._expired

    def _find(self) -> expired.Expired:
        return expired.find_expired_runs(self.before)

    def find(self) -> Finding:
        """Return what is old enough."""
        runs = self._list()
        answers, size = expired.find_bytes(runs.run_ids)
        return Finding(
            rows=len(runs.run_ids),
            oldest=runs.oldest,
            size=size,
            along=answers,
            kept={str(reason): count for reason, count in runs.kept.items()},
        )

    def remove(self, report: Report) -> int:
        """Delete it."""
        return retention.delete_runs_for_good(self._list().run_ids, report=report)


class TrashedRuns(Runs):
    """Runs in the trash."""

    name = "trash-runs"

    def _find(self) -> expired.Expired:
        return expired.find_in_trash(self.before)


class Results(Runs):
    """Answers of completed runs, without the runs."""

    name = "results"

    def _find(self) -> expired.Expired:
        return expired.find_expired_results(self.before)

    def find(self) -> Finding:
        """Return what is old enough."""
        runs = super().find()
        return Finding(rows=runs.along, oldest=runs.oldest, size=runs.size, kept=runs.kept)

    def remove(self, report: Report) -> int:
        """Delete it."""
        return retention.delete_answers_of_runs(
            self._list().run_ids, today=self.now.date(), report=report
        )


class _Records(_Table):
    """Records of calls, of one source."""

    source: str
    time_field = "received_at"
    texts = ("messages", "output", "variables", "parameters", "metadata", "error")

    def rows(self) -> QuerySet[CallRecord]:
        """Return the rows that are old enough."""
        return records.list_old_records(self.source, before=self.before)

    def remove(self, report: Report) -> int:
        """Delete it."""
        days = {self.source: self.age.days or 0}
        count = records.delete_old_records(now=self.now, days=days)
        report(count)
        return count


class GatewayRecords(_Records):
    """Calls of the gateway."""

    name = "records-gateway"
    source = CallRecord.Source.GATEWAY


class TraceRecords(_Records):
    """Calls in traces of other programs."""

    name = "records-trace"
    source = CallRecord.Source.TRACE


class Deliveries(_Table):
    """Deliveries of webhooks, whatever became of them."""

    name = "deliveries"
    time_field = "created_at"
    texts = ("body", "last_answer")

    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""
        return deliveries.list_old(before=self.before)

    def remove(self, report: Report) -> int:
        """Delete it."""
        count = deliveries.forget_old(clock=lambda: self.now, kept=self.age.duration or timedelta())
        report(count)
        return count


class AdminLog(_Table):
    """What people did in the admin."""

    name = "admin-log"
    time_field = "action_time"
    texts = ("object_repr", "change_message")

    def rows(self) -> QuerySet[LogEntry]:
        """Return the rows that are old enough."""
        return LogEntry.objects.filter(action_time__lt=self.before).order_by()


class _Logins(_Table):
    """A table of django-axes."""

    model: Any
    time_field = "attempt_time"

    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""
        rows: QuerySet[Any] = self.model.objects.filter(attempt_time__lt=self.before).order_by()
        return rows


class FailedLogins(_Logins):
    """Failed logins that count against a name; older ones count no more."""

    name = "failed-logins"
    model = AccessAttempt

    def remove(self, report: Report) -> int:
        """Delete it."""
        along = {AccessAttemptExpiration: "access_attempt"}
        return delete_in_batches(self.rows(), dependents=along, report=report)


class LoginFailures(_Logins):
    """The log of failed logins."""

    name = "login-failure-log"
    model = AccessFailureLog


class Logins(_Logins):
    """The log of logins."""

    name = "login-log"
    model = AccessLog


class Answers(_Table):
    """Answers of the API that a repeated request gets again, for a day."""

    name = "api-answers"
    time_field = "created_at"
    texts = ("body", "headers")

    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""
        return list_old_answers()

    def remove(self, report: Report) -> int:
        """Delete it."""
        count = forget_answers()
        report(count)
        return count


class Sessions(_Table):
    """Sessions that have expired."""

    name = "sessions"
    time_field = "expire_date"
    texts = ("session_data",)

    def rows(self) -> QuerySet[Session]:
        """Return the rows that are old enough."""
        return Session.objects.filter(expire_date__lt=self.now).order_by()


class TrashedColumns(_Table):
    """Evaluations in the trash, with their answers."""

    name = "trash-evaluations"
    time_field = "deleted_at"

    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""
        return expired.list_trashed_columns(self.before)

    def remove(self, report: Report) -> int:
        """Delete it."""
        count = retention.delete_trashed_columns(before=self.before)
        report(count)
        return count


class TrashedPrompts(Kind):
    """Prompts in the trash, with all their versions; those that a run has asked stay with it."""

    name = "trash-prompts"

    def _list(self) -> tuple[list[UUID], int]:
        keys = prompts.find_purgeable(older_than_days=self.age.days or 0)
        asked = expired.list_prompts_of_runs(keys)
        return [key for key in keys if key not in asked], len(asked)

    def find(self) -> Finding:
        """Return what is old enough."""
        keys, of_runs = self._list()
        kept = {COLUMNS_OF_RUNS: of_runs} if of_runs else {}
        oldest = prompts.find_first_deletion(keys)
        return Finding(rows=len(keys), oldest=oldest, kept=kept)

    def remove(self, report: Report) -> int:
        """Delete it."""
        keys, _of_runs = self._list()
        count = 0
        for start in range(0, len(keys), PROMPTS_AT_A_TIME):
            purged = prompts.purge_prompts(keys[start : start + PROMPTS_AT_A_TIME])
            count += purged
            report(purged)
        return count


class TrashedTemplates(_Table):
    """Templates in the trash."""

    name = "trash-templates"
    time_field = "deleted_at"
    texts = ("content",)

    def rows(self) -> QuerySet[PromptTemplate]:
        """Return the rows that are old enough."""
        return PromptTemplate.all_objects.deleted().filter(deleted_at__lt=self.before)

    def remove(self, report: Report) -> int:
        """Delete it."""
        count = prompts.purge_templates(before=self.before)
        report(count)
        return count


class TrashedSuites(_Table):
    """Suites in the trash, with their cases; those that a gate asks for stay."""

    name = "trash-suites"
    time_field = "deleted_at"

    def rows(self) -> QuerySet[Any]:
        """Return the rows that are old enough."""
        return expired.list_trashed_suites(self.before)

    def remove(self, report: Report) -> int:
        """Delete it."""
        count = retention.delete_trashed_suites(before=self.before)
        report(count)
        return count


# Each with the group whose age it has; None: it ends by itself.
KINDS: Final[Sequence[tuple[type[Kind], str | None]]] = (
    (Runs, "runs"),
    (Results, "results"),
    (GatewayRecords, "records-gateway"),
    (TraceRecords, "records-trace"),
    (Deliveries, "deliveries"),
    (AdminLog, "logs"),
    (FailedLogins, "logs"),
    (LoginFailures, "logs"),
    (Logins, "logs"),
    (TrashedRuns, "trash"),
    (TrashedColumns, "trash"),
    (TrashedPrompts, "trash"),
    (TrashedTemplates, "trash"),
    (TrashedSuites, "trash"),
    (Answers, None),
    (Sessions, None),
)
ENDS_BY_ITSELF: Final = Age(days=1, source="fixed")


def list_kinds(ages: Mapping[str, Age], *, now: datetime | None = None) -> list[Kind]:
    """Return all kinds, with how long each is kept, in the order in which they are deleted."""
    now = now or timezone.now()
    kinds = []
    for kind, group in KINDS:
        age = ENDS_BY_ITSELF if group is None else ages[group]
        kinds.append(kind(age, now))
    return kinds
