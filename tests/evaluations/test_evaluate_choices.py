"""What `manage.py evaluate` runs: files that are found and merged, filters, and what is refused.

The outputs of the filters are those of promptfoo 0.123.1 for the same files and options.
"""

import json
import os
import subprocess

import pytest
from django.core.management import CommandError, call_command

from evaluations.models import Run
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)

TESTS = "".join(
    f"  - {{vars: {{w: [a{n}, b{n}]}}, description: test {n}, metadata: {{kind: k{n % 3}, "
    f"tags: [x{n}, y], on: true}}, assert: [{{type: not-contains, value: a3}}]}}\n"
    for n in range(10)
)
CONFIG = (
    'prompts: ["P {{w}} {{extra}}"]\nproviders: [echo]\n'
    f"defaultTest: {{vars: {{extra: d}}}}\ntests:\n{TESTS}"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config(folder):
    (folder / "promptfooconfig.yaml").write_text(CONFIG)
    return folder / "promptfooconfig.yaml"


def run(*arguments):
    try:
        call_command("evaluate", *map(str, arguments))
    except SystemExit as end:
        return end.code
    except CommandError as error:
        return error.returncode, str(error)
    return 0


def outputs(capsys, *arguments):
    """Return the answers of a run, in their order."""
    capsys.readouterr()
    assert run("--format", "json", *arguments) in (0, 1)
    return [row["output"] for row in json.loads(capsys.readouterr().out)["results"]]


def both(*names):
    return [f"P {letter}{name}" for name in names for letter in "ab"]


FILTERS = {
    "sample with a seed": (
        ["--filter-sample", 3, "--filter-sample-seed", 42],
        [f"{text} d" for text in both("2", "5", "4")],
    ),
    "metadata, then the first": (
        ["--filter-metadata", "kind=k1", "--filter-first-n", 2],
        [f"{text} d" for text in both("1", "4")],
    ),
    "metadata of a list": (["--filter-metadata", "tags=x7"], [f"{text} d" for text in both("7")]),
    "two of metadata": (
        ["--filter-metadata", "kind=k0", "--filter-metadata", "tags=x9"],
        [f"{text} d" for text in both("9")],
    ),
    "metadata that is true": (
        ["--filter-metadata", "on=true", "-n", 1],
        [f"{text} d" for text in both("0")],
    ),
    "pattern and variable": (
        ["--filter-pattern", "[135]$", "--var", "extra=E=1"],
        [f"{text} E=1" for text in both("1", "3", "5")],
    ),
}


@pytest.mark.parametrize(("options", "expected"), FILTERS.values(), ids=FILTERS)
def test_filters_choose_as_in_promptfoo(config, capsys, options, expected):
    assert outputs(capsys, *options) == expected


def test_a_sample_without_a_seed_has_its_number(config, capsys):
    assert len(outputs(capsys, "--filter-sample", 4)) == 8


def test_scenarios_are_counted_one_by_one(folder, capsys):
    (folder / "promptfooconfig.yml").write_text(
        "prompts: ['{{a}}{{b}}']\nproviders: [echo]\n"
        "tests: [{vars: {a: t, b: 1}}, {vars: {a: t, b: 2}}]\n"
        "scenarios:\n"
        "  - config: [{vars: {a: x}}, {vars: {a: y}}]\n"
        "    tests: [{vars: {b: 1}}, {vars: {b: 2}}]\n"
        "  - {config: [{vars: {a: z}}], tests: [{vars: {b: 1}}, {vars: {b: 2}}]}\n"
    )
    call = ["--format", "json", "--filter-first-n", "1"]
    capsys.readouterr()
    assert run(*call) == 4  # nothing was checked
    answers = [row["output"] for row in json.loads(capsys.readouterr().out)["results"]]
    assert answers == ["t1", "x1", "y1", "z1"]


def test_what_failed_is_run_again_by_run_and_by_file(config, capsys):
    text = CONFIG.replace("not-contains, value: a3", "not-contains, value: '{{w}}'", 1)
    config.write_text(text.replace("value: a3", "value: a4", 1))
    assert run() == 1
    failed = str(Run.objects.latest("created_at").pk)
    # An assertion that was mended does not make a case another one.
    config.write_text(CONFIG)
    assert outputs(capsys, "--filter-failing", failed[:8]) == ["P a0 d", "P b0 d", "P a3 d"]
    assert outputs(capsys, "--filter-failing-only", failed, "--filter-pattern", "3") == ["P a3 d"]
    status, message = run("--filter-errors-only", failed)
    assert (status, "has no case with such a result" in message) == (2, True)
    run("--format", "promptfoo", "--output", "old.json")
    assert outputs(capsys, "--filter-failing", "old.json") == ["P a3 d"]
    (config.parent / "other.json").write_text('{"results": [1]}')
    status, message = run("--filter-failing", "other.json")
    assert (status, "is not a file of results in promptfoo's format" in message) == (2, True)
    assert run("--filter-failing", "none.json")[0] == 2


def test_cases_without_variables_are_known_by_their_names(folder, capsys):
    (folder / "promptfooconfig.json").write_text(
        json.dumps({
            "prompts": ["x"],
            "providers": ["echo"],
            "tests": [
                {"description": "good", "assert": [{"type": "equals", "value": "x"}]},
                {"description": "bad", "assert": [{"type": "equals", "value": "y"}]},
            ],
        })
    )  # fmt: skip
    assert run() == 1
    assert run("--filter-failing", Run.objects.get().pk, "--format", "json") == 1
    out = capsys.readouterr().out
    rows = json.loads(out[out.index('{\n "run"') :])["results"]
    assert [row["case"] for row in rows] == ["bad"]


def test_prompts_and_models_are_chosen_by_name(folder, capsys):
    (folder / "promptfooconfig.yaml").write_text(
        "prompts: [{raw: 'A {{w}}', label: alpha}, {raw: 'B {{w}}', id: beta}]\n"
        "providers: [{id: echo, label: one}, {id: echo, label: two, config: {x: 1}}]\n"
        "tests: [{vars: {w: 1}, assert: [{type: contains, value: '1'}]}]\n"
    )
    assert run("--filter-prompts", "^alp", "--filter-targets", "wo$") == 0
    assert [row.label for row in Run.objects.get().evaluations.all()] == ["alpha · two"]
    assert run("--filter-providers", "^echo$") == 0
    assert run("--provider", "echo", "--filter-providers", "ech") == 0
    capsys.readouterr()
    for option, names in (("--filter-prompts", "“alpha”"), ("--filter-providers", "“one”, “two”")):
        status, message = run(option, "nothing")
        assert (status, f"nothing matches; there is {names}" in message) == (2, True)
        status, message = run(option, "(")
        assert (status, message.startswith(f"{option}: '('")) == (2, True)


def test_a_stored_suite_is_filtered_as_well(db, capsys):
    suite = create_suite(name="S")
    create_prompt(
        title="P", name="p", content="{{x}}", syntax="mustache", variables=[{"name": "x"}]
    )
    for n in range(4):
        check = [{"type": "equals", "value": "0"}]
        create_case(suite_id=suite.pk, name=f"c{n}", variables={"x": str(n)}, assertions=check)
    call = ["--suite", "S", "--prompt", "p", "--provider", "echo"]
    assert outputs(capsys, *call, "--filter-pattern", "[13]") == ["1", "3"]
    assert outputs(capsys, *call, "-n", 2) == ["0", "1"]
    failed = Run.objects.latest("created_at").pk
    assert outputs(capsys, *call, "--filter-failing", failed) == ["1"]
    case = Run.objects.latest("created_at").cases.get()
    assert case.case_id is not None  # it stays a case of the suite


IDLE = {
    "var of a suite": (["--suite", "S", "--var", "a=b"], "--var is for configurations"),
    "root of a suite": (["--suite", "S", "--root", "."], "--root is for configurations"),
    "prompts of a suite": (["--suite", "S", "--filter-prompts", "x"], "--filter-prompts is for"),
    "a seed alone": (["--filter-sample-seed", 1], "--filter-sample-seed is for --filter-sample N"),
    "cells without a table": (
        ["--no-table", "--table-cell-max-length", 9],
        "--no-table leaves out",
    ),
    "two by results": (
        ["--filter-failing", "x", "--filter-errors-only", "y"],
        "--filter-errors-only and --filter-failing exclude each other",
    ),
    "a filter of an old run": (["--resume", "1234abcd", "-n", 3], "--filter-first-n does nothing"),
    "a file of an old run": (["--resume", "1234abcd", "c.yaml"], "FILE does nothing with --resume"),
    "concurrency of an old run": (["--retry-errors", "1234abcd", "-j", 2], "-j does nothing with"),
    "two old runs": (["--resume", "1234abcd", "--retry-errors", "1234abcd"], "exclude each other"),
    "one format, two files": (["--format", "csv", "-o", "a", "b"], "--format is for one file"),
    "no equals sign": (["--var", "abc"], "must be written NAME=VALUE, not 'abc'"),
    "a wrong pattern": (["--filter-pattern", "("], "--filter-pattern: '('"),
    "nothing left": (["--filter-pattern", "xyz"], "No test is left: the filters let none of 20"),
    "no folder": (["--root", "none"], "--root: none is not a folder"),
    "a folder without": (["empty"], "empty has no configuration (promptfooconfig.yaml"),
    "too long a pause": (["--delay", "60001"], "from 0 to 60000"),
}


@pytest.mark.parametrize(("options", "sentence"), IDLE.values(), ids=IDLE)
def test_an_option_that_would_do_nothing_is_refused(config, options, sentence):
    (config.parent / "empty").mkdir()
    status, message = run(*options)
    assert status in (1, 2)  # argparse's own refusals have their 2 from manage.py
    assert sentence in message
    assert not Run.objects.exists()


def test_a_configuration_is_found_in_this_folder_and_in_a_named_one(folder, capsys):
    assert run()[0] == 2
    other = folder / "other"
    other.mkdir()
    (other / "promptfooconfig.yml").write_text(CONFIG)
    assert run("other", "-n", 1) == 0
    (folder / "promptfooconfig.json").write_text(
        json.dumps({"prompts": ["J"], "providers": ["echo"]})
    )
    assert run("--estimate") == 0
    assert "Configuration: promptfooconfig.json" in capsys.readouterr().err
    (folder / "promptfooconfig.yaml").write_text(CONFIG)
    assert run("--estimate") == 0
    assert "Configuration: promptfooconfig.yaml" in capsys.readouterr().err


def test_several_files_are_one(folder, capsys):
    (folder / "a.yaml").write_text(
        "description: A\nprompts: ['one {{x}} {{y}}']\nproviders: [echo]\n"
        "defaultTest: {vars: {y: fromA, z: 1}, assert: [{type: contains, value: one}]}\n"
        "evaluateOptions: {repeat: 2}\ncommandLineOptions: {maxConcurrency: 3}\n"
        "tests: [{vars: {x: a}}]\n"
    )
    inner = folder / "inner"
    inner.mkdir()
    (inner / "p.txt").write_text("two {{x}} {{y}}")
    (inner / "t.csv").write_text("x,__expected\nc,contains:c\n")
    (inner / "b.yaml").write_text(
        "description: B\nprompts: [file://p.txt, 'one {{x}} {{y}}']\nproviders: [echo]\n"
        "defaultTest: {vars: {y: fromB}, assert: [{type: contains, value: fromB}]}\n"
        "evaluateOptions: {repeat: 1}\ntests: [{vars: {x: b}}, file://t.csv]\n"
    )
    expected = [f"{word} {x} fromB" for word in ("one", "two") for x in "abc"]
    assert outputs(capsys, "a.yaml", "inner/b.yaml") == expected
    assert outputs(capsys, "-c", "a.yaml", "-c", "inner/b.yaml") == expected
    assert outputs(capsys, "-c", "a.yaml", "inner/b.yaml", "--description", "Both") == expected
    first, *_, last = Run.objects.order_by("created_at")
    assert (first.name, last.name, first.repeats) == ("A, B", "Both", 1)
    failed = [row["passed"] for row in results(first)]
    assert failed == [True, True, True, False, False, False]
    limits = first.evaluations.first().target["limits"]
    assert limits[0] == 3


def results(run):
    rows = []
    for column in run.evaluations.order_by("position"):
        rows += column.results.order_by("run_case__position").values("passed")
    return rows


def test_limits_that_are_typed_count_more(config):
    text = CONFIG + "evaluateOptions: {maxConcurrency: 7, delay: 30000}\n"
    config.write_text(text)

    def limits(*options):
        run("--estimate", *options)  # makes the run, and discards it
        assert run("-n", 1, "--filter-sample", 1, *options) in (0, 1)
        return Run.objects.latest("created_at").evaluations.get().target["limits"][:2]

    config.write_text(text.replace(", delay: 30000", ""))
    assert limits() == [7, None]
    assert limits("-j", 2) == [2, None]
    config.write_text(text.replace("delay: 30000", "delay: 70"))
    assert limits() == [1, 857]
    assert limits("--delay", 100) == [1, 600]


def test_reports_are_written_as_their_names_say(config, capsys):
    names = [
        "r.json",
        "r.promptfoo.json",
        "r.csv",
        "r.html",
        "r.md",
        "r.xml",
        "s.junit.xml",
        "t.txt",
    ]
    assert run("-n", 1, "-o", *names) == 0
    out = capsys.readouterr().out
    assert "PASS  P a0 d" in out
    beginnings = [
        (config.parent / name).read_text().lstrip()[:30].splitlines()[0] for name in names
    ]
    assert beginnings[0] == "{"
    assert json.loads((config.parent / names[1]).read_text())["evalId"]
    assert beginnings[2].startswith("column,case")
    assert beginnings[3].lower().startswith("<!doctype html")
    assert beginnings[4].startswith("###")
    assert beginnings[5].startswith("<?xml")
    assert beginnings[6].startswith("<?xml")
    assert beginnings[7].startswith("2 cases")
    assert "\x1b" not in (config.parent / "t.txt").read_text()
    assert run("-n", 1, "-o", "alone.txt") == 0
    assert "PASS" not in capsys.readouterr().out


def test_the_file_says_how_the_table_is(config, capsys):
    config.write_text(CONFIG + "commandLineOptions: {table: false}\n")
    assert run("-n", 1) == 0
    assert "PASS" not in capsys.readouterr().out
    config.write_text(CONFIG + "commandLineOptions: {tableCellMaxLength: 4}\n")
    assert run("-n", 1) == 0
    assert "PASS  P a…" in capsys.readouterr().out


def write_tree(top):
    """Write a configuration in a folder of a folder, and what it names above it."""
    (top / "cfg" / "deep").mkdir(parents=True)
    (top / "prompts").mkdir()
    (top / "prompts" / "p.txt").write_text("Tell me about {{w}}")
    (top / "prompts" / "w1.txt").write_text("tea")
    (top / "prompts" / "w2.txt").write_text("milk")
    (top / "cfg" / "promptfooconfig.yaml").write_text(
        "prompts: [file://../prompts/p.txt]\nproviders: [echo]\n"
        "tests:\n"
        "  - {vars: {w: file://../prompts/w*.txt}, assert: [{type: contains, value: Tell}]}\n"
    )
    return top / "cfg" / "promptfooconfig.yaml"


def test_files_of_the_same_repository_are_read(folder, capsys):
    path = write_tree(folder)
    status, message = run(path)
    assert (status, "outside the configuration's folder" in message) == (2, True)
    answers = ["Tell me about tea", "Tell me about milk"]
    assert outputs(capsys, path, "--root", folder) == answers
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert outputs(capsys, path) == answers
    # In a worktree .git is a file.
    (folder / ".git").rename(folder / "moved")
    (folder / ".git").write_text(f"gitdir: {folder / 'moved'}\n")
    assert outputs(capsys, path) == answers
    status, message = run(path, "--root", folder / "prompts")
    assert (status, "is not below" in message) == (2, True), message


LEAVING = {
    "above the repository": ("file://../../secret.txt", "is outside"),
    "absolute": ("file:///etc/passwd", "is outside"),
    "a link out": ("file://out.txt", "is outside"),
    "a link out by a folder": ("file://up/secret.txt", "is outside"),
    "hidden": ("file://../.env", "is hidden"),
    "git's own": ("file://../.git/HEAD", "is hidden"),
    "a pattern above": ("file://../../*.txt", "is outside"),
}


@pytest.mark.parametrize(("reference", "sentence"), LEAVING.values(), ids=LEAVING)
def test_nothing_outside_of_the_repository_is_read(folder, reference, sentence):
    (folder / "secret.txt").write_text("secret")
    top = folder / "repo"
    path = write_tree(top)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    (top / ".env").write_text("KEY=1")
    (path.parent / "out.txt").symlink_to(folder / "secret.txt")
    (path.parent / "up").symlink_to(folder)
    path.write_text(f"prompts: ['{reference}']\nproviders: [echo]\n")
    status, message = run(path)
    assert (status, sentence in message) == (2, True), message


def test_the_home_folder_is_no_repository(folder, monkeypatch):
    home = folder / "home"
    path = write_tree(home / "work")
    subprocess.run(["git", "init", "-q", str(home)], check=True)
    monkeypatch.setenv("HOME", str(home))
    assert run(path)[0] == 2
    monkeypatch.setenv("HOME", str(folder / "elsewhere"))
    assert run(path) == 0
    assert os.environ["HOME"] != str(home)
