"""The messages that a filled prompt of a file means to a service.

promptfoo looks for a chat after a prompt is filled, so that loops and `dump` may write one, and
each of its clients reads it in a way of its own: those of OpenAI's form a JSON or a YAML list, that
of Anthropic a JSON list or lines that begin with a role.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.yaml_document import load_document
from evaluations.engine.providers.base import Kind
from evaluations.engine.providers.parts import message_for_anthropic, message_for_openai
from evaluations.engine.types import Message, Part
from prompts import rendering

__all__ = ["read_messages"]

YAML: Final = "- role:"
# What a text in square brackets begins with where its writer meant JSON.
JSON_LIST: Final = re.compile(r"\[\s*(?:[\"{\[\d-]|true|false|null|\]\Z)")
LINE_ROLES: Final = ("user", "assistant")
SYSTEM: Final = "system:"
DATA: Final = re.compile(r"data:(?P<type>[^;,]*);base64,(?P<data>.*)", re.DOTALL)
REASON: Final = 200  # characters of what a parser says


def read_messages(kind: str, text: str) -> tuple[Message, ...]:
    """Return the messages that a filled prompt is sent as.

    Args:
        kind: that of the provider.
        text: the prompt with its values.

    Raises:
        SuiteError: it was meant as a chat, and cannot be read as one.

    Examples:
        >>> chat = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]'
        >>> [message.role for message in read_messages("openai", chat)]
        ['system', 'user']
        >>> [message.role for message in read_messages("echo", chat)]
        ['user']
    """
    if kind == Kind.ECHO:
        return (_of_user(text),)  # it answers what stands there
    if kind == Kind.ANTHROPIC:
        return _read_for_anthropic(text)
    return _read_for_openai(text)


def _of_user(text: str) -> Message:
    return Message(role="user", content=text)


# --- services of OpenAI's form


def _read_for_openai(text: str) -> tuple[Message, ...]:
    stripped = text.strip()
    if stripped.startswith(YAML):
        return _build_chat(_load_yaml(text), text, Kind.OPENAI)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if _looks_like_json(stripped):
            raise SuiteError("promptfoo.chat-json", reason=str(error)[:REASON]) from None
        return (_of_user(text),)
    return _build_chat(value, text, Kind.OPENAI)


def _load_yaml(text: str) -> object:
    try:
        return load_document(text).value
    except SuiteError as error:
        raise SuiteError("promptfoo.chat-yaml", reason=str(error)[:REASON]) from None


def _looks_like_json(text: str) -> bool:
    if text.startswith("{") and text.endswith("}"):
        return True
    return text.endswith("]") and JSON_LIST.match(text) is not None


def _build_chat(value: object, text: str, kind: str) -> tuple[Message, ...]:
    # Any other JSON is no chat, which services would refuse: it is a text that is JSON.
    if not isinstance(value, list) or not value or not all(map(_is_message, value)):
        return (_of_user(text),)
    return tuple(_build_message(entry, kind) for entry in value)


def _is_message(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("role"), str) and bool(entry["role"])


# --- Anthropic


def _read_for_anthropic(text: str) -> tuple[Message, ...]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list) and value and all(map(_is_message, value)):
        return _build_chat(value, text, Kind.ANTHROPIC)
    return _read_lines(text)


def _read_lines(text: str) -> tuple[Message, ...]:
    """Return the messages of lines, of which some begin with a role.

    As promptfoo reads them, lines lose the white space around them, and empty ones are left out.
    """
    instructions = ""
    messages: list[Message] = []
    role = ""
    lines: list[str] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        named = next((name for name in LINE_ROLES if line.startswith(f"{name}:")), "")
        if line.startswith(SYSTEM):
            instructions = line.removeprefix(SYSTEM).strip()  # of several the last one counts
        elif named:
            messages += _end_message(role, lines)
            role, lines = named, [line.removeprefix(f"{named}:").strip()]
        else:
            role = role or "user"
            lines.append(line)
    messages += _end_message(role, lines)
    if instructions:
        return (Message(role="system", content=instructions), *messages)
    return tuple(messages) or (_of_user(text.strip()),)


def _end_message(role: str, lines: list[str]) -> list[Message]:
    return [Message(role=role, content="\n".join(lines))] if role and lines else []


# --- one message


def _build_message(entry: Mapping[str, Any], kind: str) -> Message:
    """Return a message; what its fields do not say all of is sent as it was written."""
    message = _parse_message(entry)
    if message is not None:
        for part in message.parts:
            _check_address(part)
        write = message_for_anthropic if kind == Kind.ANTHROPIC else message_for_openai
        if kind == Kind.ANTHROPIC or write(message) == entry:
            return message
    return Message(role=entry["role"], content=_show(entry.get("content")), given=dict(entry))


def _parse_message(entry: Mapping[str, Any]) -> Message | None:
    """Return a message whose fields say all of an entry, None where they cannot."""
    keys = entry.keys() - {"role", "content", "tool_calls", "tool_call_id"}
    content = entry.get("content")
    calls = entry.get("tool_calls") or []
    answered = entry.get("tool_call_id") or ""
    if keys or entry["role"] not in rendering.ROLES or not isinstance(answered, str):
        return None
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return None
    parts: tuple[Part, ...] = ()
    shown = content
    if isinstance(content, list):
        parsed = rendering.parse_parts([_as_image(part) for part in content])
        if not isinstance(parsed, tuple):
            return None
        parts = tuple(Part(**asdict(part)) for part in parsed)
        shown = rendering.Message(role=entry["role"], content=parsed).text
    elif content is None and calls:
        shown = ""
    if not isinstance(shown, str):
        return None
    return Message(
        role=entry["role"],
        content=shown,
        parts=parts,
        tool_calls=tuple(calls),
        tool_call_id=answered,
    )


def _as_image(part: object) -> object:
    """Return an image of Anthropic's form in our words; anything else as it is."""
    if not isinstance(part, dict) or part.keys() != {"type", "source"} or part["type"] != "image":
        return part
    source = part["source"]
    if not isinstance(source, dict):
        return part
    if source.get("type") == "url":
        return {"type": "image", "url": source.get("url")}
    data = source.get("data")
    if source.get("type") != "base64" or not isinstance(data, str):
        return part
    # promptfoo takes data with its type before it as well.
    match = DATA.fullmatch(data)
    media_type = source.get("media_type") or (match["type"] if match else "")
    return {"type": "image", "url": f"data:{media_type};base64,{match['data'] if match else data}"}


def _check_address(part: Part) -> None:
    stored = rendering.Part(**asdict(part))
    fault = rendering.find_address_fault(stored)
    if fault is not None:
        problem = rendering.Problem(code=fault.code, params=dict(fault.params))
        raise SuiteError("promptfoo.chat-part", reason=problem)


def _show(content: object) -> str:
    """Return what people read of a content that is no text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        shown = [text for text in texts if isinstance(text, str)]
        return "\n\n".join(shown)
    return "" if content is None else json.dumps(content, ensure_ascii=False)
