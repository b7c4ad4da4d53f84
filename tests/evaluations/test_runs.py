"""Runs from plan to figures: limits, resuming, errors, earlier answers, leases."""

import json
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from core.errors import InvalidInputError, NotFoundError
from evaluations.adapters import spec_from_profile, spec_from_target, target_from_spec
from evaluations.engine.files import RunFiles
from evaluations.engine.protocol import LeaseLost
from evaluations.engine.providers import Limits, Price, ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.leases import is_dead, worker_name
from evaluations.models import ModelProfile, Run, TestCase, TestResult
from evaluations.reporting import build_report, exit_code
from evaluations.services import runs
from evaluations.services.planning import Plan, PlannedColumn, create_run, load_cases
from evaluations.services.runs import (
    build_column,
    cancel_run,
    clear_errors,
    delete_runs,
    discard_run,
    execute_run,
    find_template,
    give_to_workers,
    restore_runs,
    runs_to_resume,
    spent_on,
    update_limits,
)
from evaluations.services.store import DatabaseStore
from evaluations.services.suites import create_case, create_suite
from evaluations.stored import RunSettings
from prompts.interface import get_prompt
from prompts.services import create_prompt
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


def spec(fake, concurrency=4, price=None) -> ProviderSpec:
    return ProviderSpec(
        kind="openai-compatible",
        model="m",
        base_url=f"{fake.url}/v1",
        price=price,
        limits=Limits(concurrency=concurrency, timeout_seconds=5, retries=0),
    )


def cases(count=6):
    return [
        (
            None,
            Case(
                name=f"case {number}",
                variables={"x": f"question {number}"},
                assertions=(Assertion(type="contains", value=f"question {number}"),),
            ),
        )
        for number in range(count)
    ]


def plan(*columns, **fields) -> Plan:
    return Plan(columns=columns, **fields)


def test_every_case_is_asked_once_and_scored(fake):
    column = PlannedColumn(spec=spec(fake), text="Tell me {{x}}")
    run = execute_run(create_run(plan(column, repeats=2), cases()).pk)
    assert (run.status, run.message, run.worker) == ("completed", "", "")
    assert run.planned == 12
    assert set(fake.counts.values()) == {2}
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["failed"], summary["errors"]) == (12, 0, 0)
    assert summary["pass_hat_k"] == 1.0
    result = TestResult.objects.first()
    assert result.messages[0]["content"].startswith("Tell me question")
    assert result.components[0]["normalisation"] == "none"
    with pytest.raises(InvalidInputError, match="is complete"):
        execute_run(run.pk)


def test_errors_are_no_failures_and_are_asked_again_alone(fake):
    fake.script = [Step(status=400, body="no"), Step(status=400, body="no")]
    column = PlannedColumn(spec=spec(fake, 1), text="{{x}}")
    run = execute_run(create_run(plan(column), cases(4)).pk)
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["failed"], summary["errors"]) == (2, 0, 2)
    assert summary["pass_rate"] == 1.0
    assert exit_code(build_report(run)) == 4
    assert clear_errors(run.pk) == 2
    run = execute_run(run.pk)
    assert run.evaluations.get().summary["errors"] == 0
    assert sum(fake.counts.values()) == 6
    assert exit_code(build_report(run)) == 0


def test_a_run_of_errors_alone_has_no_score(fake):
    fake.script = [Step(status=400, body="no")] * 3
    run = execute_run(create_run(plan(PlannedColumn(spec=spec(fake), text="{{x}}")), cases(3)).pk)
    evaluation = run.evaluations.get()
    assert evaluation.overall_score is None
    assert evaluation.summary["pass_rate"] is None


