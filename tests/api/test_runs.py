"""Runs over HTTP: estimated, started in the background, polled, cancelled, taken up again."""

import uuid
from contextlib import closing

import pytest
from django.core.management import call_command

from autoforge.background import wait_until_idle
from evaluations.models import Run
from evaluations.services.profiles import create_profile
from evaluations.services.suites import create_case, create_suite, delete_suites
from prompts.services import create_prompt, edit_prompt
from tests.api.problems import read_problem, walk
from tests.support.fake_models import FakeModels, Step

pytestmark = pytest.mark.django_db
# What the background does, it does after the commit.
BACKGROUND = pytest.mark.django_db(transaction=True)

CHECK = [{"type": "contains", "value": "please"}]


@pytest.fixture(autouse=True)
def roles(db):
    call_command("sync_roles", verbosity=0)  # tests of the background empty the tables


@pytest.fixture
def suite():
    made = create_suite(name="質問集")
    for number in range(3):
        create_case(
            suite_id=made.pk,
            name=f"case {number}",
            variables={"x": f"q{number}"},
            assertions=CHECK,
            position=number,
        )
    return made


@pytest.fixture
def prompt():
    made = create_prompt(
        title="Asking",
        name="support/asking",
        content="{{ x }}",
        syntax="mustache",
        variables=[{"name": "x"}],
    )
    edit_prompt(prompt_id=made.pk, content="please {{ x }}")
    return made


@pytest.fixture
def fake():
    with closing(FakeModels(answer="please")) as server:
        create_profile(
            name="fake",
            provider="openai-compatible",
            model="m",
            base_url=f"{server.url}/v1",
            concurrency=1,
        )
        yield server


def body_of(suite, **fields):
    return {
        "suite_id": str(suite.pk),
        "prompts": ["support/asking:1", "support/asking"],
        "models": ["echo"],
    } | fields


def pending(suite, prompt, number=1):
    """Make runs that nobody has started."""
    from evaluations.services.choosing import RunChoice, choose_run, start_run

    choice = RunChoice(suite_id=suite.pk, prompts=["support/asking"], models=["echo"])
    return [start_run(choose_run(choice)) for _ in range(number)]


def test_an_estimate_writes_nothing(api, suite, prompt):
    answer = api("Editor").post("runs/estimate", body_of(suite, repeats=2))
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["cases"], body["columns"]) == (
        3,
        ["support/asking v1 · echo", "support/asking v2 · echo"],
    )
    assert (body["estimate"]["calls"], body["estimate"]["cost_usd"]) == (12, 0)
    assert not Run.objects.exists()


@BACKGROUND
def test_a_run_is_started_polled_and_read(api, suite, prompt):
    editor = api("Editor")
    made = editor.post("runs", body_of(suite, name="夜間"))
    assert made.status_code == 201, made.content
    body = made.json()
    path = f"runs/{body['id']}"
    assert made["Location"].endswith(f"/api/v1/{path}")
    assert body["started_by"] == editor.get("me").json()["name"]
    assert (body["name"], body["suite"], body["progress"]["planned"]) == ("夜間", "質問集", 6)
    wait_until_idle(20)

    read = api("Viewer").get(path)
    body = read.json()
    assert (body["status"], body["progress"]["done"]) == ("completed", 6)
    assert body["progress"]["active"] is False
    first, second = body["columns"]
    assert (first["prompt"], first["version"], first["summary"]["pass_rate"]) == (
        "support/asking",
        1,
        0.0,
    )
    assert (second["version"], second["summary"]["pass_rate"]) == (2, 1.0)
    assert second["verdict"]["detail"]
    [item] = api("Viewer").get("runs").json()["items"]
    assert (item["status"], item["pass_rates"]) == ("completed", [0.0, 1.0])
    assert set(body["progress"]["columns"]) == {first["id"], second["id"]}

    for seen in (read["ETag"], f'"x", W/{read["ETag"]}'):
        again = api("Viewer").get(path, headers={"If-None-Match": seen})
        assert (again.status_code, again.content) == (304, b"")
    changed = api("Viewer").get(path, headers={"If-None-Match": '"x"'})
    assert (changed.status_code, changed["ETag"]) == (200, read["ETag"])


def test_reading_takes_two_queries_and_the_key(
    api, suite, prompt, owner, django_assert_max_num_queries
):
    [run] = pending(suite, prompt)
    Run.objects.filter(pk=run.pk).update(user=owner)
    viewer = api("Viewer")
    viewer.get("me")
    with django_assert_max_num_queries(3):
        body = viewer.get(f"runs/{run.pk}").json()
    assert body["started_by"] == owner.username


