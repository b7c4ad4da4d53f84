"""Runs whose workers, models, prompts or people do what nobody expects."""

import signal
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from core.errors import InvalidInputError
from evaluations.engine.providers import Limits, Price, ProviderSpec
from evaluations.engine.providers.offline import EchoProvider
from evaluations.engine.providers.specs import OURS
from evaluations.engine.types import Answer, Assertion, Case
from evaluations.models import Run, RunCase, TestResult
from evaluations.services import store
from evaluations.services.planning import Plan, PlannedColumn, create_run, estimate_run
from evaluations.services.runs import (
    cancel_run,
    clear_errors,
    execute_run,
    runs_to_resume,
    spent_on,
    update_limits,
)
from evaluations.stored import RunSettings
from evaluations.tasks import run_evaluation
from prompts.interface import get_prompt
from prompts.services import create_prompt, delete_prompt
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = Price(input_usd_per_million=Decimal(1_000_000), output_usd_per_million=Decimal(0))
BACKGROUND = RunSettings(background=True)
PASSES = Assertion(type="contains", negated=True, value="what no model says")


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


def column(fake, text="{{x}}", *, concurrency=1, **fields) -> PlannedColumn:
    limits = Limits(concurrency=concurrency, timeout_seconds=5, retries=0)
    given = {"kind": "openai-compatible", "model": "m", "base_url": f"{fake.url}/v1"}
    spec = ProviderSpec(**{**given, "limits": limits, **fields})
    return PlannedColumn(spec=spec, text=text)


def cases(*questions, assertions=()):
    return [
        (None, Case(name=f"case {n}", variables={"x": one}, assertions=assertions))
        for n, one in enumerate(questions)
    ]


def make_run(*columns, questions=("a", "b", "c"), assertions=(PASSES,), **fields) -> Run:
    return create_run(Plan(columns=columns, **fields), cases(*questions, assertions=assertions))


# --- people


def test_a_cancelled_run_is_not_begun_by_a_bell_that_rings_late(fake):
    run = make_run(column(fake), settings=BACKGROUND)
    cancel_run(run.pk)
    assert run_evaluation.func(str(run.pk)) == "left alone"
    assert not fake.requests
    update_limits(run.pk)  # somebody resumes it
    assert run_evaluation.func(str(run.pk)) == "completed"


def test_a_run_whose_worker_died_is_cancelled_at_once(fake):
    run = make_run(column(fake), settings=BACKGROUND)
    past = timezone.now() - timedelta(minutes=5)
    Run.objects.filter(pk=run.pk).update(
        status="running", worker="elsewhere 1 2 3", worker_until=past
    )
    assert cancel_run(run.pk).status == "cancelled"
    assert runs_to_resume() == []


def test_the_errors_of_a_run_that_is_worked_on_stay(fake):
    run = make_run(column(fake))
    soon = timezone.now() + timedelta(minutes=5)
    Run.objects.filter(pk=run.pk).update(worker="elsewhere 1 2 3", worker_until=soon)
    with pytest.raises(InvalidInputError, match="a worker is processing this"):
        clear_errors(run.pk)


def test_a_prompt_that_is_deleted_ends_its_run(fake):
    prompt = create_prompt(title="P", content="Say {{x}}", syntax="mustache",
                           variables=[{"name": "x"}])  # fmt: skip
    text = get_prompt(prompt.name, version=1)
    run = make_run(replace(column(fake), prompt=text, text=""), settings=BACKGROUND)
    delete_prompt(prompt_id=prompt.pk)
    assert run_evaluation.func(str(run.pk)) == "failed"
    run.refresh_from_db()
    assert "prompt" in run.message
    assert runs_to_resume() == []


# --- models


class Strange(EchoProvider):
    """Fails in ways that no provider of ours should."""

    async def complete(self, request) -> Answer:
        text = request.messages[-1].content
        if text == "bug":
            raise KeyError("choices")
        if text == "negative":
            return Answer(text="x", latency_ms=1, input_tokens=-5)
        return Answer(text=text, latency_ms=1)


@pytest.fixture
def strange(monkeypatch):
    monkeypatch.setitem(OURS, "strange", lambda spec, _environment: Strange(spec))
    return PlannedColumn(spec=ProviderSpec(kind="strange"), text="{{x}}")


def test_what_nobody_expects_is_an_error_of_one_case(strange):
    run = execute_run(make_run(strange, questions=("a", "bug", "negative", "b")).pk)
    assert run.status == "completed"
    found = dict(TestResult.objects.values_list("run_case__position", "error"))
    assert found[0] == found[3] == ""
    assert found[1] == "the response could not be read (KeyError)"
    assert found[2].startswith("the database rejected the answer: ")
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["errors"]) == (2, 2)


