"""Runs by the Python client: a real server, its real worker, fakes of models over real HTTP."""

import asyncio
import threading
from contextlib import closing

import pytest

from autoforge.background import wait_until_idle
from autoforge_client import (
    AsyncAutoForge,
    AutoForge,
    AutoForgeError,
    InvalidRequest,
    NotFound,
    RunNotEnded,
)
from evaluations.models import Run
from evaluations.services.profiles import create_profile
from evaluations.services.suites import create_case, create_suite
from tests.support.fake_models import FakeModels

CHECK = [{"type": "contains", "value": "please"}]


@pytest.fixture
def client(front, new_key):
    with AutoForge(front.url, new_key()) as client:
        yield client
    wait_until_idle(20)


@pytest.fixture
def suite(transactional_db):
    made = create_suite(name="質問集")
    for number in range(5):
        create_case(
            suite_id=made.pk,
            name=f"case {number}",
            variables={"x": f"q{number}"},
            assertions=CHECK,
            position=number,
        )
    return made


@pytest.fixture
def choice(client, suite):
    client.create_prompt(
        "asking", "{{ x }}", syntax="mustache", variables=[{"name": "x"}], labels=["production"]
    )
    client.edit_prompt("asking", if_match="*", content="please {{ x }}")
    return {"suite_id": str(suite.pk), "prompts": ["asking:1", "asking"], "models": ["echo"]}


@pytest.fixture
def slow_model(transactional_db):
    """Give a model that takes its time, by a profile of the name `slow`."""
    with closing(FakeModels(answer="please", delay_seconds=0.3)) as server:
        create_profile(
            name="slow",
            provider="openai-compatible",
            model="m",
            base_url=f"{server.url}/v1",
            concurrency=1,
        )
        yield server


def test_a_run_is_estimated_started_and_waited_for(client, choice):
    preview = client.estimate_run(**choice)
    assert (preview.cases, preview.estimate.calls, preview.estimate.cost_usd) == (5, 10, 0)
    assert preview.columns == ["asking v1 · echo", "asking v2 · echo"]
    assert not Run.objects.exists()
    seen = []
    started = client.start_run(**choice, name="夜間")
    run = client.wait_for_run(started.id, timeout=60, on_progress=seen.append)
    assert (run.id, run.name, run.status) == (started.id, "夜間", "completed")
    assert (run.progress.done, run.progress.planned, run.progress.active) == (10, 10, False)
    assert [column.summary["pass_rate"] for column in run.columns] == [0.0, 1.0]
    assert seen[-1] is run
    assert run == client.get_run(run.id)


def test_results_are_walked_over_pages(client, choice, front):
    run = client.wait_for_run(client.start_run(**choice).id, timeout=60)
    front.seen.clear()
    failed = list(client.list_results(run.id, state="fail", limit=2))
    assert [result.case for result in failed] == [f"case {number}" for number in range(5)]
    assert {(result.column, result.state) for result in failed} == {("asking v1 · echo", "fail")}
    assert [result.output for result in failed][:2] == ["q0", "q1"]
    assert len(front.seen) == 3


def test_a_run_that_is_as_it_was_is_no_body(client, choice, front):
    run = client.wait_for_run(client.start_run(**choice).id, timeout=60)
    front.seen.clear()
    assert client.get_run(run.id, run) is run
    assert front.statuses() == [304]
    assert front.seen[0].headers["If-None-Match"] == run.etag


def test_a_lost_answer_starts_one_run(client, choice, front):
    front.fail(is_cut=True, after_work=True)
    run = client.start_run(**choice)
    assert Run.objects.count() == 1
    first = client.start_run(**choice, idempotency_key="nightly-1")
    assert client.start_run(**choice, idempotency_key="nightly-1").id == first.id != run.id
    assert Run.objects.count() == 2


def test_a_server_that_restarts_is_waited_for(client, choice, front, slow_model):
    run = client.start_run(**(choice | {"models": ["slow"]}))
    front.seen.clear()
    is_away = threading.Event()

    def leave(_run):
        if not is_away.is_set():
            is_away.set()
            front.stop()
            front.fail(times=4, status=502, body=b"<h1>starting</h1>")
            front.fail(times=4, status=503, headers={"Retry-After": "0"})
            threading.Timer(0.5, front.start).start()

    ended = client.wait_for_run(run.id, timeout=60, on_progress=leave)
    assert (ended.status, ended.progress.done) == ("completed", 10)
    statuses = front.statuses()
    assert statuses.count(502) == 4
    assert 304 in statuses  # what has not changed is not sent


def test_a_wait_ends_and_the_run_goes_on(client, choice, slow_model):
    run = client.start_run(**(choice | {"models": ["slow"]}))
    with pytest.raises(RunNotEnded) as refused:
        client.wait_for_run(run.id, timeout=0.1)
    assert (refused.value.code, refused.value.is_temporary) == ("client.run-not-ended", False)
    assert client.get_run(run.id).progress.active
    client.cancel_run(run.id)
    assert client.wait_for_run(run.id, timeout=60).status == "cancelled"


def test_what_cannot_run_is_told_with_its_field(client, choice):
    with pytest.raises(InvalidRequest) as refused:
        client.start_run(**(choice | {"prompts": ["none"]}))
    assert refused.value.errors[0].field == "prompts[0]"
    nothing = "00000000-0000-4000-8000-000000000000"
    for call in (client.get_run, client.cancel_run, client.wait_for_run):
        with pytest.raises(NotFound):
            call(nothing)
    with pytest.raises(NotFound):
        list(client.list_results(nothing))


def test_everything_else_is_reached_by_request(client, choice, front):
    run = client.wait_for_run(client.start_run(**choice).id, timeout=60)
    front.fail(status=503)
    report = client.request("GET", f"runs/{run.id}/report", params={"format": "csv"})
    assert report.headers["Content-Type"].startswith("text/csv")
    assert client.request("POST", f"runs/{run.id}/retry").json()["retried"] == 0
    assert client.request("DELETE", f"runs/{run.id}").status_code == 204
    with pytest.raises(AutoForgeError) as refused:
        client.request("GET", "none")
    assert (refused.value.status, refused.value.code) == (404, "api.no-operation")


def test_the_same_without_blocking(front, choice, new_key):
    key = new_key("Editor")

    async def work():
        async with AsyncAutoForge(front.url, key) as client:
            runs = await asyncio.gather(*[client.start_run(**choice) for _ in range(3)])
            waits = [client.wait_for_run(run.id, timeout=60) for run in runs]
            ended = await asyncio.gather(*waits)
            results = [result async for result in client.list_results(runs[0].id, state="pass")]
            return {run.status for run in ended}, len(results)

    assert asyncio.run(work()) == ({"completed"}, 5)
