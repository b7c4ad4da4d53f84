"""Streamed answers of the gateway: piece by piece, with errors in the midst and clients that go."""

import asyncio
import http.client
import json
import time
from urllib.parse import urlsplit

import pytest

from evaluations.api.openai import calls
from evaluations.engine.providers.events import LONGEST_EVENT, TooLongError, read_events
from evaluations.models import KeySpending
from evaluations.services import profiles
from tests.api.gateway import ASK, KEY, OpenAI, make_prompt
from tests.support.fake_models import Step

pytestmark = pytest.mark.django_db
STREAM = ASK | {"stream": True}
CLAUDE = {"provider": "anthropic", "model": "claude-3-5-haiku-latest"}


def read(answer) -> list[dict[str, object]]:
    """Return the JSON of each event; the last one must say that it was the last."""
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    *events, last, end = b"".join(answer.streaming_content).decode().split("\n\n")
    assert (last, end) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events if event[0] != ":"]


def deltas(events: list[dict[str, object]]) -> list[dict[str, object]]:
    return [event["choices"][0]["delta"] for event in events if event["choices"]]


@pytest.mark.parametrize("config", [{"provider": "openai", "model": "gpt-4.1-mini"}, CLAUDE])
def test_an_answer_comes_in_pieces(openai, models, config):
    make_prompt(config)
    answer = openai.send(STREAM | {"stream_options": {"include_usage": True}})
    assert answer.headers["X-AutoForge-Version"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    events = read(answer)
    assert deltas(events) == [
        {"role": "assistant", "content": ""},
        {"content": "Hello "},
        {"content": "Aiko!"},
        {},
    ]
    assert {event["id"] for event in events} == {events[0]["id"]}
    assert events[0]["object"] == "chat.completion.chunk"
    assert events[0]["model"] == "prompt:support/reply@production"
    assert [event["choices"][0]["finish_reason"] for event in events[:-1]][-1] == "stop"
    assert [event["usage"] for event in events[:-1]] == [None] * 4
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["total_tokens"] == 15
    assert models.requests[0][2]["stream"] is True


def test_usage_is_told_where_it_is_asked_for(openai, models, prompt):
    assert all("usage" not in event for event in read(openai.send(STREAM)))
    answer = openai.send(ASK | {"stream_options": {"include_usage": True}})
    assert answer.json()["error"]["param"] == "stream_options"


def test_a_provider_that_does_not_stream_answers_in_one_piece(openai, models):
    profiles.create_profile(name="ours", provider="echo")
    make_prompt({"profile": "ours"})
    assert deltas(read(openai.send(STREAM)))[1:] == [{"content": "Greet Aiko."}, {}]


@pytest.mark.parametrize("config", [{"provider": "openai", "model": "gpt-4.1-mini"}, CLAUDE])
def test_a_service_that_knows_no_streams_answers_in_one_piece(openai, models, config):
    make_prompt(config)
    models.script = [Step(body=models._good(_path(config), "All at once.", {}))]
    assert deltas(read(openai.send(STREAM)))[1:] == [{"content": "All at once."}, {}]


def _path(config: object) -> str:
    return "/messages" if config is CLAUDE else "/chat/completions"


def _choice(delta: object, reason: str | None = None) -> dict[str, object]:
    return {"choices": [{"delta": delta, "finish_reason": reason}]}


def _call(index: int, arguments: str, **more: object) -> dict[str, object]:
    name = more.pop("name", None)
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "function": function, **more}


def _join_calls(events: list[dict[str, object]]) -> list[tuple[str, str, str]]:
    """Put calls together as OpenAI's clients do."""
    joined: dict[int, list[str]] = {}
    for delta in deltas(events):
        for piece in delta.get("tool_calls", ()):
            call = joined.setdefault(piece["index"], ["", "", ""])
            call[0] += piece.get("id", "")
            call[1] += piece["function"].get("name", "")
            call[2] += piece["function"]["arguments"]
    return [tuple(call) for call in joined.values()]


