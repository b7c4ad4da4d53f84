"""What webhooks are told of runs: how each ends, with its figures and without its answers."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services import endpoints
from evaluations.engine.protocol import EndStatus, RunOutcome
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Run
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import cancel_run, execute_run, finish_run
from evaluations.services.suites import create_suite
from prompts.interface import get_prompt
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)

ECHO = ProviderSpec(kind="echo", model="")
TEXT = "Tell me {{ x }}"


@pytest.fixture(autouse=True)
def _subscribed(monkeypatch):
    monkeypatch.setattr("core.events.services.outbox._wakers", [])
    endpoints.create_endpoint(
        name="team", url="https://127.0.0.1:9/hook", event_types=["run.finished"]
    )


def take():
    bodies = list(WebhookDelivery.objects.values_list("body", flat=True))
    WebhookDelivery.objects.all().delete()
    assert "Tell me" not in "".join(bodies)
    return [json.loads(body)["data"] for body in bodies]


def make(*columns, suite=None, **fields):
    checks = (Assertion(type="contains", value="a"),)
    cases = [(None, Case(name=name, variables={"x": name}, assertions=checks)) for name in "ab"]
    columns = columns or (PlannedColumn(spec=ECHO, text=TEXT),)
    return create_run(Plan(columns=columns, name="nightly", suite=suite, **fields), cases)


def test_a_run_that_completes():
    prompt = create_prompt(
        title="Reply", content=TEXT, syntax="mustache", variables=[{"name": "x"}]
    )
    suite = create_suite(name="support")
    version = get_prompt("reply", version=1)
    run = make(
        PlannedColumn(spec=ECHO, prompt=version),
        PlannedColumn(spec=ECHO, text=TEXT),
        suite=suite,
    )
    execute_run(run.pk)
    [event] = take()
    columns = event.pop("columns")
    assert event == {
        "run_id": str(run.pk),
        "name": run.name,
        "suite": "support",
        "status": "completed",
    }
    assert [column["prompt_id"] for column in columns] == [str(prompt.pk), None]
    assert [bool(column["label"]) for column in columns] == [True, False]
    assert [column["version"] for column in columns] == [1, None]
    for column in columns:
        figures = {name: column[name] for name in ("answers", "errors", "pass_rate")}
        assert figures == {"answers": 2, "errors": 0, "pass_rate": 0.5}


def test_a_run_that_is_stopped_and_goes_on():
    run = make(max_calls=0)
    execute_run(run.pk)
    [event] = take()
    assert (event["status"], event["suite"]) == ("stopped", "")


def test_a_run_that_is_cancelled_before_it_begins():
    run = make()
    cancel_run(run.pk)
    [event] = take()
    assert event["status"] == "cancelled"
    cancel_run(run.pk)
    assert take() == []


def test_a_run_that_a_worker_is_at_is_told_of_when_it_ends():
    run = make()
    Run.objects.filter(pk=run.pk).update(worker="elsewhere", worker_until="2099-01-01T00:00:00Z")
    cancel_run(run.pk)
    assert take() == []


def test_a_run_that_was_lost_to_another_worker_has_not_ended():
    run = make()
    finish_run(run, RunOutcome(status=EndStatus.LOST, message="", seconds=0.0))
    assert take() == []


def test_nobody_is_told_and_nothing_is_read():
    endpoints.edit_endpoint(endpoint_id=WebhookEndpoint.objects.get().pk, enabled=False)
    run = make()
    cancel_run(run.pk)  # the process learns that nobody listens
    with CaptureQueriesContext(connection) as queries:
        execute_run(make().pk)
    assert not any("webhook_" in query["sql"] for query in queries)
