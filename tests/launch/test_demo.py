"""The demo content: whole, honest, and loaded once."""

import re

import pytest
from django.core.management import CommandError, call_command

from evaluations.models import Run, TestCase, TestResult, TestSuite
from evaluations.selectors.comparisons import verdict_text
from prompts import services
from prompts.models import Prompt, PromptTemplate, PromptVersion

pytestmark = pytest.mark.django_db
PLACE = re.compile(r"{{ (\w+) }}")
JAPANESE = re.compile("[\u3040-\u30ff]")


@pytest.fixture
def demo():
    call_command("load_demo", verbosity=0)


def test_the_command_says_what_it_loaded(capsys):
    call_command("load_demo")
    said = "Loaded 11 prompts, 3 templates, 2 test suites with 5 evaluations.\n"
    assert capsys.readouterr().out == said


def test_prompts_are_in_two_languages_with_versions_and_every_status(demo):
    prompts = list(Prompt.objects.all())
    japanese = [prompt for prompt in prompts if JAPANESE.search(prompt.content)]
    assert (len(prompts), len(japanese), PromptTemplate.objects.count()) == (11, 5, 3)
    assert {prompt.status for prompt in prompts} == {"draft", "active", "archived"}
    assert PromptVersion.objects.count() == sum(prompt.current_version for prompt in prompts) == 20
    assert not PromptVersion.objects.filter(author="").exists()
    assert not PromptVersion.objects.filter(change_note="").exists()
    assert all(prompt.tags for prompt in prompts)


def test_every_place_in_a_text_is_described_and_nothing_else(demo):
    assert all(variable["description"] for p in Prompt.objects.all() for variable in p.variables)
    for prompt in Prompt.objects.exclude(syntax="jinja"):
        described = {variable["name"] for variable in prompt.variables}
        assert set(PLACE.findall(prompt.content)) == described, prompt.title
    for template in PromptTemplate.objects.all():
        described = {parameter["name"] for parameter in template.parameters}
        assert set(PLACE.findall(template.content)) == described, template.name


def test_runs_have_recorded_answers_and_figures_that_were_worked_out(demo):
    real, written = Run.objects.order_by("-planned")
    assert (real.status, real.planned, written.planned) == ("completed", 36, 8)
    rates = [row.summary["pass_rate"] for row in real.evaluations.order_by("position")]
    assert rates == [pytest.approx(n / 12) for n in (2, 3, 5)]
    results = TestResult.objects.filter(evaluation__run=real)
    assert all(row.latency_ms and row.output_tokens and row.components for row in results)
    assert written.evaluations.filter(model="written-by-hand").count() == 2
    unmeasured = ("latency_ms", "input_tokens", "output_tokens", "cost_usd")
    rows = TestResult.objects.filter(evaluation__run=written).values_list(*unmeasured)
    assert set(rows) == {(None, None, None, None)}
    verdicts = [verdict_text(row.figures.comparison) for row in real.evaluations.all()
                if "comparison" in row.summary]  # fmt: skip
    assert len(verdicts) == 2
    assert all("No significant difference" in one for one in verdicts)


def test_every_case_fills_every_place_of_its_prompt(demo):
    for run in Run.objects.all():
        content = run.evaluations.order_by("position").last().version.content
        for case in TestCase.objects.filter(suite=run.suite):
            assert set(case.variables) == set(PLACE.findall(content))


def test_it_is_loaded_beside_other_rows_and_only_once():
    services.create_prompt(title="Mine", content="stays")
    call_command("load_demo", verbosity=0)
    with pytest.raises(CommandError) as refusal:
        call_command("load_demo")
    assert str(refusal.value) == (
        "The demo content has already been loaded into this database (“Code review of a small "
        "change” exists, possibly in the trash). Nothing was changed."
    )
    assert Prompt.objects.count() == 12


@pytest.mark.parametrize("kept", ["template", "suite"])
def test_one_part_that_is_left_is_enough_for_a_refusal(demo, kept):
    for row in Prompt.all_objects.all():
        row.hard_delete()
    for row in PromptTemplate.all_objects.all() if kept == "suite" else TestSuite.objects.all():
        row.hard_delete()
    with pytest.raises(CommandError, match=r"“Extract fields|“Demo: support replies”"):
        call_command("load_demo")
    assert not Prompt.all_objects.exists()
