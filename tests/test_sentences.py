"""The catalogue and the sources agree: every code that is used is there, with what it needs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import evaluations.catalogue
import prompts.catalogue
from core.errors import InvalidInputError
from core.sentences import CATALOGUE, CodedError, Sentence, register
from evaluations.engine import errors
from tests.test_translations import ROOT

CODE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
PARAMETER = re.compile(r"%\((\w+)\)")
LEFT_OUT = ("template.", "verdict.", "misfit.")
"""What `Problem`, `Verdict` and `Misfit` leave out before their codes."""
NOT_SAID = {"at", "most_retries", "retry_after_seconds"}
"""Arguments of errors that are no parameters of their sentences."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in ("core", "prompts", "evaluations", "autoforge"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and path.name != "catalogue.py":
                yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Each call whose first argument is a code: its place, itself and the code."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                text = node.args[0].value
                says = name == "Sentence" or name.endswith("Error")
                if says and isinstance(text, str) and CODE.fullmatch(text):
                    yield f"{path}:{node.lineno}", node, text


def without_prefix(code: str) -> str:
    return code.partition(".")[2] if code.startswith(LEFT_OUT) else code


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    unknown = [f"{place}: {code}" for place, _, code in calls() if code not in CATALOGUE]
    assert unknown == []


def test_every_sentence_is_said_somewhere() -> None:
    said = set().union(*(texts(tree) for _, tree in sources()))
    # “did you mean …?” is added to a code where there is a name that is near.
    said |= {f"{text}-near" for text in said}
    unused = [code for code in CATALOGUE if not said & {code, without_prefix(code)}]
    assert unused == []


def test_each_sentence_gets_just_its_parameters() -> None:
    wrong = []
    for place, call, code in calls():
        needed = set(PARAMETER.findall(CATALOGUE[code]))
        names = {keyword.arg for keyword in call.keywords}
        if None in names:  # **more: what it holds is not seen here
            continue
        given = names - NOT_SAID
        if given - {"status"} != needed - {"status"}:
            wrong.append(f"{place}: {code} needs {sorted(needed)} and gets {sorted(given)}")
    assert wrong == []


def test_every_sentence_has_its_parameters_in_japanese(settings: object) -> None:
    from django.utils.translation import gettext, override

    with override("ja"):
        wrong = [
            code
            for code, sentence in CATALOGUE.items()
            if set(PARAMETER.findall(gettext(sentence))) != set(PARAMETER.findall(sentence))
        ]
    assert wrong == []


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (Sentence("suite.cases-list"), "cases must be a list"),
        (Sentence("suite.cases-list", at="a.yaml, line 3"), "a.yaml, line 3: cases must be a list"),
        (
            Sentence("suite.cases-list", at="line 3").within("a.yaml"),
            "a.yaml: line 3: cases must be a list",
        ),
        (Sentence("no code, 100 % of somebody else"), "no code, 100 % of somebody else"),
        (Sentence("file.unknown-code"), "file.unknown-code"),
    ],
)
def test_what_a_sentence_says(sentence: Sentence, said: str) -> None:
    assert str(sentence) == said


def test_a_code_stands_in_the_catalogue_once() -> None:
    with pytest.raises(ValueError, match=r"^the code suite\.cases-list is in the catalogue twice"):
        register({"suite.cases-list": "something else"})
    with pytest.raises(
        ValueError, match=r"^Cases is not a code; write subject\.detail in lower case"
    ):
        register({"Cases": "cases must be a list"})
    assert {*prompts.catalogue.SENTENCES, *evaluations.catalogue.SENTENCES} < CATALOGUE.keys()


def test_an_error_keeps_its_code_and_its_class_in_a_wider_place() -> None:
    error = errors.SuiteError("suite.cases-list", at="line 3").within("a.yaml")
    assert (type(error), error.code) == (errors.SuiteError, "suite.cases-list")
    assert str(error) == "a.yaml: line 3: cases must be a list"
    assert isinstance(error, CodedError)


def test_an_error_that_comes_from_a_worker_is_said_in_the_readers_language() -> None:
    import pickle

    from django.utils.translation import override

    error = pickle.loads(pickle.dumps(errors.SuiteError("suite.cases-list", at="line 3")))
    assert str(error) == "line 3: cases must be a list"
    with override("ja"):
        assert "cases" in str(error)
        assert str(error) != "line 3: cases must be a list"


def test_what_comes_from_outside_is_no_code_of_ours() -> None:
    for code in ("http.timeout", "suite.cases-list"):  # a service may answer anything
        assert str(Sentence.verbatim(code, at="x")) == f"x: {code}"
        assert str(InvalidInputError({"name": code})) == f"name: {code}"


def test_a_wider_place_keeps_what_else_an_error_knows() -> None:
    error = errors.RateLimitError("http.rate-limit", name="x", retry_after_seconds=3).within(
        "case 1"
    )
    assert (error.retry_after_seconds, error.args) == (3, (error.sentence,))
    assert str(error).startswith("case 1: ")
    fields = InvalidInputError({"name": Sentence("import.object")}).within("a.json")
    assert str(fields) == "a.json: name: must be a JSON object"
    assert fields.problems.keys() == {"name"}
