"""Runs being run: taken by one worker, worked through, ended; taken up again after any death.

A lease of 30 seconds, renewed every 2, says who works on a run. A worker that is dead on the same
machine loses it at once, any other when it ends. Results are stored only while the lease is held.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from msgspec.structs import replace

from core.database.explanation import explain
from core.database.outages import is_refusal
from core.errors import ApplicationError, InvalidInputError
from core.sentences import Sentence
from core.services import check_fields, find_row
from core.stopping import stop_request
from evaluations.adapters import spec_from_target
from evaluations.engine.budget import Caps, Spent
from evaluations.engine.errors import EngineError, SetupError
from evaluations.engine.files import NO_FILES, RunFiles
from evaluations.engine.grader_models import ModelServices
from evaluations.engine.protocol import (
    INTERRUPTED,
    UNANSWERED,
    Column,
    EndStatus,
    Observer,
    Options,
    RunOutcome,
    TaskResult,
)
from evaluations.engine.providers import (
    Kind,
    Provider,
    ProviderSpec,
    find_price,
    make,
    provider_fingerprint,
)
from evaluations.engine.providers.offline import EchoProvider
from evaluations.engine.runner import run as run_engine
from evaluations.leases import is_dead, worker_name
from evaluations.models import Evaluation, Run, TestResult
from evaluations.models.runs import OPEN
from evaluations.observing import find_run_observer, tell_run_finished
from evaluations.promptfoo.templates import free_template
from evaluations.selectors.comparisons import as_stored, compare_run
from evaluations.selectors.expired import BEING_DELETED
from evaluations.selectors.runs import is_free
from evaluations.selectors.summaries import summarise_evaluation
from evaluations.services.store import LEASE, DatabaseStore, retry_while_unavailable
from evaluations.services.webhooks import tell_of_end
from evaluations.stored import RunSettings, Summary, Target
from prompts import interface as prompts

__all__ = [
    "build_column",
    "cancel_left_runs",
    "cancel_run",
    "clear_errors",
    "delete_runs",
    "discard_run",
    "execute_run",
    "find_template",
    "finish_run",
    "give_to_workers",
    "restore_runs",
    "runs_to_resume",
    "spent_on",
    "update_limits",
]

logger = logging.getLogger(__name__)

UNCACHED: Final = (Kind.ECHO, Kind.REPLAY, Kind.UNAVAILABLE)  # as fast as looking it up
ENDED: Final = {"status", "summary", "overall_score", "started_at", "finished_at", "error"}
TOLD_WITHIN: Final = timedelta(seconds=30)
TO_RESUME: Final = (Run.Status.STOPPED, Run.Status.CANCELLED, Run.Status.FAILED)


def execute_run(
    run_id: UUID | str,
    *,
    on_finished: Callable[[TaskResult], object] = lambda _finished: None,
    only_open: bool = False,
    files: RunFiles = NO_FILES,
) -> Run:
    """Work on a run until it is done, a limit is reached, or somebody cancels it.

    A run that was begun goes on where it was: what is stored is neither asked nor paid again. Where
    the process is asked to stop, the run is given back within its time: it stays RUNNING, nobody's.

    Args:
        run_id: the run.
        on_finished: called after each stored answer.
        only_open: whether a run that was stopped, cancelled or has failed is left alone.
        files: where its recorded answers are read; a worker has none.

    Returns:
        The run as it ended; its status says how.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
        InvalidInputError: another worker has it, or it cannot be begun (a key is missing, say).
    """
    run = find_row(Run, run_id)
    was_begun = run.started_at is not None
    run = _claim(run, only_open=only_open)
    try:
        if was_begun:
            _forget(_results(run).filter(error__in=(INTERRUPTED, UNANSWERED)))
        evaluations = list(run.evaluations.select_related("prompt", "version").order_by("position"))
        columns = _columns(evaluations, files)
        templates = {str(row.pk): find_template(row) for row in evaluations}
        ending = asyncio.run(
            run_engine(
                DatabaseStore(run, templates, {str(row.pk): row.position for row in evaluations}),
                columns,
                _options(run, files, find_run_observer(run, evaluations)),
                on_finished=on_finished,
                last=connections.close_all,  # of its own thread
            )
        )
    except (EngineError, ApplicationError) as error:
        ending = RunOutcome(status=EndStatus.FAILED, message=str(error), seconds=run.seconds_used)
    except Exception as error:  # noqa: BLE001 (it is logged, and ends the run)
        ending = _find_outcome(run, _first_error(error))
    except BaseException:
        # The lease goes, so that whoever mends it can go on at once.
        _release(run)
        raise
    run = retry_while_unavailable(lambda: finish_run(run, ending))
    tell_run_finished(run)
    return run


def _first_error(error: BaseException) -> BaseException:
    """Return the error that began it: tasks that run together give theirs in a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _find_outcome(run: Run, error: BaseException) -> RunOutcome:
    """Return the end of a run that an error brought; a database that is away is the caller's.

    Without an end, the run would be taken up again every minute, and pay each time.
    """
    is_of_database = isinstance(error, DatabaseError | InterfaceError)
    if not isinstance(error, Exception) or (is_of_database and not is_refusal(error)):
        _release(run)
        raise error
    message = f"an unexpected error ({type(error).__name__}); see the log"
    if is_of_database:
        cause = explain(error)
        message = f"the database rejected a statement ({cause or error})"
        if cause is not None:  # the remedy is known: no traceback tells more
            logger.error("Run %s failed: %s", run.pk, message)
            return RunOutcome(status=EndStatus.FAILED, message=message, seconds=run.seconds_used)
    logger.error("A run failed unexpectedly", exc_info=error)
    return RunOutcome(status=EndStatus.FAILED, message=message, seconds=run.seconds_used)


