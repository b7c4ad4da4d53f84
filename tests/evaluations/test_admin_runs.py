"""Pages of runs by the real client: started, watched, read, compared, rated, exported, guarded."""

import csv
import io
import json
import time
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from autoforge.background import wait_until_idle
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import ModelProfile, Rating, Run, RunCase, TestCase, TestResult, TestSuite
from evaluations.reporting import build_report, write
from evaluations.roles import PERMISSIONS
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from evaluations.services.store import insert_rows
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt, edit_prompt

pytestmark = pytest.mark.django_db(transaction=True)


def url(name: str, *arguments, **query) -> str:
    address = reverse(f"admin:evaluations_{name}", args=arguments)
    return f"{address}?{'&'.join(f'{key}={value}' for key, value in query.items())}"


@pytest.fixture
def admin(client, owner, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    return client


@pytest.fixture
def suite():
    made = create_suite(name="質問集")
    for number in range(3):
        checks = [{"type": "contains", "value": "please"}]
        create_case(suite_id=made.pk, name=f"case {number}", variables={"x": f"q{number}"},
                    assertions=checks)  # fmt: skip
    return made


@pytest.fixture
def prompt():
    made = create_prompt(
        title="Asking", content="{{ x }}", syntax="mustache", variables=[{"name": "x"}]
    )
    edit_prompt(prompt_id=made.pk, content="please {{ x }}")
    return made


def form(suite, **fields):
    return {"suite": suite.pk, "providers": "echo", "repeats": 1, "use_cache": "on"} | fields


def test_the_estimate_writes_nothing_and_the_start_runs(admin, suite, prompt):
    page = admin.get(url("run_add", prompt=prompt.pk, suite=suite.pk)).content.decode()
    assert "v2" in page
    sent = form(suite, versions=["1", "2"])
    shown = admin.post(url("run_add", prompt=prompt.pk), sent | {"estimate": "1"}).content.decode()
    assert "Estimate" in shown
    assert "$0.0000" in shown
    assert not Run.objects.exists()
    done = admin.post(url("run_add", prompt=prompt.pk), sent | {"start": "1"})
    run = Run.objects.get()
    assert done.url == url("run_change", run.pk).rstrip("?")
    wait_until_idle(20)
    run.refresh_from_db()
    assert (run.status, run.user.username) == ("completed", "owner")
    page = admin.get(done.url).content.decode()
    assert "asking v2 · echo" in page.lower()
    assert "3 cases fixed" not in page  # three cases never show a difference
    assert "Too few cases to compare" in page
    panel = admin.get(reverse("admin:prompts_prompt_change", args=[prompt.pk])).content.decode()
    assert "Pass rate over time" in panel
    assert str(run.pk) in panel


WRONG = [
    ({"versions": []}, "Choose at least one version of a prompt."),
    ({"providers": ""}, "Choose at least one model, e.g. local."),
    ({"providers": "ecco"}, "did you mean “echo”?"),
    ({"providers": "openai:gpt-4.1-mini"}, "OPENAI_API_KEY is not set"),
    ({"others": "nobody:3"}, "there is no prompt"),
    ({"judge": "opnai:x"}, "did you mean “openai”?"),
    ({"repeats": "0"}, "greater than or equal to 1"),
    ({"max_cost_usd": "-1"}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG)
@pytest.mark.parametrize("button", ["estimate", "start"])
def test_wrong_input_says_where_and_writes_nothing(admin, suite, prompt, fields, sentence, button):
    sent = form(suite, versions=["1"]) | {button: "1"} | fields
    page = admin.post(url("run_add", prompt=prompt.pk), sent)
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not Run.objects.exists()


def test_a_suite_with_a_wrong_or_judged_case_does_not_start(admin, suite, prompt):
    case = TestCase.objects.first()
    case.assertions = [{"type": "llm-rubric", "value": "is kind"}]
    case.save()
    sent = form(suite, versions=["1"], start="1")
    page = admin.post(url("run_add", prompt=prompt.pk), sent).content.decode()
    assert "some cases need a judge; choose a model, such as" in page
    case.assertions = [{"type": "contians", "value": "x"}]
    case.save()
    page = admin.post(url("run_add", prompt=prompt.pk), sent).content.decode()
    assert "did you mean “contains”" in page
    assert not Run.objects.exists()


def cases(count=4, **fields):
    return [
        (
            None,
            Case(
                name=f"case {number}",
                variables={"x": f"q{number}"},
                assertions=(Assertion(type="contains", value="please"),),
                **fields,
            ),
        )
        for number in range(count)
    ]


def make(count=4, repeats=1, texts=("{{x}}", "please {{x}}"), **fields):
    columns = [PlannedColumn(spec=ProviderSpec(kind="echo"), text=text) for text in texts]
    return create_run(Plan(columns=columns, name="R", repeats=repeats, **fields), cases(count))


def test_the_grid_is_filtered_and_paged(admin):
    run = execute_run(make(60).pk)
    first = admin.get(url("run_change", run.pk)).content.decode()
    assert first.count('class="ev-pass"') == first.count('class="ev-fail"') == 50
    second = admin.get(url("run_change", run.pk, **{"from": 50})).content.decode()
    assert second.count('class="ev-pass"') == 10
    for show, count in (("failed", 50), ("different", 50), ("errors", 0), ("nonsense", 50)):
        page = admin.get(url("run_change", run.pk, show=show)).content.decode()
        assert page.count('class="ev-pass"') == count, show
    page = admin.get(url("run_change", run.pk, q="case 59")).content.decode()
    assert page.count('class="ev-pass"') == 1
    assert "is better than" in page
    assert "case 7" in admin.get(url("run_compare", run.pk)).content.decode()


def test_answers_are_shown_with_reasons_rated_and_compared(admin):
    run = execute_run(make(2, repeats=2).pk)
    case = RunCase.objects.filter(run=run).first()
    page = admin.get(url("run_case", run.pk, case.pk)).content.decode()
    assert "the answer does not contain “please”" in page
    assert "Compared with the first answer" in page
    result = TestResult.objects.filter(run_case=case, passed=True).first()
    for good, comment in (("1", "yes"), ("0", "<b>no</b>")):
        sent = {"result": result.pk, "passed": good, "comment": comment}
        assert admin.post(url("run_rate", run.pk), sent).status_code == 302
    rating = Rating.objects.get()
    assert (rating.passed, rating.comment) == (False, "<b>no</b>")
    assert "&lt;b&gt;no" in admin.get(url("run_case", run.pk, case.pk)).content.decode()
    assert (
        "rated by people; ratings and scores agree on 0%"
        in admin.get(url("run_change", run.pk)).content.decode()
    )
    assert admin.post(url("run_rate", run.pk), {"result": uuid4()}).status_code == 404
    assert admin.post(url("run_rate", run.pk), {"result": "x"}).status_code == 404
    assert admin.get(url("run_rate", run.pk)).status_code == 405


def test_exports(admin):
    run = execute_run(make().pk)
    kinds = ("json", "csv", "html", "junit", "promptfoo")
    found = {kind: admin.get(url("run_export", run.pk, format=kind)) for kind in kinds}
    texts = {kind: found[kind].getvalue().decode() for kind in kinds}
    assert len(json.loads(texts["json"])["results"]) == 8
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert (len(rows), rows[-1]["output"], rows[-1]["passed"]) == (8, "please q3", "True")
    assert "attachment" in found["junit"]["Content-Disposition"]
    assert json.loads(texts["promptfoo"])["results"]["stats"]["failures"] == 4
    assert admin.get(url("run_export", run.pk, format="exe")).status_code == 404


def test_a_formula_in_an_answer_is_no_formula_in_the_table(admin):
    run = execute_run(make(1, texts=("=1+1",)).pk)
    text = admin.get(url("run_export", run.pk, format="csv")).getvalue().decode()
    assert "'=1+1" in text


def test_a_comment_says_the_verdict_and_nothing_breaks_out_of_it():
    given = cases(8)
    odd = replace(given[0][1], name="<img> @team | `x`")
    columns = [PlannedColumn(spec=ProviderSpec(kind="echo"), text=text)
               for text in ("{{x}}", "please {{x}}")]  # fmt: skip
    run = execute_run(create_run(Plan(columns=columns, name="R"), [(None, odd), *given[1:]]).pk)
    text = "".join(write(build_report(run), "markdown"))
    assert "✅ please {{x}} · echo is better than {{x}} · echo: +100.0 points" in text
    assert "| {{x}} · echo | 0/8 (0.0%) |" in text
    assert "**Fixed** (8): &lt;img> &#64;team \\| &#96;x&#96;, case 1" in text


def test_progress_cancel_resume_and_errors(admin):
    run = make(3, max_calls=2)
    found = admin.get(url("run_status", run.pk)).json()
    assert (found["done"], found["planned"], found["active"]) == (0, 6, True)
    assert "ev-live" in admin.get(url("run_change", run.pk)).content.decode()
    execute_run(run.pk)
    found = admin.get(url("run_status", run.pk)).json()
    assert (found["done"], found["status"], found["active"]) == (2, "stopped", False)
    admin.post(url("run_resume", run.pk), {"max_calls": "-3"})
    run.refresh_from_db()
    assert (run.status, run.max_calls) == ("stopped", 2)
    admin.post(url("run_resume", run.pk), {"max_calls": ""})
    wait_until_idle(20)
    run.refresh_from_db()
    assert (run.status, run.max_calls) == ("completed", None)
    other = make(1)
    admin.post(url("run_cancel", other.pk))
    other.refresh_from_db()
    assert other.status == "cancelled"
    assert admin.get(url("run_cancel", other.pk)).status_code == 405
    TestResult.objects.filter(evaluation__run=run, passed=False).update(
        passed=None, score=None, error="gone"
    )
    admin.post(url("run_retry", run.pk))
    wait_until_idle(20)
    assert not TestResult.objects.filter(evaluation__run=run, run_case__isnull=False,
                                         passed__isnull=True).exists()  # fmt: skip


def test_rights(client, suite):
    run = execute_run(make(1).pk)
    case = RunCase.objects.first()
    pages = [
        url("run_change", run.pk), url("run_case", run.pk, case.pk), url("run_status", run.pk),
        url("run_compare", run.pk), url("run_export", run.pk),
    ]  # fmt: skip
    user = User.objects.create_user("v", password="v", is_staff=True)
    client.force_login(user)
    assert {client.get(page).status_code for page in pages} == {403}
    user.user_permissions.set(Permission.objects.filter(codename__in=PERMISSIONS["Viewer"]))
    assert {client.get(page).status_code for page in pages} == {200}
    assert client.get(url("run_add")).status_code == 403
    for name in ("run_cancel", "run_resume", "run_retry", "run_rate"):
        assert client.post(url(name, run.pk)).status_code == 403
    user.user_permissions.add(*Permission.objects.filter(codename__in=PERMISSIONS["Editor"]))
    assert client.get(url("run_add")).status_code == 200
    assert client.get(url("run_change", uuid4())).status_code == 404


def test_assertions_of_a_case_are_checked_with_their_places(admin, suite):
    case = TestCase.objects.first()
    sent = {"suite": suite.pk, "name": "x", "variables": "{}", "weight": 1, "position": 0,
            "metadata": "{}", "tags": "a、b", "threshold": "0.5",
            "assertions": '[{"type": "is-json"}, {"type": "contians"}, 7]'}  # fmt: skip
    page = admin.post(url("testcase_change", case.pk), sent).content.decode()
    assert "Assertion 2: unknown assertion type “contians”; did you mean “contains”?" in page
    assert "Assertion 3: an assertion must be an object" in page
    sent["assertions"] = '[{"type": "contains", "value": "a"}]'
    assert admin.post(url("testcase_change", case.pk), sent).status_code == 302
    case.refresh_from_db()
    assert (case.tags, case.threshold) == (["a", "b"], 0.5)


def test_suites_are_imported_and_exported_by_pages(admin, suite):
    text = b"autoforge: suite/1\nname: N\ncases:\n- name: a\n"
    for fields, kept in (({"dry_run": "on"}, 0), ({}, 1), ({}, 1), ({"replace_cases": "on"}, 1)):
        sent = fields | {"file": SimpleUploadedFile("s.yaml", text)}
        page = admin.post(url("testsuite_import"), sent).content.decode()
        assert TestSuite.objects.filter(name="N").count() == kept
    assert "Imported" in page
    wrong = {"file": SimpleUploadedFile("s.yaml", text + b"- nome: b\n")}
    page = admin.post(url("testsuite_import"), wrong).content.decode()
    assert "s.yaml, line 5, column 3, cases[1].nome: unknown key “nome”" in page
    for kind, word in (("yaml", "autoforge: suite/1"), ("promptfoo", "tests:"), ("csv", "name,")):
        found = admin.get(url("testsuite_export", suite.pk, format=kind))
        assert word in found.content.decode()
    assert admin.get(url("testsuite_export", suite.pk, format="exe")).status_code == 404
    page = admin.get(url("testsuite_change", suite.pk)).content.decode()
    assert "promptfoo configuration" in page
    assert "import-suite" in admin.get(url("testsuite_changelist")).content.decode()


@pytest.mark.parametrize("suffix", [".yaml", ".csv", ".jsonl"])
def test_a_file_with_a_long_name_is_imported(admin, suffix):
    texts = {".yaml": b"autoforge: suite/1\nname: N\ncases:\n- name: a\n",
             ".csv": b"name,q\na,b\n", ".jsonl": b'{"name": "a"}\n'}  # fmt: skip
    sent = {"file": SimpleUploadedFile("質" * 100 + suffix, texts[suffix])}
    page = admin.post(url("testsuite_import"), sent).content.decode()
    assert "Imported" in page
    assert TestSuite.objects.get().name == ("N" if suffix == ".yaml" else "質" * 100)
    wrong = {"file": SimpleUploadedFile("質" * 100 + suffix, b'"')}
    assert f"{'質' * 33}{suffix}" in admin.post(url("testsuite_import"), wrong).content.decode()


ADDRESS = "The address must start with http:// or https:// and include a host, without a user name"
CALLS = "Concurrency must be an integer from 1 to 1024."


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("base_url", "https://u:pw@h/v1?api_key=sk-0123456789", ADDRESS),
        ("base_url", "https://u@h/v1", ADDRESS),
        ("base_url", "https://h/v1?api_key=abc", ADDRESS),
        ("base_url", "https://h/v1?x=sk-0123456789", ADDRESS),
        ("base_url", "https://h/v1#token=abc", ADDRESS),
        ("base_url", "ftp://h/v1", ADDRESS),
        ("base_url", "localhost:11434", ADDRESS),
        ("base_url", "http://[::1", ADDRESS),
        ("base_url", "http://h:99999", ADDRESS),
        ("base_url", "", None),
        ("base_url", "http://127.0.0.1:11434/v1?api-version=2024-10-21", None),
        ("concurrency", "2000000000", CALLS),
        ("concurrency", "1025", CALLS),
        ("concurrency", "0", CALLS),
        ("concurrency", "1024", None),
    ],
)
def test_addresses_and_calls_of_a_profile(admin, field, value, sentence):
    sent = {"name": "m", "provider": "openai", "model": "g", "concurrency": 1,
            "timeout_seconds": 5, "parameters": "{}"} | {field: value}  # fmt: skip
    found = admin.post(url("modelprofile_add"), sent)
    if sentence is None:
        assert (found.status_code, ModelProfile.objects.count()) == (302, 1)
        return
    assert found.content.decode().count(sentence) == 1
    assert not ModelProfile.objects.exists()


