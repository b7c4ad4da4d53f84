"""A report as JUnit XML, written element by element."""

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree as ET  # written, never read

from evaluations.models import ResultState, result_state
from evaluations.reporting.report import NOT_CHECKED, ColumnReport, Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import (
    ResultRow,
    column_results,
    find_note,
    first_failure,
    named_scores,
)
from evaluations.stored import read_components

__all__ = ["FORMAT"]

HEAD: Final = "<?xml version='1.0' encoding='utf-8'?>\n"
# Code points that XML 1.0 (2.2, Char) has no way to write: controls, surrogates, U+FFFE and U+FFFF.
UNFIT_FOR_XML: Final = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535)
)


def _as_junit(report: Report) -> Iterator[str]:
    """Yield a suite for each column, its counts first, and a case for each answer."""
    begin, end = _around(ET.Element("testsuites", name=_clean(report.run.name) or "evaluation"))
    yield HEAD + begin
    for column in report.columns:
        yield from _suite(column)
    yield end


def _suite(column: ColumnReport) -> Iterator[str]:
    summary = column.summary
    attributes = {
        "name": _clean(column.label),
        "tests": str(summary.answers or 0),
        "failures": str(summary.failed or 0),
        "errors": str(summary.errors or 0),
        # JUnit's word for a case that says neither yes nor no.
        "skipped": str(summary.unchecked or 0),
    }
    begin, end = _around(ET.Element("testsuite", attributes))
    yield begin
    if summary.metrics:
        yield _text(_properties(summary.metrics))
    for row in column_results(column):
        yield _text(_case(row))
    yield end


def _case(row: ResultRow) -> ET.Element:
    seconds = f"{(row.latency_ms or 0) / 1000:.3f}"
    case = ET.Element("testcase", name=_clean(row.case_name), time=seconds)
    named = named_scores(row)
    if named:
        case.append(_properties(named))
    note = _clean(find_note(row))
    state = result_state(row.passed, row.error)
    if state == ResultState.ERROR:
        ET.SubElement(case, "error", message=_clean(row.error))
    elif state == ResultState.UNCHECKED:
        ET.SubElement(case, "skipped", message=NOT_CHECKED)
    elif state == ResultState.FAIL:
        message = _clean(first_failure(read_components(row.components_text)))
        if note:
            message = f"{message} ({note})"
        ET.SubElement(case, "failure", message=message).text = _clean(row.output)
    if note:
        ET.SubElement(case, "system-out").text = note
    return case


def _properties(metrics: Mapping[str, float | None]) -> ET.Element:
    """Return named scores as the properties that readers of JUnit show beside a case."""
    properties = ET.Element("properties")
    for name, value in metrics.items():
        shown = "" if value is None else f"{value:g}"
        ET.SubElement(properties, "property", name=f"metric:{_clean(name)}", value=shown)
    return properties


def _around(element: ET.Element) -> tuple[str, str]:
    """Return an element's start tag and its end tag."""
    # `<a></a>` and not `<a />`: what stands between them is written piece by piece.
    end = f"</{element.tag}>"
    return _text(element, empty=False).removesuffix(end), end


def _text(element: ET.Element, *, empty: bool = True) -> str:
    return ET.tostring(element, encoding="unicode", short_empty_elements=empty)


def _clean(text: str) -> str:
    return text.translate(UNFIT_FOR_XML)


FORMAT: Final = ReportFormat(
    name="junit",
    title="JUnit",
    suffix="xml",
    content_type="application/xml",
    write=_as_junit,
)
