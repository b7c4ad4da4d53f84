"""Runs whose process is asked to stop: nothing begins, what came is stored, nobody pays twice."""

import json
import math
import os
import signal
import threading
import time
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from core.stopping import (
    ENDING_SECONDS,
    STORING_SECONDS,
    StopRequest,
    stop_on_signals,
    stop_request,
)
from evaluations.engine.protocol import UNANSWERED, EndStatus, RunOutcome
from evaluations.engine.providers import Limits, Price, ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import ModelProfile, Run, TestResult
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import (
    cancel_left_runs,
    execute_run,
    finish_run,
    give_to_workers,
    runs_to_resume,
    spent_on,
)
from evaluations.services.store import retry_while_unavailable
from evaluations.tasks import resume_runs, run_evaluation
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

CASES = 12
YES = json.dumps({"reason": "right", "pass": True, "score": 1})
SOON = STORING_SECONDS + 0.3  # a third of a second for the models


@pytest.fixture(autouse=True)
def _no_request():
    yield
    stop_request.forget()


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


@pytest.fixture
def judge():
    with closing(FakeModels(answer=YES)) as server:
        ModelProfile.objects.create(
            name="judge", provider="openai-compatible", model="j", base_url=f"{server.url}/v1",
            timeout_seconds=30, input_usd_per_million=Decimal(1000),
            output_usd_per_million=Decimal(0),
        )  # fmt: skip
        yield server


def make_run(fake, *, count=CASES, judges=0, concurrency=3, **fields) -> Run:
    spec = ProviderSpec(
        kind="openai-compatible",
        model="m",
        base_url=f"{fake.url}/v1",
        limits=Limits(concurrency=concurrency, timeout_seconds=30, retries=0),
        price=Price(input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0)),
    )
    checks = [Assertion(type="llm-rubric", value=f"rule {n}") for n in range(judges)]
    checks = checks or [Assertion(type="contains", value="q")]
    cases = [
        (None, Case(name=str(n), variables={"x": f"q{n}"}, assertions=tuple(checks)))
        for n in range(count)
    ]
    if judges:
        fields["judge"] = "judge"
    return create_run(Plan(columns=[PlannedColumn(spec=spec, text="{{x}}")], **fields), cases)


def ask_when(condition, seconds: float = 20.0) -> threading.Thread:
    """Ask the process to stop as soon as `condition` holds."""

    def wait() -> None:
        deadline = time.monotonic() + 20
        try:
            while not condition() and time.monotonic() < deadline:
                time.sleep(0.005)
        finally:
            connections.close_all()  # of this thread: some conditions ask the database
        stop_request.ask(seconds)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def interrupt(run: Run, condition, seconds: float = 20.0) -> Run:
    """Return a run that was given back since the process was asked to stop."""
    thread = ask_when(condition, seconds)
    run = execute_run(run.pk)
    thread.join()
    assert stop_request.is_asked
    stop_request.forget()
    assert (run.status, run.worker, run.worker_until) == ("running", "", None)
    return run


def finish(run: Run) -> Run:
    """Return a run after the next worker; nobody sees an error of it."""
    run = execute_run(run.pk)
    assert (run.status, run.message) == ("completed", "")
    assert not TestResult.objects.filter(run_case__run=run).exclude(error="")
    assert TestResult.objects.filter(run_case__run=run, passed=True).count() == run.planned
    return run


@pytest.mark.parametrize("use_cache", [True, False])
def test_what_is_in_flight_is_stored_and_nothing_is_asked_again(fake, use_cache):
    fake.delay_seconds = 0.1
    run = make_run(fake, use_cache=use_cache)
    run = interrupt(run, lambda: len(fake.requests) >= 4)
    stored = TestResult.objects.filter(run_case__run=run).count()
    assert stored == len(fake.requests) < CASES
    assert run.seconds_used > 0
    finish(run)
    assert set(fake.counts.values()) == {1}
    assert len(fake.requests) == CASES


