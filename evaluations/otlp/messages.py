"""What a model was sent and what it answered: one reader for each way to write it down.

    messages   langfuse.observation.input · gen_ai.input.messages · ai.prompt.messages
               gen_ai.prompt.0.content · llm.input_messages.0.message.content · events · input.value
    answer     the same for what came back

The first reader that has something is right: a span may be told in several ways at once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from evaluations.otlp.contents import dump, list_parts, read_calls, read_content, read_json
from evaluations.otlp.spans import Span, Value

__all__ = ["read_messages", "read_output"]

USER: Final = "user"
ASSISTANT: Final = "assistant"
SYSTEM: Final = "system"
TOOL: Final = "tool"
# gen_ai.prompt.0.tool_calls.1.name · llm.input_messages.0.message.contents.1.message_content.text
INDEXED: Final = re.compile(r"(?P<index>[0-9]{1,4})\.(?:message\.)?(?P<rest>.+)")
INDEXED_PART: Final = re.compile(
    r"(?P<list>tool_calls|contents)\.(?P<index>[0-9]{1,4})\."
    r"(?:tool_call\.|message_content\.)?(?P<name>.+)"
)
MESSAGE_EVENT: Final = re.compile(r"gen_ai\.(?P<role>system|user|assistant|tool)\.message")
CHOICE_EVENT: Final = "gen_ai.choice"

Entry = dict[str, Any]
"""A message: role and content, and where there are some, tool_calls and tool_call_id."""
Reader = Callable[[Span], list[Entry]]


def read_messages(span: Span) -> list[Entry]:
    """Return the messages that a model was sent, in their order; none where none is told."""
    for read in INPUTS:
        messages = read(span)
        if messages:
            return messages
    return []


def read_output(span: Span) -> str:
    """Return what the model answered; calls of tools are JSON. Empty where it is not told."""
    for read in OUTPUTS:
        messages = read(span)
        if messages:
            return "\n\n".join(filter(None, map(_as_answer, messages)))
    return ""


def _as_answer(message: Entry) -> str:
    text: str = message["content"]
    calls = message.get("tool_calls")
    return "\n\n".join(filter(None, (text, dump(calls) if calls else "")))


# --- One message ----------------------------------------------------------------------------------


def _as_message(entry: Mapping[str, Value], role: str) -> Entry:
    """Return a message from an object of any of the forms."""
    own_role = entry.get("role")
    if isinstance(own_role, str) and own_role:
        role = own_role
    value = entry.get("content")
    for name in ("parts", "text"):
        value = entry.get(name) if value is None else value
    content = read_content(value)
    message: Entry = {"role": role, "content": content.text}
    calls = content.calls + read_calls(entry.get("tool_calls") or entry.get("toolCalls"))
    call_id = entry.get("tool_call_id") or content.call_id or (role == TOOL and entry.get("id"))
    if calls:
        message["tool_calls"] = calls
    if call_id:
        message["tool_call_id"] = str(call_id)
    return message


def _as_messages(value: Value, role: str) -> list[Entry]:
    """Return messages from whatever an attribute holds: messages, one of them, a text, any JSON."""
    read = read_json(value)
    if read in ([], {}):
        return []
    if isinstance(read, dict):
        read = _find_messages(read)
    if isinstance(read, list) and read and all(map(_is_message, read)):
        return [_as_message(entry, role) for entry in read if isinstance(entry, dict)]
    content = list_parts(value) if isinstance(value, str) else value
    message = _as_message({"content": content}, role)
    return [message] if _says_something(message) else []


def _find_messages(value: dict[str, Value]) -> Value:
    """Return the messages of a whole request or a whole answer, or those that an object is."""
    choices = value.get("choices")
    if isinstance(choices, list):
        return [choice.get("message") for choice in choices if isinstance(choice, dict)]
    messages = value.get("messages", value.get("prompt"))
    if not isinstance(messages, list):
        # Vercel: {"system": …, "prompt": "…"}
        messages = [{"role": USER, "content": messages}] if isinstance(messages, str) else [value]
    if isinstance(value.get("system"), str):
        return [{"role": SYSTEM, "content": value["system"]}, *messages]
    return messages


def _is_message(value: Value) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _says_something(message: Entry) -> bool:
    return bool(message["content"] or message.get("tool_calls"))


# --- The ways to write it down --------------------------------------------------------------------


def _attribute(name: str, role: str) -> Reader:
    """Read one attribute that holds everything."""

    def read(span: Span) -> list[Entry]:
        value = span.attributes.get(name)
        return [] if value in (None, "") else _as_messages(value, role)

    return read


def _instructions(span: Span) -> list[Entry]:
    """Read gen_ai.input.messages, with the instructions that stand beside them."""
    for attributes in _list_attributes(span):
        messages = _as_messages(attributes.get("gen_ai.input.messages"), USER)
        if messages:
            text = read_content(read_json(attributes.get("gen_ai.system_instructions"))).text
            first = [{"role": SYSTEM, "content": text}] if text else []
            return [*first, *messages]
    return []


def _output_messages(span: Span) -> list[Entry]:
    for attributes in _list_attributes(span):
        messages = _as_messages(attributes.get("gen_ai.output.messages"), ASSISTANT)
        if messages:
            return messages
    return []


def _list_attributes(span: Span) -> Iterable[Mapping[str, Value]]:
    """Give the attributes of a span and of its events: the conventions allow both."""
    yield span.attributes
    for event in span.events:
        yield event.attributes


def _indexed(prefix: str, role: str) -> Reader:
    """Read attributes that hold a part of a message each."""

    def read(span: Span) -> list[Entry]:
        fields: dict[int, dict[str, Any]] = {}
        for name, value in span.attributes.items():
            match = INDEXED.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
            if match:
                _put(fields.setdefault(int(match["index"]), {}), match["rest"], value)
        messages = []
        for index in sorted(fields):
            messages.append(_as_message(_join(fields[index]), role))
        return messages

    return read


def _put(fields: dict[str, Any], name: str, value: Value) -> None:
    match = INDEXED_PART.fullmatch(name)
    if match is None:
        fields[name] = value
        return
    parts = fields.setdefault(match["list"], {})
    if isinstance(parts, dict):
        part = parts.setdefault(int(match["index"]), {})
        part[match["name"].rpartition(".")[2]] = value  # function.name, image.image.url


def _join(fields: Mapping[str, Any]) -> dict[str, Any]:
    entry = dict(fields)
    for name in ("tool_calls", "contents"):
        parts = entry.pop(name, None)
        if isinstance(parts, dict):
            entry[name] = [parts[index] for index in sorted(parts)]
    if entry.get("content") is None:
        entry["content"] = entry.get("contents")
    elif isinstance(entry["content"], str):  # OpenLLMetry writes parts as JSON
        entry["content"] = list_parts(entry["content"])
    return entry


def _message_events(span: Span) -> list[Entry]:
    """Read the events of OpenTelemetry's older convention: one for each message."""
    messages = []
    for event in span.events:
        match = MESSAGE_EVENT.fullmatch(event.name)
        if match:
            messages.append(_as_message(_read_event(event.attributes), match["role"]))
        elif event.name == "gen_ai.content.prompt":
            messages += _as_messages(event.attributes.get("gen_ai.prompt"), USER)
    return messages