def _claim(run: Run, *, only_open: bool) -> Run:
    name = worker_name()
    now = timezone.now()
    free = Q(worker="") | Q(worker_until__lt=now) | Q(worker_until__isnull=True)
    if run.worker and is_dead(run.worker):
        free |= Q(worker=run.worker)
    fields = {
        "worker": name,
        "worker_until": now + LEASE,
        "status": Run.Status.RUNNING,
        "cancel_requested": False,
        "message": "",
        "finished_at": None,
    }
    rows = Run.objects.filter(free, pk=run.pk).exclude(status=Run.Status.COMPLETED)
    if only_open:
        rows = rows.filter(status__in=OPEN, cancel_requested=False)
    if not rows.update(**fields, started_at=Coalesce("started_at", now)):
        run.refresh_from_db()
        if run.status == Run.Status.COMPLETED:
            raise InvalidInputError({"run": Sentence("run.complete")})
        if only_open and (not run.is_open or run.cancel_requested):
            raise InvalidInputError({"run": Sentence("run.ended")})
        raise InvalidInputError({"run": Sentence("run.taken")})
    # What was written, without asking for it.
    run.started_at = run.started_at or now
    return _with(run, fields)


def _with(run: Run, fields: Mapping[str, object]) -> Run:
    for field, value in fields.items():
        setattr(run, field, value)
    return run


def _release(run: Run) -> None:
    with contextlib.suppress(DatabaseError, InterfaceError):  # else it ends by itself
        Run.objects.filter(pk=run.pk, worker=run.worker).update(worker="", worker_until=None)


def _options(run: Run, files: RunFiles, observer: Observer | None) -> Options:
    caps = Caps(cost_usd=run.max_cost_usd, calls=run.max_calls, seconds=run.max_seconds)
    return Options(
        caps=caps,
        spent=spent_on(run),
        use_cache=run.use_cache,
        only_stored=run.only_stored,
        services=_services(run, files),
        observer=observer,
        stopping=stop_request,
    )


def _services(run: Run, files: RunFiles) -> ModelServices:
    """Return the models that scorers may ask: what the run fixed when it was made."""
    chosen = RunSettings.read(run.settings)

    def find(name: str) -> ProviderSpec:
        if name not in chosen.models:
            raise SetupError("run.no-model", name=name)
        return spec_from_target(chosen.models[name])

    return ModelServices(
        judge=chosen.judge,
        embeddings=chosen.embeddings,
        find=find,
        make=lambda spec: make(spec, settings.PROVIDER_ENVIRONMENT, files),
    )