def test_a_request_that_came_before_the_first_call_lets_none_begin(fake):
    run = make_run(fake)
    stop_request.ask()
    run = execute_run(run.pk)
    assert (run.status, run.worker) == ("running", "")
    assert not fake.requests


def test_a_call_without_its_answer_at_the_limit_is_counted_and_asked_again(fake):
    fake.script = [Step(), Step(delay_seconds=20)]
    run = make_run(fake, count=3, concurrency=1)
    started = time.monotonic()
    run = interrupt(run, lambda: len(fake.requests) == 2, SOON)
    assert time.monotonic() - started < SOON
    row = TestResult.objects.get(run_case__run=run, error=UNANSWERED)
    assert (row.attempts, row.latency_ms, row.output, row.passed) == (1, None, "", None)
    run = finish(run)
    assert sorted(fake.counts.values()) == [1, 1, 2]
    assert spent_on(run).calls == 4  # it may have been paid
    assert TestResult.objects.get(pk=row.pk).run_case_id is None


def test_who_waits_for_the_same_answer_gives_up_too(fake):
    fake.script = [Step(delay_seconds=20)]
    spec = ProviderSpec(
        kind="openai-compatible", model="m", base_url=f"{fake.url}/v1",
        limits=Limits(concurrency=2, timeout_seconds=30, retries=0),
    )  # fmt: skip
    case = Case(name="same", variables={"x": "q"}, assertions=(Assertion(type="is-json"),))
    plan = Plan(columns=[PlannedColumn(spec=spec, text="{{x}}")])
    run = interrupt(create_run(plan, [(None, case)] * 2), lambda: len(fake.requests) == 1, SOON)
    assert TestResult.objects.filter(run_case__run=run).count() == 1
    assert execute_run(run.pk).status == "completed"
    assert len(fake.requests) == 2


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_an_answer_that_came_is_judged_by_the_next_worker(fake, judge, use_cache, finish_reason):
    """No judge is asked after the request, and the answer, even one that was cut, is kept."""
    fake.answer = "q"
    body = fake._good("", "q", {})
    body["choices"][0]["finish_reason"] = finish_reason
    fake.script = [Step(body=body, delay_seconds=0.3)]
    run = make_run(fake, count=2, judges=1, concurrency=1, use_cache=use_cache)
    run = interrupt(run, lambda: len(fake.requests) == 1)
    assert not judge.requests
    run = execute_run(run.pk)
    assert run.status == "completed"
    assert set(fake.counts.values()) == {1}
    assert len(judge.requests) == 2
    assert spent_on(run).calls == 4


def test_scoring_that_has_begun_is_finished_so_that_no_judge_is_paid_twice(fake, judge):
    fake.answer = "q"
    judge.delay_seconds = 0.2
    run = make_run(fake, count=3, judges=2, concurrency=1)
    run = interrupt(run, lambda: len(judge.requests) == 1)
    assert len(judge.requests) == 2
    finish(run)
    assert set(fake.counts.values()) == {1}
    assert len(judge.requests) == 6


def test_a_judge_that_does_not_answer_in_time_is_asked_again_but_not_the_model(fake, judge):
    fake.answer = "q"
    judge.script = [Step(delay_seconds=20)]
    run = make_run(fake, count=1, judges=1)
    run = interrupt(run, lambda: len(judge.requests) == 1, SOON)
    run = finish(run)
    assert set(fake.counts.values()) == {1}
    assert len(judge.requests) == 2
    assert spent_on(run).calls == 3


def test_the_bell_is_rung_for_the_next_worker(fake, monkeypatch):
    rung = []
    monkeypatch.setattr("evaluations.tasks._enqueue", rung.append)
    run = make_run(fake)
    give_to_workers(run.pk)
    stop_request.ask()
    assert run_evaluation.func(str(run.pk)) == "given back"
    assert rung == [str(run.pk)]
    assert runs_to_resume() == [run.pk]