def test_a_scorer_that_breaks_loses_no_answer(fake, monkeypatch):
    from evaluations.engine.scorers import aggregate

    def broken(_assertion):
        raise ZeroDivisionError

    monkeypatch.setattr(aggregate, "_find_scorer", broken)
    checks = (Assertion(type="contains", value="a"),)
    run = execute_run(make_run(column(fake), questions=("a",), assertions=checks).pk)
    result = TestResult.objects.get()
    assert (run.status, result.passed, result.attempts) == ("completed", None, 1)
    assert result.error == "contains could not be scored (ZeroDivisionError)"


def test_a_bug_of_ours_ends_the_run_and_says_so(fake, monkeypatch):
    def broken(_self, _finished):
        raise ZeroDivisionError

    monkeypatch.setattr(store.DatabaseStore, "save", broken)
    run = make_run(column(fake), settings=BACKGROUND)
    assert run_evaluation.func(str(run.pk)) == "failed"
    run.refresh_from_db()
    assert run.message == "an unexpected error (ZeroDivisionError); see the log"
    assert runs_to_resume() == []


def test_a_database_that_stays_away_is_no_end(fake, monkeypatch):
    def away(_self, _finished):
        raise DatabaseError("gone")

    monkeypatch.setattr(store.DatabaseStore, "save", away)
    run = make_run(column(fake), settings=BACKGROUND)
    with pytest.raises(DatabaseError, match="gone"):
        execute_run(run.pk)
    run.refresh_from_db()
    assert (run.status, run.worker) == ("running", "")
    assert runs_to_resume() == [run.pk]


# --- money


def test_the_same_request_is_paid_once_in_a_run(fake):
    fake.delay_seconds = 0.05
    run = make_run(column(fake, concurrency=4), column(fake, concurrency=4), questions=["q"] * 3)
    ended = execute_run(run.pk)
    assert ended.status == "completed"
    assert sum(fake.counts.values()) == 1
    assert TestResult.objects.filter(cached=True).count() == 5
    again = make_run(column(fake), questions=["q", "q"], use_cache=False)
    execute_run(again.pk)
    assert sum(fake.counts.values()) == 3


def test_a_request_that_fails_is_asked_by_the_next(fake):
    fake.script = [Step(status=400, body="no", delay_seconds=0.1)]
    run = execute_run(make_run(column(fake, concurrency=2), questions=["q", "q"]).pk)
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["errors"], len(fake.requests)) == (1, 1, 2)


def test_another_server_s_answers_are_others(fake, settings):
    with closing(FakeModels()) as second:
        for server, asked in ((fake, 1), (second, 1), (fake, 1)):
            settings.PROVIDER_ENVIRONMENT = {"OPENAI_COMPATIBLE_BASE_URL": f"{server.url}/v1"}
            execute_run(make_run(column(fake, base_url=""), questions=["q"]).pk)
            assert len(server.requests) == asked


def test_a_cost_limit_acts_where_no_tokens_are_counted(fake):
    body = {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}
    fake.script = [Step(body=body)] * 5
    limit = Decimal("0.000001")
    questions = [f"a question of some words, number {n}" for n in range(5)]
    run = make_run(column(fake, price=PRICE), questions=questions, max_cost_usd=limit)
    assert execute_run(run.pk).status == "stopped"
    assert len(fake.requests) == 1
    assert spent_on(run).cost_usd > 0


def test_an_earlier_answer_is_held_against_what_it_cost(fake):
    checks = (Assertion(type="cost", threshold=1.0),)
    for _ in range(2):
        asked = column(fake, price=PRICE)
        run = execute_run(make_run(asked, questions=["q"], assertions=checks).pk)
        assert run.evaluations.get().summary["failed"] == 1
    assert len(fake.requests) == 1
    assert spent_on(run).cost_usd == 0


def test_a_judge_without_a_price_is_found_wherever_its_case_is(judge):
    plain = cases(*map(str, range(201)))
    judged = Case(name="last", assertions=(Assertion(type="llm-rubric", value="good"),))
    asked = PlannedColumn(spec=ProviderSpec(kind="echo"), text="x")
    plan = Plan(columns=[asked], judge="j", max_cost_usd=Decimal(1))
    with pytest.raises(InvalidInputError, match="a cost limit requires prices, but the price of j"):
        create_run(plan, [*plain, (None, judged)])
    assert not Run.objects.exists()


def judged_run(fake, **fields) -> Run:
    checks = (Assertion(type="llm-rubric", value="good"),)
    return make_run(column(fake), questions=["a", "b"], assertions=checks, judge="j", **fields)


@pytest.fixture
def judge():
    from evaluations.models import ModelProfile

    with closing(FakeModels(answer='{"reason": "", "pass": true, "score": 1}')) as server:
        ModelProfile.objects.create(
            name="j", provider="openai-compatible", model="j", base_url=f"{server.url}/v1"
        )
        yield server


