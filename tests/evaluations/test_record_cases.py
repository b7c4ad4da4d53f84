"""Test cases from records: variables, names, expected answers, and each record once in a suite."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import CallRecord, TestCase, TestSuite
from evaluations.recorded import MOST_OF_TEXTS, NewRecord
from evaluations.services import record_cases
from evaluations.services.record_cases import make_cases
from evaluations.services.records import keep_records
from evaluations.services.suites import add_cases, create_case, create_suite, load_suite
from prompts import services as prompt_services

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def keep(*messages: tuple[str, str], **fields: Any) -> int:
    entries = [{"role": role, "content": text} for role, text in messages]
    values: dict[str, Any] = {
        "source": "trace",
        "model": "gpt-5-mini",
        "asked_at": NOON,
        "answered_at": NOON,
        "messages": entries,
        "output": "On its way.",
    }
    keep_records(records=[NewRecord(**(values | fields))], caller="shop")
    return CallRecord.objects.latest("pk").pk


ASKED = ("user", "Where is my parcel?\nNumber 5.")


@pytest.fixture
def suite():
    return create_suite(name="Support")


def test_the_last_message_of_the_user_is_the_input(suite):
    create_case(suite_id=suite.pk, name="by hand", position=4)
    key = keep(
        ("system", "Be short."), ("user", "Hi"), ("assistant", "Hello"), ASKED, trace_id="a" * 32
    )
    made = make_cases(record_ids=[key], suite_id=suite.pk)
    assert (made.suite, made.made, made.repeated, made.empty) == (suite, 1, 0, 0)
    case = TestCase.objects.get(suite=suite, position=5)
    assert case.name == f"Where is my parcel? Number 5. · #{key}"
    assert case.variables == {"input": "Where is my parcel?\nNumber 5."}
    assert (case.expected, case.tags, case.assertions) == ("", ["from-record"], [])
    assert case.metadata == {
        "record": key,
        "model": "gpt-5-mini",
        "asked_at": "2026-11-30T12:00:00+00:00",
        "trace_id": "a" * 32,
    }
    case.full_clean()
    assert len(load_suite(suite.pk).cases) == 2


def test_a_new_suite_another_variable_and_the_answer():
    key = keep(ASKED)
    made = make_cases(
        record_ids=[key], suite_name="From production", variable="question", expect_answer=True
    )
    case = made.suite.cases.get()
    assert (made.suite.name, case.position) == ("From production", 0)
    assert case.variables == {"question": "Where is my parcel?\nNumber 5."}
    assert case.expected == "On its way."


def test_the_records_own_variables_come_first(suite):
    key = keep(ASKED, variables={"customer": "Aiko", "items": [1]})
    make_cases(record_ids=[key], suite_id=suite.pk)
    assert TestCase.objects.get().variables == {"customer": "Aiko", "items": [1]}


def make_prompt(entries: list[dict[str, Any]], *variables: str) -> None:
    prompt_services.create_prompt(
        title="Reply",
        content=json.dumps(entries),
        kind="chat",
        syntax="mustache",
        variables=[{"name": name} for name in variables],
    )


QUESTION = {"role": "user", "content": "Question: {{ q }}"}
HISTORY = {"type": "placeholder", "name": "history"}
OF_REPLY = {"prompt_name": "reply", "prompt_number": 1}


def test_values_are_read_out_of_the_messages(suite):
    make_prompt([HISTORY, QUESTION], "q")
    key = keep(("user", "Hi"), ("assistant", "Hello"), ("user", "Question: why?"), **OF_REPLY)
    make_cases(record_ids=[key], suite_id=suite.pk)
    assert TestCase.objects.get().variables == {
        "q": "why?",
        "history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
    }


def test_where_they_cannot_be_read_the_placeholder_gets_what_was_said_before(suite):
    make_prompt([HISTORY, QUESTION], "q")
    messages = [("system", "x"), ("user", "Hi"), ("assistant", "Hello"), ("user", "why?")]
    keys = [keep(*messages, **OF_REPLY), keep(("user", "why?"), **OF_REPLY)]
    make_cases(record_ids=keys, suite_id=suite.pk, variable="q")
    first, second = TestCase.objects.order_by("position")
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert first.variables == {"q": "why?", "history": history}
    assert second.variables == {"q": "why?", "history": []}


def test_a_record_that_was_cut_is_not_read(suite):
    make_prompt([QUESTION], "q")
    key = keep(("user", "Question: " + "x" * MOST_OF_TEXTS), **OF_REPLY)
    make_cases(record_ids=[key], suite_id=suite.pk)
    assert list(TestCase.objects.get().variables) == ["input"]


def test_a_version_in_the_trash_says_nothing(suite):
    make_prompt([QUESTION], "q")
    keys = [keep(("user", "Question: why?"), **OF_REPLY) for _row in range(2)]
    prompt_services.delete_prompt(prompt_id=CallRecord.objects.first().version.prompt_id)
    make_cases(record_ids=keys, suite_id=suite.pk)
    assert [case.variables for case in TestCase.objects.all()] == [
        {"input": "Question: why?"},
        {"input": "Question: why?"},
    ]


def test_a_record_is_once_in_a_suite(suite):
    keys = [keep(ASKED), keep(ASKED)]
    make_cases(record_ids=keys[:1], suite_id=suite.pk)
    made = make_cases(record_ids=[*keys, keys[1], 10**9], suite_id=suite.pk)
    assert (made.made, made.repeated) == (1, 1)
    made = make_cases(record_ids=keys, suite_id=suite.pk)
    assert (made.made, made.repeated) == (0, 2)
    assert make_cases(record_ids=keys, suite_name="Other").made == 2


def test_a_record_that_says_nothing_is_passed_over(suite):
    keys = [
        keep(),
        keep(("system", "Be short.")),
        keep(("user", " \n")),
        keep(ASKED),
        keep(variables={"q": "1"}, name="step"),
        keep(variables={"q": "1"}, model=""),
    ]
    made = make_cases(record_ids=keys, suite_id=suite.pk)
    assert (made.made, made.empty) == (3, 3)
    names = list(TestCase.objects.order_by("position").values_list("name", flat=True))
    assert names[1:] == [f"step · #{keys[4]}", f"#{keys[5]}"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\n a \n\t b ", "a b"),
        ("x" * 10**5, "x" * 79 + "…"),
    ],
)
def test_names(suite, text, name):
    key = keep(("user", text))
    make_cases(record_ids=[key], suite_id=suite.pk)
    assert TestCase.objects.get().name == f"{name} · #{key}"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"record_ids": []}, "records: choose at least one record"),
    (
        {"record_ids": range(501)},
        "records: 501 records are chosen; choose 500 at most at a time",
    ),
    ({"suite_id": None}, "suite: choose a test suite, or name a new one"),
    ({"suite_name": "x"}, "suite: choose a test suite, or name a new one"),
    ({"suite_id": None, "suite_name": " "}, "suite: choose a test suite, or name a new one"),
    (
        {"variable": "1st"},
        "variable: must be a name of letters, digits and underscores that does not begin with a "
        "digit",
    ),
    (
        {"suite_id": None, "suite_name": "Support"},
        "name: a test suite with the name “Support” already exists",
    ),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG)
def test_what_is_refused(suite, fields, sentence):
    values = {"record_ids": [keep(ASKED)], "suite_id": suite.pk} | fields
    with pytest.raises(InvalidInputError) as refusal:
        make_cases(**values)
    assert str(refusal.value) == sentence
    assert TestSuite.objects.count() == 1


def test_a_suite_that_is_not_there(suite):
    with pytest.raises(NotFoundError):
        make_cases(record_ids=[keep(ASKED)], suite_id=uuid4())


def test_a_new_suite_without_cases_is_not_made():
    with pytest.raises(InvalidInputError) as refusal:
        make_cases(record_ids=[keep()], suite_name="New")
    assert "none of the records says what was asked" in str(refusal.value)
    assert not TestSuite.objects.exists()


def test_one_that_does_not_fit_leaves_all_of_them_out(suite):
    keys = [keep(ASKED), keep(("user", "file://secrets.txt"))]
    with pytest.raises(InvalidInputError) as refusal:
        make_cases(record_ids=keys, suite_id=suite.pk)
    assert "“file://secrets.txt” refers to a file" in str(refusal.value)
    assert f"#{keys[1]}" in str(refusal.value)
    assert not TestCase.objects.exists()


def test_a_name_that_is_taken_is_refused(suite):
    key = keep(ASKED)
    name = f"Where is my parcel? Number 5. · #{key}"
    create_case(suite_id=suite.pk, name=name)
    with pytest.raises(InvalidInputError, match="this suite already has a case"):
        make_cases(record_ids=[key], suite_id=suite.pk)
    case = load_suite(suite.pk).cases[0]
    with pytest.raises(InvalidInputError, match="this suite already has a case"):
        add_cases(suite=create_suite(name="Other"), cases=[case, case])


def test_many_records_take_few_queries(suite):
    make_prompt([QUESTION], "q")
    keys = [keep(("user", f"Question: {n}"), **OF_REPLY) for n in range(12)]

    def count(some: list[int]) -> int:
        with CaptureQueriesContext(connection) as context:
            assert make_cases(record_ids=some, suite_id=suite.pk).made == len(some)
        return len(context)

    assert count(keys[:2]) == count(keys[2:]) <= 11
    assert record_cases.MOST_RECORDS == 500
