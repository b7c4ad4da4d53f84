"""Named scores and derived metrics: promptfoo's sums, in each report, page and comparison."""

import csv
import io
import json
from xml.etree import ElementTree as ET

import pytest
from django.core.management import call_command
from django.urls import reverse

from evaluations.models import Evaluation, Run
from evaluations.reporting import build_report, write

pytestmark = pytest.mark.django_db(transaction=True)

# Without the lines of weight 0 these are the figures of promptfoo 0.123.1.
CONFIG = """
prompts: ["{{w}}", "{{w}} more"]
providers: [echo]
derivedMetrics:
  - {name: both, value: "(A + B + W) / 2"}
  - {name: per, value: "A / __count"}
  - {name: later, value: "both * 2"}
  - {name: bad, value: "nope + 1"}
tests:
  - vars: {w: hello}
    assert:
      - {type: contains, value: hell, metric: A, weight: 3}
      - {type: contains, value: zzz, metric: B, weight: 0}
      - {type: contains, value: hello, metric: W, weight: 0}
      - type: assert-set
        metric: S
        weight: 2
        assert: [{type: contains, value: h, metric: A}, {type: contains, value: more, metric: C}]
  - vars: {w: "|<b>\\e[2J"}
    assert: [{type: contains, value: "{{w}}", metric: "M-{{w}}"}]
  - vars: {w: zzz}
    assert: [{type: contains, value: hell, metric: A}]
"""
ODD = "M-|<b>\x1b[2J"


@pytest.fixture
def run(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    with pytest.raises(SystemExit) as end:
        call_command("evaluate", str(path))
    assert end.value.code == 1
    return Run.objects.get()


def text_of(run, kind):
    return "".join(write(build_report(run), kind))


def test_sums_are_those_of_promptfoo(run):
    document = json.loads(text_of(run, "promptfoo"))["results"]
    first = document["prompts"][0]["metrics"]
    sums = {name: first["namedScores"][name] for name in ("A", "S", "C", ODD)}
    assert sums == {"A": 5, "S": 1, "C": 0, ODD: 1}
    assert first["namedScoresCount"] == {"A": 3, "B": 1, "W": 1, "S": 1, "C": 1, ODD: 1}
    weights = {name: first["namedScoreWeights"][name] for name in ("A", "S", "C", ODD)}
    assert weights == {"A": 6, "S": 2, "C": 2, ODD: 1}
    assert first["namedScores"]["per"] == pytest.approx(5 / 3)
    assert first["namedScores"]["bad"] == 0  # as there
    rows = [row["namedScores"] for row in document["results"]]
    assert rows[0] == {"A": 1, "B": 0, "W": 1, "S": 0.5, "C": 0}
    assert rows[1:3] == [{ODD: 1}, {"A": 0}]


def test_a_column_keeps_them_and_one_without_has_no_key(run, tmp_path):
    first = run.evaluations.get(position=0)
    assert first.summary["named_scores"]["A"] == {"total": 5.0, "weight": 6.0, "count": 3}
    assert first.figures.metrics["A"] == pytest.approx(5 / 6)
    assert (first.figures.metrics["both"], first.figures.metrics["later"]) == (3, 6)
    assert first.figures.metrics["bad"] is None
    path = tmp_path / "plain.yaml"
    path.write_text(
        "prompts: [x]\nproviders: [echo]\ntests: [{assert: [{type: equals, value: x}]}]\n"
    )
    call_command("evaluate", str(path))
    plain = Evaluation.objects.latest("created_at")
    assert "named_scores" not in plain.summary
    assert "derived_metrics" not in plain.summary


def test_each_report_has_them(run):
    report = json.loads(text_of(run, "json"))
    assert report["columns"][0]["metrics"]["C"] == 0
    assert report["comparisons"][0]["metrics"]["C"] == {"old": 0, "new": 1}
    assert report["results"][0]["named_scores"]["S"] == 0.5
    rows = list(csv.DictReader(io.StringIO(text_of(run, "csv"))))
    assert (rows[0]["metric A"], rows[0]["metric S"], rows[1]["metric A"]) == ("1.0", "0.5", "")
    suite = ET.fromstring(text_of(run, "junit")).find("testsuite")
    of_suite = {
        item.get("name"): item.get("value") for item in suite.findall("properties/property")
    }
    assert (of_suite["metric:C"], of_suite["metric:bad"]) == ("0", "")
    case = suite.find("testcase/properties/property")
    assert (case.get("name"), case.get("value")) == ("metric:A", "1")
    change = "C: 0.000 → 1.000 (+1.000), from {{w}} · echo to {{w}} more · echo"
    assert change in text_of(run, "table").replace("\n", " ").replace("  ", " ")
    assert "\x1b" not in text_of(run, "table")
    markdown = text_of(run, "markdown")
    assert "| C | 0.000 | 1.000 |" in markdown
    assert "M-\\|&lt;b>" in markdown
    assert change in markdown
    page = text_of(run, "html")
    assert "<td>C</td>" in page
    assert "<b>" not in page
    assert "<div>S = 0.500</div>" in page


def test_pages_have_them(run, admin_client):
    page = admin_client.get(reverse("admin:evaluations_run_change", args=[run.pk])).content.decode()
    shown = " ".join(page.split()).replace('data-ev="metric"> ', 'data-ev="metric">')
    assert 'data-ev="metric">C: 0.000</span>' in shown
    assert 'data-ev="metric">bad: –</span>' in shown
    assert "<b>" not in page.split('data-ev="metric"')[6]
    page = admin_client.get(
        reverse("admin:evaluations_run_compare", args=[run.pk])
    ).content.decode()
    assert "C: 0.000 → 1.000 (+1.000)" in page


def test_an_error_of_one_assertion_feeds_no_metric(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(
        "prompts: [x]\nproviders: [echo]\ntests:\n"
        "- assert: [{type: contains, value: x, metric: A}, {type: python, value: y, metric: A}]\n"
    )
    with pytest.raises(SystemExit):
        call_command("evaluate", str(path))
    named = Run.objects.get().evaluations.get().figures.named_scores
    assert {name: (score.mean, score.count) for name, score in named.items()} == {"A": (1.0, 1)}