def test_a_judge_is_not_waited_for_beyond_the_time(fake, judge):
    judge.script = [Step(status=429, headers={"Retry-After": "300"}, body="wait")]
    run = judged_run(fake, max_seconds=20.0)
    started = time.monotonic()
    assert execute_run(run.pk).status == "stopped"
    assert time.monotonic() - started < 15
    kept = TestResult.objects.get(error__startswith="the run stopped while its judge")
    assert kept.output
    update_limits(run.pk, max_seconds=None)
    assert execute_run(run.pk).status == "completed"
    assert len(fake.requests) == 2  # the answer that was paid is judged, not asked again
    assert run.evaluations.get().summary["passed"] == 2


def test_judges_of_answers_that_never_came_are_not_counted(fake, judge):
    fake.script = [Step(status=400, body="no")]
    run = judged_run(fake, max_calls=3)
    ended = execute_run(run.pk)
    assert ended.status == "completed"
    assert (len(fake.requests), len(judge.requests)) == (2, 1)
    assert spent_on(run).calls == 3
    assert clear_errors(run.pk) == 1
    assert spent_on(run).calls == 3


# --- figures


def test_cases_that_are_the_same_are_two_cases(fake):
    run = execute_run(make_run(column(fake), questions=["q", "q", "r"]).pk)
    summary = run.evaluations.get().summary
    assert (summary["cases"], summary["repeats"], summary["pass_hat_k"]) == (3, 1, None)
    keys = list(RunCase.objects.filter(run=run).order_by("position").values_list("key", flat=True))
    assert len(set(keys)) == 3
    again = make_run(column(fake), questions=["q", "q", "r"])
    found = RunCase.objects.filter(run=again).order_by("position").values_list("key", flat=True)
    assert list(found) == keys


# --- the person at the keyboard, and the database


def test_a_run_that_is_interrupted_is_free_at_once(fake, request):
    # Who runs the tests in the background of a shell has Ctrl+C ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupt(_finished):
        signal.raise_signal(signal.SIGINT)

    run = make_run(column(fake), settings=BACKGROUND)
    with pytest.raises(KeyboardInterrupt):
        execute_run(run.pk, on_finished=interrupt)
    run.refresh_from_db()
    assert (run.status, run.worker, run.worker_until) == ("running", "", None)
    assert execute_run(run.pk).status == "completed"


@pytest.fixture
def _refusing_table():
    """A table with a rule that is none of ours: it takes no result at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON test_results "
            "BEGIN SELECT RAISE(ABORT, 'not today'); END"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER refuse")


@pytest.mark.usefixtures("_refusing_table")
def test_a_database_that_refuses_every_result_ends_the_run(fake):
    run = execute_run(make_run(column(fake), questions=("a",)).pk)
    assert run.status == "failed"
    assert run.message.startswith("the database rejected a statement (")
    assert "not today" in run.message


def test_a_run_without_errors_has_none_to_forget(fake):
    run = execute_run(make_run(column(fake), questions=("a",)).pk)
    assert clear_errors(run.pk) == 0
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_judge_that_a_run_does_not_know_is_an_error_of_its_cases(fake):
    rubric = Assertion(type="llm-rubric", value="names Paris")
    run = make_run(column(fake), questions=("a",), assertions=(rubric,), judge="echo")
    Run.objects.filter(pk=run.pk).update(settings={"judge": "echo"})
    run = execute_run(run.pk)
    texts = f"{run.message} {TestResult.objects.values_list('error', flat=True).first()}"
    assert "this run was created without the model echo; create a new run" in texts


def test_nothing_costs_nothing(fake):
    estimate = estimate_run(Plan(columns=[column(fake, price=PRICE)]), [], 0)
    assert (estimate.calls, estimate.input_tokens, estimate.cost_usd) == (0, 0, 0)
    rubric = Assertion(type="llm-rubric", value="names Paris")
    asked = [case for _key, case in cases("a", assertions=(rubric,))]
    judged = Plan(columns=[column(fake, price=PRICE)], judge="openai:gpt-4.1-mini")
    estimate = estimate_run(judged, asked, 1)
    assert (estimate.calls, estimate.unpriced) == (2, ())


def test_a_set_of_checks_is_stored_with_each_of_them(fake):
    checks = (Assertion(type="contains", value="a"), Assertion(type="contains", value="zzz"))
    group = Assertion(type="assert-set", assertions=checks, threshold=0.5)
    execute_run(make_run(column(fake), questions=("a",), assertions=(group,)).pk)
    result = TestResult.objects.get()
    [whole] = result.components
    assert (result.passed, whole["pass"]) == (True, True)
    assert [part["pass"] for part in whole["components"]] == [True, False]
