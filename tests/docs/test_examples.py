"""The examples in docstrings of what programs import: each public function has one, and it is true.

They are read from the modules' `__all__`, as the documentation site reads them, and use the names
that functions have there. Each function's run in one go: against the database of the tests, or for
the driver against a real libSQL server.
"""

import asyncio
import doctest
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import JSONField, Value
from django.http import HttpRequest
from django.utils.html import format_html
from launch.sqld import Server

from evaluations.engine import types
from prompts import extensions, services
from prompts.models import LabelRule
from prompts.rendering import render

DOCUMENTED = "http://127.0.0.1:8080"  # where examples say that a server is
MODULES = (
    "django_hrana.driver",
    "evaluations.engine.providers",
    "evaluations.engine.scorers",
    "evaluations.promptfoo.templates",
    "prompts.interface",
    "prompts.rendering",
)
# What examples may use besides the names of their own module, for they import nothing.
NAMES: dict[str, Any] = {
    **{name: getattr(types, name) for name in types.__all__},
    "HttpRequest": HttpRequest,
    "JSONField": JSONField,
    "Value": Value,
    "asyncio": asyncio,
    "format_html": format_html,
    "render": render,
}
COMPLETE = ("prompts.interface",)  # each function has an example; elsewhere those that matter
ALSO = ("django_hrana.driver.connect", "evaluations.engine.scorers.grade")


def list_examples(name: str) -> Iterator[doctest.DocTest]:
    """Yield the examples of a module's public names, and of the methods of its classes."""
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    for public in module.__all__:
        item = getattr(module, public)
        if getattr(item, "__module__", "").partition(".")[0] != name.partition(".")[0]:
            continue  # a constant, or Python's own
        for test in finder.find(item, f"{name}.{public}", globs=NAMES | vars(module)):
            if test.examples:
                yield test


EXAMPLES = [test for name in MODULES for test in list_examples(name)]


def run(test: doctest.DocTest) -> None:
    report: list[str] = []
    result = doctest.DocTestRunner().run(test, out=report.append)
    assert result.failed == 0, "".join(report)


@pytest.fixture
def prompt(transactional_db, monkeypatch):
    """Make the prompt that the examples speak of; what they register is forgotten."""
    for registry in ("_checks", "_panels", "_scores"):
        monkeypatch.setattr(extensions, registry, getattr(extensions, registry).copy())
    made = services.create_prompt(
        title="Support reply",
        content="Dear {{ customer }}, thank you.",
        syntax="mustache",
        variables=[{"name": "customer"}],
    )
    services.edit_prompt(prompt_id=made.pk, content="Hello {{ customer }}, thank you!")
    services.move_label(prompt_id=made.pk, label="production", number=1)
    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})


def choose(prefix: str) -> Any:
    chosen = [test for test in EXAMPLES if test.name.startswith(prefix)]
    return pytest.mark.parametrize("example", chosen, ids=lambda test: test.name)


@choose("prompts.")
def test_examples_of_prompts(example, prompt):
    run(example)


@choose("evaluations.")
def test_examples_of_evaluations(example):
    run(example)


@choose("django_hrana.")
def test_examples_of_the_driver(example, tmp_path):
    with Server(tmp_path / "sqld", idle_seconds=600) as server:
        for step in example.examples:
            step.source = step.source.replace(DOCUMENTED, server.url)
        run(example)


def test_what_programs_call_has_an_example():
    shown = {test.name for test in EXAMPLES}
    expected = set(ALSO)
    for name in COMPLETE:
        module = importlib.import_module(name)
        functions = [
            public for public in module.__all__ if inspect.isfunction(getattr(module, public))
        ]
        expected |= {f"{name}.{public}" for public in functions}
    assert sorted(expected - shown) == []
