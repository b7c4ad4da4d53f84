"""What is read from the spans of those who really send some.

`tests/data/otlp` holds what their own packages sent for the same three calls of a fake model
service: OpenLLMetry 0.62, OpenInference 0.1.66, Langfuse 5.0.4 and Vercel's AI SDK 6.0.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from evaluations.otlp import JSON, Event, Span, decode, is_generation, read_generations

FOLDER = Path(__file__).parents[2] / "data" / "otlp"
NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
START = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
START_NS = int(START.timestamp()) * 1_000_000_000
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_order", "arguments": '{"number": 7}'},
}
CALL_TEXT = json.dumps([CALL])
GREETING = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Greet Aiko."}]
HISTORY = [
    {"role": "user", "content": "Order 7?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "shipped", "tool_call_id": "call_1"},
]


def span(attributes=None, events=(), **fields):
    return Span(
        **{
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": "b7ad6b7169203331",
            "name": "chat",
            "start_ns": START_NS,
            "end_ns": START_NS + 1_500_000_000,
            "attributes": attributes or {},
            "events": tuple(Event(name=name, attributes=values) for name, values in events),
            "resource": {},
            **fields,
        }
    )


def read(attributes=None, events=(), **fields):
    """Return the record of a chat."""
    attributes = {"gen_ai.operation.name": "chat", **(attributes or {})}
    [record] = read_generations([span(attributes, events, **fields)], now=NOW)
    return record


def load(name):
    body = (FOLDER / f"{name}.json").read_bytes()
    return read_generations(decode(body, JSON).spans, now=NOW)


# --- Real senders ---------------------------------------------------------------------------------


def test_openllmetry():
    greeting, with_image, with_tool = load("openllmetry")
    assert (greeting.name, greeting.provider, greeting.model) == (
        "openai.chat",
        "openai",
        "gpt-4.1-mini",
    )
    assert greeting.parameters == {"temperature": 0.2}
    assert (list(greeting.messages), greeting.output) == (GREETING, "Hello Aiko!")
    assert (greeting.input_tokens, greeting.output_tokens, greeting.cost_usd) == (10, 5, None)
    assert greeting.metadata == {
        "response_model": "gpt-4.1-mini-2025-04-14",
        "finish_reasons": ["stop"],
        "service": "shop",
    }
    assert timedelta(0) < greeting.answered_at - greeting.asked_at < timedelta(seconds=1)
    assert (list(with_image.messages), with_image.output) == ([], CALL_TEXT)  # it tells no images
    assert (list(with_tool.messages), with_tool.output) == (HISTORY, "Hello Aiko!")


def test_openinference():
    greeting, with_image, with_tool = load("openinference")
    assert (greeting.provider, greeting.model) == ("openai", "gpt-4.1-mini-2025-04-14")
    assert greeting.parameters == {"temperature": 0.2}
    assert (list(greeting.messages), greeting.output) == (GREETING, "Hello Aiko!")
    assert (greeting.input_tokens, greeting.output_tokens) == (10, 5)
    assert with_image.messages == [{"role": "user", "content": "Order 7?\n\n[image]"}]
    assert with_image.output == CALL_TEXT
    assert (list(with_tool.messages), with_tool.output) == (HISTORY, "Hello Aiko!")


def test_vercel_tells_a_call_twice_and_it_is_read_once():
    greeting, with_image = load("vercel")
    assert (greeting.name, greeting.provider, greeting.model) == (
        "ai.generateText.doGenerate",
        "openai.chat",
        "gpt-4.1-mini",
    )
    assert greeting.parameters == {"temperature": 0.2}
    assert (list(greeting.messages), greeting.output) == (GREETING, "Hello Aiko!")
    assert (greeting.input_tokens, greeting.output_tokens) == (10, 5)
    assert (greeting.prompt_name, greeting.prompt_number) == ("support/reply", 3)
    assert greeting.metadata["function"] == "greet"
    assert greeting.metadata["ticket"] == 7
    assert with_image.messages == [{"role": "user", "content": "Order 7?\n\n[image/png]"}]
    assert with_image.output == CALL_TEXT


def test_langfuse():
    reply, bad = load("langfuse")
    assert (reply.name, reply.model, reply.error) == ("reply", "gpt-4.1-mini", "")
    assert reply.messages == [{"role": "user", "content": "Greet Aiko."}]
    assert (reply.output, reply.parameters) == ("Hello Aiko!", {"temperature": 0.2})
    assert (reply.input_tokens, reply.output_tokens) == (10, 5)
    assert reply.cost_usd == Decimal("0.000012")
    assert reply.metadata["ticket"] == 7
    assert (bad.messages, bad.error) == ([{"role": "user", "content": "text"}], "it broke")
    assert json.loads(bad.output)[0]["function"] == {"name": "f", "arguments": "{}"}


# --- Which spans ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"langfuse.observation.type": "generation"}, True),
        ({"langfuse.observation.type": "embedding"}, False),
        ({"langfuse.observation.type": "span", "gen_ai.operation.name": "chat"}, False),
        ({"openinference.span.kind": "LLM"}, True),
        ({"openinference.span.kind": "CHAIN", "input.value": "x"}, False),
        ({"openinference.span.kind": "EMBEDDING"}, False),
        ({"ai.operationId": "ai.streamText.doStream"}, True),
        ({"ai.operationId": "ai.streamText", "gen_ai.request.model": "m"}, False),
        ({"ai.operationId": "ai.embed.doEmbed"}, False),
        ({"gen_ai.operation.name": "chat"}, True),
        ({"gen_ai.operation.name": "text_completion"}, True),
        ({"gen_ai.operation.name": "generate_content"}, True),
        ({"gen_ai.operation.name": "embeddings"}, False),
        ({"gen_ai.operation.name": "execute_tool"}, False),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.input.messages": "[]"}, False),
        ({"llm.request.type": "chat"}, True),
        ({"llm.request.type": "completion"}, True),
        ({"llm.request.type": "rerank"}, False),
        ({"traceloop.span.kind": "workflow", "gen_ai.prompt.0.content": "x"}, False),
        ({"gen_ai.prompt.0.content": "x"}, True),
        ({"gen_ai.system": "openai"}, False),
        ({"gen_ai.operation.name": 7}, False),
        ({"http.request.method": "GET"}, False),
        ({}, False),
    ],
)
def test_calls_of_models_are_told_from_what_is_around_them(attributes, expected):
    assert is_generation(span(attributes)) is expected


def test_an_event_with_an_answer_is_a_sign_too():
    assert is_generation(span({}, [("gen_ai.choice", {})]))


# --- Messages and answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "messages", "output"),
    [
        pytest.param(
            {
                "gen_ai.system_instructions": '[{"type": "text", "content": "Be kind."}]',
                "gen_ai.input.messages": [
                    {"role": "user", "parts": [{"type": "text", "content": "Greet Aiko."}]}
                ],
                "gen_ai.output.messages": json.dumps(
                    [
                        {
                            "role": "assistant",
                            "parts": [
                                {"type": "reasoning", "content": "hm"},
                                {"type": "text", "content": "Hello"},
                                {"type": "tool_call", "id": "call_1", "name": "find_order"},
                            ],
                            "finish_reason": "stop",
                        }
                    ]
                ),
            },
            GREETING,
            'Hello\n\n[{"id": "call_1", "type": "function", '
            '"function": {"name": "find_order", "arguments": "{}"}}]',
            id="OpenTelemetry, structured, with instructions and thoughts",
        ),
        pytest.param(
            {
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "Be kind.",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": '[{"type": "text", "text": "Greet Aiko."}]',
                "gen_ai.completion.0.content": '{"greeting": "Hello"}',
                "gen_ai.completion.0.finish_reason": "stop",
            },
            GREETING,
            '{"greeting": "Hello"}',
            id="OpenLLMetry, one attribute for each field",
        ),
        pytest.param(
            {
                "gen_ai.prompt.10.content": "last",
                "gen_ai.prompt.2.role": "assistant",
                "gen_ai.prompt.2.tool_calls.0.id": "call_1",
                "gen_ai.prompt.2.tool_calls.0.name": "find_order",
                "gen_ai.prompt.2.tool_calls.0.arguments": '{"number": 7}',
                "gen_ai.prompt.x.content": "no number",
                "gen_ai.prompt.name": "no message",
            },
            [
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "user", "content": "last"},
            ],
            "",
            id="OpenLLMetry, in the order of numbers",
        ),
        pytest.param(
            {
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.contents.1.message_content.type": "image",
                "llm.input_messages.0.message.contents.1.message_content.image.image.url": (
                    "https://example.com/a.png"
                ),
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
                "llm.input_messages.0.message.contents.0.message_content.text": "Look",
                "output.value": '{"choices": [{"message": {"role": "assistant", "content": "x"}}]}',
            },
            [{"role": "user", "content": "Look\n\n[image: https://example.com/a.png]"}],
            "x",
            id="OpenInference",
        ),
        pytest.param(
            {
                "langfuse.observation.input": json.dumps({"messages": GREETING, "model": "m"}),
                "langfuse.observation.output": '{"role": "assistant", "content": "Hello"}',
                "input.value": "not this",
            },
            GREETING,
            "Hello",
            id="Langfuse, a whole request",
        ),
        pytest.param(
            {
                "langfuse.observation.input": '{"city": "Kyoto",  "days": 3}',
                "langfuse.observation.output": '{"content":  "of the model"}',
            },
            [{"role": "user", "content": '{"city": "Kyoto",  "days": 3}'}],
            '{"content":  "of the model"}',
            id="JSON that is no message stays as it was written",
        ),
        pytest.param(
            {
                "ai.prompt": '{"system": "Be kind.", "prompt": "Greet Aiko."}',
                "ai.response.object": '{"a": 1}',
            },
            GREETING,
            '{"a": 1}',
            id="Vercel, an object",
        ),
        pytest.param(
            {
                "ai.prompt.messages": json.dumps(
                    [
                        {
                            "role": "assistant",
                            "content": [
                                {
                                    "type": "tool-call",
                                    "toolCallId": "call_1",
                                    "toolName": "find_order",
                                    "input": {"number": 7},
                                }
                            ],
                        },
                        {
                            "role": "tool",
                            "content": [
                                {
                                    "type": "tool-result",
                                    "toolCallId": "call_1",
                                    "output": {"type": "text", "value": "shipped"},
                                }
                            ],
                        },
                    ]
                ),
                "ai.response.text": "It is",
                "ai.response.toolCalls": json.dumps(
                    [{"toolCallId": "call_1", "toolName": "find_order", "args": {"number": 7}}]
                ),
            },
            [
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "content": "shipped", "tool_call_id": "call_1"},
            ],
            f"It is\n\n{CALL_TEXT}",
            id="Vercel, tools",
        ),
        pytest.param(
            {"gen_ai.prompt": "Greet Aiko.", "gen_ai.completion": "Hello"},
            [{"role": "user", "content": "Greet Aiko."}],
            "Hello",
            id="plain texts",
        ),
        pytest.param(
            {"input.value": "[1, 2]", "output.value": "[not JSON"},
            [{"role": "user", "content": "[1, 2]"}],
            "[not JSON",
            id="texts that look like JSON",
        ),
        pytest.param(
            {"gen_ai.input.messages": "[" * 3000, "gen_ai.output.messages": [[["deep"]]]},
            [{"role": "user", "content": "[" * 3000}],
            '[[["deep"]]]',
            id="what is no message at all",
        ),
        pytest.param(
            {"input.value": "[" * 100 + "]" * 100},
            [{"role": "user", "content": "[" * 100 + "]" * 100}],
            "",
            id="JSON that is too deep stays a text",
        ),
        pytest.param({"gen_ai.input.messages": "[]", "input.value": ""}, [], "", id="nothing"),
    ],
)
def test_messages_are_read_from_every_convention(attributes, messages, output):
    record = read(attributes)
    assert list(record.messages) == messages
    assert record.output == output


@pytest.mark.parametrize(
    ("events", "messages", "output"),
    [
        pytest.param(
            [
                ("gen_ai.system.message", {"content": "Be kind."}),
                ("gen_ai.user.message", {"content": "Greet Aiko.", "role": "user"}),
                (
                    "gen_ai.choice",
                    {"index": 0, "finish_reason": "stop", "message": '{"content": "Hello"}'},
                ),
            ],
            GREETING,
            "Hello",
            id="one for each message",
        ),
        pytest.param(
            [
                ("gen_ai.user.message", {"gen_ai.event.content": '{"content": "Hi"}'}),
                ("gen_ai.assistant.message", {"tool_calls": json.dumps([CALL])}),
                ("gen_ai.tool.message", {"id": "call_1", "content": "shipped"}),
                ("gen_ai.choice", {"message": "Hello"}),
            ],
            [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "content": "shipped", "tool_call_id": "call_1"},
            ],
            "Hello",
            id="with tools, and with JSON inside",
        ),
        pytest.param(
            [
                ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(GREETING)}),
                ("gen_ai.content.completion", {"gen_ai.completion": "Hello"}),
            ],
            GREETING,
            "Hello",
            id="one for all messages",
        ),
        pytest.param(
            [
                (
                    "gen_ai.client.inference.operation.details",
                    {
                        "gen_ai.input.messages": json.dumps(GREETING),
                        "gen_ai.output.messages": '[{"role": "assistant", "content": "Hello"}]',
                    },
                ),
            ],
            GREETING,
            "Hello",
            id="the details of the newest convention",
        ),
    ],
)
def test_messages_are_read_from_events(events, messages, output):
    record = read({}, events)
    assert list(record.messages) == messages
    assert record.output == output


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"type": "text", "text": "a"}, "a"),
        ({"type": "input_text", "text": "a"}, "a"),
        ({"type": "refusal", "refusal": "no"}, "no"),
        ({"type": "thinking", "thinking": "hm"}, ""),
        ("data:image/png;base64,AAAA", "[image/png]"),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
            "[image: https://a.example/b.png]",
        ),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "[image]"),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}}, "[file: a.pdf]"),
        ({"type": "blob", "mime_type": "image/png", "content": "AAAA"}, "[image/png]"),
        ({"type": "uri", "modality": "image", "uri": "gs://a/b.png"}, "[image: gs://a/b.png]"),
        ({"type": "image", "source": {"type": "base64", "data": "AAAA"}}, "[image]"),
        ({"type": "file", "name": "n" * 300}, "[file]"),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "7"}]},
            "7",
        ),
        ({"type": "tool_call_response", "response": {"n": 7}}, '{"n": 7}'),
        ({"text": "no type"}, "no type"),
    ],
)
def test_parts_of_messages(part, text):
    message = {"role": "user", "content": [part, {"type": "text", "text": "end"}]}
    record = read({"langfuse.observation.input": json.dumps([message])})
    assert record.messages[0]["content"] == "\n\n".join(filter(None, [text, "end"]))


def test_files_within_other_json_are_not_kept():
    data = "data:image/png;base64," + "A" * 100
    record = read({"input.value": json.dumps({"image": data, "n": 1.5}), "output.value": [data]})
    assert record.messages == [{"role": "user", "content": '{"image": "[image/png]", "n": 1.5}'}]
    assert record.output == "[image/png]"


# --- The other fields -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "field", "expected"),
    [
        ({"gen_ai.system": "az.ai"}, "provider", "az.ai"),
        ({"gen_ai.provider.name": "openai", "gen_ai.system": "old"}, "provider", "openai"),
        ({"gen_ai.response.model": "m-1"}, "model", "m-1"),
        ({"gen_ai.response.model": "m-1", "gen_ai.request.model": "m"}, "model", "m"),
        ({}, "model", ""),
        ({"gen_ai.request.model": 7}, "model", "7"),
        ({"gen_ai.usage.input_tokens": 0}, "input_tokens", 0),
        ({"gen_ai.usage.prompt_tokens": 3.0}, "input_tokens", 3),
        ({"llm.usage.completion_tokens": "12"}, "output_tokens", 12),
        ({"llm.usage.completion_tokens": "9" * 5000}, "output_tokens", None),
        ({"llm.usage.completion_tokens": True}, "output_tokens", None),
        ({"llm.usage.completion_tokens": "many"}, "output_tokens", None),
        (
            {"langfuse.observation.usage_details": '{"prompt_tokens": 4}'},
            "input_tokens",
            4,
        ),
        ({"autoforge.cost_usd": 0.25}, "cost_usd", Decimal("0.25")),
        (
            {"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5, "x": null}'},
            "cost_usd",
            Decimal("0.75"),
        ),
        ({"langfuse.observation.cost_details": "{}"}, "cost_usd", None),
        ({"gen_ai.usage.cost": "cheap"}, "cost_usd", None),
        ({"langfuse.observation.prompt.name": "p"}, "prompt_name", "p"),
        (
            {"langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": 2},
            "prompt_number",
            2,
        ),
        (
            {"llm.prompt_template.variables": '{"city": "Kyoto"}'},
            "variables",
            {"city": "Kyoto"},
        ),
        ({"llm.prompt_template.variables": "[1]"}, "variables", {}),
        (
            {"langfuse.observation.metadata.variables": '{"city": "Kyoto"}'},
            "variables",
            {"city": "Kyoto"},
        ),
        ({"ai.telemetry.metadata.variables": '{"city": "Kyoto"}'}, "metadata", {}),
        (
            {
                "gen_ai.request.model": "m",
                "gen_ai.request.top_p": 0.5,
                "gen_ai.request.stop_sequences": ["a"],
                "llm.invocation_parameters": json.dumps(
                    {"model": "m", "tools": [1], "seed": 7, "long": "x" * 1000}
                ),
            },
            "parameters",
            {"seed": 7, "top_p": 0.5, "stop_sequences": ["a"]},
        ),
        (
            {
                "langfuse.trace.name": "t",
                "user.id": "u",
                "langfuse.observation.metadata.a": "x" * 1000,
                "langfuse.observation.metadata.quoted": '"7"',
                "metadata": '{"b": [1]}',
            },
            "metadata",
            {"trace": "t", "user": "u", "a": "x" * 300 + "…", "quoted": "7", "b": [1]},
        ),
    ],
)
def test_the_other_fields(attributes, field, expected):
    assert getattr(read(attributes), field) == expected


@pytest.mark.parametrize(
    ("fields", "attributes", "events", "expected"),
    [
        ({}, {"error.type": "timeout"}, [], ""),
        ({"is_error": True, "message": "it broke"}, {}, [], "it broke"),
        ({"is_error": True}, {"error.type": "timeout"}, [], "timeout"),
        (
            {"is_error": True},
            {"error.type": "timeout"},
            [("other", {}), ("exception", {"exception.message": "too slow"})],
            "too slow",
        ),
        ({"is_error": True}, {}, [], "error"),
        ({}, {"langfuse.observation.level": "ERROR"}, [], "error"),
    ],
)
def test_errors(fields, attributes, events, expected):
    assert read(attributes, events, **fields).error == expected


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "asked_at", "seconds"),
    [
        (START_NS, START_NS + 1_500_000_000, START, 1.5),
        (START_NS, START_NS - 5, START, 0),
        (START_NS, 0, START, 0),
        (0, START_NS, NOW, 0),
        (2**64 - 1, 2**64 - 1, NOW, 0),
        (START_NS, 2**64 - 1, START, 0),
        (1_000_000_000, START_NS, NOW, 0),  # a clock that was never set
    ],
)
def test_times_that_cannot_be_are_those_of_arrival(start_ns, end_ns, asked_at, seconds):
    record = read(start_ns=start_ns, end_ns=end_ns)
    assert record.asked_at == asked_at
    assert (record.answered_at - record.asked_at).total_seconds() == seconds


def test_metadata_and_parameters_are_bounded():
    many = {f"langfuse.observation.metadata.{number}": number for number in range(1000)}
    many |= {f"gen_ai.request.p{number}": number for number in range(1000)}
    record = read(many)
    assert (len(record.metadata), len(record.parameters)) == (50, 50)


@pytest.mark.parametrize(
    ("details", "cost"),
    [
        ({"input": 0.1, "output": 0.2}, Decimal("0.3")),
        ('{"input": 0.25, "note": "x", "is": true, "none": null}', Decimal("0.25")),
        ('{"input": 1e308, "output": 1e308}', None),
        ('{"input": 1%s, "output": 0.5}' % ("0" * 400), Decimal("0.5")),
        ('{"total": 1%s}' % ("0" * 5000), None),
        ({"input": float("inf"), "output": float("-inf")}, None),
        ({"input": float("nan"), "output": 1}, Decimal(1)),
        ({"total": float("inf")}, None),
        ({"total": True}, None),
        ({}, None),
    ],
)
def test_no_cost_is_too_odd_to_be_read(details, cost):
    assert read({"langfuse.observation.cost_details": details}).cost_usd == cost
