"""Reports as JSON, CSV and promptfoo's own result; the other formats have their own files.

A writer yields its text in parts, so that a run of any size is never in memory whole.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from core.json import dump
from evaluations.models import result_state
from evaluations.reporting.junit import as_junit
from evaluations.reporting.pages import as_html
from evaluations.reporting.report import NOT_CHECKED, Report
from evaluations.reporting.rows import in_parts, note_of, result_as_json, results
from evaluations.reporting.tables import as_markdown, as_table

__all__ = ["write"]

# Numbers of promptfoo's own; it has none for what was not checked, and counts it as passed.
FAILURE_REASONS: Final = {"pass": 0, "unchecked": 0, "fail": 1, "error": 2}


def write(report: Report, kind: str, *, width: int = 100) -> Iterator[str]:
    """Yield a report in one of FORMATS, part by part."""
    if kind == "table":
        return iter((as_table(report, width=width),))
    return in_parts(WRITERS[kind](report))


def _as_json(report: Report) -> Iterator[str]:
    run = report.run
    document = {
        "run": str(run.pk),
        "name": run.name,
        "status": run.status,
        "message": run.message,
        "estimate": run.estimate,
        "columns": [
            {"label": column.label, "evaluation": str(column.evaluation.pk), **column.summary}
            for column in report.columns
        ],
        "comparisons": [_comparison(one) for one in report.comparisons],
        "remarks": list(report.remarks),
        "results": [],
    }
    rows = results(report)
    yield from _json_with_results(document, (result_as_json(place, row) for place, row in rows))


def _json_with_results(
    document: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a document whose one empty list "results": [] is filled, a line for each."""
    head, tail = json.dumps(document, ensure_ascii=False, indent=1).rsplit('"results": []', 1)
    yield f'{head}"results": ['
    separator = "\n"
    for one in rows:
        yield separator + dump(one)
        separator = ",\n"
    yield f"\n]{tail}"


def _comparison(one: Any) -> dict[str, Any]:
    found = one.comparison
    return {
        "old": one.old,
        "new": one.new,
        "verdict": one.verdict.code,
        "sentence": str(one.verdict),
        "pairs": found.pairs,
        "difference": found.difference,
        "interval": None if found.interval is None else [found.interval.low, found.interval.high],
        "p_value": found.p_value,
        "adjusted_p_value": one.adjusted_p,
        "test": found.test,
        "score_difference": found.score_difference,
        "score_p_value": found.score_p_value,
        "effect_size": found.effect_size,
        "fixed": [pair.name for pair in found.fixed],
        "broken": [pair.name for pair in found.broken],
    }


def _as_promptfoo(report: Report) -> Iterator[str]:
    sums = [column.summary for column in report.columns]
    stats = {
        "successes": sum(one.get("passed", 0) for one in sums),
        "failures": sum(one.get("failed", 0) for one in sums),
        "errors": sum(one.get("errors", 0) for one in sums),
        "unchecked": sum(one.get("unchecked", 0) for one in sums),
    }
    prompts = [
        {"raw": column.evaluation.prompt_text, "label": column.label, "provider": _provider(column)}
        for column in report.columns
    ]
    document = {
        "evalId": str(report.run.pk),
        "config": {},
        "shareableUrl": None,
        "results": {
            "version": 3,
            "timestamp": report.run.created_at.isoformat(),
            "prompts": prompts,
            "stats": stats,
            "results": [],
        },
    }
    rows = results(
        report, position="run_case__position", document="run_case__document", sent="messages"
    )
    found = (_promptfoo_result(report, place, row) for place, row in rows)
    yield from _json_with_results(document, found)


def _provider(column: Any) -> str:
    row = column.evaluation
    return f"{row.provider}:{row.model}" if row.model else str(row.provider)


def _promptfoo_result(report: Report, place: int, row: Any) -> dict[str, Any]:
    state = result_state(row.passed, row.error)
    document: Mapping[str, Any] = row.document
    column = report.columns[place]
    return {
        "testIdx": row.position,
        "promptIdx": place,
        "success": row.passed is True,
        "score": row.score or 0,
        "failureReason": FAILURE_REASONS[state],
        "error": NOT_CHECKED if state == "unchecked" else row.error or None,
        "provider": {"id": _provider(column), "label": column.label},
        "prompt": {"raw": _raw(row), "label": column.label},
        "vars": document.get("variables", {}),
        "testCase": {
            "description": row.case_name,
            "vars": document.get("variables", {}),
            "assert": document.get("assertions", []),
        },
        "response": _response(row),
        "latencyMs": row.latency_ms or 0,
        "cost": float(row.cost_usd or 0),
        "gradingResult": None if state == "error" else _grading(row),
    }


def _response(row: Any) -> dict[str, Any]:
    response = {"output": row.output, "cached": row.cached}
    if row.finish_reason:
        response["finishReason"] = row.finish_reason
    if row.details.get("flagged") is not None:
        response["guardrails"] = {"flagged": row.details["flagged"]}
    note = note_of(row)
    return response | ({"metadata": {"note": note}} if note else {})


def _grading(row: Any) -> dict[str, Any]:
    """Return what the assertions say together; of an unchecked answer only what they recorded."""
    failed = next((one["reason"] for one in row.components if not one["pass"]), "")
    reason = NOT_CHECKED if row.passed is None else failed or "All assertions passed"
    return {
        "pass": row.passed is True,
        "score": row.score or 0,
        "reason": reason,
        "componentResults": [
            {key: one[key] for key in ("pass", "score", "reason", "assertion")}
            for one in _with_members(row.components)
        ],
    }


def _with_members(components: Iterable[Any]) -> Iterator[Any]:
    """Yield the results of assertions; after that of a set those of its members."""
    for one in components:
        yield one
        yield from one.get("components", ())


def _raw(row: Any) -> str:
    if len(row.sent) == 1:
        return str(row.sent[0]["content"])
    return json.dumps(row.sent, ensure_ascii=False)


CSV_COLUMNS: Final = (
    "column", "case", "repeat", "state", "passed", "score", "output", "error", "cached",
    "latency_ms", "input_tokens", "output_tokens", "cost_usd", "finish_reason", "note", "reasons",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _as_csv(report: Report) -> Iterator[str]:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for place, row in results(report):
        found = result_as_json(place, row) | {"column": report.columns[place].label}
        found["reasons"] = "\n".join(
            f"{one['assertion']['type']}: {one['reason']}" for one in row.components
        )
        writer.writerow({name: _harmless(value) for name, value in found.items()})
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()
    yield stream.getvalue()


def _harmless(value: Any) -> Any:
    """Return a cell that a spreadsheet takes for text, not for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


WRITERS: Final[dict[str, Callable[[Report], Iterator[str]]]] = {
    "json": _as_json,
    "csv": _as_csv,
    "markdown": lambda report: iter((as_markdown(report),)),
    "junit": as_junit,
    "html": as_html,
    "promptfoo": _as_promptfoo,
}
