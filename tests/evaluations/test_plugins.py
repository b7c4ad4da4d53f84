"""Scorers and providers of installed packages: good ones, broken ones, names that stand twice.

The packages are real: a module and its metadata in a folder on the path, as pip leaves them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluations.checks import check_plugins
from evaluations.engine.errors import SetupError, SuiteError
from evaluations.engine.formats.assertions import parse_assertion
from evaluations.engine.providers import PROVIDERS, ProviderSpec, make, parse_spec
from evaluations.engine.scorers import SCORERS, check_assertion, find
from evaluations.engine.types import Assertion, Case
from evaluations.models import TestResult
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run

ROOT = Path(__file__).resolve().parents[2]

SCORER = """
from evaluations.engine.scorers import Scorer
from evaluations.engine.types import AssertionResult

def score(assertion, answer, context):
    return AssertionResult(passed="!" in answer.text, score=1.0, reason="looked for a mark")

def fail(assertion):
    raise ValueError("no luck")

excited = Scorer(name="excited", title="has a mark", score=score)
slow = Scorer(name="slow", title="dear", score=score, cost=lambda *_: 1e9)
contains = Scorer(name="contains", title="ours by name", score=score)
misnamed = Scorer(name="not-me", title="", score=score)
failing = Scorer(name="failing", title="", score=score, check=fail)
several = [excited, slow]
text = "excited"
"""
PROVIDER = """
from evaluations.engine.providers import Capabilities, Limits
from evaluations.engine.types import Answer

class Shout:
    abilities, limits = Capabilities(), Limits()
    async def complete(self, request):
        return Answer(text=request.messages[-1].content.upper())
    async def embed(self, texts):
        return []
    async def close(self):
        pass

def make(spec, environment):
    return Shout()

def fail(spec, environment):
    raise ValueError("sk-secret")

def nothing(spec, environment):
    return object()
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with entry points, for this test alone."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)

    def install_package(name: str, code: str, group: str, *entries: str) -> Path:
        (tmp_path / f"{name}_code.py").write_text(code, encoding="utf-8")
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines = [entry.replace("= ", f"= {name}_code:") for entry in entries]
        text = "\n".join([f"[autoforge.{group}]", *lines])
        (metadata / "entry_points.txt").write_text(text, encoding="utf-8")
        _forget()
        return tmp_path

    yield install_package
    for module in set(sys.modules) - modules:
        if module.endswith("_code"):
            del sys.modules[module]
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for registry in (SCORERS, PROVIDERS):
        vars(registry).pop("_added", None)


def test_nothing_is_installed_by_others():
    assert (SCORERS.faults, PROVIDERS.faults, check_plugins()) == ((), (), [])


def test_a_scorer_of_a_package_is_one_of_the_types(install):
    install("nice", SCORER, "scorers", "excited = excited")
    assert find("excited").package == "nice 1.0"
    assert find("contains").package == ""
    assert "excited" in list(SCORERS)
    assert parse_assertion({"type": "not-excited"}).negated
    assert check_plugins() == []


def test_one_entry_point_may_bring_several(install):
    install("nice", SCORER, "scorers", "all = several")
    assert {"excited", "slow"} <= set(SCORERS)


@pytest.mark.parametrize(
    ("code", "entry", "sentence"),
    [
        (
            "import no_such_module_at_all",
            "x = x",
            "bad 1.0 cannot be used: loading bad_code:x failed (ModuleNotFoundError: No module "
            "named 'no_such_module_at_all')",
        ),
        (
            SCORER,
            "x = missing",
            "bad 1.0 cannot be used: loading bad_code:missing failed (AttributeError: module "
            "'bad_code' has no attribute 'missing')",
        ),
        (
            SCORER,
            "x = text",
            "bad 1.0 cannot be used: bad_code:text is str; it must be a Scorer or a list of them",
        ),
        (
            SCORER,
            "x = misnamed",
            "bad 1.0 cannot be used: “not-me” is not a valid scorer name; use "
            "lower-case letters, digits and hyphens, and do not start with not-",
        ),
        (
            SCORER,
            "x = contains",
            "bad 1.0 provides “contains”, which is built into AutoForge; rename it",
        ),
    ],
)
def test_a_scorer_that_cannot_be_used_is_named_and_ours_stay(install, code, entry, sentence):
    install("bad", code, "scorers", entry)
    assert [str(fault) for fault in SCORERS.faults] == [sentence]
    assert find("contains").package == ""
    [message] = check_plugins()
    assert (message.id, message.msg) == ("evaluations.E001", f"{sentence}.")
    # Whoever asks for what it may have brought reads why it is not there.
    for ask in (lambda: find("qqqqqq"), lambda: parse_assertion({"type": "qqqqqq"})):
        with pytest.raises(SuiteError, match=re.escape(sentence)):
            ask()