def test_a_run_that_was_to_be_cancelled_is_cancelled_and_not_given_back(fake):
    run = make_run(fake)
    fake.delay_seconds = 0.2

    def both() -> bool:
        if not fake.requests:
            return False
        Run.objects.filter(pk=run.pk).update(cancel_requested=True)
        return True

    thread = ask_when(both)
    assert execute_run(run.pk).status == "cancelled"
    thread.join()


def test_a_run_that_another_worker_took_is_left_to_it(fake):
    fake.delay_seconds = 0.2
    run = make_run(fake)

    def take() -> bool:
        if not fake.requests:
            return False
        Run.objects.filter(pk=run.pk).update(worker="somebody else")
        return True

    thread = ask_when(take)
    run = execute_run(run.pk)
    thread.join()
    assert (run.status, run.worker) == ("running", "somebody else")


def test_a_run_that_was_taken_at_the_last_moment_is_not_given_back(fake):
    run = make_run(fake)
    run.worker = "this one"
    Run.objects.filter(pk=run.pk).update(status="running", worker="somebody else")
    ending = RunOutcome(status=EndStatus.RELEASED, message="", seconds=1.0)
    assert finish_run(run, ending).worker == "somebody else"


def test_a_run_whose_worker_died_before_it_could_cancel_is_cancelled_by_the_next(fake):
    run = make_run(fake)
    give_to_workers(run.pk)
    Run.objects.filter(pk=run.pk).update(status="running", worker="x", cancel_requested=True)
    assert runs_to_resume() == []
    assert resume_runs() == 0
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert cancel_left_runs() == 0


def test_a_run_that_its_worker_will_cancel_is_left_to_it(fake):
    run = make_run(fake)
    lease = timezone.now() + timedelta(seconds=30)
    rows = Run.objects.filter(pk=run.pk)
    rows.update(status="running", worker="a b c d", worker_until=lease, cancel_requested=True)
    assert cancel_left_runs() == 0
    rows.update(worker_until=timezone.now())
    assert cancel_left_runs() == 1


# --- the database is away meanwhile


def _away() -> None:
    error = OperationalError("nobody answers")
    error.__cause__ = _unreachable()
    raise error


def _unreachable() -> Exception:
    from django_hrana import driver

    return driver.Unreachable("nobody answers")


def test_a_database_that_stays_away_is_waited_for_no_longer_than_the_process_lives():
    stop_request.ask(ENDING_SECONDS + 0.5)
    started = time.monotonic()
    with pytest.raises(OperationalError):
        retry_while_unavailable(_away)
    assert 0.4 < time.monotonic() - started < ENDING_SECONDS + 0.5


def test_a_database_that_comes_back_takes_what_came():
    stop_request.ask(ENDING_SECONDS + 10)
    attempts = []

    def work() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            _away()
        return "stored"

    assert retry_while_unavailable(work) == "stored"


# --- the request itself


def test_nobody_has_asked():
    request = StopRequest()
    assert not request.is_asked
    assert request.seconds_left == request.seconds_for_calls == math.inf


def test_the_first_time_counts():
    request = StopRequest()
    request.ask(10)
    request.ask(1000)
    assert 9 < request.seconds_left <= 10
    assert request.seconds_for_calls < request.seconds_for_storing < request.seconds_left
    request.ask(10)
    request.forget()
    assert not request.is_asked


def test_a_server_says_it():
    request = StopRequest()
    stopping = []
    request.watch(lambda: bool(stopping))
    assert not request.is_asked
    stopping.append(True)
    assert request.is_asked
    stopping.clear()
    assert request.is_asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_and_says_so(number, capfd):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stop_on_signals("Stopping soon.") as signals:
            assert not stop_request.is_asked
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            assert stop_request.is_asked
            assert signals == [number]
        assert not stop_request.is_asked
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Stopping soon." in capfd.readouterr().err


def test_what_a_script_started_in_the_background_goes_on_ignoring_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signals("") as signals:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            assert not signals
            assert not stop_request.is_asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_get_no_signals():
    seen = []

    def work() -> None:
        with stop_on_signals("") as signals:
            seen.append(signals)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]