@BACKGROUND
def test_an_idempotency_key_starts_one_run(api, suite, prompt):
    editor = api("Editor")
    key = {"Idempotency-Key": "nightly-1"}
    first = editor.post("runs", body_of(suite), headers=key)
    again = editor.post("runs", body_of(suite), headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert again["Idempotency-Replayed"] == "true"
    wait_until_idle(20)
    assert Run.objects.get().status == "completed"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"suite_id": str(uuid.UUID(int=7))}, "suite"),
        ({"suite_id": "x"}, "suite_id"),
        ({"prompts": []}, "prompts"),
        ({"prompts": ["support/asking", "nobody:3"]}, "prompts[1]"),
        ({"prompts": ["support/asking@gone"]}, "prompts[0]"),
        ({"models": []}, "models"),
        ({"models": ["ecco"]}, "models[0]"),
        ({"models": ["openai:gpt-4.1-mini"]}, "models[0]"),
        ({"models": ["replay:/etc/passwd"]}, "models[0]"),
        ({"judge": "opnai:x"}, "judge"),
        ({"embeddings": "opnai:x"}, "embeddings"),
        ({"baseline_id": str(uuid.UUID(int=7))}, "baseline"),
        ({"repeats": 0}, "repeats"),
        ({"repeats": 1001}, "repeats"),
        ({"max_cost_usd": -1}, "max_cost_usd"),
        ({"max_cost_usd": 0.00000001}, "max_cost_usd"),
        ({"max_calls": -1}, "max_calls"),
        ({"max_calls": 10**30}, "max_calls"),
        ({"max_seconds": -1}, "max_seconds"),
        ({"limit": 1}, "limit"),
    ],
)
def test_wrong_input_is_refused_at_its_field(api, suite, prompt, change, field):
    answer = api("Editor").post("runs", body_of(suite, **change))
    problem = read_problem(answer, 422)
    assert field in [entry["field"] for entry in problem["errors"]]
    assert not Run.objects.exists()


def test_a_run_that_cannot_be_kept_within_its_cost_is_refused(api, suite, prompt, fake):
    answer = api().post("runs", body_of(suite, models=["fake"], max_cost_usd=1))
    assert read_problem(answer, 422)["errors"][0]["code"] == "run.price-unknown"


def test_a_suite_without_cases_is_refused(api, prompt):
    empty = create_suite(name="Empty")
    for path in ("runs", "runs/estimate"):
        answer = api().post(path, body_of(empty))
        assert read_problem(answer, 422)["errors"][0]["code"] == "run.no-cases"


def test_viewers_only_read(api, suite, prompt):
    [run] = pending(suite, prompt)
    viewer = api("Viewer")
    assert viewer.get("runs").status_code == 200
    assert viewer.get(f"runs/{run.pk}").status_code == 200
    read_problem(viewer.post("runs", body_of(suite)), 403)
    read_problem(viewer.post("runs/estimate", body_of(suite)), 403)
    for action in ("cancel", "resume", "retry", "rescore"):
        read_problem(viewer.post(f"runs/{run.pk}/{action}"), 403)
    read_problem(api("Editor").send("DELETE", f"runs/{run.pk}"), 403)
    assert Run.objects.get().status == "pending"


@BACKGROUND
def test_a_run_is_cancelled_and_resumed(api, suite, prompt):
    [run] = pending(suite, prompt)
    editor = api("Editor")
    path = f"runs/{run.pk}"
    cancelled = editor.post(f"{path}/cancel")
    assert cancelled.status_code == 200, cancelled.content
    assert cancelled.json()["status"] == "cancelled"
    assert editor.post(f"{path}/cancel").json()["status"] == "cancelled"
    assert read_problem(editor.post(f"{path}/resume", {"max_calls": -1}), 422)
    resumed = editor.post(f"{path}/resume", {"max_calls": 2, "max_seconds": None})
    assert resumed.json()["max_calls"] == 2
    wait_until_idle(20)
    body = editor.get(path).json()
    assert (body["status"], body["progress"]["done"]) == ("stopped", 2)
    editor.post(f"{path}/resume", {"max_calls": None, "max_cost_usd": 0.5})
    wait_until_idle(20)
    body = editor.get(path).json()
    assert (body["status"], body["progress"]["done"], body["max_cost_usd"]) == (
        "completed",
        3,
        0.5,
    )
    assert editor.post(f"{path}/resume").json()["status"] == "completed"