def _choice_events(span: Span) -> list[Entry]:
    messages = []
    for event in span.events:
        if event.name == CHOICE_EVENT:
            entry = _read_event(event.attributes)
            inner = read_json(entry.get("message"))
            if isinstance(inner, str):
                inner = {"content": inner}
            message = _as_message(inner if isinstance(inner, dict) else entry, ASSISTANT)
            messages.append(message)
        elif event.name == "gen_ai.content.completion":
            messages += _as_messages(event.attributes.get("gen_ai.completion"), ASSISTANT)
    return messages


def _read_event(attributes: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return the fields of an event: its attributes, or the JSON that one of them holds."""
    whole = read_json(attributes.get("gen_ai.event.content"))
    if isinstance(whole, dict):
        return whole
    fields: dict[str, Value] = {}
    for name, value in attributes.items():
        is_text = name == "content" and isinstance(value, str)
        fields[name] = list_parts(str(value)) if is_text else read_json(value)
    return fields


def _vercel_output(span: Span) -> list[Entry]:
    entry: dict[str, Value] = {
        "content": span.attributes.get("ai.response.text") or None,
        "tool_calls": read_json(span.attributes.get("ai.response.toolCalls")),
    }
    if entry["content"] is None:
        entry["content"] = span.attributes.get("ai.response.object")
    message = _as_message(entry, ASSISTANT)
    return [message] if _says_something(message) else []


INPUTS: Final[tuple[Reader, ...]] = (
    _attribute("langfuse.observation.input", USER),
    _instructions,
    _attribute("ai.prompt.messages", USER),
    _attribute("ai.prompt", USER),
    _indexed("gen_ai.prompt.", USER),
    _indexed("llm.input_messages.", USER),
    _indexed("llm.prompts.", USER),
    _message_events,
    _attribute("gen_ai.prompt", USER),
    _attribute("input.value", USER),
)
OUTPUTS: Final[tuple[Reader, ...]] = (
    _attribute("langfuse.observation.output", ASSISTANT),
    _output_messages,
    _vercel_output,
    _indexed("gen_ai.completion.", ASSISTANT),
    _indexed("llm.output_messages.", ASSISTANT),
    _indexed("llm.completions.", ASSISTANT),
    _choice_events,
    _attribute("gen_ai.completion", ASSISTANT),
    _attribute("output.value", ASSISTANT),
)
