"""The table of cases on a terminal: what it shows, in which order, how wide, how fast."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rich.cells import cell_len

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Run
from evaluations.reporting import TableStyle, build_report, explain_exit, write_table
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run

pytestmark = pytest.mark.django_db(transaction=True)

CASES = """
prompts: ["Say {{w}}"]
providers: [{id: echo, label: one}, {id: echo, label: two}]
tests:
  - {vars: {w: fine}, assert: [{type: contains, value: fine}], description: good}
  - {vars: {w: unchecked}, description: open}
  - {vars: {w: wrong}, assert: [{type: is-unknown-type}, {type: contains, value: x}],
     description: odd}
  - {vars: {w: 花子}, assert: [{type: contains, value: zzz}], description: 日本語}
  - vars: {w: "\\e[2Jclear\\u202e"}
    description: "\\e]0;title\\a"
    assert: [{type: equals, value: no}]
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def make(cases, texts=("{{x}}",), **fields):
    columns = [PlannedColumn(spec=ProviderSpec(kind="echo"), text=text) for text in texts]
    return execute_run(create_run(Plan(columns=columns, **fields), cases).pk)


def case(name, value="please", **fields):
    checks = (Assertion(type="contains", value=value),)
    return None, Case(
        name=name, variables={"x": f"{name} said please"}, assertions=checks, **fields
    )


def table(run, **style):
    return "".join(write_table(build_report(run), TableStyle(**style)))


def names(text):
    """Return the first word of each row that begins with a case."""
    return re.findall(r"^(c\d+) ", text, re.MULTILINE)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(CASES.replace("{type: is-unknown-type}, ", "{type: python, value: 'no()'}, "))
    return path


def evaluate(*arguments):
    try:
        call_command("evaluate", *map(str, arguments))
    except SystemExit as end:
        return end.code
    except CommandError as error:
        return error.returncode, str(error)
    return 0


def test_each_case_has_a_row_with_verdict_answer_and_reason(config, capsys):
    assert evaluate(config) == 4
    out, err = capsys.readouterr()
    assert "5 cases: 2 failed, 1 with errors, 1 not checked, 1 passed" in out
    assert "FAIL  Say 花子" in out
    assert "→ the answer does not contain" in out
    assert "ERROR  Say wrong" in out
    assert "NOT CHECKED  Say unchecked" in out
    assert "PASS  Say fine" in out
    order = [out.index(name) for name in ("日本語", "odd", "open", "good")]
    assert order == sorted(order)
    assert "2 of 10 answers could not be asked for or scored; 4 failed" in err
    short = str(Run.objects.get().pk)[:8]
    for command in ("--resume {} --format html", "--retry-errors {}", f"{config} --baseline {{}}"):
        assert f"manage.py evaluate {command.format(short)}" in err


def test_an_answer_cannot_drive_the_terminal(config, capsys):
    evaluate(config, "--force-color")
    out, err = capsys.readouterr()
    assert r"\x1b[2Jclear\u202e" in out
    assert r"\x1b]0;title\x07" in out
    assert "\x1b" in out
    assert "\x1b" not in COLOURS.sub("", out)
    assert "\u202e" not in out
    assert "\x1b" not in err


