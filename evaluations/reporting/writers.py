"""Reports as tables, JSON, JUnit, HTML, and promptfoo's own result.

A writer yields its text in parts, so that a run of any size is never in memory whole.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET  # nosec B405 (written, never read)

from django.db.models import F
from django.template.loader import render_to_string

from autoforge.core.json import dump
from evaluations.models import TestResult
from evaluations.reporting.report import Report
from evaluations.reporting.tables import as_markdown, as_table

__all__ = ["write"]

NO_FAILURE, ASSERT_FAILED, ERROR = 0, 1, 2
CHUNK: Final = 1000
PART: Final = 65536  # characters
PLAIN: Final = (
    "repeat", "passed", "score", "output", "error", "cached", "latency_ms", "input_tokens",
    "output_tokens", "cost_usd", "components",
)  # fmt: skip
UNFIT_FOR_XML: Final = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535)
)


def write(report: Report, kind: str, *, width: int = 100) -> Iterator[str]:
    """Yield a report in one of FORMATS, part by part."""
    return WRITERS[kind](report) if kind != "table" else iter((as_table(report, width=width),))


def _results(report: Report, **more: str) -> Iterator[tuple[int, Any]]:
    names = {"case_name": F("run_case__name")} | {name: F(path) for name, path in more.items()}
    for place, column in enumerate(report.columns):
        rows = (
            TestResult.objects.filter(evaluation=column.evaluation, run_case__isnull=False)
            .order_by("run_case__position", "repeat")
            .annotate(**names)
            .values_list(*PLAIN, *names, named=True)
        )
        for row in rows.iterator(chunk_size=CHUNK):
            yield place, row


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
        "results": [],
    }
    rows = _results(report)
    yield from _json_with_results(document, (_result(place, row) for place, row in rows))


def _json_with_results(
    document: Mapping[str, Any], results: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a document whose one empty list "results": [] is filled, a line for each."""
    head, tail = json.dumps(document, ensure_ascii=False, indent=1).rsplit('"results": []', 1)
    yield f'{head}"results": ['
    separator = "\n"
    for one in results:
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


def _result(place: int, row: Any) -> dict[str, Any]:
    return {
        "column": place,
        "case": row.case_name,
        "repeat": row.repeat,
        "passed": row.passed,
        "score": row.score,
        "output": row.output,
        "error": row.error,
        "cached": row.cached,
        "latency_ms": row.latency_ms,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": None if row.cost_usd is None else float(row.cost_usd),
        "components": row.components,
    }


def _as_junit(report: Report) -> Iterator[str]:
    root = ET.Element("testsuites", name=report.run.name or "evaluation")
    suites = [
        ET.SubElement(root, "testsuite", name=_clean(column.label)) for column in report.columns
    ]
    for place, row in _results(report):
        name = row.case_name
        seconds = f"{(row.latency_ms or 0) / 1000:.3f}"
        case = ET.SubElement(suites[place], "testcase", name=_clean(name), time=seconds)
        if row.passed is None:
            ET.SubElement(case, "error", message=_clean(row.error))
        elif not row.passed:
            reason = next((one["reason"] for one in row.components if not one["pass"]), "")
            ET.SubElement(case, "failure", message=_clean(reason)).text = _clean(row.output)
    for suite, column in zip(suites, report.columns, strict=True):
        summary = column.summary
        suite.set("tests", str(summary.get("answers", 0)))
        suite.set("failures", str(summary.get("failed", 0)))
        suite.set("errors", str(summary.get("errors", 0)))
    yield ET.tostring(root, encoding="unicode", xml_declaration=True)


def _clean(text: str) -> str:
    return text.translate(UNFIT_FOR_XML)


def _as_html(report: Report) -> Iterator[str]:
    rows = (
        _result(place, row) | {"label": report.columns[place].label}
        for place, row in _results(report)
    )
    context = {"report": report, "results": rows}
    yield render_to_string("evaluations/report.html", context)


def _as_promptfoo(report: Report) -> Iterator[str]:
    sums = [column.summary for column in report.columns]
    stats = {
        "successes": sum(one.get("passed", 0) for one in sums),
        "failures": sum(one.get("failed", 0) for one in sums),
        "errors": sum(one.get("errors", 0) for one in sums),
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
    rows = _results(
        report, position="run_case__position", document="run_case__document", sent="messages"
    )
    found = (_promptfoo_result(report, place, row) for place, row in rows)
    yield from _json_with_results(document, found)


def _provider(column: Any) -> str:
    row = column.evaluation
    return f"{row.provider}:{row.model}" if row.model else str(row.provider)


def _promptfoo_result(report: Report, place: int, row: Any) -> dict[str, Any]:
    failed = {True: NO_FAILURE, False: ASSERT_FAILED, None: ERROR}[row.passed]
    document: Mapping[str, Any] = row.document
    column = report.columns[place]
    return {
        "testIdx": row.position,
        "promptIdx": place,
        "success": row.passed is True,
        "score": row.score or 0,
        "failureReason": failed,
        "error": row.error or None,
        "provider": {"id": _provider(column), "label": column.label},
        "prompt": {"raw": _raw(row), "label": column.label},
        "vars": document.get("variables", {}),
        "testCase": {
            "description": row.case_name,
            "vars": document.get("variables", {}),
            "assert": document.get("assertions", []),
        },
        "response": {"output": row.output, "cached": row.cached},
        "latencyMs": row.latency_ms or 0,
        "cost": float(row.cost_usd or 0),
        "gradingResult": None
        if row.passed is None
        else {
            "pass": row.passed,
            "score": row.score,
            "reason": next((one["reason"] for one in row.components if not one["pass"]), "")
            or "All assertions passed",
            "componentResults": [
                {key: one[key] for key in ("pass", "score", "reason", "assertion")}
                for one in _with_members(row.components)
            ],
        },
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
    "column", "case", "repeat", "passed", "score", "output", "error", "cached", "latency_ms",
    "input_tokens", "output_tokens", "cost_usd", "reasons",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _as_csv(report: Report) -> Iterator[str]:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for place, row in _results(report):
        found = _result(place, row) | {"column": report.columns[place].label}
        found["reasons"] = "\n".join(
            f"{one['assertion']['type']}: {one['reason']}" for one in row.components
        )
        writer.writerow({name: _harmless(value) for name, value in found.items()})
        if stream.tell() > PART:
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
    "junit": _as_junit,
    "html": _as_html,
    "promptfoo": _as_promptfoo,
}
