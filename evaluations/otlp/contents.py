"""What a message says: contents in the forms of those who send them.

Texts of parts are joined. Of an image or a file only its name is kept: its bytes would be
megabytes. Calls of tools become those of OpenAI, as everywhere here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from evaluations.otlp.spans import MOST_DEPTH, Value

__all__ = [
    "Content",
    "dump",
    "list_parts",
    "read_any_json",
    "read_calls",
    "read_content",
    "read_json",
]

LONGEST_NAME: Final = 200  # characters of what stands for an image or a file
MOST_CALLS: Final = 100
MOST_VALUES: Final = 200_000  # of a text's JSON, about; one of more is not longer kept either
DATA_URL: Final = "data:"
# Types of parts by their family. OpenTelemetry: text, tool_call, tool_call_response, reasoning,
# blob, uri, file. OpenAI: text, input_text, output_text, image_url, refusal. Anthropic: tool_use,
# tool_result, thinking. Vercel: tool-call, tool-result.
THOUGHTS: Final = frozenset({"reasoning", "thinking", "redacted_thinking", "redacted-reasoning"})
CALLS: Final = frozenset({"tool_call", "tool_use", "tool-call", "function_call"})
RESULTS: Final = frozenset({"tool_call_response", "tool_result", "tool-result"})
VALUES: Final = frozenset({"text", "json"})
RESULT_NAMES: Final = ("response", "result", "output", "content")
RESULT_IDS: Final = ("id", "tool_use_id", "toolCallId", "tool_call_id")
# Members of a part that name what it holds, and those that hold an address, or bytes.
FILE_NAMES: Final = ("filename", "name", "file_id")
ADDRESSES: Final = ("uri", "url", "image_url", "image", "file", "data")


@dataclass(kw_only=True, slots=True)
class Content:
    """What a message says."""

    texts: list[str] = field(default_factory=list)
    """Of its parts."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Calls of tools, in OpenAI's form."""
    call_id: str = ""
    """The call that is answered."""

    @property
    def text(self) -> str:
        """All texts."""
        return "\n\n".join(text for text in self.texts if text)


def read_content(value: Value) -> Content:
    """Return what a content says: a text, a part, a list of parts, or any other JSON."""
    content = Content()
    if value is None:
        return content
    if isinstance(value, list) and not all(map(_is_part, value)):
        content.texts.append(dump(value))  # a list of other things, such as numbers
        return content
    for part in value if isinstance(value, list) else [value]:
        _add(content, part)
    return content


def _is_part(value: Value) -> bool:
    if isinstance(value, dict):
        return isinstance(value.get("type"), str) or "text" in value
    return isinstance(value, str)


def _add(content: Content, part: Value) -> None:
    if not isinstance(part, dict):
        content.texts.append(_as_text(part))
        return
    kind = part.get("type")
    if not isinstance(kind, str):
        kind = ""
    if kind in THOUGHTS:
        return
    if kind in CALLS:
        content.calls += read_calls([part])
        return
    if kind in RESULTS:
        content.texts.append(read_content(_first(part, *RESULT_NAMES)).text)
        content.call_id = content.call_id or str(_first(part, *RESULT_IDS) or "")
        return
    # `content` is OpenTelemetry's name for the text of a part, `value` Vercel's.
    text = _first(part, "text", "refusal", *(("content", "value") if kind in VALUES else ()))
    if text is not None:
        content.texts.append(_as_text(text))
    elif kind:
        content.texts.append(_name_part(part, kind))
    else:
        content.texts.append(dump(part))


def _as_text(value: Value) -> str:
    if isinstance(value, str):
        return _name_data(value) if _is_data(value) else value
    return dump(value)


def _name_part(part: Mapping[str, Value], kind: str) -> str:
    """Return what stands for an image or a file, such as `[image: https://…]`."""
    kind = kind.removeprefix("input_").removesuffix("_url")
    kind = str(_first(part, "mime_type", "mimeType", "mediaType", "modality") or kind)
    kind = kind[:LONGEST_NAME]
    name = _first(part, *FILE_NAMES)
    address = _first(part, *ADDRESSES)
    if isinstance(address, dict):  # OpenAI: {"url": …} and {"filename": …}
        name = name or _first(address, *FILE_NAMES)
        address = _first(address, *ADDRESSES)
    is_address = isinstance(address, str) and "://" in address[:LONGEST_NAME]
    label = name or (address if is_address else "")
    if not isinstance(label, str) or not label or len(label) > LONGEST_NAME:
        return f"[{kind}]"
    return f"[{kind}: {label}]"


def _is_data(text: str) -> bool:
    return text.startswith(DATA_URL) and ";base64," in text[:LONGEST_NAME]


def _name_data(text: str) -> str:
    kind = text[len(DATA_URL) : LONGEST_NAME].partition(";")[0]
    return f"[{kind or 'file'}]"


# --- Calls of tools -------------------------------------------------------------------------------


def read_calls(value: Value) -> list[dict[str, Any]]:
    """Return calls of tools in OpenAI's form, from any form of those who send them."""
    if not isinstance(value, list):
        return []
    calls = []
    for entry in value[:MOST_CALLS]:
        if isinstance(entry, dict):
            calls.append(_read_call(entry))
    return calls


def _read_call(entry: Mapping[str, Value]) -> dict[str, Any]:
    inner = entry.get("function")
    if not isinstance(inner, dict):
        inner = dict(entry)
    arguments = _first(inner, "arguments", "input", "args")
    if not isinstance(arguments, str):
        arguments = dump({} if arguments is None else arguments)
    function = {"name": _first(inner, "name", "toolName"), "arguments": arguments}
    call: dict[str, Any] = {"type": "function", "function": function}
    identifier = _first(entry, "id", "toolCallId", "call_id")
    return {"id": identifier, **call} if identifier else call


def _first(values: Mapping[str, Value], *names: str) -> Value:
    for name in names:
        if values.get(name) is not None:
            return values[name]
    return None


# --- JSON -----------------------------------------------------------------------------------------


def read_json(value: Value) -> Value:
    """Return the list or the object that a text holds as JSON, else the value as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        return read_any_json(value)
    return value


def read_any_json(value: Value) -> Value:
    """Return the JSON that a text holds, also a number or a text in quotes; else the value."""
    if not isinstance(value, str) or sum(map(value.count, "[{,")) > MOST_VALUES:
        return value
    try:
        read: Value = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return value
    return read if _is_shallow(read) else value


def list_parts(text: str) -> Value:
    """Return the parts that a text holds as JSON, else the text as it is written."""
    value = read_json(text)
    parts = value if isinstance(value, list) else []
    if parts and all(isinstance(part, dict) and _is_part(part) for part in parts):
        return parts
    # Other JSON stays as it was written, unless there is a file in it.
    return dump(value) if ";base64," in text and not isinstance(value, str) else text


def _is_shallow(value: Value) -> bool:
    """Whether what walks a value may do so by calling itself."""
    level: Sequence[Value] = [value]
    for _depth in range(MOST_DEPTH):
        below: list[Value] = []
        for entry in level:
            if isinstance(entry, dict):
                below += entry.values()
            elif isinstance(entry, list):
                below += entry
        if not below:
            return True
        level = below
    return False


def dump(value: object) -> str:
    """Return a value as JSON, without the bytes of images and files."""
    return json.dumps(_without_data(value), ensure_ascii=False)


def _without_data(value: object) -> object:
    if isinstance(value, str):
        return _name_data(value) if _is_data(value) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _without_data(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_data(entry) for entry in value]
    return value
