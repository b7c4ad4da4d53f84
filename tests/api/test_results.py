"""What runs found, over HTTP: answers, ratings, comparisons, reports."""

import csv
import io
import json
import uuid
import xml.etree.ElementTree as ET

import pytest
from django.core.management import call_command

from core.api.cursors import write_cursor
from evaluations.models import Rating, Run, TestResult
from evaluations.reporting import FORMATS
from evaluations.services.choosing import RunChoice, choose_run, start_run
from evaluations.services.ratings import delete_rating, rate_answer
from evaluations.services.runs import delete_runs, execute_run
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt, edit_prompt
from tests.api.conftest import Api
from tests.api.problems import read_problem, walk
from tests.api.test_people import clerk, token_of  # noqa: F401 (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)

CASES = 30


@pytest.fixture
def run(db):
    call_command("sync_roles", verbosity=0)  # tests of the background empty the tables
    suite = create_suite(name="S")
    for number in range(CASES):
        create_case(
            suite_id=suite.pk,
            name=f"case {number:02}",
            variables={"x": f"質問 {number}"},
            assertions=[{"type": "contains", "value": "please"}],
            position=number,
        )
    made = create_prompt(
        title="P", name="p", content="{{ x }}", syntax="mustache", variables=[{"name": "x"}]
    )
    edit_prompt(prompt_id=made.pk, content="please {{ x }}")
    choice = RunChoice(suite_id=suite.pk, prompts=["p:1", "p:2"], models=["echo"])
    return execute_run(start_run(choose_run(choice)).pk)


def test_answers_are_listed_in_order_and_filtered(api, run, django_assert_max_num_queries):
    viewer = api("Viewer")
    path = f"runs/{run.pk}/results"
    items = walk(viewer, path, limit=7)
    assert len({item["id"] for item in items}) == len(items) == 2 * CASES
    order = [(item["position"], item["column"]) for item in items]
    assert order == sorted(order)
    assert items[1]["case"] == "case 00"
    assert items[1]["output"] == "please 質問 0"
    assert [item["state"] for item in items[:2]] == ["fail", "pass"]

    failed = walk(viewer, path, limit=7, state="fail")
    assert {item["column"] for item in failed} == {"p v1 · echo"}
    assert len(failed) == CASES
    for state in ("error", "unchecked"):
        assert walk(viewer, path, limit=7, state=state) == []
    column = items[1]["column_id"]
    assert len(walk(viewer, path, limit=7, column_id=column)) == CASES
    assert walk(viewer, path, limit=7, column_id=uuid.uuid4()) == []
    assert len(walk(viewer, path, limit=7, search="case 03")) == 2
    assert len(walk(viewer, path, limit=7, search="質問 7")) == 2
    with django_assert_max_num_queries(3):  # the key, the run, its answers
        assert len(viewer.get(path, limit=50).json()["items"]) == 50
    for cursor in ("x", write_cursor(["a", 1, 2])):
        assert read_problem(viewer.get(path, cursor=cursor), 422)["code"] == "api.cursor"
    read_problem(viewer.get(path, state="good"), 422)
    read_problem(viewer.get(f"runs/{uuid.uuid4()}/results"), 404)


def test_a_long_answer_is_cut_in_the_list_alone(api, run):
    row = TestResult.objects.order_by("pk").first()
    TestResult.objects.filter(pk=row.pk).update(output="x" * 5000)
    viewer = api("Viewer")
    items = walk(viewer, f"runs/{run.pk}/results", limit=100)
    [item] = [item for item in items if item["id"] == str(row.pk)]
    assert len(item["output"]) == 2000
    assert len(viewer.get(f"results/{row.pk}").json()["output"]) == 5000


def test_one_answer_is_read_with_everything(api, run):
    row = TestResult.objects.filter(passed=True).first()
    body = api("Viewer").get(f"results/{row.pk}").json()
    assert body["run_id"] == str(run.pk)
    assert body["state"] == "pass"
    assert body["document"]["assertions"][0]["type"] == "contains"
    assert body["components"][0]["pass"] is True
    assert body["messages"][0]["role"] == "user"
    assert body["ratings"] == []
    read_problem(api("Viewer").get(f"results/{uuid.uuid4()}"), 404)
    delete_runs([run.pk])
    read_problem(api("Viewer").get(f"results/{row.pk}"), 404)
    read_problem(api("Viewer").get(f"runs/{run.pk}/results"), 404)


