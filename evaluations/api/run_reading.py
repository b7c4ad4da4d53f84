"""Reads behind the operations on runs: the run with its columns and how far it is, two queries."""

import hashlib
from typing import NamedTuple, cast
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from core.errors import NotFoundError
from evaluations.api import run_bodies as bodies
from evaluations.fit import Misfit, list_misfits
from evaluations.models import Evaluation, Run
from evaluations.selectors import comparisons, grid
from evaluations.selectors.progress import RunProgress, build_progress
from evaluations.services.choosing import Preview
from evaluations.stored import RunSettings, StoredEstimate

__all__ = [
    "RunAnswer",
    "as_item",
    "as_preview",
    "as_progress",
    "encode_run",
    "find_columns",
    "list_runs",
    "read_run",
]


class RunAnswer(NamedTuple):
    """A run as it goes over the wire."""

    etag: str
    """Its ETag with the quotation marks."""
    body: bytes
    """JSON of `RunRead`."""


def find_columns(run_id: UUID) -> tuple[Run, list[Evaluation]]:
    """Return a run in use with its columns; one query.

    Raises:
        NotFoundError: there is none.
    """
    columns = grid.list_columns(run_id)
    run = columns[0].run if columns else None
    if run is None or run.is_deleted:
        raise NotFoundError("row.missing", kind=Run._meta.verbose_name, key=run_id)
    return run, columns


def read_run(run_id: UUID) -> bodies.RunRead:
    """Return a run with how far it is; two queries.

    Raises:
        NotFoundError: there is none.
    """
    run, columns = find_columns(run_id)
    chosen = RunSettings.read(run.settings)
    progress = build_progress(run)
    return bodies.RunRead(
        id=str(run.pk),
        name=run.name,
        status=cast("bodies.RunStatus", run.status),
        outcome=grid.describe_outcome(run, columns)[0],
        message=run.message,
        suite_id=_key(run.suite_id),
        suite=run.suite.name if run.suite else None,
        baseline_id=_key(run.baseline_id),
        repeats=run.repeats,
        use_cache=run.use_cache,
        only_stored=run.only_stored,
        judge=chosen.judge,
        embeddings=chosen.embeddings,
        max_cost_usd=None if run.max_cost_usd is None else float(run.max_cost_usd),
        max_calls=run.max_calls,
        max_seconds=run.max_seconds,
        estimate=_as_estimate(StoredEstimate.read(run.estimate)),
        misfits=[_as_misfit(misfit) for misfit in list_misfits(chosen.misfits)],
        columns=_as_columns(columns),
        progress=as_progress(progress),
        started_by=_find_actor(run, chosen),
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def encode_run(run_id: UUID) -> RunAnswer:
    """Return a run as it goes over the wire, with its ETag.

    Raises:
        NotFoundError: there is none.
    """
    body = msgspec.json.encode(read_run(run_id))
    return RunAnswer(f'"{hashlib.sha256(body).hexdigest()[:32]}"', body)


def list_runs(query: bodies.RunQuery) -> "QuerySet[Run, Run]":
    """Return runs in use with their columns."""
    rows = Run.objects.select_related("user").prefetch_related("evaluations")
    if query.search:
        rows = rows.filter(name__icontains=query.search)
    if query.status:
        rows = rows.filter(status=query.status)
    if query.suite_id is not msgspec.UNSET:
        rows = rows.filter(suite=query.suite_id)
    if query.prompt:
        asked = Evaluation.objects.filter(
            prompt__name=query.prompt, prompt__deleted_at__isnull=True
        )
        rows = rows.filter(pk__in=asked.order_by().values("run"))
    return rows


def as_item(run: Run) -> bodies.RunItem:
    """Return a run as it stands in a list; no query where its columns are loaded."""
    columns = sorted(run.evaluations.all(), key=lambda column: column.position)
    return bodies.RunItem(
        id=str(run.pk),
        name=run.name,
        status=cast("bodies.RunStatus", run.status),
        outcome=grid.describe_outcome(run, columns)[0],
        suite_id=_key(run.suite_id),
        planned=run.planned,
        repeats=run.repeats,
        columns=[column.label for column in columns],
        pass_rates=[column.figures.pass_rate for column in columns],
        started_by=_find_actor(run, RunSettings.read(run.settings)),
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def as_preview(preview: Preview) -> bodies.PreviewRead:
    """Return what a run will take, as it goes over the wire."""
    return bodies.PreviewRead(
        cases=preview.cases,
        columns=list(preview.columns),
        estimate=_as_estimate(preview.estimate.as_stored()),
        smallest_difference=preview.smallest,
        misfits=[_as_misfit(misfit) for misfit in preview.misfits],
    )


def as_progress(progress: RunProgress) -> bodies.ProgressRead:
    """Return how far a run is, as it goes over the wire."""
    return msgspec.convert(progress, bodies.ProgressRead)


def _key(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def _find_actor(run: Run, chosen: RunSettings) -> str:
    return run.user.get_username() if run.user is not None else chosen.actor


def _as_estimate(estimate: StoredEstimate) -> bodies.EstimateRead:
    return bodies.EstimateRead(
        calls=estimate.calls,
        input_tokens=estimate.input_tokens,
        output_tokens=estimate.output_tokens,
        cost_usd=estimate.cost_usd,
        unpriced=list(estimate.unpriced),
    )


def _as_misfit(misfit: Misfit) -> bodies.MisfitRead:
    return bodies.MisfitRead(code=misfit.code, detail=str(misfit))


def _as_columns(columns: list[Evaluation]) -> list[bodies.ColumnRead]:
    verdicts = {}
    for verdict in comparisons.list_verdicts(columns):
        shown = bodies.VerdictRead(code=verdict["code"], detail=verdict["sentence"])
        verdicts[verdict["column"].pk] = shown
    rows = []
    for column in columns:
        rows.append(
            bodies.ColumnRead(
                id=str(column.pk),
                label=column.label,
                prompt=column.prompt.name if column.prompt else None,
                version=column.version.number if column.version else None,
                provider=column.provider,
                model=column.model,
                parameters=column.parameters,
                status=cast("bodies.RunStatus", column.status),
                score=column.overall_score,
                summary=column.summary,
                verdict=verdicts.get(column.pk),
            )
        )
    return rows
