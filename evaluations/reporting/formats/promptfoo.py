"""A report as promptfoo's own result, version 3."""

import json
from collections.abc import Iterator
from typing import Final, Protocol, cast

from core.json import JSONObject
from evaluations.models import ResultState, result_state
from evaluations.reporting.report import NOT_CHECKED, ColumnReport, Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import (
    ResultRow,
    find_note,
    first_failure,
    json_with_results,
    named_scores,
    results,
)
from evaluations.stored import AnswerDetails, Component, read_components

__all__ = ["FORMAT"]

# Numbers of promptfoo's own; it has none for what was not checked, and counts it as passed.
FAILURE_REASONS: Final = {
    ResultState.PASS: 0,
    ResultState.UNCHECKED: 0,
    ResultState.FAIL: 1,
    ResultState.ERROR: 2,
}


def _as_promptfoo(report: Report) -> Iterator[str]:
    # "unchecked" is not one of its own counts; readers skip what they do not know.
    stats = dict.fromkeys(("successes", "failures", "errors", "unchecked"), 0)
    prompts = []
    for column in report.columns:
        stats["successes"] += column.summary.passed or 0
        stats["failures"] += column.summary.failed or 0
        stats["errors"] += column.summary.errors or 0
        stats["unchecked"] += column.summary.unchecked or 0
        raw, provider = column.evaluation.prompt_text, _provider(column)
        prompt = {"raw": raw, "label": column.label, "provider": provider}
        prompts.append({**prompt, "metrics": _metrics(column)})
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
    answers = (_promptfoo_result(report, position, cast("_Row", row)) for position, row in rows)
    yield from json_with_results(document, answers)


def _metrics(column: ColumnReport) -> JSONObject:
    """Return a column's counts and sums by promptfoo's names for them."""
    summary = column.summary
    named = summary.named_scores
    sums = {name: score.total for name, score in named.items()}
    derived = {name: value or 0 for name, value in summary.derived_metrics.items()}
    return {
        "testPassCount": summary.passed or 0,
        "testFailCount": summary.failed or 0,
        "testErrorCount": summary.errors or 0,
        "cost": summary.cost_usd or 0,
        "namedScores": {**sums, **derived},
        "namedScoresCount": {name: score.count for name, score in named.items()},
        "namedScoreWeights": {name: score.weight for name, score in named.items()},
    }


def _provider(column: ColumnReport) -> str:
    row = column.evaluation
    return f"{row.provider}:{row.model}" if row.model else str(row.provider)


class _Row(ResultRow, Protocol):
    """With what was asked."""

    position: int
    document: JSONObject
    sent: list[JSONObject]


def _promptfoo_result(report: Report, position: int, row: _Row) -> JSONObject:
    state = result_state(row.passed, row.error)
    document = row.document
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
        "error": NOT_CHECKED if state == ResultState.UNCHECKED else row.error or None,
        "provider": {"id": _provider(column), "label": column.label},
        "prompt": {"raw": raw, "label": column.label},
        "vars": document.get("variables", {}),
        "testCase": {
            "description": row.case_name,
            "vars": document.get("variables", {}),
            "assert": document.get("assertions", []),
        },
        "response": _response(row),
        "namedScores": named_scores(row),
        "latencyMs": row.latency_ms or 0,
        "cost": float(row.cost_usd or 0),
        "gradingResult": None if state == ResultState.ERROR else _grading(row),
    }


def _response(row: _Row) -> JSONObject:
    response: JSONObject = {"output": row.output, "cached": row.cached}
    if row.finish_reason:
        response["finishReason"] = row.finish_reason
    flagged = AnswerDetails.read(row.details_text).flagged
    if flagged is not None:
        response["guardrails"] = {"flagged": flagged}
    note = find_note(row)
    if note:
        response["metadata"] = {"note": note}
    return response


def _grading(row: _Row) -> JSONObject:
    """Return what the assertions say together; of an unchecked answer only what they recorded."""
    components = read_components(row.components_text)
    if row.passed is None:
        reason = NOT_CHECKED
    else:
        reason = first_failure(components) or "All assertions passed"
    # promptfoo's list is flat: the members of an assertion set come after it.
    flat: list[Component] = []
    for component in components:
        flat += [component, *(component.components or ())]
    return {
        "pass": row.passed is True,
        "score": row.score or 0,
        "reason": reason,
        "componentResults": [_component_result(component) for component in flat],
    }


def _component_result(component: Component) -> JSONObject:
    return {
        "pass": component.passed,
        "score": component.score,
        "reason": component.reason,
        "assertion": component.assertion,
    }


FORMAT: Final = ReportFormat(
    name="promptfoo",
    title="promptfoo",
    suffix="promptfoo.json",
    content_type="application/json",
    write=_as_promptfoo,
)