def test_a_profile_keeps_no_key(admin):
    sent = {"name": "m", "provider": "openai", "model": "g", "concurrency": 1,
            "timeout_seconds": 5, "parameters": '{"api_key": "sk-secret"}'}  # fmt: skip
    page = admin.post(url("modelprofile_add"), sent).content.decode()
    assert "Set keys in the environment" in page
    assert not ModelProfile.objects.exists()
    sent["parameters"] = '{"max_tokens": 10, "temperature": 0}'
    assert admin.post(url("modelprofile_add"), sent).status_code == 302


@contextmanager
def at_most(limit):
    connection.ensure_connection()
    before = getattr(connection.connection, "round_trips", None)
    with CaptureQueriesContext(connection) as queries:
        yield
    asked = [one for one in queries if not one["sql"].startswith(("BEGIN", "PRAGMA"))]
    assert len(asked) <= limit, [query["sql"][:200] for query in queries]
    if before is not None:
        assert connection.connection.round_trips - before <= limit


def test_the_page_of_10_000_results_takes_6_round_trips(admin):
    run = make(1)
    columns = list(run.evaluations.all())
    RunCase.objects.filter(run=run).delete()
    insert_rows(
        "evaluation_run_cases",
        ("run_id", "position", "key", "name", "weight", "document"),
        [(run.pk.hex, n, f"{n:064}", f"case {n}", 1, "{}") for n in range(5000)],
    )
    keys = list(RunCase.objects.filter(run=run).values_list("pk", flat=True))
    names = ("id", "evaluation_id", "run_case_id", "repeat", "request_hash", "messages", "output",
             "components", "details", "score", "passed", "finish_reason", "cached", "attempts",
             "grading_calls", "error")  # fmt: skip
    for column in columns:
        insert_rows(
            "test_results",
            names,
            [
                (uuid4().hex, column.pk.hex, key, 0, "", "[]", "an answer " * 20, "[]", "{}",
                 1, 1, "", 0, 1, 0, "")
                for key in keys
            ],
        )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(status="completed", planned=10_000)
    admin.get(url("run_change", run.pk))  # warms what a process asks for once
    started = time.perf_counter()
    with at_most(6):
        page = admin.get(url("run_change", run.pk))
    print(f"10,000 results: {1000 * (time.perf_counter() - started):.0f} ms")  # noqa: T201 (a figure, no test)
    assert page.content.count(b'class="ev-pass"') == 100
