"""Reports: what is written in each format, in parts, and where their verdicts come from."""

import csv
import io
import json
from contextlib import contextmanager
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Run, RunCase, TestResult
from evaluations.reporting import build_report, exit_code, write
from evaluations.selectors.comparisons import compare_run
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from evaluations.services.store import insert_rows

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ("table", "json", "csv", "markdown", "junit", "html", "promptfoo")
ODD = "<b>&\"'\x07\x0b\n\t日本 ]]>"


def make(count=8, texts=("{{x}}", "please {{x}}"), **fields):
    columns = [PlannedColumn(spec=ProviderSpec(kind="echo"), text=text) for text in texts]
    checks = (Assertion(type="contains", value="please"),)
    cases = [
        (None, Case(name=f"case {number} {ODD}", variables={"x": f"q{number}"}, assertions=checks))
        for number in range(count)
    ]
    return create_run(Plan(columns=columns, name=f"R{ODD}", **fields), cases)


def text_of(run, kind):
    return "".join(write(build_report(run), kind))


@contextmanager
def queries_of_outcomes():
    """Give the queries that read every outcome of a column in order to compare."""
    found = []
    with CaptureQueriesContext(connection) as queries:
        yield found
    found += [one["sql"] for one in queries if '"evaluation_run_cases"."weight"' in one["sql"]]


def test_verdicts_are_those_that_are_stored(monkeypatch):
    run = execute_run(make().pk)
    report = build_report(run)
    (computed,) = compare_run(run, list(run.evaluations.order_by("position")))
    with queries_of_outcomes() as asked:
        (found,) = report.verdicts
        assert exit_code(report) == 1
        for kind in set(KINDS) - {"json"}:
            assert text_of(run, kind)
    assert asked == []
    assert str(found.verdict) == str(computed.verdict)
    assert found.verdict == computed.verdict
    assert list(found.fixed) == [pair.name for pair in computed.comparison.fixed]
    assert "is better than" in text_of(run, "table")
    with queries_of_outcomes() as asked:
        assert len(json.loads(text_of(run, "json"))["comparisons"][0]["fixed"]) == 8
    assert len(asked) == 2


def test_a_run_that_has_not_ended_is_compared_as_it_is():
    run = execute_run(make().pk)
    TestResult.objects.filter(evaluation__run=run, evaluation__position=1).update(
        passed=False, score=0
    )
    (stored,) = build_report(run).verdicts
    assert stored.verdict.code == "better"
    Run.objects.filter(pk=run.pk).update(status="pending")
    run.refresh_from_db()
    (now,) = build_report(run).verdicts
    assert (now.verdict.code, now.verdict.params["fixed"]) == ("same", 0)


def test_a_stored_verdict_on_another_baseline_is_not_taken():
    first, second = execute_run(make(8, ("{{x}}",)).pk), execute_run(make(8, ("please",)).pk)
    run = execute_run(make(8, ("please {{x}}",), baseline=first).pk)
    assert build_report(run).verdicts[0].verdict.code == "better"
    run.baseline = second
    run.save()
    assert build_report(run).verdicts[0].verdict.code == "same"


def test_more_flips_than_are_kept_by_name_are_counted():
    run = execute_run(make(60).pk)
    assert "… (+50)" in text_of(run, "table").replace("\n", " ")
    assert "(60): case 0" in text_of(run, "markdown")
    assert len(json.loads(text_of(run, "json"))["comparisons"][0]["fixed"]) == 60


def clean(text):
    return text.replace("\x07", "").replace("\x0b", "")


def whole_junit(run):
    """Write the XML at once, as a tree."""
    root = ET.Element("testsuites", name=clean(run.name))
    for row in run.evaluations.order_by("position"):
        found = row.summary
        suite = ET.SubElement(
            root, "testsuite", name=clean(row.label), tests=str(found["answers"]),
            failures=str(found["failed"]), errors=str(found["errors"]),
            skipped=str(found["unchecked"]),
        )  # fmt: skip
        for one in row.results.order_by("run_case__position").select_related("run_case"):
            seconds = f"{(one.latency_ms or 0) / 1000:.3f}"
            case = ET.SubElement(suite, "testcase", name=clean(one.run_case.name), time=seconds)
            if one.passed is None:
                ET.SubElement(case, "error", message=clean(one.error))
            elif not one.passed:
                reason = clean(one.components[0]["reason"])
                ET.SubElement(case, "failure", message=reason).text = clean(one.output)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def test_junit_is_what_a_tree_would_be():
    run = execute_run(make(3, ("{{x}}" + ODD, "please {{x}}", "{{ a b }}")).pk)
    assert run.evaluations.get(position=2).summary["errors"] == 3
    assert text_of(run, "junit") == whole_junit(run)


def test_junit_of_a_run_that_has_not_begun():
    suites = ET.fromstring(text_of(make(2), "junit"))
    assert [suite.attrib["tests"] for suite in suites] == ["0", "0"]
    assert list(suites[0]) == []


def test_the_page_has_a_row_for_each_answer_and_escapes_it():
    run = execute_run(make(3, ("{{x}} <i>", "please {{x}}")).pk)
    page = text_of(run, "html")
    rows = [page.count(f'<tr class="{name}">') for name in ("pass", "fail", "error")]
    assert rows == [3, 3, 0]
    assert "<i>" not in page
    assert "<pre>q2 &lt;i&gt;</pre>" in page
    assert page.index("Too few cases") < page.index('<tr class="fail">') < page.index("</html>")


@pytest.fixture
def many():
    """Return a run of two columns with 10,000 results each."""
    run = make(1)
    execute_run(run.pk)
    RunCase.objects.filter(run=run).delete()
    names = ("run_id", "position", "key", "name", "weight", "document")
    rows = [(run.pk.hex, n, f"{n:064}", f"case {n}", 1, "{}") for n in range(10_000)]
    insert_rows("evaluation_run_cases", names, rows)
    keys = list(RunCase.objects.filter(run=run).order_by("pk").values_list("pk", flat=True))
    names = ("id", "evaluation_id", "run_case_id", "repeat", "request_hash", "messages", "output",
             "components", "details", "score", "passed", "finish_reason", "cached", "attempts",
             "grading_calls", "error")  # fmt: skip
    for column in run.evaluations.order_by("position"):
        insert_rows(
            "test_results",
            names,
            [
                (uuid4().hex, column.pk.hex, key, 0, "", "[]", "an answer " * 20, "[]", "{}",
                 1, 1, "", 0, 1, 0, "")
                for key in keys
            ],
        )  # fmt: skip
    return Run.objects.get(pk=run.pk)


COUNTED = {
    "json": lambda text: len(json.loads(text)["results"]),
    "csv": lambda text: len(list(csv.DictReader(io.StringIO(text)))),
    "junit": lambda text: len(ET.fromstring(text).findall("testsuite/testcase")),
    "html": lambda text: text.count('<tr class="pass">'),
    "promptfoo": lambda text: len(json.loads(text)["results"]["results"]),
}


@pytest.mark.once
def test_20_000_results_are_handed_out_in_parts(many):
    for kind, count in COUNTED.items():
        parts = list(write(build_report(many), kind))
        assert len(parts) > 10, kind
        assert max(map(len, parts)) < 200_000, kind
        assert count("".join(parts)) == 20_000, kind
