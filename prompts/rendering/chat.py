"""A chat as its content holds it: a JSON list of messages and of placeholders for more of them.

    {"role": "user", "content": "…"}            a message; Langfuse's "type": "chatmessage" is read
    {"role": "user", "content": [{"type": "text", "text": "…"}, …]}     parts: see `parts`
    {"type": "placeholder", "name": "history"}  messages that whoever renders the chat provides

What fills a placeholder is data: it is inserted as it is and never read as a template.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from prompts.rendering.parts import Fault, Part, find_address_fault, parse_parts, show_part
from prompts.rendering.problems import ContractError, Problem, SourceLocation, ValuesError
from prompts.rendering.variables import LARGEST, is_variable_name

__all__ = [
    "PLACEHOLDER",
    "ROLES",
    "ChatEntry",
    "Content",
    "Message",
    "Placeholder",
    "content_as_json",
    "content_from_json",
    "dump_messages",
    "fill_message",
    "find_address_problems",
    "parse_messages",
    "take_histories",
]

ROLES: Final = ("system", "developer", "user", "assistant", "tool")
CHAT_MESSAGE: Final = "chatmessage"  # what Langfuse calls the type of a message
PLACEHOLDER: Final = "placeholder"
MOST_MESSAGES: Final = 1000  # in one placeholder: longer than any conversation that models read
MOST_PROBLEMS: Final = 20  # of the messages for one placeholder
EXCERPT: Final = 100  # characters of what was sent, in a problem

Params = dict[str, object]

Content = str | tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    """One of ROLES."""
    content: Content
    """What it says: a text, or parts in their order."""

    @property
    def templates(self) -> tuple[str, ...]:
        """What is filled with values: the text, or that of each part."""
        if isinstance(self.content, str):
            return (self.content,)
        return tuple(part.template for part in self.content)

    @property
    def text(self) -> str:
        """What it says as people read it; data of images and files is named, not written out."""
        if isinstance(self.content, str):
            return self.content
        return "\n\n".join(map(show_part, self.content))

    def as_json(self) -> dict[str, Any]:
        """Return the message as a chat stores it."""
        return {"role": self.role, "content": content_as_json(self.content)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """A place in a chat for messages that are provided when it is rendered."""

    name: str
    """An identifier; no other placeholder and no variable of the chat has it."""

    def as_json(self) -> dict[str, Any]:
        """Return the placeholder as a chat stores it."""
        return {"type": PLACEHOLDER, "name": self.name}


ChatEntry = Message | Placeholder


def parse_messages(content: str) -> tuple[ChatEntry, ...]:
    """Return the messages and placeholders of a chat.

    Raises:
        ContractError: with a problem for each entry that is neither.
    """
    value = _parse_list(content)
    problems = []
    entries: list[ChatEntry] = []
    names: set[str] = set()
    for number, item in enumerate(value, start=1):
        location = SourceLocation(message=number)
        entry = _parse_entry(item)
        if isinstance(entry, Fault):
            problems.append(_build_problem(entry, location))
            continue
        entries.append(entry)
        if not isinstance(entry, Placeholder):
            continue
        if entry.name in names:
            params = {"name": entry.name}
            problems.append(Problem(code="placeholder-twice", params=params, place=location))
        names.add(entry.name)
    if problems:
        raise ContractError(problems)
    return tuple(entries)


def _parse_list(content: str) -> list[Any]:
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        location = SourceLocation(line=error.lineno, column=error.colno)
        problem = Problem(code="chat-json", params={"reason": error.msg}, place=location)
        raise ContractError([problem]) from None
    except (RecursionError, ValueError):  # too deep, or a number of more digits than Python reads
        raise ContractError([Problem(code="chat-list")]) from None
    if not isinstance(value, list) or not value:
        raise ContractError([Problem(code="chat-list")])
    return value


def dump_messages(entries: Iterable[ChatEntry]) -> str:
    """Return the content of a chat: JSON with an indent of two."""
    values = [entry.as_json() for entry in entries]
    return json.dumps(values, ensure_ascii=False, indent=2)


def content_as_json(content: Content) -> str | list[dict[str, str]]:
    """Return what a message says as a chat stores it: a text, or a list of parts."""
    if isinstance(content, str):
        return content
    return [part.as_json() for part in content]


def content_from_json(value: str | list[dict[str, str]]) -> Content:
    """Return what `content_as_json` was given."""
    if isinstance(value, str):
        return value
    return tuple(Part(**fields) for fields in value)


def fill_message(message: Message, filled: Iterator[str]) -> Message:
    """Return a message with texts instead of its templates; it takes as many as it has."""
    if isinstance(message.content, str):
        return replace(message, content=next(filled))
    parts = []
    for part in message.content:
        if part.type == "text":
            parts.append(replace(part, text=next(filled)))
        else:
            parts.append(replace(part, url=next(filled)))
    return replace(message, content=tuple(parts))


def find_address_problems(message: Message, location: SourceLocation) -> Iterator[Problem]:
    """Yield what is wrong with the addresses of a message's images and files.

    Args:
        message: its addresses are filled in.
        location: that of the message.
    """
    if isinstance(message.content, str):
        return
    for number, part in enumerate(message.content, start=1):
        fault = find_address_fault(part)
        if fault is not None:
            yield _build_problem(replace(fault, part=number), location)


def take_histories(
    names: Iterable[str], values: Mapping[str, object]
) -> dict[str, tuple[Message, ...]]:
    """Return the messages for each placeholder: those in `values`, or none.

    Args:
        names: of the placeholders.
        values: by name; lists of messages or of their JSON objects.

    Raises:
        ValuesError: with a problem for each entry that is no message.
    """
    histories = {}
    problems: list[Problem] = []
    size = 0
    for name in names:
        try:
            history = _parse_history(name, values.get(name))
        except ValuesError as error:
            problems += error.problems
            continue
        histories[name] = history
        for message in history:
            size += sum(map(len, message.templates))
    if size > LARGEST:
        problems.append(Problem(code="value-size", params={"limit": LARGEST}))
    if problems:
        raise ValuesError(problems)
    return histories


def _parse_history(name: str, value: object) -> tuple[Message, ...]:
    if value is None:  # a placeholder that nobody fills holds no messages
        return ()
    if not isinstance(value, list | tuple):
        params: Params = {"name": name, "found": _excerpt(value)}
        raise ValuesError([Problem(code="history-list", params=params)])
    if len(value) > MOST_MESSAGES:
        params = {"name": name, "limit": MOST_MESSAGES}
        raise ValuesError([Problem(code="history-size", params=params)])
    problems: list[Problem] = []
    messages = []
    for number, entry in enumerate(value, start=1):
        fields = entry.as_json() if isinstance(entry, Message) else entry
        message = _parse_message(fields)
        location = SourceLocation(placeholder=name, message=number)
        if isinstance(message, Fault):
            problems.append(_build_problem(message, location))
        else:
            messages.append(message)
            problems += find_address_problems(message, location)
        if len(problems) >= MOST_PROBLEMS:
            break  # the rest shows when these are fixed
    if problems:
        raise ValuesError(problems[:MOST_PROBLEMS])
    return tuple(messages)


def _build_problem(fault: Fault, location: SourceLocation) -> Problem:
    location = replace(location, part=fault.part)
    return Problem(code=fault.code, params=fault.params, place=location)


def _excerpt(value: object) -> str:
    text = repr(value)
    if len(text) > EXCERPT:
        return f"{text[:EXCERPT]}…"
    return text


def _parse_entry(entry: object) -> ChatEntry | Fault:
    if isinstance(entry, dict) and entry.get("type") == PLACEHOLDER:
        return _find_fault_of_placeholder(entry) or Placeholder(name=entry["name"])
    return _parse_message(entry)


def _find_fault_of_placeholder(entry: Mapping[str, object]) -> Fault | None:
    if set(entry) != {"type", "name"}:
        return Fault("placeholder-keys", {"found": _list_keys(entry)})
    name = entry["name"]
    if not is_variable_name(name):
        return Fault("placeholder-name", {"name": str(name)[:EXCERPT]})
    return None


def _parse_message(entry: object) -> Message | Fault:
    if not isinstance(entry, dict):
        return Fault("chat-message", {"found": "no keys"})
    # Langfuse writes a type; without one, it is a message all the same.
    keys = set(entry)
    if entry.get("type") == CHAT_MESSAGE:
        keys.discard("type")
    if keys != {"role", "content"}:
        return Fault("chat-message", {"found": _list_keys(entry)})
    role, content = entry["role"], entry["content"]
    if role not in ROLES:
        return Fault("chat-role", {"role": str(role)[:EXCERPT], "allowed": ", ".join(ROLES)})
    parsed = _parse_content(content)
    if isinstance(parsed, Fault):
        return parsed
    return Message(role=role, content=parsed)


def _parse_content(content: object) -> Content | Fault:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return Fault("chat-message", {"found": "a content that is neither"})
    return parse_parts(content)


def _list_keys(entry: Mapping[str, object]) -> str:
    return ", ".join(map(str, entry))[:EXCERPT] or "nothing"
