"""OTLP on the wire: both forms, their limits, and what is no OTLP at all."""

import base64
import json
import random
import resource
import time
from functools import lru_cache
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from evaluations.otlp import (
    JSON,
    PROTOBUF,
    MalformedError,
    TooManySpansError,
    decode,
    is_span_id,
    is_trace_id,
    read_generations,
)
from evaluations.otlp import spans as limits
from evaluations.recorded import keep
from tests.evaluations.otlp.test_generations import FOLDER, NOW, read

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
REAL = sorted(FOLDER.glob("*.json"))


def request(*spans):
    """Return a body in protobuf."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = group.scope_spans.add()
    scope.scope.name = "test"
    scope.spans.extend(spans)
    return message.SerializeToString()


def in_json(**span):
    """Return a body in JSON with one span."""
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def in_json_with(value):
    """Return a body in JSON with one attribute."""
    return in_json(traceId=TRACE, attributes=[{"key": "a", "value": value}])


@lru_cache
def as_protobuf(path: Path) -> bytes:
    """Return a body of JSON as protobuf, by the library's own reader."""

    def convert(value):
        if isinstance(value, list):
            return [convert(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        converted = {}
        for name, member in value.items():
            converted[name] = convert(member)
            if name in ("traceId", "spanId", "parentSpanId"):  # protobuf's own JSON has base64
                converted[name] = base64.b64encode(bytes.fromhex(member)).decode()
        return converted

    message = ParseDict(convert(json.loads(path.read_text())), ExportTraceServiceRequest())
    return message.SerializeToString()


# --- Good ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_both_forms_say_the_same(path):
    of_json = decode(path.read_bytes(), JSON)
    of_protobuf = decode(as_protobuf(path), PROTOBUF)
    assert of_json == of_protobuf
    assert len(of_json.spans) >= 3
    for span in of_json.spans:
        assert is_trace_id(span.trace_id)
        assert is_span_id(span.span_id)


def test_a_span_in_protobuf():
    nested = AnyValue()
    nested.kvlist_value.values.add(key="b").value.array_value.values.add().double_value = 0.5
    message = SpanMessage(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        name="reply",
        start_time_unix_nano=1,
        end_time_unix_nano=2**64 - 1,
        attributes=[
            KeyValue(key="text", value=AnyValue(string_value="日本\0")),
            KeyValue(key="number", value=AnyValue(int_value=-(2**63))),
            KeyValue(key="flag", value=AnyValue(bool_value=True)),
            KeyValue(key="bytes", value=AnyValue(bytes_value=b"\xff")),
            KeyValue(key="nothing"),
            KeyValue(key="nested", value=nested),
        ],
        status=Status(code=Status.STATUS_CODE_ERROR, message="it broke"),
    )
    message.events.add(name="e").attributes.add(key="a").value.string_value = "b"
    [span] = decode(request(message), PROTOBUF).spans
    assert (span.trace_id, span.span_id, span.name) == (TRACE, SPAN, "reply")
    assert (span.start_ns, span.end_ns) == (1, 2**64 - 1)
    assert span.attributes == {
        "text": "日本\0",
        "number": -(2**63),
        "flag": True,
        "bytes": None,
        "nothing": None,
        "nested": {"b": [0.5]},
    }
    [event] = span.events
    assert (event.name, event.attributes) == ("e", {"a": "b"})
    assert (span.is_error, span.message) == (True, "it broke")
    assert span.resource == {"service.name": "shop"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": ""}, ""),
        ({"stringValue": "\ud83d\ude00"}, "😀"),
        ({"stringValue": "cut \ud83d"}, "cut \ufffd"),
        ({"stringValue": "\\ud83d \udc00\ud83d\ude00\\"}, "\\ud83d \ufffd😀\\"),
        ({"intValue": "-12"}, -12),
        ({"intValue": 12}, 12),
        ({"intValue": 12.0}, 12),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "0.5"}, 0.5),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"boolValue": False}, False),
        ({"bytesValue": "AAAA"}, None),
        ({"newValue": 1}, None),
        ({}, None),
        (None, None),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {}, {"intValue": "1"}]}}, ["a", None, 1]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": True}}]}}, {"b": True}),
        ({"stringValue": None, "intValue": None, "boolValue": None}, None),
    ],
)
def test_values_in_json(value, expected):
    [span] = decode(in_json_with(value), JSON).spans
    assert span.attributes == {"a": expected}


