"""Models of a configuration that nobody here can ask: errors of their columns, not of the file."""

import json

import pytest

from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Folder
from evaluations.models import Run
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.templates import fill_text
from evaluations.selectors.runs import find_run
from evaluations.services.choosing import rebuild_columns
from tests.evaluations.test_evaluate_command import run

pytestmark = pytest.mark.django_db(transaction=True)

UNAVAILABLE = [
    ("nobody:m-1", "nobody:m-1", "unknown provider “nobody”"),
    ("opnai:x", "opnai:x", "did you mean “openai”?"),
    ("openai:image:dall-e-3", "openai:image:dall-e-3", "is not a chat model"),
    ("exec:cat", "exec:cat", "would run code"),
    ("file://p.js", "file://p.js", "would run code"),
    ("{id: 'file://p.py:ask', label: mine}", "mine", "would run code"),
    ("{id: nobody, config: {a: 1}, transform: file://t.js}", "nobody", "unknown provider “nobody”"),
    ("{'nobody:x': {label: keyed}}", "keyed", "unknown provider “nobody”"),
]
REFUSED = [
    "{id: nobody, config: {apiKey: sk-secret-1}}",
    "{id: nobody, env: {OPENAI_API_KEY: sk-secret-1}}",
    "{id: nobody, prompts: 5}",
    "{id: nobody, config: 5}",
    "3",
    "'openai:'",
    "file://none.yaml",
]


def write(folder, providers, **more):
    tests = [{"vars": {"w": "a"}, "assert": [{"type": "contains", "value": "a"}]}, *more.values()]
    text = f'prompts: ["say {{{{w}}}}"]\nproviders: [{providers}]\ntests: {json.dumps(tests)}\n'
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **options):
    return read_config(Folder.beside(path), path.name, fill_text, **options)


def report(capsys, *arguments):
    """Return the exit status, the report, and what else was said."""
    status = run(*arguments, "--format", "json")
    shown = capsys.readouterr()
    return status, json.loads(shown.out or "{}"), shown.err


@pytest.mark.parametrize(
    ("written", "name", "problem"), UNAVAILABLE, ids=[name for name, *_rest in UNAVAILABLE]
)
def test_it_is_a_column_that_says_why(tmp_path, written, name, problem):
    config = read(write(tmp_path, f"echo, {written}"))
    assert [provider.spec.name for provider in config.providers] == ["echo", name]
    assert problem in config.providers[1].spec.problem
    [warning] = config.warnings
    assert problem in warning.message
    assert warning.message.endswith("the cases of this model will be errors")


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_wrong_with_the_file_is_still_refused(tmp_path, written):
    with pytest.raises(SuiteError) as caught:
        read(write(tmp_path, f"echo, {written}"))
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize("written", REFUSED + [written for written, *_rest in UNAVAILABLE])
def test_with_other_models_the_file_s_own_do_not_matter(tmp_path, capsys, written):
    path = write(tmp_path, written)
    assert read(path, other_models=True).warnings == ()
    status, document, err = report(capsys, path, "--provider", "echo")
    assert status == 0
    assert [column["passed"] for column in document["columns"]] == [1]
    assert "Warning" not in err


def test_the_other_columns_run(tmp_path, capsys):
    """The errors of one column: counted, none of them a call, and kept when it is resumed."""
    path = write(tmp_path, "nobody:m-1, echo", more={"vars": {"w": "ab"}, "assert": []})
    status, document, err = report(capsys, path, "--max-cost", "1")
    assert status == 4
    assert "Warning: c.yaml, line 2" in err
    assert [column["errors"] for column in document["columns"]] == [2, 0]
    wrong = [row for row in document["results"] if row["error"]]
    assert len(wrong) == 2
    assert all("unknown provider “nobody”" in row["error"] for row in wrong)
    row = Run.objects.get()
    assert [column.results.filter(attempts__gt=0).count() for column in row.evaluations.all()] == [
        0,
        2,
    ]
    columns = rebuild_columns(find_run(str(row.pk)))
    assert [column.spec.problem[:16] for column in columns] == ["unknown provider", ""]
    assert report(capsys, "--retry-errors", row.pk)[0] == 4


def test_a_given_answer_needs_nobody(tmp_path, capsys):
    path = write(tmp_path, "nobody:m", more={"providerOutput": "a", "assert": []})
    _status, document, _err = report(capsys, path)
    outputs = [row["output"] for row in document["results"]]
    assert sorted(outputs) == ["", "a"]


def test_a_judge_that_nobody_can_ask_is_an_error_of_its_cases(tmp_path, capsys):
    judged = {"type": "llm-rubric", "value": "good", "provider": "nobody:judge"}
    path = write(tmp_path, "echo", more={"vars": {"w": "b"}, "assert": [judged]})
    status, document, _err = report(capsys, path)
    assert status == 4
    assert [bool(row["error"]) for row in document["results"]] == [False, True]
    assert "unknown provider “nobody”" in document["results"][1]["error"]
    status, sentence = run(path, "--judge", "nobody:judge")
    assert status == 2
    assert "unknown provider" in sentence
