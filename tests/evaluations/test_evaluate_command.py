"""`manage.py evaluate`: what it takes, says, writes, and how it exits."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import closing
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command

from evaluations.models import ModelProfile, Run
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

CONFIG = """
description: Greetings
prompts: ["Hello {{name}}", "Bye {{name}} 日本"]
providers: [echo]
tests:
  - {vars: {name: [Ada, 花子]}, assert: [{type: contains, value: "{{name}}"}]}
  - vars: {name: Bob}
    assert:
      - {type: contains, value: Hello, metric: greets}
      - {type: not-contains, value: "<x>"}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def run(*arguments, **options):
    """Return the exit status; the output is the test's to capture."""
    try:
        call_command("evaluate", *map(str, arguments), **options)
    except SystemExit as end:
        return end.code
    except CommandError as error:
        return error.returncode, str(error)
    return 0


def test_a_table_with_its_verdict(config, capsys):
    assert run(config) == 1
    out = capsys.readouterr().out
    assert "3/3 (100.0%)" in out
    assert "2/3 (66.7%)" in out
    assert "Too few cases" in out
    assert "Broken: 3" in out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_the_run_is(config, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    assert run(config, stderr=terminal) == 1
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "$0.0000, 0 errors" in shown
    assert "6/6" in shown


def test_machines_read_json(config, capsys):
    assert run(config, "--format", "json", "--repeat", 2) == 1
    found = json.loads(capsys.readouterr().out)
    assert [column["passed"] for column in found["columns"]] == [6, 4]
    assert found["comparisons"][0]["test"] == "sign-flip"
    assert found["results"][0]["output"] == "Hello Ada"
    assert len(found["results"]) == 12


def test_promptfoo_s_own_result(config, capsys):
    run(config, "--format", "promptfoo")
    rows = json.loads(capsys.readouterr().out)["results"]["results"]
    assert [(row["testIdx"], row["promptIdx"]) for row in rows] == [
        (0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1),
    ]  # fmt: skip
    last = rows[-1]
    assert (last["success"], last["failureReason"], last["score"]) == (False, 1, 0.5)
    assert last["response"]["output"] == "Bye Bob 日本"
    parts = last["gradingResult"]["componentResults"]
    assert [part["pass"] for part in parts] == [False, True]
    assert parts[0]["assertion"] == {"type": "contains", "value": "Hello", "metric": "greets"}


FILTERED = """
defaultTest: {assert: [{type: contains, value: "{{name}}"}]}
prompts: [{raw: "Hello {{name}}", label: hello}, {raw: "Bye {{name}}", label: bye}]
providers: [{id: echo, label: one}, {id: echo, label: two, concurrency: 3}]
evaluateOptions: {maxConcurrency: 2, timeoutMs: 1500, maxEvalTimeMs: 60000}
tests:
  - {vars: {name: Ada}}
  - {vars: {name: Bob}, prompts: [bye], providers: [two]}
  - {vars: {name: Eve}, prompts: [hello], options: {prefix: "{{name}}: "}}
"""


def test_tests_choose_prompts_and_models(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(FILTERED, encoding="utf-8")
    run(path, "--estimate")
    assert "7 calls" in capsys.readouterr().out
    assert run(path, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    answers = [(row["column"], row["case"], row["output"]) for row in found["results"]]
    assert answers == [
        (0, "1", "Hello Ada"),
        (0, "3", "Eve: Hello Eve"),
        (1, "1", "Bye Ada"),
        (2, "1", "Hello Ada"),
        (2, "3", "Eve: Hello Eve"),
        (3, "1", "Bye Ada"),
        (3, "2", "Bye Bob"),
    ]
    made = Run.objects.get()
    assert (made.planned, made.max_seconds, made.status) == (7, 60.0, Run.Status.COMPLETED)
    limits = [row.target["limits"] for row in made.evaluations.order_by("position")]
    assert [one[0] for one in limits] == [2, 2, 3, 3]
    assert [one[3] for one in limits] == [1.5, 1.5, 60.0, 60.0]


def test_two_settings_of_one_model_stay_two(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(
        "prompts: [x]\n"
        "providers: [{id: echo, config: {seed: 1}}, {id: echo, config: {seed: 2}}]\n"
        "evaluateOptions: {maxConcurrency: 1}\n"
        "tests: [{assert: [{type: equals, value: x}]}]\n"
    )
    assert run(path) == 0
    rows = Run.objects.get().evaluations.order_by("position")
    assert [row.parameters for row in rows] == [{"seed": 1}, {"seed": 2}]


def test_what_is_not_carried_out_is_said(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(
        "prompts: [x]\nproviders: [{id: echo, delay: 5}]\noutputPath: o.json\n"
        "tests: [{assert: [{type: equals, value: x}]}]\n"
    )
    assert run(path) == 0
    said = capsys.readouterr().err
    assert "Warning: c.yaml, line 3, column 1, outputPath: “outputPath” is ignored" in said
    assert "Warning: c.yaml, line 2, column 24, providers[0].delay: “delay” of a provider" in said


def test_a_key_in_a_file_is_refused_and_not_repeated(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("prompts: [x]\nproviders: [{id: echo, config: {apiKey: sk-hidden-1234}}]\n")
    code, said = run(path)
    assert code == 2
    assert "line 2, column 13, providers[0]: echo: apiKey is never read from a file" in said
    assert "hidden" not in said
    assert not Run.objects.exists()


def test_junit_and_html_go_into_files(config, tmp_path, capsys):
    junit, html = tmp_path / "out.xml", tmp_path / "out.html"
    run(config, "--format", "junit", "--output", junit)
    suites = ET.parse(junit).getroot().findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["0", "1"]
    run(config, "--format", "html", "--output", html)
    text = html.read_text(encoding="utf-8")
    assert "花子" in text
    assert "&lt;x&gt;" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "specify a FILE or --suite NAME (or"),
        (("no-such.yaml",), "no-such.yaml cannot be read"),
        (("--suite", "x"), "there is no test suite “x”; available suites: none yet"),
        (("--resume", "abc"), "there is no run “abc”; give"),
        (("{config}", "--provider", "ehco"), "did you mean “echo”?"),
        (("{config}", "--max-cost", "dear"), "max-cost: must be an amount in US dollars"),
        (("{config}", "--repeat", "0"), "repeat: must be an integer from 1 to 1000"),
        (("{config}", "--max-seconds", "-1"), "max-seconds: must be 0 or more seconds, not -1"),
        (("{config}", "--max-calls", "-1"), "--max-calls: Ensure this value is greater"),
        (("{config}", "--prompt", "nothing"), "there is no prompt"),
        (("{config}", "--provider", "openai:gpt-4o"), "OPENAI_API_KEY is not set"),
    ],
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(config, arguments, sentence):
    code, said = run(*(one.format(config=config) for one in arguments))
    assert code == 2
    assert sentence in said
    assert "\n" not in said
    assert not Run.objects.exists()


def test_a_report_that_has_no_place_is_refused_before_anybody_is_asked(config, tmp_path):
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path, tmp_path / "file" / "report.json"):
        with pytest.raises(
            CommandError, match=r"^--output: cannot write a file at .*folder that you can write to"
        ):
            call_command("evaluate", str(config), f"--output={target}")
    assert not Run.objects.exists()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_database_without_tables_is_an_error_and_no_failure(config, tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "evaluate", str(config)],
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "run `manage.py migrate`" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_estimate_asks_nobody(config, capsys):
    assert run(config, "--estimate") == 0
    assert "6 calls, about" in capsys.readouterr().out
    assert not Run.objects.exists()


def test_a_suite_with_stored_prompts_and_a_profile(capsys):
    with closing(FakeModels()) as fake:
        ModelProfile.objects.create(
            name="ours", provider="openai-compatible", model="m", base_url=f"{fake.url}/v1"
        )
        suite = create_suite(name="S")
        for number in range(3):
            create_case(
                suite_id=suite.pk,
                name=f"c{number}",
                variables={"x": f"v{number}"},
                assertions=[{"type": "contains", "value": f"v{number}"}],
            )
        fields = {"syntax": "mustache", "variables": [{"name": "x"}]}
        create_prompt(title="Ask", name="ask", content="{{x}}?", **fields)
        assert run("--suite", "S", "--prompt", "ask:1", "--provider", "ours", "--max-calls", 2) == 3
        stopped = Run.objects.get()
        assert "limit of 2 calls" in capsys.readouterr().err
        assert run("--resume", str(stopped.pk)[:8], "--max-calls", 9) == 0
        assert set(fake.counts.values()) == {1}
        assert run("--rescore", stopped.pk) == 0
        assert sum(fake.counts.values()) == 3
        fake.script = [Step(status=400, body="no")]
        arguments = ("--suite", "S", "--prompt", "ask", "--provider", "ours", "--no-cache")
        assert run(*arguments, "--baseline", stopped.pk) == 4
        newest = Run.objects.order_by("-created_at").first()
        capsys.readouterr()
        assert run("--retry-errors", newest.pk, "--format", "json") == 0
        assert json.loads(capsys.readouterr().out)["comparisons"][0]["pairs"] == 3


def test_an_estimate_touches_no_run_that_exists(config, capsys):
    assert run(config, "--repeat", 2) == 1
    made = Run.objects.get()
    for option in ("--resume", "--retry-errors"):
        code, said = run(option, made.pk, "--estimate")
        assert (code, said) == (2, "--estimate: this option only applies to a new run")
    assert Run.objects.get() == made
    capsys.readouterr()


def test_a_run_is_scored_again_with_its_repeats(capsys):
    with closing(FakeModels()) as fake:
        ModelProfile.objects.create(
            name="ours", provider="openai-compatible", model="m", base_url=f"{fake.url}/v1"
        )
        suite = create_suite(name="S")
        checks = [{"type": "contains", "value": "v"}]
        create_case(suite_id=suite.pk, name="c", variables={"x": "v"}, assertions=checks)
        fields = {"syntax": "mustache", "variables": [{"name": "x"}]}
        create_prompt(title="Ask", name="ask", content="{{x}}?", **fields)
        asked = ("--suite", "S", "--prompt", "ask", "--provider", "ours", "--repeat", 3)
        assert run(*asked) == 0
        capsys.readouterr()
        first = Run.objects.get()
        assert run("--rescore", first.pk, "--format", "json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["columns"][0]["cached"], len(found["results"])) == (3, 3)
        assert len(fake.requests) == 3


def test_warnings_name_the_place(tmp_path, capsys):
    (tmp_path / "tests.csv").write_text("x,__expected\na,contians:a\n", encoding="utf-8")
    path = tmp_path / "c.yaml"
    path.write_text("prompts: ['{{x}}']\nproviders: echo\ntets: 1\ntests: file://tests.csv\n")
    assert run(path) == 1
    said = capsys.readouterr().err
    assert "c.yaml, line 3, column 1, tets: unknown key “tets” is ignored" in said
    assert "did you mean “tests”?" in said
    assert "tests.csv, line 2: unknown assertion type “contians:”" in said


def test_recorded_answers_stay_in_the_folder(tmp_path, monkeypatch, capsys):
    suites = tmp_path / "suites"
    suites.mkdir()
    recorded = json.dumps([{"prompt": "Hello Ada", "output": "recorded-here"}])
    for path in (suites / "a.json", tmp_path / "b.json"):
        path.write_text(recorded)
    config = suites / "c.yaml"
    text = """
prompts: ["Hello {{name}}"]
tests: [{vars: {name: Ada}, assert: [{type: contains, value: recorded-here}]}]
providers: [replay:%s]
"""
    monkeypatch.chdir(tmp_path)
    config.write_text(text % "a.json")
    assert run(config) == 0
    config.write_text(text % "../b.json")
    code, sentence = run(config)
    assert (code, "is outside the configuration's folder" in sentence) == (2, True)
    config.write_text(text % "a.json")
    # What a person types may lie anywhere; a later command finds it from elsewhere.
    assert run(config, "--provider", "replay:b.json") == 0
    made = Run.objects.latest("created_at")
    monkeypatch.chdir("/")
    assert run("--resume", made.pk) == 0
    made.evaluations.get().results.update(error="x", passed=None, score=None)
    assert run("--retry-errors", made.pk) == 0
    assert "replay:b.json" in capsys.readouterr().out
    # A profile, or a case of a stored suite, is no person at this keyboard.
    ModelProfile.objects.create(name="old", provider="replay", model=str(tmp_path / "b.json"))
    code, sentence = run(config, "--provider", "old")
    assert (code, "outside the configuration's folder" in sentence) == (2, True)
    suite, prompt = create_suite(name="S"), create_prompt(title="P", name="p", content="x")
    judged = {"type": "llm-rubric", "value": "x", "provider": f"replay:{tmp_path / 'b.json'}"}
    create_case(suite_id=suite.pk, name="a", assertions=[judged])
    code, sentence = run("--suite", "S", "--prompt", prompt.name, "--provider", "echo")
    assert (code, "recorded answers can only be read" in sentence) == (2, True)