def test_json_is_read_as_the_specification_has_it():
    body = in_json(
        traceId=TRACE.upper(),
        spanId=SPAN,
        trace_id="not read",
        startTimeUnixNano="1700000000000000000",
        endTimeUnixNano=1700000000000000001,
        kind=99,
        status={"code": 2, "message": "it broke"},
        events=None,
        links=[{}],
        unknown={"a": [1]},
    )
    [span] = decode(body, JSON).spans
    assert (span.trace_id, span.start_ns, span.end_ns) == (TRACE, 17 * 10**17, 17 * 10**17 + 1)
    assert (span.is_error, span.message, span.events) == (True, "it broke", ())


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", PROTOBUF),
        (b"{}", JSON),
        (b'{"resourceSpans": null}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{}, {"spans": []}]}, {}]}', JSON),
        (b"\x78\x05", PROTOBUF),  # a field that is not known: a number
        (b"\x79" + b"\0" * 8 + b"\x7d" + b"\0" * 4 + b"\x7a\x01a", PROTOBUF),  # and others
    ],
)
def test_requests_without_spans(body, form):
    assert decode(body, form).spans == []


# --- Bad ones -------------------------------------------------------------------------------------

NOT_PROTOBUF = "the body is no OTLP request in protobuf"
CUT_OFF = "the body is cut off: it is no OTLP request in protobuf"
NUMBER = "must be a number, or a string that contains one"


@pytest.mark.parametrize(
    ("body", "form", "sentence"),
    [
        (b"{}", PROTOBUF, NOT_PROTOBUF),
        (b"\x00", PROTOBUF, NOT_PROTOBUF),
        (b"\x0b\x0c", PROTOBUF, NOT_PROTOBUF),  # a group
        (b"\x0a", PROTOBUF, CUT_OFF),
        (b"\x0a\x05\x0a", PROTOBUF, CUT_OFF),
        (b"\x0d\x00", PROTOBUF, CUT_OFF),
        (b"\xff" * 11, PROTOBUF, CUT_OFF),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", PROTOBUF, CUT_OFF),
        (b"\x0a\x05\x12\x03\x12\x01\xff", PROTOBUF, NOT_PROTOBUF),  # a span that is none
        (b"\x0a\x05\x12\x03\x12\x01\x2a", PROTOBUF, NOT_PROTOBUF),
        (b"", JSON, "the body is not JSON"),
        (b"{", JSON, "the body is not JSON"),
        (b'{"resourceSpans": NaN}', JSON, "the body is not JSON"),
        (b'{"resourceSpans": "\xff"}', JSON, "the body is no OTLP request: "),
        (b"\xff", JSON, "the body is not JSON"),
        (b"[]", JSON, "the body is no OTLP request: Expected `object`, got `array`"),
        (in_json(name=7), JSON, "the body is no OTLP request: Expected `str | null`, got `int`"),
        (in_json(attributes={}), JSON, "the body is no OTLP request: "),
        (in_json_with({"intValue": "x"}), JSON, f"intValue {NUMBER}"),
        (in_json_with({"intValue": "1_0"}), JSON, f"intValue {NUMBER}"),
        (in_json_with({"intValue": 2**63}), JSON, f"intValue {NUMBER}"),
        (in_json_with({"intValue": "9" * 5000}), JSON, f"intValue {NUMBER}"),
        (in_json_with({"intValue": 0.5}), JSON, f"intValue {NUMBER}"),
        (in_json_with({"doubleValue": "x"}), JSON, f"doubleValue {NUMBER}"),
        (in_json(startTimeUnixNano=-1), JSON, f"startTimeUnixNano, endTimeUnixNano {NUMBER}"),
        (in_json(endTimeUnixNano=2**64), JSON, f"startTimeUnixNano, endTimeUnixNano {NUMBER}"),
        (
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"value": '
            + b'{"arrayValue": {"values": [' * 2000
            + b"]}}" * 2000
            + b"}]}]}]}]}",
            JSON,
            "the body has too many levels of lists and objects",
        ),
    ],
)
def test_what_is_no_otlp_is_refused_in_one_sentence(body, form, sentence):
    with pytest.raises(MalformedError) as caught:
        decode(body, form)
    assert str(caught.value).startswith(sentence)