@pytest.mark.parametrize("limit", ["calls", "cost"])
def test_a_limit_stops_and_is_raised(fake, limit):
    million = Decimal(1_000_000)
    price = Price(input_usd_per_million=million, output_usd_per_million=Decimal(0))
    fields = {"max_calls": 5} if limit == "calls" else {"max_cost_usd": Decimal(50)}
    column = PlannedColumn(spec=spec(fake, 2, price), text="{{x}}")
    run = execute_run(create_run(plan(column, **fields), cases(20)).pk)
    assert run.status == "stopped"
    assert exit_code(build_report(run)) == 3
    made = sum(fake.counts.values())
    assert made == 5 if limit == "calls" else 5 <= made <= 5 + 2
    assert spent_on(run).cost_usd == made * 10
    more = {"max_calls": None} if limit == "calls" else {"max_cost_usd": Decimal(1000)}
    update_limits(run.pk, **more)
    run = execute_run(run.pk)
    assert run.status == "completed"
    assert set(fake.counts.values()) == {1}
    assert len(fake.counts) == 20


def test_errors_count_as_calls_when_a_run_is_taken_up_again(fake):
    fake.script = [Step(status=400, body="no")] * 3
    column = PlannedColumn(spec=spec(fake, 1), text="{{x}}")
    run = execute_run(create_run(plan(column, max_calls=5), cases(20)).pk)
    assert spent_on(run).calls == 5
    assert execute_run(run.pk).status == "stopped"
    assert len(fake.requests) == 5
    assert clear_errors(run.pk) == 3
    assert spent_on(run).calls == 5
    update_limits(run.pk, max_calls=7)
    assert execute_run(run.pk).status == "stopped"
    assert len(fake.requests) == 7


WAITS = Limits(concurrency=2, timeout_seconds=5, retries=3)


def test_no_request_is_sent_again_beyond_the_time(fake):
    fake.script = [Step(status=429, headers={"Retry-After": "300"}, body="wait")] * 2
    column = PlannedColumn(spec=replace(spec(fake), limits=WAITS), text="{{x}}")
    started = time.monotonic()
    run = execute_run(create_run(plan(column, max_seconds=20.0), cases(2)).pk)
    assert (run.status, run.message) == ("stopped", "the limit of 20 seconds is reached")
    assert time.monotonic() - started < 20
    assert not TestResult.objects.exists()
    update_limits(run.pk, max_seconds=None)
    assert execute_run(run.pk).status == "completed"


def test_a_cancelled_run_does_not_wait_for_services(fake, monkeypatch):
    fake.script = [Step(status=503, headers={"Retry-After": "300"}, body="wait")] * 2
    column = PlannedColumn(spec=replace(spec(fake), limits=WAITS), text="{{x}}")
    run = create_run(plan(column), cases(6))
    original = runs._options
    monkeypatch.setattr(
        runs, "_options", lambda *parts: replace(original(*parts), beat_seconds=0.05)
    )

    def cancel() -> None:
        cancel_run(run.pk)
        connection.close()

    timer = threading.Timer(0.5, cancel)
    timer.start()
    assert execute_run(run.pk).status == "cancelled"
    timer.join()
    assert len(fake.requests) == 2


def test_a_rate_that_is_used_up_stops_with_the_run(fake):
    slow = replace(WAITS, concurrency=1, requests_per_minute=1)
    column = PlannedColumn(spec=replace(spec(fake), limits=slow), text="{{x}}")
    run = execute_run(create_run(plan(column, max_seconds=30.0), cases(3)).pk)
    assert (run.status, len(fake.requests)) == ("stopped", 1)


def test_time_is_a_limit(fake):
    column = PlannedColumn(spec=spec(fake), text="{{x}}")
    run = execute_run(create_run(plan(column, max_seconds=0.0), cases()).pk)
    assert run.status == "stopped"
    assert "seconds is reached" in run.message
    assert not fake.counts