def spent_on(run: Run) -> Spent:
    """Return what the stored answers of a run have cost."""
    found = TestResult.objects.filter(evaluation__run=run).aggregate(
        cost=Sum("cost_usd"),
        grading=Sum("grading_cost_usd"),
        judged=Sum("grading_calls"),
        calls=Count("pk", filter=Q(attempts__gt=0)),
    )
    money = (found["cost"] or Decimal(0)) + (found["grading"] or Decimal(0))
    calls = found["calls"] + (found["judged"] or 0)
    return Spent(cost_usd=money, calls=calls, seconds=run.seconds_used)


def _columns(evaluations: Sequence[Evaluation], files: RunFiles) -> list[Column]:
    providers: dict[str, Provider] = {}
    columns = []
    for row in evaluations:
        spec = spec_from_target(Target.read(row.target))
        shared = repr((spec.kind, spec.model, spec.base_url, spec.label, spec.settings))
        if shared not in providers:
            providers[shared] = make(spec, settings.PROVIDER_ENVIRONMENT, files)
        columns.append(build_column(row, spec, providers[shared]))
    return columns


def build_column(row: Evaluation, spec: ProviderSpec, provider: Provider | None) -> Column:
    """Return a column as the engine knows it; without a provider nobody can be asked."""
    return Column(
        key=str(row.pk),
        name=row.label,
        model=spec.model,
        parameters=spec.parameters,
        provider=provider or EchoProvider(spec),
        price=find_price(spec),
        cacheable=spec.kind not in UNCACHED,
        identity=provider_fingerprint(spec, settings.PROVIDER_ENVIRONMENT),
        problem=spec.problem,
        kind=spec.kind,
    )


def find_template(row: Evaluation) -> prompts.Template:
    """Return what a column fills with its cases' variables."""
    if row.prompt_id is None or row.version is None:
        return free_template(row.prompt_text)
    text = prompts.get_prompt_text(prompt_id=row.prompt_id, number=row.version.number)
    return text.template


def finish_run(run: Run, ending: RunOutcome) -> Run:
    """Write how it ended, and the figures of its columns; a lost run is another worker's."""
    rows = Run.objects.filter(pk=run.pk, worker=run.worker)
    if ending.status == EndStatus.RELEASED:
        return _give_back(run, rows, ending)
    now = timezone.now()
    lost = ending.status == EndStatus.LOST
    fields = {
        "status": Run.Status.RUNNING if lost else Run.Status(ending.status),
        "message": ending.message,
        "seconds_used": ending.seconds,
        "worker": "",
        "worker_until": None,
        "finished_at": now,
    }
    summaries = {} if lost else _summaries(run)
    with transaction.atomic():
        still_ours = rows.update(**fields)
        for row, summary in summaries.items() if still_ours else ():
            row.status = Evaluation.Status(ending.status)
            row.summary = summary.as_json()
            row.overall_score = summary.mean_score
            row.started_at, row.finished_at = run.started_at, now
            row.error = ending.message if ending.status == EndStatus.FAILED else ""
            row.save(update_fields=ENDED)
        if still_ours and not lost:
            tell_of_end(run, str(fields["status"]))
    if still_ours:
        return _with(run, fields)
    run.refresh_from_db()
    return run


def _give_back(run: Run, rows: QuerySet[Run], ending: RunOutcome) -> Run:
    """Leave a run to whoever comes next; one that is to be cancelled needs nobody for that."""
    if rows.update(worker="", worker_until=None, seconds_used=ending.seconds):
        run.refresh_from_db()
        if run.cancel_requested:
            return cancel_run(run.pk)
        return run
    run.refresh_from_db()
    return run


def _summaries(run: Run) -> dict[Evaluation, Summary]:
    """Return what each column is to keep: its figures, and how it compares."""
    rows = list(run.evaluations.order_by("position"))
    found = {row: summarise_evaluation(row) for row in rows}
    for one in compare_run(run, rows) if rows else ():
        column = one.new_column
        found[column] = replace(found[column], comparison=as_stored(one))
    return found


@transaction.atomic
def cancel_run(run_id: UUID | str) -> Run:
    """Ask a run's worker to stop; one that nobody works on is cancelled at once.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
    """
    run = find_row(Run, run_id)
    if run.is_open:
        run.cancel_requested = True
        free = is_free(run)
        if free:
            run.status, run.message, run.worker = Run.Status.CANCELLED, "the run was cancelled", ""
        run.save(update_fields={"cancel_requested", "status", "message", "worker"})
        if free:
            tell_of_end(run, str(run.status))
    return run


