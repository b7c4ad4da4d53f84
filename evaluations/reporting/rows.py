"""The results of a report, read a page at a time, and texts joined to parts of a fair size."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, Protocol, cast

from django.db.models import F, TextField
from django.db.models.functions import Cast

from core.json import JSONObject, dump
from evaluations.finish_reasons import explain_finish
from evaluations.models import TestResult, result_state
from evaluations.named_scores import mean_scores, name_scores
from evaluations.reporting.report import ColumnReport, Report
from evaluations.stored import Component, read_components

__all__ = [
    "PART",
    "ResultRow",
    "column_results",
    "find_note",
    "first_failure",
    "in_parts",
    "json_with_results",
    "named_scores",
    "plain_cells",
    "result_as_json",
    "results",
]

CHUNK: Final = 1000  # rows that are read at once; a run may have millions, each with its answer
PART: Final = 65536  # characters; a network write for each small line would cost more than the line
PLAIN: Final = (
    "repeat", "passed", "score", "output", "error", "cached", "latency_ms", "input_tokens",
    "output_tokens", "cost_usd", "finish_reason",
)  # fmt: skip


class ResultRow(Protocol):
    """A named row of one answer: PLAIN, `case_name`, and JSON as its text."""

    repeat: int
    passed: bool | None
    score: float | None
    output: str
    error: str
    cached: bool
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    finish_reason: str
    case_name: str
    components_text: str
    """See `stored.read_components`."""
    details_text: str
    """See `stored.AnswerDetails`."""


def results(report: Report, **more: str) -> Iterator[tuple[int, ResultRow]]:
    """Yield a column's position and a row of it, in the order of columns and cases.

    One query for each column.
    """
    for position, column in enumerate(report.columns):
        for row in column_results(column, **more):
            yield position, row


def column_results(column: ColumnReport, **more: str) -> Iterator[ResultRow]:
    """Yield the rows of one column as `ResultRow`, and `more`: its name → its lookup path."""
    # JSON comes as text: a JSONField would parse each row's into dictionaries, which most reports
    # need of few rows, and structs are made of the text itself in less time.
    names: dict[str, F | Cast] = {
        "case_name": F("run_case__name"),
        "components_text": Cast("components", TextField()),
        "details_text": Cast("details", TextField()),
    }
    for name, path in more.items():
        names[name] = F(path)
    rows = (
        TestResult.objects.filter(evaluation=column.evaluation, run_case__isnull=False)
        .order_by("run_case__position", "repeat")
        .annotate(**names)
        .values_list(*PLAIN, *names, named=True)
    )
    yield from cast("Iterator[ResultRow]", rows.iterator(chunk_size=CHUNK))


def result_as_json(position: int, row: ResultRow) -> JSONObject:
    """Return a row as JSON has it; `position` is its column's, from 0."""
    return {
        **plain_cells(position, row),
        "named_scores": named_scores(row),
        "components": json.loads(row.components_text),
    }


def named_scores(row: ResultRow) -> dict[str, float]:
    """Return metric → score of one answer, from 0 to 1; most answers have none."""
    if '"metric"' not in row.components_text:
        return {}
    return mean_scores(name_scores(read_components(row.components_text)))


def plain_cells(position: int, row: ResultRow) -> JSONObject:
    """Return a row as JSON has it, without what single assertions say of the answer."""
    return {
        "column": position,
        "case": row.case_name,
        "repeat": row.repeat,
        "state": result_state(row.passed, row.error),
        "passed": row.passed,
        "score": row.score,
        "output": row.output,
        "error": row.error,
        "cached": row.cached,
        "latency_ms": row.latency_ms,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": None if row.cost_usd is None else float(row.cost_usd),
        "finish_reason": row.finish_reason,
        "note": find_note(row),
    }


def first_failure(components: Iterable[Component]) -> str:
    """Return the reason of the first assertion that failed, "" where none did."""
    for component in components:
        if not component.passed:
            return component.reason
    return ""


def find_note(row: ResultRow) -> str:
    """Return what there is to say of an answer besides its text: cut, filtered, empty; else ""."""
    return explain_finish(
        output=row.output,
        error=row.error,
        finish_reason=row.finish_reason,
        details=row.details_text,
    )


def json_with_results(
    document: Mapping[str, object], rows: Iterable[Mapping[str, object]]
) -> Iterator[str]:
    """Yield a document whose one empty list "results": [] is filled, a line for each."""
    # From the right: a name or a sentence before it may hold the same characters.
    head, tail = json.dumps(document, ensure_ascii=False, indent=1).rsplit('"results": []', 1)
    yield f'{head}"results": ['
    separator = "\n"
    for row in rows:
        yield separator + dump(row)
        separator = ",\n"
    yield f"\n]{tail}"


def in_parts(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts joined until there are PART characters: one answer alone may be more."""
    pending: list[str] = []
    size = 0
    for text in texts:
        pending.append(text)
        size += len(text)
        if size >= PART:
            yield "".join(pending)
            pending, size = [], 0
    if pending:
        yield "".join(pending)
