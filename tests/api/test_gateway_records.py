"""Calls of the gateway that are kept as records: all of them, or none."""

import logging
import sqlite3
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DataError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from evaluations.api.openai import calls, recording
from evaluations.models import CallRecord
from evaluations.services import profiles
from tests.api.gateway import ASK, KEY
from tests.support.fake_models import Step

pytestmark = pytest.mark.django_db
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(autouse=True)
def _records_are_kept(settings):
    settings.GATEWAY_RECORDS_DAYS = 30
    settings.QUEUE = "redis"  # a worker cleans


def ask(openai, **more):
    answer = openai.send(ASK | more)
    if answer.streaming:
        b"".join(answer.streaming_content)
    return answer


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_call_is_kept(openai, models, prompt, is_stream):
    openai.client.defaults["HTTP_TRACEPARENT"] = f"00-{TRACE}-b7ad6b7169203331-01"
    messages = [{"role": "user", "content": "And me?"}]
    assert ask(openai, messages=messages, stream=is_stream, top_p=0.5).status_code == 200
    row = CallRecord.objects.get()
    assert (row.source, row.provider, row.model) == ("gateway", "openai", "gpt-4.1-mini")
    assert (row.trace_id, row.span_id, row.caller) == (TRACE, "", openai.key.name)
    assert row.parameters == {"temperature": 0.2, "top_p": 0.5}
    assert row.messages == [{"role": "user", "content": "Greet Aiko."}, *messages]
    assert row.variables == {"customer": "Aiko"}
    assert (row.output, row.error, row.is_cut) == ("Hello Aiko!", "", False)
    assert (row.input_tokens, row.output_tokens) == (10, 5)
    assert row.cost_usd == Decimal("0.000012")
    assert (row.prompt_name, row.prompt_number) == ("support/reply", 1)
    assert row.version == prompt.versions.get()
    assert row.metadata == {"finish_reason": "stop"}
    assert timedelta(0) < row.latency < timedelta(seconds=30)


def test_a_call_without_a_prompt_is_kept(openai, models):
    profiles.create_profile(name="free", provider="echo")
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]
    openai.client.defaults["HTTP_TRACEPARENT"] = "anything"
    answer = openai.chat(model="profile:free", messages=messages)
    assert answer.status_code == 200
    row = CallRecord.objects.get()
    assert (row.provider, row.prompt_name, row.prompt_number, row.version) == (
        "echo",
        "",
        None,
        None,
    )
    assert (row.trace_id, row.variables) == ("", {})
    assert row.messages[0] == {"role": "user", "content": "Hi"}
    assert row.messages[1]["tool_calls"][0]["id"] == "c1"
    assert row.messages[2] == {"role": "tool", "content": "42", "tool_call_id": "c1"}


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_call_that_fails_is_kept_with_its_error(openai, models, prompt, is_stream):
    models.script = [Step(status=400, body={"error": {"message": f"bad key {KEY}"}})]
    assert ask(openai, stream=is_stream).status_code == 400
    row = CallRecord.objects.get()
    assert "bad key" in row.error
    assert KEY not in row.error
    assert (row.output, row.input_tokens, row.cost_usd, row.metadata) == ("", None, None, {})
    assert row.messages[0]["content"] == "Greet Aiko."


def test_what_a_service_breaks_off_is_kept_with_what_came(openai, models, prompt):
    choice = {"message": {"content": "Hello"}, "finish_reason": "error"}
    models.script = [Step(body={"choices": [choice]})]
    assert ask(openai).status_code == 502
    row = CallRecord.objects.get()
    assert row.output == "Hello"
    assert row.error
    models.script = [Step(events=[{"choices": [{"delta": {"content": "Hel"}}]}])]
    ask(openai, stream=True)
    row = CallRecord.objects.latest("pk")
    assert (row.output, row.error) == ("Hel", calls.NOT_READ)


def test_a_stream_whose_client_goes_is_kept_with_what_came(openai, models, prompt):
    models.script = [Step(events=[{"choices": [{"delta": {"content": "Hel"}}]}] * 1000,
                          pause_seconds=0.01)]  # fmt: skip
    answer = openai.send(ASK | {"stream": True})
    for close in answer._resource_closers:  # as `close`, without ending the test's connection
        close()
    assert models.gone.wait(10)
    row = CallRecord.objects.get()
    assert (row.output, row.error) == ("", calls.NOT_READ)


def count_queries(call) -> int:
    with CaptureQueriesContext(connection) as context:
        call()
    return len(context)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_record_is_one_write_and_off_it_is_nothing(
    openai, models, prompt, settings, monkeypatch, is_stream
):
    ask(openai)  # what is cached is there from now on
    count = count_queries(lambda: ask(openai, stream=is_stream))
    settings.GATEWAY_RECORDS_DAYS = 0
    monkeypatch.setattr(recording, "_build_record", None)  # nothing is built
    assert count_queries(lambda: ask(openai, stream=is_stream)) == count - 1
    assert CallRecord.objects.count() == 2


def make_outage() -> OperationalError:
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
    outage = OperationalError("database is locked")
    outage.__cause__ = cause
    return outage


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (make_outage(), "A call of the gateway could not be kept: "),
        (DataError("too big"), "A call of the gateway could not be kept"),
        (RuntimeError("a fault of ours"), "A call of the gateway could not be kept"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_database_that_is_away_spoils_no_answer(
    openai, models, prompt, caplog, error, sentence, is_stream
):
    def fail(execute, sql, params, many, context):
        if "call_records" in sql or sql.startswith('UPDATE "key_spending"'):
            raise error if "call_records" in sql else make_outage()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), caplog.at_level(logging.ERROR):
        answer = openai.send(ASK | {"stream": is_stream})
        text = b"".join(answer) if is_stream else answer.content
    assert answer.status_code == 200
    assert b"Aiko!" in text
    messages = [record.message for record in caplog.records]
    assert "What a call of the gateway cost could not be counted" in messages
    assert any(message.startswith(sentence) for message in messages)
    assert not CallRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_calls_at_the_same_time_are_all_kept(openai, models, prompt):
    def ask_once() -> None:
        try:
            ask(openai)
        finally:
            connection.close()  # of this thread

    threads = [threading.Thread(target=ask_once) for _thread in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert CallRecord.objects.count() == 5


def test_a_long_text_is_cut_and_answered(openai, models, prompt):
    assert ask(openai, prompt_variables={"customer": "x" * 250_000}).status_code == 200
    row = CallRecord.objects.get()
    assert row.is_cut
    assert len(row.messages[0]["content"]) <= 200_000
    assert row.variables == {}