@BACKGROUND
def test_failed_answers_are_asked_again(api, suite, prompt, fake):
    fake.script += [Step(status=400, body={"error": {"message": "no"}})]
    editor = api("Editor")
    made = editor.post("runs", body_of(suite, prompts=["support/asking"], models=["fake"]))
    wait_until_idle(20)
    path = f"runs/{made.json()['id']}"
    body = editor.get(path).json()
    assert (body["outcome"], body["progress"]["errors"]) == ("some-errors", 1)
    again = editor.post(f"{path}/retry")
    assert again.json()["retried"] == 1
    wait_until_idle(20)
    assert editor.get(path).json()["progress"]["errors"] == 0
    assert editor.post(f"{path}/retry").json()["retried"] == 0
    read_problem(editor.post(f"runs/{uuid.uuid4()}/retry"), 404)


def test_a_run_that_a_worker_has_is_not_retried(api, suite, prompt):
    from django.utils import timezone

    [run] = pending(suite, prompt)
    later = timezone.now() + timezone.timedelta(minutes=1)
    Run.objects.filter(pk=run.pk).update(worker="elsewhere 1 1", worker_until=later)
    problem = read_problem(api().post(f"runs/{run.pk}/retry"), 422)
    assert problem["errors"][0]["code"] == "run.busy"
    cancelled = api().post(f"runs/{run.pk}/cancel").json()
    assert cancelled["status"] == "pending"  # its worker is asked
    assert Run.objects.get().cancel_requested


@BACKGROUND
def test_stored_answers_are_scored_by_the_suite_as_it_is_now(api, suite, prompt, fake):
    editor = api("Editor")
    made = editor.post("runs", body_of(suite, prompts=["support/asking"], models=["fake"])).json()
    wait_until_idle(20)
    for case in suite.cases.all():
        case.assertions = [{"type": "contains", "value": "thanks"}]
        case.save()
    asked = sum(fake.counts.values())
    again = editor.post(f"runs/{made['id']}/rescore")
    assert again.status_code == 201, again.content
    wait_until_idle(20)
    body = editor.get(f"runs/{again.json()['id']}").json()
    assert body["only_stored"]
    assert body["columns"][0]["summary"]["pass_rate"] == 0
    assert sum(fake.counts.values()) == asked
    delete_suites([suite.pk])
    problem = read_problem(editor.post(f"runs/{made['id']}/rescore"), 422)
    assert problem["errors"][0]["code"] == "run.no-suite"


def test_runs_are_listed_newest_first_and_filtered(
    api, suite, prompt, django_assert_max_num_queries
):
    rows = pending(suite, prompt, 52)
    Run.objects.filter(pk=rows[0].pk).update(status="completed")
    Run.objects.filter(pk=rows[1].pk).update(name="the second")
    viewer = api("Viewer")
    items = walk(viewer, "runs", limit=9)
    assert len({item["id"] for item in items}) == len(items) == 52
    made = [item["created_at"] for item in items]
    assert made == sorted(made, reverse=True)
    [done] = walk(viewer, "runs", limit=9, status="completed")
    assert done["id"] == str(rows[0].pk)
    assert len(walk(viewer, "runs", limit=9, search="SECOND")) == 1
    assert len(walk(viewer, "runs", limit=30, suite_id=suite.pk)) == 52
    assert walk(viewer, "runs", limit=9, suite_id=uuid.uuid4()) == []
    assert len(walk(viewer, "runs", limit=30, prompt="support/asking")) == 52
    assert walk(viewer, "runs", limit=9, prompt="support/none") == []
    with django_assert_max_num_queries(3):  # the key, the runs, their columns
        assert len(viewer.get("runs", limit=50).json()["items"]) == 50
    read_problem(viewer.get("runs", status="done"), 422)
    read_problem(viewer.get("runs", cursor="e30"), 422)


def test_a_run_is_thrown_away_and_taken_back(api, suite, prompt):
    [run] = pending(suite, prompt)
    publisher = api("Publisher")
    path = f"runs/{run.pk}"
    assert publisher.send("DELETE", path).status_code == 204
    for method, action in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/resume"),
                           ("POST", "/retry"), ("POST", "/rescore")):  # fmt: skip
        sent = {} if method == "POST" else None
        read_problem(publisher.send(method, f"{path}{action}", sent), 404)
    [item] = walk(publisher, "trash/runs", limit=1)
    assert item["id"] == str(run.pk)
    assert publisher.post(f"trash/{path}").json()["id"] == str(run.pk)
    read_problem(publisher.post(f"trash/{path}"), 404)
