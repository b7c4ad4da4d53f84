"""Gates: which suite exactly this content has to pass before a label that needs checks moves."""

from uuid import uuid4

import pytest

from evaluations.for_prompts import check_release
from evaluations.models import Evaluation, ReleaseGate
from evaluations.services import create_suite
from prompts.interface import Candidate, get_prompt_text
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def candidate():
    text = get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)
    return Candidate(
        prompt_id=text.prompt_id, version_id=text.version_id, name=text.name, number=1,
        content_hash=text.content_hash, label="production",
    )  # fmt: skip


def run(candidate, suite, rate, low, *, errors=0, status="completed"):
    summary = {"pass_rate": rate, "pass_interval": [low, 1.0], "errors": errors}
    Evaluation.objects.create(
        prompt_id=candidate.prompt_id, version_id=candidate.version_id, suite=suite,
        status=status, summary=summary, overall_score=rate,
    )  # fmt: skip


TABLE = [
    (None, {}, False, "never been run over the suite “S”"),
    ((0.9, 0.8), {}, True, "“S” passes at 90.0%, its interval begins at 80.0%"),
    ((0.9, 0.8), {"lower_bound": 0.8}, True, "begins at 80.0%"),
    ((0.9, 0.79), {"lower_bound": 0.8}, False, "begins at 79.0%; it takes 80.0%"),
    ((0.79, 0.7), {}, False, "passes at 79.0%; it takes 80.0%"),
    ((0.8, 0.7), {"pass_rate": 0.8}, True, "passes at 80.0%"),
]


@pytest.mark.parametrize(("found", "gate", "passed", "reason"), TABLE)
def test_a_gate(candidate, found, gate, passed, reason):
    suite = create_suite(name="S")
    ReleaseGate.objects.create(prompt_id=candidate.prompt_id, suite=suite, **gate)
    if found:
        run(candidate, suite, *found)
    verdict = check_release(candidate)
    assert (verdict.passed, reason in verdict.reason) == (passed, True), verdict.reason


def test_errors_unfinished_runs_and_other_suites_do_not_count(candidate):
    suite, other = create_suite(name="S"), create_suite(name="T")
    ReleaseGate.objects.create(prompt_id=candidate.prompt_id, suite=suite)
    run(candidate, other, 1.0, 0.9)
    run(candidate, suite, 1.0, 0.9, status="stopped")
    assert "never been run" in check_release(candidate).reason
    run(candidate, suite, 1.0, 0.9, errors=2)
    assert "has 2 errors: do them again" in check_release(candidate).reason


def test_each_gate_has_to_be_passed_and_the_newest_run_counts(candidate):
    first, second = create_suite(name="S"), create_suite(name="T")
    for suite in (first, second):
        ReleaseGate.objects.create(prompt_id=candidate.prompt_id, suite=suite)
    run(candidate, first, 1.0, 0.9)
    assert "“T”" in check_release(candidate).reason
    run(candidate, second, 1.0, 0.9)
    assert check_release(candidate).passed
    run(candidate, second, 0.1, 0.0)
    assert not check_release(candidate).passed


def test_other_content_needs_its_own_run(candidate):
    suite = create_suite(name="S")
    ReleaseGate.objects.create(prompt_id=candidate.prompt_id, suite=suite)
    run(candidate, suite, 1.0, 0.9)
    changed = Candidate(**{name: getattr(candidate, name) for name in Candidate.__slots__}
                        | {"content_hash": uuid4().hex})  # fmt: skip
    assert not check_release(changed).passed