def test_earlier_answers_cost_nothing(fake):
    column = PlannedColumn(spec=spec(fake), text="{{x}}")
    execute_run(create_run(plan(column), cases()).pk)
    again = execute_run(create_run(plan(column), cases()).pk)
    assert again.evaluations.get().summary["cached"] == 6
    assert sum(fake.counts.values()) == 6
    fresh = execute_run(create_run(plan(column, use_cache=False), cases(2)).pk)
    assert fresh.evaluations.get().summary["cached"] == 0
    assert sum(fake.counts.values()) == 8
    third = [(None, Case(name="new", variables={"x": "new"}, assertions=()))]
    scored = execute_run(create_run(plan(column, only_stored=True), cases(2) + third).pk)
    summary = scored.evaluations.get().summary
    assert (summary["cached"], summary["errors"]) == (2, 1)
    assert sum(fake.counts.values()) == 8


def test_a_wrong_key_ends_the_run_at_once(fake):
    fake.script = [Step(status=401, body="no")] * 50
    run = execute_run(create_run(plan(PlannedColumn(spec=spec(fake), text="{{x}}")), cases(40)).pk)
    assert run.status == "failed"
    assert "rejected the API key" in run.message
    assert sum(fake.counts.values()) <= 4
    fake.script = []
    assert execute_run(run.pk).status == "completed"


def test_two_versions_are_compared(fake):
    prompt = create_prompt(title="Greeting", content="Say {{x}}", syntax="mustache",
                           variables=[{"name": "x"}])  # fmt: skip
    text = get_prompt(prompt.name, version=1)
    columns = (
        PlannedColumn(spec=spec(fake), text="nothing of it"),
        PlannedColumn(spec=spec(fake), prompt=text),
    )
    run = execute_run(create_run(plan(*columns), cases(8)).pk)
    report = build_report(run)
    assert report.comparisons[0].verdict.code == "better"
    assert len(report.comparisons[0].comparison.fixed) == 8
    assert "is better than" in str(report.comparisons[0].verdict)
    assert exit_code(report) == 1
    later = execute_run(create_run(plan(columns[1], baseline=run, use_cache=False), cases(8)).pk)
    assert build_report(later).comparisons[0].verdict.code in ("better", "same")


def test_missing_variables_are_errors_of_their_case(fake):
    prompt = create_prompt(title="Two", content="{{x}} {{y}}", syntax="mustache",
                           variables=[{"name": "x"}, {"name": "y"}])  # fmt: skip
    column = PlannedColumn(spec=spec(fake), prompt=get_prompt(prompt.name, version=1))
    run = execute_run(create_run(plan(column), cases(2)).pk)
    assert run.evaluations.get().summary["errors"] == 2
    assert "cannot be rendered" in TestResult.objects.first().error
    assert not fake.counts


LOOK = [
    {"type": "placeholder", "name": "history"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is {{ thing }}?"},
            {"type": "image", "url": "{{ picture }}"},
        ],
    },
]
PNG = "data:image/png;base64,iVBORw=="


def looking(name, **variables):
    return None, Case(name=name, variables={"thing": "this", "picture": PNG} | variables)


def test_cases_bring_images_and_conversations(fake):
    names = ("thing", "picture")
    prompt = create_prompt(title="Look", content=json.dumps(LOOK), kind="chat", syntax="mustache",
                           variables=[{"name": name} for name in names])  # fmt: skip
    column = PlannedColumn(spec=spec(fake), prompt=get_prompt(prompt.name, version=1))
    turn = {"role": "assistant", "content": "{{ thing }}"}
    cases = [
        looking("with", history=[turn]),
        looking("without"),
        looking("bad", history="x"),
        looking("elsewhere", picture="https://169.254.169.254/latest"),
    ]
    run = execute_run(create_run(plan(column), cases).pk)
    results = {row.run_case.name: row for row in TestResult.objects.all()}
    sent = sorted((body["messages"] for _path, _headers, body in fake.requests), key=len)
    image = {"type": "image_url", "image_url": {"url": PNG}}
    question = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}
    assert sent == [[question], [turn, question]]
    assert "needs a list of messages" in results["bad"].error
    assert "169.254.169.254" in results["elsewhere"].error
    stored = results["with"].messages
    assert stored[0] == turn
    assert stored[1]["content"].startswith("What is this?\n\n[image data:image/png, 6 bytes")
    assert run.evaluations.get().summary["errors"] == 2
    # The same request again: its answer is known.
    again = execute_run(create_run(plan(column), cases[:2]).pk)
    assert all(again.evaluations.get().results.values_list("cached", flat=True))
    assert len(fake.requests) == 2


