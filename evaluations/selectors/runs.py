"""Runs as operators look at them: which there are, who works on them, what went wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Left
from django.utils import timezone

from core.errors import NotFoundError
from evaluations.leases import is_dead
from evaluations.models import Evaluation, Run, TestResult
from evaluations.models.runs import OPEN
from evaluations.stored import RunSettings

__all__ = [
    "ErrorKind",
    "count_errors",
    "find_run",
    "is_free",
    "list_runs",
    "list_waiting_runs",
]

ID_LENGTH: Final = 8  # characters of a run's ID that have to be typed; the pages show as many
ERROR_LENGTH: Final = 100  # characters that tell kinds apart; what follows is a service's own words
KINDS: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorKind:
    """Errors of a run that begin alike."""

    message: str
    """How they begin, 100 characters at most."""
    count: int
    """How many results have it."""


def find_run(text: str) -> Run:
    """Return a run by its ID or the first eight characters of it.

    Raises:
        NotFoundError: no run in use has it, or more than one.
    """
    digits = text.replace("-", "").lower()  # SQLite stores an ID as 32 digits without hyphens
    if len(digits) < ID_LENGTH:
        raise NotFoundError("run.missing", text=text)
    runs = list(Run.objects.filter(pk__startswith=digits)[:2])  # two: the text is ambiguous
    if len(runs) != 1:
        raise NotFoundError("run.missing", text=text)
    return runs[0]


def list_runs(
    *, statuses: list[str] | None = None, suite: str = "", prompt: str = ""
) -> "QuerySet[Run, Run]":
    """Return runs in use with their suites and columns, the newest first.

    Args:
        statuses: those of these; None: all.
        suite: name of a suite; empty: all.
        prompt: name of a prompt that a column asks; empty: all.
    """
    rows = Run.objects.select_related("suite").prefetch_related("evaluations")
    if statuses:
        rows = rows.filter(status__in=statuses)
    if suite:
        rows = rows.filter(suite__name=suite)
    if prompt:
        asked = Evaluation.objects.filter(prompt__name=prompt, prompt__deleted_at__isnull=True)
        rows = rows.filter(pk__in=asked.order_by().values("run"))
    return rows.order_by("-created_at", "pk")


def is_free(run: Run, now: datetime | None = None) -> bool:
    """Whether nobody works on a run, as far as can be told."""
    until = run.worker_until
    if not run.worker or until is None:
        return True
    return until < (now or timezone.now()) or is_dead(run.worker)


def list_waiting_runs() -> list[Run]:
    """Return the background's runs that nobody works on, the one that waits longest first."""
    rows = Run.objects.filter(status__in=OPEN, cancel_requested=False)
    fields = ("worker", "worker_until", "settings", "updated_at", "status")
    now = timezone.now()
    return [
        run
        for run in rows.only(*fields).order_by("updated_at")
        if RunSettings.read(run.settings).background and is_free(run, now)
    ]


def count_errors(run_id: UUID) -> list[ErrorKind]:
    """Return the errors of a run by how they begin, the most frequent first; one query."""
    rows = (
        TestResult.objects.filter(~Q(error=""), evaluation__run=run_id, run_case__isnull=False)
        .order_by()
        .annotate(beginning=Left("error", ERROR_LENGTH))
        .values("beginning")
        .annotate(count=Count("pk"))
        .order_by(F("count").desc(), "beginning")
    )
    pairs = rows.values_list("beginning", "count")[:KINDS]
    return [ErrorKind(message=beginning, count=count) for beginning, count in pairs]
