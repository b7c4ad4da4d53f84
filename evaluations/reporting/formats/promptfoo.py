"""A report as promptfoo's own result, version 3."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from evaluations.models import result_state
from evaluations.reporting.report import NOT_CHECKED, Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import find_note, json_with_results, results

__all__ = ["FORMAT"]

# Numbers of promptfoo's own; it has none for what was not checked, and counts it as passed.
FAILURE_REASONS: Final = {"pass": 0, "unchecked": 0, "fail": 1, "error": 2}


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
    yield from json_with_results(document, found)


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
    note = find_note(row)
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


FORMAT: Final = ReportFormat(
    name="promptfoo",
    title="promptfoo",
    suffix="promptfoo.json",
    content_type="application/json",
    write=_as_promptfoo,
)
