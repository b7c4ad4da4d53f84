"""Runs that are old enough to go, and why some of them stay all the same.

A run stays where something else rests on it: a release gate or a label on its figures, another run
on its answers as a baseline, a person's judgement on an answer. What is neither done nor given up
stays as well.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import BinaryField, Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Cast, Coalesce, Length

from core.models import SoftDeleteQuerySet
from evaluations.models import Evaluation, Rating, ReleaseGate, Run, TestResult, TestSuite
from evaluations.models.runs import OPEN
from evaluations.selectors.columns import is_whole, list_gate_columns, list_of_completed_runs
from prompts import interface as prompts

__all__ = [
    "BEING_DELETED",
    "Expired",
    "Reason",
    "find_bytes",
    "find_expired_results",
    "find_expired_runs",
    "find_in_trash",
    "list_prompts_of_runs",
    "list_trashed_columns",
    "list_trashed_suites",
    "results_of_runs",
]

BEING_DELETED = "being deleted for good"
"""The message of a run in the trash of which a part may be gone: it is not restored."""

KEYS_A_QUERY = 500
TEXTS = ("messages", "output", "components", "details", "error")


class Reason(StrEnum):
    """Why a run stays although it is old enough."""

    OPEN = "open"
    """It is worked on, or will be."""
    RESUMABLE = "resumable"
    """It can be taken up where it was; without its answers they would be paid for again."""
    GATE = "gate"
    """A release gate looks at it before it lets a version through."""
    LABEL = "label"
    """It is the newest run of what a label points to."""
    RATED = "rated"
    """People have judged its answers."""
    BASELINE = "baseline"
    """A run that stays is compared with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired:
    """Runs that may go, and those that stay."""

    run_ids: Sequence[UUID]
    """What may go, the oldest first."""
    oldest: datetime | None
    """When the oldest of them ended; None: there is none."""
    kept: Mapping[Reason, int]
    """How many of that age stay for each reason; each run counts once."""


def find_expired_runs(before: datetime) -> Expired:
    """Return the runs that ended before then, with the trash's; what was begun to be deleted too.

    Args:
        before: a run's end, or where it never ended its beginning, lies before.
    """
    rows = _with_end(Run.all_objects.get_queryset())
    interrupted = Q(deleted_at__isnull=False, message=BEING_DELETED)
    return _find(rows.filter(Q(ended__lt=before) | interrupted), {})


def find_expired_results(before: datetime) -> Expired:
    """Return the runs that ended before then and still have answers: these may go alone."""
    answered = TestResult.objects.filter(evaluation__run=OuterRef("pk"))
    rows = _with_end(Run.objects.get_queryset()).filter(Exists(answered), ended__lt=before)
    resumable = rows.filter(
        status__in=(Run.Status.STOPPED, Run.Status.CANCELLED, Run.Status.FAILED)
    )
    return _find(rows, dict.fromkeys(resumable.values_list("pk", flat=True), Reason.RESUMABLE))


def find_in_trash(before: datetime) -> Expired:
    """Return the runs that were put into the trash before then."""
    return _find(_with_end(Run.all_objects.deleted()).filter(deleted_at__lt=before), {})


def _with_end(rows: QuerySet[Run]) -> QuerySet[Any]:
    ends = rows.annotate(ended=Coalesce("finished_at", "created_at"))
    return ends.order_by("ended")


def _find(rows: QuerySet[Any], reasons: dict[UUID, Reason]) -> Expired:
    """Return which of the rows may go.

    Args:
        rows: with `ended`.
        reasons: why some of them stay, as far as it is known.
    """
    ends: dict[UUID, datetime] = dict(rows.values_list("pk", "ended"))
    if not ends:
        return Expired(run_ids=[], oldest=None, kept={})
    # In the trash nobody works on a run.
    is_open = Q(status__in=OPEN, deleted_at__isnull=True)
    reasons |= dict.fromkeys(rows.filter(is_open).values_list("pk", flat=True), Reason.OPEN)
    _add_what_rests_on_them(reasons)
    _add_baselines(ends.keys(), reasons)
    going = [key for key in ends if key not in reasons]
    kept = Counter(reason for key, reason in reasons.items() if key in ends)
    return Expired(run_ids=going, oldest=ends[going[0]] if going else None, kept=kept)


