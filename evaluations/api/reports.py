"""Reports of runs in every format, and two columns compared case by case."""

from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import MsgspecJsonRenderer
from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.controllers import BaseController, operation
from core.api.pages import READS, ById
from core.errors import InvalidInputError, NotFoundError
from core.sentences import Sentence
from evaluations import reporting
from evaluations.api import run_reading as reading
from evaluations.api.run_bodies import VerdictRead
from evaluations.models import Evaluation
from evaluations.selectors import columns as kept
from evaluations.selectors import comparisons
from evaluations.selectors.flips import Flip, list_flips

__all__ = ["ColumnComparison", "RunReport"]

OFFERED: Final = tuple(item for item in reporting.FORMATS.values() if item.is_download)
TYPES: Final = sorted({item.content_type.partition(";")[0] for item in OFFERED} | {"text/plain"})


class ReportQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the report is written."""

    format: Annotated[str, Meta(max_length=40)] = "json"
    """One of the formats of `manage.py evaluate`: csv, html, json, junit, markdown, promptfoo, …"""


class CompareQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which columns; those of the run's own comparison if they are missing."""

    old: UUID | UnsetType = UNSET
    """ID of the older column, which may be another run's; the baseline's or the first one."""
    new: UUID | UnsetType = UNSET
    """ID of a column of this run; the last one."""
    start: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Where the page of flipped cases begins."""


class FlipRead(Struct, kw_only=True):
    """A case whose outcome changed."""

    case: str
    fixed: bool
    """Whether it passes now; else it fails now."""
    old_result_id: str
    old_output: str
    new_result_id: str
    new_output: str


class ComparisonRead(Struct, kw_only=True):
    """How two columns compare."""

    old_id: str
    old: str
    new_id: str
    new: str
    verdict: VerdictRead
    fixed: int
    """How many cases pass now that failed before."""
    broken: int
    items: list[FlipRead]
    """A page of the flipped cases."""
    next_start: int | None = None
    """Where the next page begins; null on the last one."""


class RunReport(BaseController):
    """A report of a run."""

    # Whoever asks for the report's own type gets it: these are only negotiated with.
    renderers: ClassVar[Any] = (
        *BaseController.renderers,
        *[
            MsgspecJsonRenderer(content_type)
            for content_type in TYPES
            if content_type != "application/json"
        ],
    )

    @operation(Any, permission="evaluations.view_run", problems=READS)
    def get(self, parsed_path: Path[ById], parsed_query: Query[ReportQuery]) -> HttpResponse:
        """Write a report of a run, in parts: a run may have a hundred thousand answers."""
        run, _columns = reading.find_columns(parsed_path.id)
        report_format = reporting.FORMATS.get(parsed_query.format)
        if report_format is None or not report_format.is_download:
            names = ", ".join(item.name for item in OFFERED)
            raise InvalidInputError({"format": Sentence("report.format", names=names)})
        parts = reporting.write(reporting.build_report(run), report_format.name)
        name = f"run-{str(run.pk)[:8]}.{report_format.suffix}"
        # The controller answers with any response of Django's.
        return StreamingHttpResponse(  # type: ignore[return-value]
            parts,
            status=HTTPStatus.OK,
            content_type=report_format.content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class ColumnComparison(BaseController):
    """Two columns compared."""

    @operation(ComparisonRead, permission="evaluations.view_run", problems=READS)
    def get(self, parsed_path: Path[ById], parsed_query: Query[CompareQuery]) -> HttpResponse:
        """Compare two columns: the verdict, and the cases whose outcome changed, 20 on a page."""
        _run, columns = reading.find_columns(parsed_path.id)
        new = _find_new(columns, parsed_query.new)
        old = _find_old(columns, new, parsed_query.old)
        verdict = comparisons.verdict_between(old, new)
        start = parsed_query.start
        flips = list_flips(old, new, start=start)
        end = start + len(flips.page)
        body = ComparisonRead(
            old_id=str(old.pk),
            old=old.label,
            new_id=str(new.pk),
            new=new.label,
            verdict=VerdictRead(code=verdict["code"], detail=verdict["sentence"]),
            fixed=flips.fixed,
            broken=flips.broken,
            items=[_as_flip(flip) for flip in flips.page],
            next_start=end if flips.page and end < flips.count else None,
        )
        return self.to_response(body)


def _find_new(columns: list[Evaluation], key: UUID | UnsetType) -> Evaluation:
    if key is UNSET:
        return columns[-1]
    for column in columns:
        if column.pk == key:
            return column
    raise _missing(key)


def _find_old(columns: list[Evaluation], new: Evaluation, key: UUID | UnsetType) -> Evaluation:
    """Return the older column: what was asked for, what the new one was compared with, the first.

    Raises:
        NotFoundError: there is none, or its run is deleted.
    """
    if key is UNSET:
        comparison = new.figures.comparison
        if comparison is None:
            return columns[0]
        key = UUID(comparison.old)
    column = kept.list_kept().filter(pk=key).first()
    if column is None:
        raise _missing(key)
    return column


def _missing(key: UUID) -> NotFoundError:
    return NotFoundError("row.missing", kind=Evaluation._meta.verbose_name, key=key)


def _as_flip(flip: Flip) -> FlipRead:
    return FlipRead(
        case=flip.name,
        fixed=flip.fixed,
        old_result_id=str(flip.old.pk),
        old_output=flip.old.output or flip.old.error,
        new_result_id=str(flip.new.pk),
        new_output=flip.new.output or flip.new.error,
    )