@pytest.mark.parametrize("width", [40, 60, 80, 100, 137])
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_no_line_is_wider_than_the_terminal(width, count):
    run = make(
        [case("日本語の長い名前のテスト" * 3), case("x" * 90, "no")],
        [f"{number} {{{{x}}}} 長い返答、とても長い返答。" for number in range(count)],
        name="名前",
    )
    text = table(run, width=width)
    rows = text[: text.index("┏")]
    assert max(map(cell_len, rows.splitlines())) <= width
    assert rows.count("FAIL") == rows.count("PASS") == count
    is_stacked = rows.splitlines()[1].startswith("[1]")
    assert is_stacked == (width // count < 34)


def test_failed_cases_come_first_and_a_cut_says_how_to_see_all():
    run = make([case(f"c{number}", "no" if number % 10 == 9 else "please") for number in range(40)])
    text = table(run)
    assert names(text)[:5] == ["c9", "c19", "c29", "c39", "c0"]
    assert len(names(text)) == 25
    assert "25 of 40 cases are shown, the failed ones first; --table-rows N" in text
    assert names(table(run, rows=3)) == ["c9", "c19", "c29"]
    assert len(names(table(run, rows=None))) == 40
    assert "are shown" not in table(run, rows=None)
    assert names(table(run, rows=0)) == []


def test_repeats_are_one_row_that_shows_the_worst_answer():
    text = table(make([case("c1", "no"), case("c2")], repeats=3))
    assert "FAIL (0 of 3 passed)  c1 said please" in text
    assert "PASS (3 of 3 passed)  c2 said please" in text


def test_long_answers_are_cut_and_failed_ones_later():
    run = make([case("c1", "no"), case("c2")], ["{{x}}" + "x" * 900])
    text = table(run, width=1200)
    lengths = [text.count("x" * 220), text.count("x" * 240)]
    assert lengths == [1, 0]
    short = table(run, width=1200, cell_length=30)
    assert "x" * 30 not in short.split("Case")[1].split("┏")[0].split("┼")[1]
    assert "c1 said pleasexxxxxxxxxxxxxxx…" in short


def test_a_failure_by_the_threshold_alone_has_a_reason():
    checks = (
        Assertion(type="contains", value="please"),
        Assertion(type="f1", value="please do it now", threshold=0.01),
    )
    weighed = Case(name="c1", variables={"x": "please"}, assertions=checks, threshold=0.9)
    text = table(make([(None, weighed)]))
    assert re.search(r"the score 0\.\d\d is below the threshold of the case", text)


def test_the_reasons_of_an_exit_status():
    def ending(run):
        found = explain_exit(build_report(run))
        return found.status, found.reason

    good, bad = [case(f"c{number}") for number in range(12)], [case("c1", "no")]
    assert ending(make(good)) == (0, "none of 12 answers failed")
    assert ending(make(bad)) == (1, "1 of 1 answer failed")
    unchecked = [(None, Case(name="c", variables={"x": "y"}))]
    status, reason = ending(make(unchecked))
    assert (status, reason[:34]) == (4, "nothing was checked in the column ")
    stopped = make(good)
    Run.objects.filter(pk=stopped.pk).update(status="stopped", message="cost limit")
    stopped.refresh_from_db()
    assert ending(stopped) == (3, "the run was stopped: cost limit")
    Run.objects.filter(pk=stopped.pk).update(status="cancelled", message="")
    stopped.refresh_from_db()
    assert ending(stopped) == (4, "the run is cancelled, not completed")


def test_options_that_mean_nothing_are_refused(config):
    for arguments, sentence in (
        (("--table-rows", "0"), 'must be a whole number of at least 1, or "all"'),
        (("--table-rows", "some"), 'must be a whole number of at least 1, or "all"'),
        (("--table-cell-max-length", "0"), "must be a whole number of at least 1"),
    ):
        assert sentence in evaluate(config, *arguments)[1]
    assert not Run.objects.exists()


def test_colons_in_names_are_no_emoji():
    columns = [PlannedColumn(spec=ProviderSpec(kind="unavailable", label=":x:", problem="none"))]
    plan = Plan(columns=columns, name="a:smile:b")
    text = table(execute_run(create_run(plan, [case("c0")]).pk), width=100)
    figures = text[text.index("a:smile:b") :]
    assert figures.count(":x:") >= 2  # its column, and the note of its errors
    assert not re.search("[\u2600-\u27bf\U0001f300-\U0001faff]", text)


def test_ten_thousand_cases_are_read_by_a_few_queries():
    run = make(
        [case(f"c{number}", "no" if number == 9_999 else "please") for number in range(10_000)]
    )
    with CaptureQueriesContext(connection) as queries:
        text = table(run)
    assert names(text)[:2] == ["c9999", "c0"]
    assert len(queries) < 10
    longest = max(len(query["sql"]) for query in queries)
    assert longest < 3_000  # of no query are there as many parameters as cases
    lines = list(write_table(build_report(run), TableStyle(rows=None)))
    assert len(names("".join(lines))) == 10_000
