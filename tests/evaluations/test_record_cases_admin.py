"""The action "Make test cases", from the list and from the page of a record."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from evaluations.models import CallRecord, TestCase, TestSuite
from evaluations.services.suites import create_suite
from tests.support.records import keep, log_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:evaluations_callrecord_changelist")
FORM = {"suite": "", "suite_name": "", "variable": "input"}


@pytest.fixture
def editor(client):
    return log_in(client, "Editor")


def button(row: CallRecord) -> str:
    return reverse("admin:evaluations_callrecord_make_cases", args=[row.pk])


def choose(client, *rows: CallRecord):
    keys = [row.pk for row in rows]
    return client.post(LIST, {"action": "make_cases", "_selected_action": keys})


def send(client, question, **fields):
    """Send the form of a question."""
    html = question.content.decode()
    address = re.search(r'<form method="post"\s+action="([^"]+)" class="wk-page', html)[1]
    return client.post(address, FORM | {"confirmed": "yes"} | fields, follow=True)


def test_selected_records_become_cases_of_a_suite(editor):
    suite = create_suite(name="<Support>")
    rows = [keep(), keep(messages=[]), keep()]
    question = choose(editor, *rows)
    html = question.content.decode()
    assert "3 rows are selected" in html
    assert 'value="input"' in html
    page = send(editor, question, suite=suite.pk, expect_answer="on").content.decode()
    address = reverse("admin:evaluations_testsuite_change", args=[suite.pk])
    assert f'2 test cases made: <a class="wk-link" href="{address}">&lt;Support&gt;</a>' in page
    assert "1 record does not say what was asked." in page
    cases = TestCase.objects.order_by("position")
    assert [case.metadata["record"] for case in cases] == [rows[0].pk, rows[2].pk]
    assert {case.expected for case in cases} == {"On its way."}
    page = send(editor, choose(editor, *rows), suite=suite.pk).content.decode()
    assert "0 test cases made:" in page
    assert "2 records have test cases in this suite already." in page


def test_all_records_of_a_filtered_list_become_cases(editor):
    keep(model="other")
    for _row in range(60):
        keep()
    chosen = {"action": "make_cases", "select_across": "1", "_selected_action": ["1"]}
    question = editor.post(f"{LIST}?model=gpt-5-mini", chosen)
    send(editor, question, suite_name="All", variable="q")
    assert TestSuite.objects.get().cases.count() == 60


def test_the_button_of_a_record_asks_the_same(editor):
    row = keep()
    page = reverse("admin:evaluations_callrecord_change", args=[row.pk])
    assert button(row) in editor.get(page).content.decode()
    question = editor.post(button(row))
    html = question.content.decode()
    assert "1 row is selected" in html
    assert f'href="{page}"' in html  # back
    send(editor, question, suite_name="From records")
    case = TestCase.objects.get()
    assert (case.suite.name, case.metadata["record"]) == ("From records", row.pk)
    assert case.expected == ""


WRONG = [
    ({}, "choose a test suite, or name a new one"),
    ({"suite_name": "Taken"}, "a test suite with the name “Taken” already exists"),
    ({"suite_name": "New", "variable": "1 2"}, "must be a name of letters, digits and underscores"),
    ({"suite_name": "New", "variable": ""}, "This field is required."),
    ({"suite": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice."),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG)
def test_what_is_wrong_stands_at_the_form(editor, fields, sentence):
    create_suite(name="Taken")
    page = send(editor, choose(editor, keep()), **fields).content.decode()
    assert sentence in page
    assert "wk-page wk-narrow" in page
    assert not TestCase.objects.exists()


def test_what_is_wrong_with_a_record_stands_above_the_form(editor):
    row = keep(messages=[{"role": "user", "content": "file://x.txt"}])
    page = send(editor, choose(editor, row), suite_name="New").content.decode()
    assert '<p class="wk-error"' in page
    assert "refers to a file" in page
    assert not TestSuite.objects.exists()


def test_a_suite_that_goes_meanwhile_is_told(editor, monkeypatch):
    from core.errors import NotFoundError
    from evaluations.admin import record_cases

    refusal = NotFoundError("row.missing", kind="test suite", key="x")

    def gone(**_fields):
        raise refusal

    question = choose(editor, keep())
    monkeypatch.setattr(record_cases, "make_cases", gone)
    page = send(editor, question, suite=create_suite(name="s").pk).content.decode()
    assert str(refusal) in page
    assert not TestCase.objects.exists()


def test_too_many_records_are_refused_with_a_sentence(editor):
    rows = [CallRecord(source="trace", asked_at=keep().asked_at, answered_at=keep().asked_at)
            for _row in range(501)]  # fmt: skip
    CallRecord.objects.bulk_create(rows)
    chosen = {"action": "make_cases", "select_across": "1", "_selected_action": ["1"]}
    page = send(editor, editor.post(LIST, chosen), suite_name="New").content.decode()
    assert "501 records are chosen; choose 500 at most at a time" in page


def test_who_may_make_cases(client):
    row = keep()
    user = User.objects.create_user("reader", password="a-good-password", is_staff=True)
    client.force_login(user)
    assert client.post(button(row)).status_code == 403
    grants = Permission.objects.filter(content_type__app_label="evaluations")
    user.user_permissions.set(grants.filter(codename="view_callrecord"))
    page = reverse("admin:evaluations_callrecord_change", args=[row.pk])
    assert button(row) not in client.get(page).content.decode()
    assert client.post(button(row)).status_code == 403
    assert "make_cases" not in client.get(LIST).content.decode()
    user.user_permissions.add(grants.get(codename="add_testcase"))
    assert client.get(button(row)).status_code == 405
    question = client.post(button(row))
    answer = send(client, question, suite_name="New").content.decode()
    assert "You do not have permission to create a test suite." in answer
    assert send(client, question, suite=create_suite(name="s").pk).status_code == 200
    assert TestCase.objects.count() == 1
    row.pk = 10**9
    assert client.post(button(row)).status_code == 404