class RunLimits(TypedDict, total=False):
    """Where a run stops; None: there is no such limit."""

    max_cost_usd: Decimal | None
    max_calls: int | None
    max_seconds: float | None


@transaction.atomic
def update_limits(run_id: UUID | str, **limits: Unpack[RunLimits]) -> Run:
    """Set a run's limits anew and open it, so that it can be taken up again.

    Args:
        run_id: the run.
        **limits: any of `max_cost_usd`, `max_calls`, `max_seconds`.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
        InvalidInputError: a limit is below 0.
    """
    run = _with(find_row(Run, run_id), limits)
    check_fields(run, exclude={"suite", "baseline", "user"})
    if run.status in TO_RESUME:
        run.status, run.cancel_requested = Run.Status.PENDING, False
    run.save(update_fields={*limits, "status", "cancel_requested"})
    return run


@transaction.atomic
def clear_errors(run_id: UUID | str) -> int:
    """Forget a run's errors, so that those cases alone are done again; return how many.

    An answer that was paid and could not be scored is kept aside and scored anew, not asked again.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
        InvalidInputError: a worker is at it.
    """
    run = find_row(Run, run_id)
    if not is_free(run):
        raise InvalidInputError({"run": Sentence("run.busy")})
    count = _forget(_results(run).exclude(error=""))
    if count:
        run.status, run.cancel_requested = Run.Status.PENDING, False
        run.save(update_fields={"status", "cancel_requested"})
    return count


def _results(run: Run) -> QuerySet[TestResult]:
    return TestResult.objects.filter(evaluation__run=run, run_case__isnull=False)


def _forget(rows: QuerySet[TestResult]) -> int:
    """Make room for results anew; what was asked for stays aside, and counted."""
    asked = Q(attempts__gt=0) | Q(grading_calls__gt=0)
    kept = rows.filter(asked).update(run_case=None)
    count, _ = rows.delete()
    return kept + count


@transaction.atomic
def give_to_workers(run_id: UUID | str) -> Run:
    """Note that a run is the background's, so that a worker finds it even if nobody tells it.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
    """
    run = find_row(Run, run_id)
    run.settings["background"] = True  # not by RunSettings: keys of a newer version stay
    run.save(update_fields={"settings"})
    return run


@transaction.atomic
def delete_runs(run_ids: Iterable[UUID | str]) -> int:
    """Put runs into the trash, with what they found; return how many were in use."""
    count, _models = Run.objects.filter(pk__in=list(run_ids)).delete()
    return count


@transaction.atomic
def restore_runs(run_ids: Iterable[UUID | str]) -> int:
    """Take runs out of the trash; return how many were there.

    One that is being deleted for good may lack rows already, and stays there.
    """
    rows = Run.all_objects.get_queryset().filter(pk__in=list(run_ids))
    return rows.exclude(message=BEING_DELETED).restore()


@transaction.atomic
def discard_run(run_id: UUID | str) -> None:
    """Remove a run for good, with its cases and columns: one that was only to be estimated.

    Raises:
        NotFoundError: there is no such run, or it is deleted.
    """
    find_row(Run, run_id).hard_delete()


def cancel_left_runs() -> int:
    """Cancel runs whose worker died before it could do so; return how many."""
    rows = Run.objects.filter(status__in=OPEN, cancel_requested=True)
    left = [run.pk for run in rows.only("worker", "worker_until") if is_free(run)]
    for run_id in left:
        cancel_run(run_id)
    return len(left)


def runs_to_resume() -> list[UUID]:
    """Return the background's runs that nobody works on: their worker died, or was never told."""
    now = timezone.now()
    begun = Q(status=Run.Status.RUNNING)
    untold = Q(status=Run.Status.PENDING, updated_at__lt=now - TOLD_WITHIN)
    rows = Run.objects.filter(begun | untold, cancel_requested=False)
    rows = rows.only("worker", "worker_until", "settings")
    return [run.pk for run in rows if RunSettings.read(run.settings).background and is_free(run)]