def test_deep_protobuf_is_refused():
    value = AnyValue(string_value="x").SerializeToString()
    for _level in range(60):
        array = field(1, value)  # ArrayValue.values
        value = field(5, array)  # AnyValue.array_value
    attribute = field(9, field(2, value))  # Span.attributes, KeyValue.value
    body = field(1, field(2, field(2, attribute)))
    with pytest.raises(MalformedError, match=NOT_PROTOBUF):
        decode(body, PROTOBUF)


# --- Limits ---------------------------------------------------------------------------------------


def test_spans_beyond_the_limit_are_counted(monkeypatch):
    monkeypatch.setattr("evaluations.otlp.protobuf.MOST_SPANS", 3)
    monkeypatch.setattr("evaluations.otlp.json_form.MOST_SPANS", 3)
    body = request(*(SpanMessage(name=str(number)) for number in range(5)))
    decoded = decode(body, PROTOBUF)
    assert ([span.name for span in decoded.spans], decoded.too_many) == (["0", "1", "2"], 2)
    spans = [{"name": str(number)} for number in range(5)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    decoded = decode(body, JSON)
    assert ([span.name for span in decoded.spans], decoded.too_many) == (["0", "1", "2"], 2)


def in_spans(content):
    """Return a body in protobuf with these spans."""
    return field(1, field(2, content))


MILLION = 1_000_000
FIELDS = "the body has more than 200000 spans, groups and fields; send less at once"
OBJECTS = "the body has more than 1000000 objects; send less at once"


@pytest.mark.parametrize(
    ("make", "form", "sentence"),
    [
        (lambda: in_spans(b"\x12\x00" * MILLION), PROTOBUF, FIELDS),
        (lambda: b"\x0a\x00" * MILLION, PROTOBUF, FIELDS),
        (lambda: b"\x08\x01" * MILLION, PROTOBUF, FIELDS),
        (lambda: b'{"resourceSpans":[' + b"{}," * MILLION + b"{}]}", JSON, OBJECTS),
    ],
    ids=["spans", "groups", "fields", "objects"],
)
def test_millions_of_small_things_are_refused_before_they_are_made(make, form, sentence):
    # Objects for them would be seen: the library takes 150 bytes for each empty span.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooManySpansError, match=sentence):
        decode(make(), form)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kibibytes < 64 * 1024


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"1," * 1_000_000, JSON),
        (b'{"resourceSpans": "' + b"\\" * 4_000_000 + b"\\ud800", JSON),
        (b'{"resourceSpans": "' + b"\\ud800" * 1_000_000, JSON),
    ],
    ids=["numbers", "backslashes", "halves"],
)
def test_what_would_take_long_is_refused_soon(body, form):
    started = time.process_time()
    with pytest.raises(MalformedError):
        decode(body, form)
    assert time.process_time() - started < 5


def test_a_resource_that_is_too_large_is_passed_over():
    large = b"\x0a\x00" * 1_000_000
    body = field(1, field(1, large) + field(2, field(2, b"")))
    [span] = decode(body, PROTOBUF).spans
    assert span.resource == {}


def test_a_resource_may_follow_its_spans():
    service = KeyValue(key="service.name", value=AnyValue(string_value="shop"))
    sender = field(1, service.SerializeToString())
    body = field(1, field(2, field(2, b"")) + field(1, sender))
    [span] = decode(body, PROTOBUF).spans
    assert span.resource == {"service.name": "shop"}


def test_json_of_a_text_with_too_many_values_stays_a_text():
    text = "[" + "[]," * 100_000 + "[]]"
    attribute = KeyValue(key="gen_ai.input.messages", value=AnyValue(string_value=text))
    [record] = read_generations(
        decode(request(SpanMessage(attributes=[attribute])), PROTOBUF).spans, now=NOW
    )
    assert record.messages == [{"role": "user", "content": text}]