def test_calls_of_tools_are_streamed(openai, models, prompt):
    models.script = [
        Step(
            events=[
                _choice({"tool_calls": [_call(0, "", id="call_1", type="function", name="f")]}),
                _choice({"tool_calls": [_call(0, '{"a"')]}),
                _choice({"tool_calls": [_call(0, ": 1}"), _call(1, "{}", id="call_2", name="g")]}),
                _choice({}, "tool_calls"),
            ]
        )
    ]
    events = read(openai.send(STREAM))
    assert _join_calls(events) == [("call_1", "f", '{"a": 1}'), ("call_2", "g", "{}")]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def _block(index: int, **block: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _more(index: int, **delta: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


END = {
    "type": "message_delta",
    "delta": {"stop_reason": "tool_use"},
    "usage": {"input_tokens": 4, "output_tokens": 3},
}


def test_calls_of_tools_of_anthropic_are_streamed_as_openai_has_them(openai, models):
    make_prompt(CLAUDE)
    models.script = [
        Step(
            events=[
                _block(0, type="thinking", thinking=""),
                _more(0, type="thinking_delta", thinking="hm"),
                _block(1, type="text", text=""),
                _more(1, type="text_delta", text="I look."),
                _block(2, type="tool_use", id="toolu_1", name="f", input={}),
                _more(2, type="input_json_delta", partial_json='{"a":'),
                _more(2, type="input_json_delta", partial_json=" 1}"),
                _block(3, type="tool_use", id="toolu_2", name="g", input={}),
                _more(9, type="input_json_delta", partial_json="of no block"),
                END,
            ]
        )
    ]
    events = read(openai.send(STREAM))
    assert {"content": "I look."} in deltas(events)
    assert _join_calls(events) == [("toolu_1", "f", '{"a": 1}'), ("toolu_2", "g", "")]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("pieces", [['{"a":', " 1}"], ['{"a": 1']])
def test_a_schema_of_anthropic_streams_its_text(openai, models, pieces):
    make_prompt(CLAUDE | {"response_schema": {"type": "object"}})
    inputs = [_more(0, type="input_json_delta", partial_json=piece) for piece in pieces]
    models.script = [
        Step(events=[_block(0, type="tool_use", id="t", name="answer", input={}), *inputs, END])
    ]
    texts = [delta.get("content", "") for delta in deltas(read(openai.send(STREAM)))]
    assert "".join(texts) == "".join(pieces)


def test_a_refusal_and_parts_are_streamed(openai, models, prompt):
    models.script = [
        Step(
            events=[
                _choice({"content": [{"type": "text", "text": "No"}]}),
                _choice({"refusal": "never"}),
                _choice({}, "stop"),
            ]
        )
    ]
    assert deltas(read(openai.send(STREAM)))[1:] == [{"content": "No"}, {"refusal": "never"}, {}]


BEFORE = [
    (Step(status=400, body={"error": {"message": f"no {KEY}"}}), 400, "provider_refused"),
    (Step(status=429, headers={"Retry-After": "25"}), 429, "rate_limit_exceeded"),
    (Step(events=[]), 502, "provider_error"),
    (Step(events=[{"error": {"message": "busy", "type": "invalid_request_error"}}]), 400,
     "provider_refused"),
    (Step(events=[b"data: no JSON\n\n"]), 502, "provider_error"),
    (Step(events=[b"data: " + b"x" * (LONGEST_EVENT + 1)]), 502, "provider_error"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "status", "code"), BEFORE)
def test_what_goes_wrong_before_the_first_piece_has_its_status(
    openai, models, prompt, step, status, code
):
    models.script = [step]
    answer = openai.send(STREAM)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert KEY not in answer.content.decode()


def test_a_stream_is_tried_again_until_its_first_piece(openai, models, prompt):
    models.script = [Step(status=503, headers={"Retry-After": "0"})]
    assert deltas(read(openai.send(STREAM)))[-2] == {"content": "Aiko!"}
    assert len(models.requests) == 2


FIRST = _choice({"content": "Hello"})
DURING = [
    Step(events=[FIRST, {"error": {"message": "overloaded", "code": 529}}]),
    Step(events=[FIRST]),
    Step(events=[FIRST], cut=True),
    Step(events=[FIRST, b"data: {\n\n"]),
    Step(events=[FIRST, _choice({"tool_calls": [_call(5000, "")]})]),
    Step(events=[FIRST, _choice({}, "error")]),
]


@pytest.mark.parametrize("step", DURING)
def test_what_goes_wrong_later_is_an_event(openai, models, prompt, step):
    models.script = [step]
    answer = openai.send(STREAM)
    *_, last, end = b"".join(answer.streaming_content).decode().split("\n\n")
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"], end) == ("server_error", "provider_error", "")
    assert len(models.requests) == 1


def test_an_anthropic_stream_without_end_is_an_error(openai, models):
    make_prompt(CLAUDE)
    for events in ([_block(0, type="text", text="x"), _more(0, text="y")], [_block(2000)]):
        models.script = [Step(events=events)]
        answer = openai.send(STREAM)
        body = answer.content if not answer.streaming else b"".join(answer.streaming_content)
        assert b'"provider_error"' in body


def test_a_slow_stream_says_that_it_lives(openai, models, prompt, monkeypatch):
    monkeypatch.setattr(calls, "HEARTBEAT_SECONDS", 0.05)
    models.script = [Step(events=[FIRST, _choice({}, "stop")], pause_seconds=0.3)]
    raw = b"".join(openai.send(STREAM).streaming_content)
    assert raw.count(b": nothing yet\n\n") >= 2


def test_a_stream_that_nobody_reads_is_closed(openai, models, prompt):
    models.script = [Step(events=[FIRST] * 1000, pause_seconds=0.01)]
    answer = openai.send(STREAM)
    for close in answer._resource_closers:  # as `close`, without ending the test's connection
        close()
    assert models.gone.wait(10)
    # What has come is paid: one piece, about.
    assert 0 < KeySpending.objects.get().nano_usd < 10_000


@pytest.mark.django_db(transaction=True)
def test_a_client_that_goes_ends_the_call(live_server, models, settings, monkeypatch):
    monkeypatch.setattr(calls, "HEARTBEAT_SECONDS", 0.1)
    client = OpenAI("Editor")
    make_prompt({"provider": "openai", "model": "gpt-4.1-mini"})
    # It is silent for long after its first words: only what the gateway says meets the client.
    models.script = [Step(events=[*[FIRST] * 3, *[_choice({})] * 400], pause_seconds=0.05)]
    address = urlsplit(live_server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request(
        "POST",
        "/v1/chat/completions",
        json.dumps(STREAM),
        {"Authorization": client.authorization, "Content-Type": "application/json"},
    )
    response = connection.getresponse()
    assert response.status == 200
    started = time.monotonic()
    assert b'"role"' in response.readline()
    response.readline()
    assert b"Hello" in response.readline()
    response.close()
    connection.close()
    assert models.gone.wait(10)
    assert time.monotonic() - started < 10  # all of it would take 20 seconds
    assert len(models.requests) == 1


EVENTS = [
    ([b"data: a\n\ndata: b\n\n"], [b"a", b"b"]),
    ([b"da", b"ta: a\r", b"\n\r\nda", b"ta:b\n\n"], [b"a", b"b"]),
    ([b": comment\n\nevent: x\nid: 1\ndata: a\ndata: b\n\n"], [b"a\nb"]),
    ([b"data: cut\n"], []),
    ([b"\n\n\n"], []),
    ([b"data:\n\n"], [b""]),
    ([b"data: \xff\x00\n\n"], [b"\xff\x00"]),
]


async def _collect(pieces: list[bytes]) -> list[bytes]:
    async def give():
        for piece in pieces:
            yield piece

    return [event async for event in read_events(give())]


@pytest.mark.parametrize(("pieces", "events"), EVENTS)
def test_events_are_read_however_they_come(pieces, events):
    assert asyncio.run(_collect(pieces)) == events


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x" * (LONGEST_EVENT + 1)],
        [b"data: x\n" * (LONGEST_EVENT // 7 + 1)],
        [b"data: x\n\n" * 100_000] * 40,
    ],
)
def test_events_without_end_are_refused(pieces):
    with pytest.raises(TooLongError):
        asyncio.run(_collect(pieces))