def test_recorded_answers_are_found_by_parts(tmp_path):
    recorded = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "url": PNG},
                ],
            }
        ],
        "output": "a cat",
    }
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([recorded]), encoding="utf-8")
    target = ProviderSpec(kind="replay", model=str(path))
    column = PlannedColumn(spec=target, text=json.dumps(LOOK))
    execute_run(
        create_run(plan(column), [looking("a")]).pk, files=RunFiles(typed=frozenset({str(path)}))
    )
    result = TestResult.objects.get()
    assert (result.output, result.error) == ("a cat", "")


def test_a_suite_s_cases_are_copied(fake):
    suite = create_suite(name="S")
    checks = [{"type": "contains", "value": "q"}]
    one = create_case(suite_id=suite.pk, name="a", variables={"x": "q"}, assertions=checks)
    create_case(suite_id=suite.pk, name="off", enabled=False)
    column = PlannedColumn(spec=spec(fake), text="{{x}}")
    run = create_run(plan(column, suite=suite), load_cases(suite.pk))
    one.variables = {"x": "changed"}
    one.save()
    execute_run(run.pk)
    assert list(fake.counts) == ["q"]
    TestCase(suite=suite, name="bad", assertions=[{"type": "contians"}]).save()
    with pytest.raises(InvalidInputError, match=r"case “bad”: .*did you mean “contains”"):
        list(load_cases(suite.pk))


def test_what_cannot_be_planned(fake):
    column = PlannedColumn(spec=spec(fake), text="{{x}}")
    with pytest.raises(InvalidInputError, match="a prompt and a model"):
        create_run(plan(), cases())
    with pytest.raises(InvalidInputError, match="no enabled case"):
        create_run(plan(column), [])
    with pytest.raises(InvalidInputError, match="is unknown; set it in a model profile"):
        create_run(plan(column, max_cost_usd=Decimal(1)), cases())
    assert not Run.objects.exists()


def test_leases(fake, monkeypatch):
    column = PlannedColumn(spec=spec(fake), text="{{x}}")
    run = create_run(plan(column, settings=RunSettings(background=True)), cases(2))
    soon = timezone.now() + timedelta(seconds=60)
    Run.objects.filter(pk=run.pk).update(
        worker="elsewhere 1 2 3", worker_until=soon, status="running"
    )
    with pytest.raises(InvalidInputError, match="another worker holds this run; it"):
        execute_run(run.pk)
    assert runs_to_resume() == []
    host = worker_name().rsplit(" ", 3)[0]
    Run.objects.filter(pk=run.pk).update(worker=f"{host} 999999999 1 abc")
    assert runs_to_resume() == [run.pk]
    assert execute_run(run.pk).status == "completed"
    assert not is_dead(worker_name())
    assert not is_dead("nonsense")


def test_a_worker_that_lost_its_lease_stores_nothing(fake):
    run = create_run(plan(PlannedColumn(spec=spec(fake), text="{{x}}")), cases(2))
    Run.objects.filter(pk=run.pk).update(worker="another")
    run.worker = "me"
    store = DatabaseStore(run, {})
    with pytest.raises(LeaseLost):
        store.beat(1.0)

    def steal(_finished) -> None:
        Run.objects.filter(pk=run.pk).update(worker="another")

    Run.objects.filter(pk=run.pk).update(worker="")
    fresh = Run.objects.get(pk=run.pk)
    more = create_run(plan(PlannedColumn(spec=spec(fake, 1), text="{{x}}")), cases(5))
    seen = []

    def take(finished) -> None:
        seen.append(finished)

    monkey = runs.DatabaseStore.save

    def save(self, finished):
        Run.objects.filter(pk=more.pk).update(worker="another")
        return monkey(self, finished)

    runs.DatabaseStore.save = save
    try:
        ended = execute_run(more.pk, on_finished=take)
    finally:
        runs.DatabaseStore.save = monkey
    assert ended.worker == "another"
    assert TestResult.objects.filter(evaluation__run=more).count() == 0
    assert fresh.worker == ""


