"""A report as promptfoo's own result, version 3."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evaluations.models import result_state
from evaluations.reporting.report import NOT_CHECKED, Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import find_note, first_failure, json_with_results, results

__all__ = ["FORMAT"]

# Numbers of promptfoo's own; it has none for what was not checked, and counts it as passed.
FAILURE_REASONS: Final = {"pass": 0, "unchecked": 0, "fail": 1, "error": 2}
# Its names of counts → ours. "unchecked" is not one of its own; readers skip what they do not know.
STATS: Final = {
    "successes": "passed",
    "failures": "failed",
    "errors": "errors",
    "unchecked": "unchecked",
}
GRADING_KEYS: Final = ("pass", "score", "reason", "assertion")


def _as_promptfoo(report: Report) -> Iterator[str]:
    stats = dict.fromkeys(STATS, 0)
    prompts = []
    for column in report.columns:
        for name, key in STATS.items():
            stats[name] += column.summary.get(key, 0)
        raw, provider = column.evaluation.prompt_text, _provider(column)
        prompts.append({"raw": raw, "label": column.label, "provider": provider})
    document = {
        "evalId": str(report.run.pk),
        "config": {},  # promptfoo's readers need the key, and may do without what was configured
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
    yield from json_with_results(
        document, (_promptfoo_result(report, position, row) for position, row in rows)
    )


def _provider(column: Any) -> str:
    row = column.evaluation
    return f"{row.provider}:{row.model}" if row.model else str(row.provider)


def _promptfoo_result(report: Report, position: int, row: Any) -> dict[str, Any]:
    state = result_state(row.passed, row.error)
    document: Mapping[str, Any] = row.document
    column = report.columns[position]
    # A prompt of one message is its text; a conversation is JSON, as promptfoo itself writes it.
    raw = json.dumps(row.sent, ensure_ascii=False)
    if len(row.sent) == 1:
        raw = str(row.sent[0]["content"])
    return {
        "testIdx": row.position,
        "promptIdx": position,
        "success": row.passed is True,
        "score": row.score or 0,
        "failureReason": FAILURE_REASONS[state],
        "error": NOT_CHECKED if state == "unchecked" else row.error or None,
        "provider": {"id": _provider(column), "label": column.label},
        "prompt": {"raw": raw, "label": column.label},
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
    if note:
        response["metadata"] = {"note": note}
    return response


def _grading(row: Any) -> dict[str, Any]:
    """Return what the assertions say together; of an unchecked answer only what they recorded."""
    if row.passed is None:
        reason = NOT_CHECKED
    else:
        reason = first_failure(row.components) or "All assertions passed"
    # promptfoo's list is flat: the members of an assertion set come after it.
    results: list[dict[str, Any]] = []
    for component in row.components:
        results += [component, *component.get("components", ())]
    return {
        "pass": row.passed is True,
        "score": row.score or 0,
        "reason": reason,
        "componentResults": [{key: result[key] for key in GRADING_KEYS} for result in results],
    }


FORMAT: Final = ReportFormat(
    name="promptfoo",
    title="promptfoo",
    suffix="promptfoo.json",
    content_type="application/json",
    write=_as_promptfoo,
)
