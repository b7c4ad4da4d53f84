"""What a request for a chat completion holds; an option that does nothing is refused.

Only what OpenAI's clients send by themselves, for OpenAI's own records, is accepted and left out:
user, safety_identifier, store, metadata and prompt_cache_key do not change what is answered.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from django.core.exceptions import ValidationError
from msgspec import Meta, Struct

from core.api.problems import (
    FieldProblem,
    RequestError,
    describe_mismatch,
    find_byte,
    register_problem,
)
from core.sentences import Sentence
from evaluations.adapters import message_from_prompt
from evaluations.engine.types import Message
from prompts.config import validate_config
from prompts.rendering.chat import take_histories

__all__ = ["PARAMETERS", "ChatBody", "FieldError", "read_body", "read_messages", "read_parameters"]

MOST_CALLS: Final = 128  # of tools in one message: as many as there may be tools
PARAMETERS: Final = (
    "frequency_penalty",
    "logit_bias",
    "max_completion_tokens",
    "max_tokens",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "verbosity",
)
"""What goes to the model; `prompts.config` says what the values may be."""
# What clients repeat of an answer's message, and nobody reads.
UNREAD: Final = ("annotations", "audio", "function_call", "refusal")


class FieldError(RequestError):
    """A field of the request is not what it has to be.

    Attributes:
        field: its name.
    """

    def __init__(self, field: str, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.field = field


def _describe(error: FieldError) -> list[FieldProblem]:
    return [FieldProblem(field=error.field, detail=str(error), code=error.code)]


register_problem(FieldError, HTTPStatus.BAD_REQUEST, describe=_describe)


class StreamOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    """How a stream is sent."""

    include_usage: bool | None = False
    include_obfuscation: bool | None = None
    """Padding against listeners on the line; accepted, there is none."""


class ChatBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A request for a chat completion; null says the same as nothing."""

    model: Annotated[str, Meta(min_length=1, max_length=500)]
    messages: list[dict[str, Any]] = []
    prompt_id: Annotated[str, Meta(min_length=1, max_length=400)] | None = None
    prompt_label: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    prompt_version: Annotated[int, Meta(ge=1, lt=2**31)] | None = None
    prompt_variables: dict[str, Any] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = 1
    frequency_penalty: Any = None
    logit_bias: dict[str, float] | None = None
    max_completion_tokens: Any = None
    max_tokens: Any = None
    parallel_tool_calls: bool | None = None
    presence_penalty: Any = None
    reasoning_effort: Annotated[str, Meta(max_length=40)] | None = None
    response_format: Any = None
    seed: Any = None
    stop: Any = None
    temperature: Any = None
    tool_choice: Any = None
    tools: Any = None
    top_p: Any = None
    verbosity: Annotated[str, Meta(max_length=40)] | None = None
    user: Any = None
    safety_identifier: Any = None
    store: Any = None
    metadata: Any = None
    prompt_cache_key: Any = None


def read_body(raw: bytes) -> ChatBody:
    """Return what a request holds.

    Raises:
        FieldError: a field is unknown or of the wrong type.
        RequestError: it is no JSON.
    """
    try:
        return msgspec.json.decode(raw, type=ChatBody)
    except msgspec.ValidationError as error:
        problem = describe_mismatch(str(error))
        name = problem.field or "body"
        raise FieldError(
            name, Sentence("gateway.field", name=name, problem=problem.detail)
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        line, column = find_byte(str(error), raw)
        raise RequestError("api.not-json", line=line, column=column) from None


def read_parameters(body: ChatBody) -> dict[str, Any]:
    """Return what of a request goes to the model.

    Raises:
        FieldError: a value is not what its name means.
    """
    parameters = {}
    for name in PARAMETERS:
        value = getattr(body, name)
        if value is not None:
            parameters[name] = value
    try:
        validate_config(parameters)
    except ValidationError as error:
        text = "; ".join(error.messages)
        place = str((error.error_list[0].params or {}).get("place", ""))
        name = place.partition("[")[0].partition(".")[0]
        raise FieldError(name, Sentence.verbatim(text)) from None
    return parameters


def read_messages(entries: list[dict[str, Any]]) -> tuple[Message, ...]:
    """Return the messages of a request, with calls of tools and what these answered.

    Raises:
        FieldError: a call of a tool, or its answer, is none.
        TemplateError: one is no message.
    """
    plain = []
    for entry in entries:
        plain.append(_without_tools(entry))
    # The rules are those of messages that fill a placeholder.
    read = take_histories(["messages"], {"messages": plain})["messages"]
    messages = []
    for number, (entry, message) in enumerate(zip(entries, read, strict=True)):
        calls = _read_calls(entry.get("tool_calls"), message.role, number)
        call_id = entry.get("tool_call_id") or ""
        if not isinstance(call_id, str) or (message.role == "tool") != bool(call_id):
            raise FieldError("messages", Sentence("gateway.tool-answer", number=number + 1))
        messages.append(message_from_prompt(message, tool_calls=calls, tool_call_id=call_id))
    return tuple(messages)


def _without_tools(entry: Mapping[str, Any]) -> dict[str, Any]:
    plain = {}
    for name, value in entry.items():
        is_empty = name in UNREAD and not value
        if not is_empty and name not in ("tool_calls", "tool_call_id"):
            plain[name] = value
    if entry.get("tool_calls") and plain.get("content") is None:
        plain["content"] = ""  # an assistant that calls tools need not say anything
    return plain


def _read_calls(value: object, role: str, number: int) -> tuple[Mapping[str, object], ...]:
    if not value:
        return ()
    fault = FieldError("messages", Sentence("gateway.tool-calls", number=number + 1))
    if not isinstance(value, list) or len(value) > MOST_CALLS or role != "assistant":
        raise fault
    calls = []
    for call in value:
        if not isinstance(call, dict) or call.get("type", "function") != "function":
            raise fault
        function = call.get("function")
        if not isinstance(function, dict):
            raise fault
        texts = (call.get("id"), function.get("name"), function.get("arguments"))
        if not all(isinstance(text, str) for text in texts):
            raise fault
        inner = {"name": texts[1], "arguments": texts[2]}
        calls.append({"id": texts[0], "type": "function", "function": inner})
    return tuple(calls)
