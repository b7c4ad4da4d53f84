"""Records of calls: what is kept of one, once, and for how long."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from evaluations.models import CallRecord
from evaluations.recorded import (
    DEEPEST,
    MOST_OF_DETAILS,
    MOST_OF_ERROR,
    MOST_OF_OUTPUT,
    MOST_OF_TEXTS,
    NewRecord,
    keep,
)
from evaluations.services import records as services
from prompts import services as prompt_services

pytestmark = pytest.mark.django_db
ASKED = datetime(2026, 11, 30, 9, 0, 0, 250_000, tzinfo=UTC)


def new_record(**fields: Any) -> NewRecord:
    values: dict[str, Any] = {
        "source": "trace",
        "model": "gpt-5-mini",
        "asked_at": ASKED,
        "answered_at": ASKED + timedelta(seconds=1.5),
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
        "output": "On its way.",
    }
    return NewRecord(**(values | fields))


def keep_one(**fields: Any) -> CallRecord:
    assert services.keep_records(records=[new_record(**fields)], caller="front end") == 1
    return CallRecord.objects.latest("pk")


def queries(call) -> list[str]:
    with CaptureQueriesContext(connection) as context:
        call()
    return [query["sql"] for query in context]


@pytest.fixture(autouse=True)
def _cleaned_just_now():
    services._next_cleaning[:] = [float("inf")]
    yield
    services._next_cleaning.clear()


def test_everything_that_is_told_is_kept():
    row = keep_one(
        source="gateway",
        trace_id="A" * 32,
        span_id="b" * 16,
        name="answer",
        provider="openai",
        parameters={"temperature": 0.2, "stop": ["\n"]},
        variables={"question": "Where is my parcel?", "items": [1, None, True]},
        input_tokens=9,
        output_tokens=4,
        cost_usd=Decimal("0.0000123"),
        error="the stream ended",
        prompt_name="support/reply",
        prompt_number=3,
        metadata={"session": "s1"},
    )
    row.refresh_from_db()
    assert (row.source, row.trace_id, row.span_id) == ("gateway", "a" * 32, "b" * 16)
    assert (row.name, row.provider, row.model) == ("answer", "openai", "gpt-5-mini")
    assert (row.asked_at, row.latency) == (ASKED, timedelta(seconds=1.5))
    assert row.parameters == {"temperature": 0.2, "stop": ["\n"]}
    assert row.messages == [{"role": "user", "content": "Where is my parcel?"}]
    assert row.variables == {"question": "Where is my parcel?", "items": [1, None, True]}
    assert (row.output, row.error) == ("On its way.", "the stream ended")
    assert (row.input_tokens, row.output_tokens) == (9, 4)
    assert row.cost_usd == Decimal("0.0000123")
    assert (row.prompt_name, row.prompt_number, row.version) == ("support/reply", 3, None)
    assert (row.caller, row.metadata, row.is_cut) == ("front end", {"session": "s1"}, False)
    assert timezone.now() - row.received_at < timedelta(minutes=1)
    assert str(row) == "gpt-5-mini 2026-11-30 09:00:00"
    row.full_clean()


def test_a_span_that_comes_again_is_kept_once():
    first = new_record(trace_id="a" * 32, span_id="1" * 16)
    second = new_record(trace_id="a" * 32, span_id="2" * 16)
    without = new_record(trace_id="a" * 32)
    assert services.keep_records(records=[first, second, first, without], caller="") == 3
    assert services.keep_records(records=[second, first, without], caller="") == 1
    assert CallRecord.objects.count() == 4
    assert services.keep_records(records=[], caller="") == 0


def test_ids_that_are_none_are_left_out():
    row = keep_one(trace_id="xyz", span_id="12")
    assert (row.trace_id, row.span_id) == ("", "")


@pytest.fixture
def prompt():
    prompt = prompt_services.create_prompt(title="Reply", content="Answer: {{ q }}")
    prompt_services.edit_prompt(prompt_id=prompt.pk, content="Answer well: {{ q }}")
    return prompt


def test_the_version_is_found_by_name_and_number(prompt):
    told = [
        *(("reply", 1), ("reply", 2), ("reply", 7), ("other", 1), ("reply", None), ("", 1)),
        ("reply", -1),
    ]
    records = [new_record(prompt_name=name, prompt_number=number) for name, number in told]
    services.keep_records(records=records, caller="")
    rows = CallRecord.objects.order_by("pk")
    numbers = [None if row.version is None else row.version.number for row in rows]
    assert numbers == [1, 2, None, None, None, None, None]
    assert [row.prompt_number for row in rows] == [1, 2, 7, 1, None, 1, None]


def test_a_known_version_is_not_looked_for(prompt):
    version = prompt.versions.get(number=1)
    record = new_record(prompt_name="reply", prompt_number=1, version_id=version.pk)
    assert len(queries(lambda: services.keep_records(records=[record], caller=""))) == 1
    assert CallRecord.objects.get().version == version


@pytest.mark.django_db(transaction=True)
def test_a_version_that_was_deleted_meanwhile_is_left_out(prompt):
    version = prompt.versions.get(number=1)
    prompt.hard_delete()
    record = new_record(prompt_name="reply", prompt_number=1, version_id=version.pk)
    assert services.keep_records(records=[record], caller="") == 1
    assert services.keep_records(records=[record, record], caller="") == 2
    for row in CallRecord.objects.all():
        assert (row.version_id, row.prompt_name, row.prompt_number) == (None, "reply", 1)


def test_what_is_deleted_leaves_the_record(prompt):
    row = keep_one(prompt_name="reply", prompt_number=1)
    assert row.version is not None
    prompt.hard_delete()
    row.refresh_from_db()
    assert (row.version, row.prompt_name) == (None, "reply")


def test_a_source_that_nobody_knows_is_refused():
    with pytest.raises(IntegrityError):
        services.keep_records(records=[new_record(source="rumour")], caller="")


def test_500_records_take_a_constant_number_of_round_trips(prompt):
    def make(count: int) -> list[NewRecord]:
        return [
            new_record(trace_id=f"{count:032x}", span_id=f"{n:016x}", prompt_name="reply",
                       prompt_number=1 + n % 2)
            for n in range(count)
        ]  # fmt: skip

    few, many = make(2), make(500)
    count = len(queries(lambda: services.keep_records(records=few, caller="")))
    assert len(queries(lambda: services.keep_records(records=many, caller=""))) == count <= 4
    assert CallRecord.objects.exclude(version=None).count() == 502


NAN = float("nan")
KEPT: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # What no database stores
    ({"output": "a\0b\ud800c"}, {"output": "a\ufffdb\ufffdc"}, False),
    ({"output": "\ud83d\ude00 é"}, {"output": "😀 é"}, False),
    ({"model": "m\0", "error": "\udfff"}, {"model": "m\ufffd", "error": "\ufffd"}, False),
    ({"parameters": {"a\0": NAN}}, {"parameters": {"a\ufffd": None}}, False),
    ({"parameters": {"n": 2**63, 5: -(2**62)}}, {"parameters": {"n": hex(2**63), "5": -(2**62)}},
     False),
    ({"metadata": {"when": ASKED, "f": 0.5, "t": (1, "x")}},
     {"metadata": {"when": str(ASKED), "f": 0.5, "t": [1, "x"]}}, False),
    # Keys
    ({"parameters": {"api_key": "x1", "max_tokens": 5, "top": ["sk-1234567890"]}},
     {"parameters": {"api_key": "****", "max_tokens": 5, "top": ["****"]}}, False),
    ({"metadata": {"token": 5, "is_key": True, "key": " "}},
     {"metadata": {"token": "****", "is_key": True, "key": " "}}, False),
    ({"error": "wrong key 'sk-1234567890': Bearer abcdefgh is none"},
     {"error": "wrong key '****': Bearer **** is none"}, False),
    # Messages
    ({"messages": [{"role": "tool", "content": None, "tool_call_id": "c", "other": 1}]},
     {"messages": [{"role": "tool", "content": "", "tool_call_id": "c"}]}, False),
    ({"messages": [{"content": [{"type": "text", "text": "é"}], "tool_calls": []}]},
     {"messages": [{"role": "", "content": '[{"type":"text","text":"é"}]'}]}, False),
    # Numbers out of range
    ({"input_tokens": -1, "output_tokens": 2**40, "cost_usd": Decimal("NaN")},
     {"input_tokens": None, "output_tokens": None, "cost_usd": None}, False),
    ({"cost_usd": Decimal(-1)}, {"cost_usd": None}, False),
    ({"cost_usd": Decimal(10) ** 9}, {"cost_usd": None}, False),
    # The column would round it up to nine digits, and then nobody could read the row.
    ({"cost_usd": Decimal("99999999.99999999")}, {"cost_usd": None}, False),
    ({"cost_usd": Decimal("99999998.999")}, {"cost_usd": Decimal("99999998.999")}, False),
    ({"cost_usd": Decimal("1e-300")}, {"cost_usd": Decimal(0)}, False),
    ({"asked_at": datetime(2026, 1, 2)}, {"asked_at": datetime(2026, 1, 2, tzinfo=UTC)}, False),
    # What is too long
    ({"model": "m" * 256}, {"model": "m" * 255}, True),
    ({"provider": "p" * 101}, {"provider": "p" * 100}, True),
    ({"error": "e" * (MOST_OF_ERROR + 1)}, {"error": "e" * MOST_OF_ERROR}, True),
    ({"output": "o" * (MOST_OF_OUTPUT + 1)}, {"output": "o" * MOST_OF_OUTPUT}, True),
    ({"parameters": {"a": "x" * MOST_OF_DETAILS}}, {"parameters": {}}, True),
    ({"metadata": {"a": "x" * MOST_OF_DETAILS}}, {"metadata": {}}, True),
]  # fmt: skip


@pytest.mark.parametrize(("told", "kept", "is_cut"), KEPT)
def test_what_is_kept(told, kept, is_cut):
    row = keep_one(**told)
    row.refresh_from_db()
    assert {name: getattr(row, name) for name in kept} == kept
    assert row.is_cut is is_cut


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _level in range(levels):
        value = {"a": value}
    return value


def test_what_is_too_deep_is_left_out():
    row = keep_one(variables=nested(DEEPEST), messages=[{"role": "user", "content": nested(9)}])
    assert (row.variables, row.is_cut) == (nested(DEEPEST), False)
    content = nested(100_000)
    row = keep_one(variables=nested(DEEPEST + 1), messages=[{"role": "user", "content": content}])
    assert (row.variables, row.is_cut) == ({}, True)
    assert row.messages == [{"role": "user", "content": ""}]


def test_the_last_messages_are_kept():
    half = MOST_OF_TEXTS // 2
    messages = [{"role": "user", "content": letter * half} for letter in "abcd"]
    row = keep_one(messages=messages, output="")
    assert [message["content"][:1] for message in row.messages] == ["c", "d"]
    assert len(row.messages[0]["content"]) < half == len(row.messages[1]["content"])
    assert row.is_cut
    extras = {"role": "assistant", "content": "", "tool_calls": [{"id": "x" * MOST_OF_TEXTS}]}
    row = keep_one(messages=[extras])
    assert (row.messages, row.is_cut) == ([{"role": "assistant", "content": ""}], True)


@pytest.mark.parametrize("letter", ["é", "😀", "\x01", '"', "\\"])
def test_the_largest_row_fits(letter):
    text = letter * MOST_OF_TEXTS
    row = keep_one(
        messages=[{"role": "user", "content": text}],
        output=text,
        variables={"a": text[: MOST_OF_TEXTS // 8]},
        parameters={"a": text[: MOST_OF_DETAILS // 8]},
        metadata={"a": text[: MOST_OF_DETAILS // 8]},
        error=text,
    )
    assert row.is_cut
    assert (row.output, row.messages[0]["content"][:9]) == (text[:MOST_OF_OUTPUT], text[:9])
    kept = keep(new_record(messages=[{"role": "user", "content": text}], output=text)).record
    assert len(json.dumps([kept.messages, kept.output]).encode()) < 4_000_000


def age(days: float, **fields: Any) -> int:
    row = keep_one(**fields)
    CallRecord.objects.filter(pk=row.pk).update(received_at=timezone.now() - timedelta(days=days))
    return row.pk


def test_each_source_is_kept_for_its_own_time(settings):
    settings.GATEWAY_RECORDS_DAYS, settings.TRACES_KEPT_DAYS = 3, 30
    age(3.1, source="gateway")
    age(30.1, source="trace")
    young = {age(2.9, source="gateway"), age(29.9, source="trace")}
    assert services.delete_old_records(now=timezone.now()) == 2
    assert set(CallRecord.objects.values_list("pk", flat=True)) == young
    assert services.delete_old_records() == 0
    settings.GATEWAY_RECORDS_DAYS = 0
    services.delete_old_records()
    assert CallRecord.objects.get().source == "trace"


def test_old_records_go_in_batches(settings, monkeypatch):
    settings.GATEWAY_RECORDS_DAYS, settings.TRACES_KEPT_DAYS = 1, 1
    monkeypatch.setattr(services, "ROWS_A_STATEMENT", 2)
    for _row in range(7):
        age(2)
    assert services.delete_old_records(limit=3) == 3
    assert services.delete_old_records() == 4


def test_where_no_worker_cleans_writing_does_once_an_hour(settings, monkeypatch):
    settings.TRACES_KEPT_DAYS = 1
    monkeypatch.setattr(services, "ROWS_A_STATEMENT", 2)
    for _row in range(3):
        age(2)
    settings.QUEUE = "redis"
    services._next_cleaning.clear()
    keep_one()
    assert CallRecord.objects.count() == 4
    settings.QUEUE = "in-process"
    keep_one()
    assert CallRecord.objects.count() == 3  # two went, and there may be more: soon again
    keep_one()
    assert CallRecord.objects.count() == 4
    services._next_cleaning[0] -= services.BUSY_SECONDS
    keep_one()
    assert CallRecord.objects.count() == 4
    age(2)
    services._next_cleaning[0] -= services.BUSY_SECONDS
    keep_one()
    assert CallRecord.objects.count() == 6  # nothing was left: an hour has to pass
    with services._cleaning:  # another thread cleans
        services._next_cleaning.clear()
        keep_one()
    assert CallRecord.objects.count() == 7


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_deleted_now_disturbs_no_new_record(settings, caplog):
    settings.TRACES_KEPT_DAYS = 1
    age(2)

    def fail(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            raise OperationalError("disk I/O error")
        return execute(sql, params, many, context)

    services._next_cleaning.clear()
    with connection.execute_wrapper(fail):
        keep_one()
    assert CallRecord.objects.count() == 2
    assert [record.message for record in caplog.records] == ["Old records could not be deleted"]


def test_records_are_deleted_by_their_keys(monkeypatch):
    monkeypatch.setattr(services, "ROWS_A_STATEMENT", 2)
    keys = [keep_one().pk for _row in range(5)]
    assert services.delete_records([*keys[:3], 10**9]) == 3
    assert CallRecord.objects.count() == 2
