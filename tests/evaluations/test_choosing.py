"""What somebody chooses for a run is found, or refused at its own place."""

import pytest

from core.errors import InvalidInputError
from evaluations.adapters import find_spec
from evaluations.engine.types import Case
from evaluations.models import TestCase
from evaluations.services.choosing import (
    RunChoice,
    choose_run,
    find_each,
    preview_run,
    rebuild_columns,
)
from evaluations.services.planning import SAMPLE, Plan, PlannedColumn, create_run
from evaluations.services.suites import create_suite
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite():
    create_prompt(title="P", name="p", content="x")
    return create_suite(name="S")


@pytest.mark.parametrize(
    ("prompts", "models", "field"),
    [([], ["echo"], "prompts"), (["p"], [], "models"), ([], [], "prompts")],
)
def test_there_must_be_something_to_ask(suite, prompts, models, field):
    with pytest.raises(InvalidInputError, match="needs a prompt and a model") as caught:
        choose_run(RunChoice(suite_id=suite.pk, prompts=prompts, models=models))
    assert list(caught.value.problems) == [field]


def test_every_name_is_refused_at_its_place(suite):
    choice = RunChoice(
        suite_id=suite.pk, prompts=["p", "q"], models=["ecco", "echo", "opnai:x"], judge="ecco"
    )
    with pytest.raises(InvalidInputError) as caught:
        choose_run(choice)
    assert list(caught.value.problems) == ["prompts[1]", "models[0]", "models[2]", "judge"]
    values, problems = find_each("models", ["echo", "ecco"], find_spec)
    assert [value.kind for value in values] == ["echo"]
    assert list(problems) == ["models[1]"]


def test_a_preview_counts_all_cases_and_looks_at_some(suite):
    cases = [TestCase(suite=suite, name=f"{number}") for number in range(SAMPLE + 1)]
    TestCase.objects.bulk_create(cases)
    plan = choose_run(RunChoice(suite_id=suite.pk, prompts=["p"], models=["echo"]))
    preview = preview_run(plan)
    assert (preview.cases, preview.estimate.calls) == (SAMPLE + 1, SAMPLE + 1)


def test_the_columns_of_a_run_are_planned_again(suite):
    spec = find_spec("echo")
    stored = choose_run(RunChoice(suite_id=suite.pk, prompts=["p"], models=["echo"]))
    columns = [*stored.columns, PlannedColumn(spec=spec, text="Hi {{x}}", label="of a file")]
    run = create_run(Plan(columns=columns), [(None, Case(name="a"))])
    first, second = rebuild_columns(run)
    assert (first.prompt.name, first.label) == ("p", columns[0].name)
    assert (second.prompt, second.text, second.label) == (None, "Hi {{x}}", "of a file")