def test_cancelling(fake):
    run = create_run(plan(PlannedColumn(spec=spec(fake), text="{{x}}")), cases(2))
    assert cancel_run(run.pk).status == "cancelled"
    assert execute_run(run.pk).status == "completed"
    assert cancel_run(run.pk).status == "completed"
    with pytest.raises(NotFoundError):
        cancel_run("0" * 32)


def test_cancelling_while_it_runs(fake, monkeypatch):
    fake.delay_seconds = 0.05
    run = create_run(plan(PlannedColumn(spec=spec(fake, 1), text="{{x}}")), cases(100))
    original = runs._options
    monkeypatch.setattr(
        runs, "_options", lambda *parts: replace(original(*parts), beat_seconds=0.05)
    )

    def cancel() -> None:
        cancel_run(run.pk)
        connection.close()

    threads = []

    def at_the_third(_finished) -> None:
        threads.append(threading.Thread(target=cancel))
        if len(threads) == 3:
            threads[-1].start()

    ended = execute_run(run.pk, on_finished=at_the_third)
    threads[2].join()
    assert ended.status == "cancelled"
    assert 3 <= sum(fake.counts.values()) < 100
    assert TestResult.objects.filter(evaluation__run=run).count() == sum(fake.counts.values())


def test_targets_keep_everything_of_a_profile(db):
    profile = ModelProfile(
        name="ours",
        provider="openai-compatible",
        model="m",
        base_url="http://127.0.0.1:1/v1",
        parameters={"temperature": 0},
        requests_per_minute=60,
        input_usd_per_million=Decimal("0.5"),
    )
    found = spec_from_profile(profile)
    assert spec_from_target(target_from_spec(found)) == found
    assert found.name == "ours"
    bare = ProviderSpec(kind="echo")
    assert spec_from_target(target_from_spec(bare)) == bare


@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["slow templates", "quick ones"])
def test_pages_hold_every_case_once_however_long_templates_take(monkeypatch, seconds):
    """The thread that fills templates renews the lease too: a page ends when its time does."""
    monkeypatch.setattr("evaluations.services.store.FILLING_SECONDS", seconds)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), text="{{x}}")
    run = create_run(plan(column, repeats=2), cases(7))
    row = run.evaluations.get()
    store = DatabaseStore(run, {str(row.pk): find_template(row)})
    asked = build_column(row, column.spec, None)
    after, pages = 0, []
    while after is not None:
        tasks, after = store.page(asked, after, 8)
        pages.append([(task.case.name, task.repeat) for task in tasks])
    expected = [(f"case {number}", repeat) for number in range(7) for repeat in range(2)]
    assert [task for page in pages for task in page] == expected
    assert [len(page) for page in pages] == ([8, 6] if seconds else [2] * 7)


def test_runs_go_to_the_trash_and_come_back(db):
    run = Run.objects.create(name="R")
    assert delete_runs([run.pk, uuid4()]) == 1
    assert delete_runs([run.pk]) == 0
    for write in (give_to_workers, discard_run, cancel_run):
        with pytest.raises(NotFoundError, match=f"there is no run {run.pk}"):
            write(run.pk)
    assert restore_runs([run.pk]) == 1
    assert restore_runs([run.pk]) == 0
    assert give_to_workers(run.pk).settings == {"background": True}
    assert Run.objects.get().settings == {"background": True}
    discard_run(run.pk)
    assert not Run.all_objects.exists()