def test_people_rate_answers(api, run, clerk):  # noqa: F811 (the fixture)
    row = TestResult.objects.first()
    path = f"results/{row.pk}/rating"
    person = Api(token_of("member"))
    rated = person.send("PUT", path, {"passed": False, "comment": "  unkind "})
    assert rated.status_code == 200, rated.content
    body = rated.json()
    assert (body["user"], body["passed"], body["comment"]) == ("user_1", False, "unkind")
    person.send("PUT", path, {"passed": True})
    other = Api(token_of("member", subject="user_2"))
    other.send("PUT", path, {"passed": False})
    ratings = api("Viewer").get(f"results/{row.pk}").json()["ratings"]
    assert {(rating["user"], rating["passed"]) for rating in ratings} == {
        ("user_1", True),
        ("user_2", False),
    }
    assert person.send("DELETE", path).status_code == 204
    assert person.send("DELETE", path).status_code == 204
    assert Rating.objects.count() == 1

    read_problem(person.send("PUT", path, {"passed": "maybe"}), 422)
    read_problem(person.send("PUT", path, {"passed": True, "comment": "x" * 2001}), 422)
    read_problem(person.send("PUT", f"results/{uuid.uuid4()}/rating", {"passed": True}), 404)
    viewer = Api(token_of("viewer", subject="user_3"))
    read_problem(viewer.send("PUT", path, {"passed": True}), 403)
    for method, sent in (("PUT", {"passed": True}), ("DELETE", None)):
        assert read_problem(api("Editor").send(method, path, sent), 403)["code"] == "rating.people"


def test_a_rating_is_taken_back_by_who_gave_it(run, owner):
    row = TestResult.objects.first()
    rate_answer(result_id=row.pk, user=owner, passed=True)
    assert delete_rating(result_id=row.pk, user=owner)
    assert not delete_rating(result_id=row.pk, user=owner)


def test_two_columns_are_compared(api, run):
    viewer = api("Viewer")
    path = f"runs/{run.pk}/compare"
    body = viewer.get(path).json()
    assert (body["old"], body["new"]) == ("p v1 · echo", "p v2 · echo")
    assert (body["fixed"], body["broken"]) == (CASES, 0)
    assert body["verdict"]["code"] == "better"
    assert len(body["items"]) == body["next_start"] == 20
    assert body["items"][0]["fixed"]
    assert body["items"][0]["new_output"] == "please 質問 0"
    rest = viewer.get(path, start=20).json()
    assert (len(rest["items"]), rest["next_start"]) == (10, None)
    assert viewer.get(path, start=1000).json()["items"] == []

    turned = viewer.get(path, old=body["new_id"], new=body["old_id"]).json()
    assert (turned["fixed"], turned["broken"]) == (0, CASES)
    same = viewer.get(path, new=body["old_id"]).json()
    assert (same["old_id"], same["fixed"], same["broken"]) == (body["old_id"], 0, 0)
    for query in ({"old": uuid.uuid4()}, {"new": uuid.uuid4()}):
        read_problem(viewer.get(path, **query), 404)
    read_problem(viewer.get(path, start=-1), 422)


def test_a_run_is_compared_with_one_that_is_gone_no_more(api, run):
    other = start_run(
        choose_run(
            RunChoice(suite_id=run.suite_id, prompts=["p"], models=["echo"], baseline_id=run.pk)
        )
    )
    execute_run(other.pk)
    path = f"runs/{other.pk}/compare"
    assert api("Viewer").get(path).json()["old"] == "p v2 · echo"
    assert api("Viewer").get(f"runs/{other.pk}").json()["baseline_id"] == str(run.pk)
    delete_runs([run.pk])
    read_problem(api("Viewer").get(path), 404)


@pytest.mark.parametrize("kind", [name for name, item in FORMATS.items() if item.is_download])
def test_reports_come_in_every_format(api, run, kind):
    answer = api("Viewer").get(
        f"runs/{run.pk}/report",
        format=kind,
        headers={"Accept": FORMATS[kind].content_type.partition(";")[0]},
    )
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == FORMATS[kind].content_type
    assert answer["Content-Disposition"].endswith(f'.{FORMATS[kind].suffix}"')
    text = b"".join(answer.streaming_content).decode()
    assert "case 00" in text or kind == "markdown"
    if answer["Content-Type"].startswith("application/json"):
        assert json.loads(text)
    if kind == "csv":
        assert len(list(csv.reader(io.StringIO(text)))) > CASES
    if kind == "junit":
        assert ET.fromstring(text) is not None


def test_a_report_of_an_unknown_format_is_refused(api, run):
    viewer = api("Viewer")
    for kind in ("pdf", "table", "../json"):
        answer = viewer.get(f"runs/{run.pk}/report", format=kind)
        body = read_problem(answer, 422)
        assert body["errors"][0]["code"] == "report.format"
        assert "junit" in body["detail"]
    read_problem(viewer.get(f"runs/{uuid.uuid4()}/report"), 404)
    assert Run.objects.count() == 1