def field(number, content):
    """Return a field of a message that has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number):
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])


def test_a_span_that_is_too_large_costs_itself_alone():
    large = "x" * (limits.LARGEST_SPAN + 1)
    attribute = KeyValue(key="a", value=AnyValue(string_value=large))
    body = request(SpanMessage(name="large", attributes=[attribute]), SpanMessage(name="small"))
    decoded = decode(body, PROTOBUF)
    assert ([span.name for span in decoded.spans], decoded.too_large) == (["small"], 1)


@pytest.mark.parametrize("form", [PROTOBUF, JSON])
def test_attributes_events_and_items_are_bounded(form):
    if form == PROTOBUF:
        span = SpanMessage()
        for number in range(3000):
            span.attributes.add(key=str(number)).value.int_value = number
            span.events.add(name="e")
        values = span.attributes[0].value.array_value.values
        for _number in range(20_000):
            values.add().bool_value = True
        body = request(span)
    else:
        attributes = [{"key": str(number)} for number in range(3000)]
        values = [{"boolValue": True}] * 20_000
        attributes[0]["value"] = {"arrayValue": {"values": values}}
        body = in_json(attributes=attributes, events=[{"name": "e"}] * 3000)
    [read] = decode(body, form).spans
    assert len(read.attributes) == limits.MOST_ATTRIBUTES
    assert len(read.events) == limits.MOST_EVENTS
    assert len(read.attributes["0"]) == limits.MOST_ITEMS


def test_values_that_are_too_deep_are_left_out():
    value = {"stringValue": "x"}
    for _level in range(limits.MOST_DEPTH + 5):
        value = {"arrayValue": {"values": [value]}}
    [span] = decode(in_json_with(value), JSON).spans
    assert "x" not in str(span.attributes)


# --- Anything -------------------------------------------------------------------------------------

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_anything(body, form):
    """Decode and read a body: there are records, or it is refused in one sentence."""
    try:
        decoded = decode(body, form)
    except (MalformedError, TooManySpansError):
        return
    for record in read_generations(decoded.spans, now=NOW):
        assert record.answered_at >= record.asked_at


@given(st.binary(max_size=500), st.sampled_from([PROTOBUF, JSON]))
@FUZZ
def test_random_bytes(body, form):
    check_anything(body, form)


@given(st.data())
@FUZZ
def test_real_bodies_with_faults(data):
    path = data.draw(st.sampled_from(REAL))
    form = data.draw(st.sampled_from([PROTOBUF, JSON]))
    body = bytearray(path.read_bytes() if form == JSON else as_protobuf(path))
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    for _fault in range(draw.randint(1, 10)):
        at = draw.randrange(len(body))
        kind = draw.randrange(4)
        if kind == 0:
            body[at] = draw.randrange(256)
        elif kind == 1:
            del body[at : at + draw.randint(1, 20)]
        elif kind == 2:
            body[at:at] = bytes(draw.randrange(256) for _byte in range(3))
        else:
            body[at:at] = body[draw.randrange(len(body)) :][:200]
    check_anything(bytes(body), form)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("role", "content", "parts", "type", "text", "tool_calls", "function", "name"),
                    *("arguments", "messages", "choices", "message", "url", "image_url", "system"),
                    *("prompt", "total", "input", "version", "id", "toolCalls", "response"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [
        *("langfuse.observation.input", "langfuse.observation.output", "gen_ai.input.messages"),
        *("gen_ai.output.messages", "gen_ai.system_instructions", "ai.prompt", "gen_ai.prompt"),
        *("ai.response.toolCalls", "ai.response.text", "ai.prompt.messages", "input.value"),
        *("gen_ai.prompt.0.content", "gen_ai.prompt.0.tool_calls", "gen_ai.prompt.0.contents"),
        *("gen_ai.prompt.0.tool_calls.0.name", "gen_ai.prompt.0.contents.0.text"),
        *("llm.input_messages.0.message.role", "llm.input_messages.0.message.content"),
        *("langfuse.observation.usage_details", "langfuse.observation.cost_details"),
        *("langfuse.observation.model.parameters", "metadata", "llm.prompt_template.variables"),
        *("ai.telemetry.metadata.langfusePrompt", "gen_ai.usage.input_tokens", "error.type"),
        *("gen_ai.usage.cost", "gen_ai.request.model", "langfuse.observation.prompt.version"),
        *("gen_ai.event.content", "content", "message", "exception.message"),
    ]
)
ATTRIBUTES = st.dictionaries(NAMES, ANY_JSON | ANY_JSON.map(json.dumps), max_size=8)
EVENT_NAMES = st.sampled_from(
    ["gen_ai.choice", "gen_ai.user.message", "gen_ai.tool.message", "exception", "x"]
)


@given(
    ATTRIBUTES, st.lists(st.tuples(EVENT_NAMES, ATTRIBUTES), max_size=3), st.integers(0, 2**64 - 1)
)
@FUZZ
def test_attributes_of_any_kind(attributes, events, nanoseconds):
    record = read(attributes, events, start_ns=nanoseconds, end_ns=2**64 - 1 - nanoseconds)
    kept = keep(record)
    json.dumps(kept.record.messages)
    assert record.answered_at >= record.asked_at