def _add_what_rests_on_them(reasons: dict[UUID, Reason]) -> None:
    """Note the runs, old or not, on which gates, labels and people's judgements rest."""
    rated = Rating.objects.filter(result__evaluation__run__isnull=False).order_by()
    for run_ids, reason in (
        (_list_behind_gates(), Reason.GATE),
        (_list_behind_labels(), Reason.LABEL),
        (rated.values_list("result__evaluation__run", flat=True).distinct(), Reason.RATED),
    ):
        for run_id in run_ids:
            reasons.setdefault(run_id, reason)


def _list_behind_gates() -> set[UUID]:
    """Return the runs by which gates judge: of each content and suite, the newest whole one.

    Newer ones that answer only a part stay too: the gate's search passes them.
    """
    gates = ReleaseGate.objects.filter(
        suite=OuterRef("suite"), prompt__versions__content_hash=OuterRef("version__content_hash")
    )
    columns = list_gate_columns().filter(Exists(gates)).select_related("run", "version")
    decided: set[tuple[object, str]] = set()
    run_ids: set[UUID] = set()
    for column in columns.defer("run__settings", "run__estimate", "version__content"):
        if column.run is None or column.version is None:
            continue  # the query leaves neither
        of_gate = (column.suite_id, column.version.content_hash)
        if of_gate in decided:
            continue
        run_ids.add(column.run.pk)
        if is_whole(column):
            decided.add(of_gate)
    return run_ids


def _list_behind_labels() -> set[UUID]:
    """Return the newest run of each content that a label points to: it says how good that is."""
    labelled = prompts.list_labelled_hashes()
    seen: set[str] = set()
    run_ids: set[UUID] = set()
    columns = list_of_completed_runs().values_list("version__content_hash", "run")
    for content_hash, run_id in columns:
        if content_hash in labelled and content_hash not in seen and run_id is not None:
            seen.add(content_hash)
            run_ids.add(run_id)
    return run_ids


def _add_baselines(old: Iterable[UUID], reasons: dict[UUID, Reason]) -> None:
    """Note the baselines of runs that stay, theirs too, and so on."""
    going = set(old) - reasons.keys()
    pairs = list(Run.all_objects.filter(baseline__isnull=False).values_list("pk", "baseline"))
    stays = True
    while stays:
        stays = False
        for run_id, baseline_id in pairs:
            if run_id not in going and baseline_id in going:
                reasons[baseline_id] = Reason.BASELINE
                going.discard(baseline_id)
                stays = True


def results_of_runs(run_ids: Sequence[UUID]) -> QuerySet[TestResult]:
    """Return all answers of these runs, those that were set aside too."""
    return TestResult.objects.filter(evaluation__run__in=list(run_ids)).order_by()


def find_bytes(run_ids: Sequence[UUID]) -> tuple[int, int]:
    """Return how many answers these runs have, and how many bytes of text."""
    rows, size = 0, 0
    total: Any = 0
    for name in TEXTS:
        total = total + Length(Cast(name, BinaryField()))
    for start in range(0, len(run_ids), KEYS_A_QUERY):
        chunk = results_of_runs(run_ids[start : start + KEYS_A_QUERY])
        sums = chunk.aggregate(size=Sum(total), rows=Count("pk"))
        rows += sums["rows"]
        size += sums["size"] or 0
    return rows, size


def list_trashed_suites(before: datetime) -> SoftDeleteQuerySet[TestSuite]:
    """Return the suites that were put into the trash before then and that no gate asks for."""
    rows = TestSuite.all_objects.deleted().filter(deleted_at__lt=before)
    return rows.filter(~Exists(ReleaseGate.objects.filter(suite=OuterRef("pk"))))


def list_trashed_columns(before: datetime) -> QuerySet[Evaluation]:
    """Return the evaluations that were put into the trash before then."""
    return Evaluation.all_objects.deleted().filter(deleted_at__lt=before)


def list_prompts_of_runs(prompt_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of the prompts that a run has asked: its columns would go with them."""
    rows = Evaluation.all_objects.filter(prompt__in=list(prompt_ids), run__isnull=False)
    return set(rows.order_by().values_list("prompt", flat=True).distinct())