def test_a_name_in_two_packages_counts_in_neither(install):
    install("one", SCORER, "scorers", "excited = excited")
    install("two", SCORER, "scorers", "all = several")
    assert [str(fault) for fault in SCORERS.faults] == [
        "one 1.0 and two 1.0 both provide “excited”, so neither is used; uninstall one of them"
    ]
    assert "slow" in SCORERS
    assert "excited" not in SCORERS


def test_a_check_that_fails_is_a_sentence(install):
    install("bad", SCORER, "scorers", "failing = failing")
    assert check_assertion(Assertion(type="failing")) == [
        "failing: bad 1.0 failed to check the value (ValueError: no luck)"
    ]


def test_a_worker_finds_them_too(install):
    folder = install("nice", SCORER, "scorers", "all = several")
    program = (
        "import asyncio\n"
        "from evaluations.engine.scorers import Context, grade\n"
        "from evaluations.engine.types import Answer, Assertion\n"
        "checks = [Assertion(type='slow'), Assertion(type='contains-json')]\n"
        "print(asyncio.run(grade(checks, Answer(text='{} !'), Context())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{folder}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "looked for a mark" in done.stdout
    assert done.stdout.startswith("CaseGrade(passed=True, score=1.0")


def test_a_provider_of_a_package_is_a_kind(install):
    install("nice", PROVIDER, "providers", "shout = make")
    assert "shout" in list(PROVIDERS)
    assert "nice_code" not in sys.modules  # a list of kinds imports none
    spec = parse_spec({"id": "shout:loud", "config": {"temperature": 1}})
    assert (spec.kind, spec.model) == ("shout", "loud")
    assert make(spec, {}).limits.concurrency == 4


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_says_nothing_of_images_is_sent_none(install):
    install("nice", PROVIDER, "providers", "shout = make")
    image = {"type": "image", "url": "{{ picture }}"}
    text = {"type": "text", "text": "what?"}
    content = json.dumps([{"role": "user", "content": [text, image]}])
    columns = (
        PlannedColumn(spec=ProviderSpec(kind="shout"), text=content),
        PlannedColumn(
            spec=ProviderSpec(kind="shout"),
            text=json.dumps([{"role": "user", "content": [text]}]),
        ),
    )
    case = Case(name="a", variables={"picture": "https://example.com/a.png"})
    run = execute_run(create_run(Plan(columns=columns), [(None, case)]).pk)
    refused, answered = TestResult.objects.order_by("evaluation__position")
    sentence = "the prompt has an image, which this model does not take; choose another model, or "
    assert (refused.error, refused.attempts) == (f"{sentence}leave the image out", 0)
    assert (answered.output, answered.attempts) == ("WHAT?", 1)
    assert run.status == "completed"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("shout = missing", "bad 1.0 cannot be used: loading bad_code:missing failed "),
        ("shout = fail", "bad 1.0 failed to build a provider for shout (ValueError)"),
        ("shout = nothing", "the provider that bad 1.0 built for shout has no abilities"),
    ],
)
def test_a_provider_that_cannot_be_made_is_refused(install, entry, sentence):
    install("bad", PROVIDER, "providers", entry)
    with pytest.raises(SetupError, match=re.escape(sentence)) as refused:
        make(parse_spec("shout"), {})
    assert "sk-secret" not in str(refused.value)


def test_a_provider_that_cannot_be_imported_is_found_by_a_check(install):
    install("bad", "import no_such_module_at_all", "providers", "shout = make")
    [message] = check_plugins()
    assert message.msg.startswith("bad 1.0 cannot be used: loading bad_code:make failed ")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("echo = make", "bad 1.0 provides “echo”, which is built into AutoForge; rename it"),
        ("python = make", "bad 1.0 cannot be used: “python” is not a valid provider kind; "),
        ("a.b = make", "bad 1.0 cannot be used: “a.b” is not a valid provider kind; "),
    ],
)
def test_a_kind_that_is_taken_is_refused(install, entry, sentence):
    install("bad", PROVIDER, "providers", entry)
    [fault] = PROVIDERS.faults
    assert str(fault).startswith(sentence)
    with pytest.raises(SetupError, match=re.escape(sentence)):
        parse_spec("shouting")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "http://169.254.169.254/",
            "169.254.169.254 is not allowed: it is a link-local or metadata",
        ),
        ("ftp://example.com", "a model's URL must begin with http:// or https://"),
        ("https://me:word@example.com", "a model's URL must not contain a user name"),
    ],
)
def test_an_address_is_checked_before_a_package_sees_it(install, address, sentence):
    install("nice", PROVIDER, "providers", "shout = make")
    spec = parse_spec({"id": "shout", "config": {"baseUrl": address}})
    with pytest.raises(SetupError, match=re.escape(sentence)):
        make(spec, {})


def test_a_kind_whose_package_is_gone_is_refused():
    with pytest.raises(SetupError, match="unknown provider “shout”"):
        make(ProviderSpec(kind="shout"), {})
