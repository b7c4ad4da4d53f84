"""`manage.py runs`: listed, shown, cancelled; by people and by programs."""

import json
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Run
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run, give_to_workers
from evaluations.services.suites import create_suite
from prompts.interface import get_prompt
from prompts.services import create_prompt
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db(transaction=True)

ALIVE = "elsewhere/0a1b2c3d 12 345 abcdef00"


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


def make_run(fake, count=3, **fields) -> Run:
    spec = ProviderSpec(
        kind="openai-compatible", model="m", base_url=f"{fake.url}/v1",
        limits=Limits(concurrency=1, timeout_seconds=5, retries=0),
    )  # fmt: skip
    check = Assertion(type="contains", value="q0")
    cases = [
        (None, Case(name=str(n), variables={"x": f"q{n}"}, assertions=(check,)))
        for n in range(count)
    ]
    column = PlannedColumn(spec=spec, text="{{x}}")
    return create_run(Plan(**{"columns": [column], "name": "Support", **fields}), cases)


def runs(capsys, *arguments: str) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error of the command."""
    try:
        call_command("runs", *arguments)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except CommandError as error:
        return error.returncode, "", str(error)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def hold(run: Run, worker: str = ALIVE, seconds: float = 30) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    Run.objects.filter(pk=run.pk).update(status="running", worker=worker, worker_until=until)


def test_an_empty_list_says_so(capsys):
    assert runs(capsys, "list") == (0, "", "No runs match.\n")
    assert json.loads(runs(capsys, "list", "--format", "json")[1]) == []


def test_the_list_has_the_newest_first_and_says_that_there_are_more(fake, capsys):
    made = [make_run(fake, name=f"run {n}") for n in range(3)]
    hold(made[0], worker="")
    status, out, err = runs(capsys, "list", "--limit", "2")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [str(r.pk)[:8] for r in made[:0:-1]]
    assert err == "There are more; --limit 2 are shown.\n"
    out = runs(capsys, "list", "--status", "running", "--status", "completed")[1]
    assert "run 0  1 column  3 answers planned  nobody works on it" in out
    assert len(out.splitlines()) == 1


def test_the_list_is_filtered_by_suite_and_prompt(fake, capsys):
    prompt = create_prompt(title="Reply", content="{{x}}")
    suite = create_suite(name="Cases")
    spec = ProviderSpec(kind="echo", model="echo")
    column = PlannedColumn(spec=spec, prompt=get_prompt(prompt.name, label="latest"))
    asked = make_run(fake, columns=[column])
    of_suite = make_run(fake, suite=suite)
    make_run(fake)
    found = json.loads(runs(capsys, "list", "--prompt", prompt.name, "--format", "json")[1])
    assert [item["id"] for item in found] == [str(asked.pk)]
    found = json.loads(runs(capsys, "list", "--suite", "Cases", "--format", "json")[1])
    assert [(item["id"], item["suite"]) for item in found] == [(str(of_suite.pk), "Cases")]
    assert set(found[0]) == {
        "id", "name", "status", "worker", "suite", "columns", "planned", "created_at",
        "finished_at", "message",
    }  # fmt: skip


@pytest.mark.parametrize("limit", ["0", "1001"])
def test_a_limit_that_is_none_is_refused(capsys, limit):
    status, _, error = runs(capsys, "list", "--limit", limit)
    assert (status, error) == (2, "--limit must be an integer from 1 to 1000")


@pytest.mark.parametrize("what", ["show", "cancel"])
@pytest.mark.parametrize("key", ["12345678", "123", "no-id"])
def test_no_such_run(capsys, what, key):
    status, _, error = runs(capsys, what, key)
    assert status == 2
    assert key in error


def test_a_run_that_has_ended_is_shown_with_what_went_wrong(fake, capsys):
    fake.script = [Step(), Step(status=400, body={"error": {"message": "too rude"}})]
    run = execute_run(make_run(fake, suite=create_suite(name="Cases")).pk)
    status, out, _ = runs(capsys, "show", str(run.pk)[:8])
    assert status == 0
    assert f"{run.pk}  Support\nStatus: completed\nSuite: Cases\n" in out
    assert "Answers: 3 of 3, 1 passed, 1 failed, 1 errors, 0 not checked, 0 reused" in out
    assert "  1 × " in out
    assert "too rude" in out
    assert "Worker" not in out
    details = json.loads(runs(capsys, "show", str(run.pk), "--format", "json")[1])
    assert details["errors"][0]["count"] == 1
    assert details["lease"] == {"worker": "", "until": None, "is_held": False}
    assert details["progress"]["done"] == 3
    assert details["limits"] == {"cost_usd": None, "calls": None, "seconds": None}


def test_a_run_at_its_limit_says_how_to_go_on(fake, capsys):
    run = execute_run(make_run(fake, max_calls=1, name="").pk)
    out = runs(capsys, "show", str(run.pk))[1]
    assert "(no name)\nStatus: stopped (the limit of 1 call is reached)" in out
    assert "Limits: 1 calls" in out
    assert f"Resume with: manage.py evaluate --resume {run.pk}" in out


def test_who_works_on_a_run(fake, capsys):
    run = make_run(fake)
    assert (
        f"none; resume it with: manage.py evaluate --resume {run.pk}"
        in (runs(capsys, "show", str(run.pk))[1])
    )
    give_to_workers(run.pk)
    assert "Worker: none; the next worker takes it" in runs(capsys, "show", str(run.pk))[1]
    hold(run)
    out = runs(capsys, "show", str(run.pk))[1]
    assert "Worker: elsewhere, process 12, lease for " in out
    Run.objects.filter(pk=run.pk).update(cancel_requested=True)
    assert "It is being cancelled." in runs(capsys, "show", str(run.pk))[1]
    item = json.loads(runs(capsys, "list", "--format", "json")[1])[0]
    assert item["worker"] == "elsewhere, process 12"


def test_a_run_that_nobody_works_on_is_cancelled_at_once(fake, capsys):
    waiting, dead, ended = make_run(fake), make_run(fake), make_run(fake)
    hold(dead, seconds=-1)
    execute_run(ended.pk)
    status, out, _ = runs(capsys, "cancel", str(waiting.pk), str(dead.pk)[:13])
    assert status == 0
    assert out == f"Run {str(waiting.pk)[:8]} was cancelled\nRun {str(dead.pk)[:8]} was cancelled\n"
    status, out, _ = runs(capsys, "cancel", str(ended.pk))
    assert (status, out) == (1, f"Run {str(ended.pk)[:8]} has ended already: completed\n")
    dead.refresh_from_db()
    assert dead.status == "cancelled"


def test_a_worker_is_asked_and_waited_for(fake, capsys):
    run = make_run(fake)
    hold(run)
    status, out, _ = runs(capsys, "cancel", str(run.pk))
    assert status == 0
    assert "its worker was asked (elsewhere, process 12, lease for " in out
    status, out, _ = runs(capsys, "cancel", "--wait", "1", str(run.pk))
    assert status == 1
    assert out.endswith("is still running after 1 s\n")
    hold(run, seconds=1)  # it has died: its lease is over soon
    status, out, _ = runs(capsys, "cancel", "--wait", "20", str(run.pk))
    assert status == 0
    assert out.endswith("has ended: cancelled\n")


def test_a_living_worker_stops(fake, capsys):
    fake.delay_seconds = 0.2
    run = make_run(fake, count=60)
    worker = threading.Thread(target=execute, args=(run,))
    worker.start()
    while not fake.requests:
        time.sleep(0.01)
    status, out, _ = runs(capsys, "cancel", "--wait", "20", str(run.pk))
    worker.join()
    assert (status, out.splitlines()[-1]) == (0, f"Run {str(run.pk)[:8]} has ended: cancelled")
    assert len(fake.requests) < 60


def execute(run: Run) -> None:
    from django.db import connections

    try:
        execute_run(run.pk)
    finally:
        connections.close_all()
