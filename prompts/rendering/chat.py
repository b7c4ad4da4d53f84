"""A chat as its content holds it: a JSON list of messages and of placeholders for more of them.

    {"role": "user", "content": "…"}            a message; Langfuse's "type": "chatmessage" is read
    {"type": "placeholder", "name": "history"}  messages that whoever renders the chat provides

What fills a placeholder is data: it is inserted as it is and never read as a template.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from prompts.rendering.problems import ContractError, Problem, SourceLocation, ValuesError
from prompts.rendering.variables import LARGEST, is_variable_name

__all__ = [
    "PLACEHOLDER",
    "ROLES",
    "ChatEntry",
    "Message",
    "Placeholder",
    "dump_messages",
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
Fault = tuple[str, Params]  # a code and its parameters

IN_HISTORY: Final = {"chat-message": "history-message", "chat-role": "history-role"}
"""What a fault of a message is called where the message fills a placeholder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    """One of ROLES."""
    content: str
    """What it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """A place in a chat for messages that are provided when it is rendered."""

    name: str
    """An identifier; no other placeholder and no variable of the chat has it."""


ChatEntry = Message | Placeholder


def parse_messages(content: str) -> tuple[ChatEntry, ...]:
    """Return the messages and placeholders of a chat.

    Raises:
        ContractError: with a problem for each entry that is neither.
    """
    value = _parse_list(content)
    problems = []
    names: set[str] = set()
    for number, entry in enumerate(value, start=1):
        location = SourceLocation(message=number)
        fault = _find_fault(entry)
        if fault is not None:
            code, params = fault
            problems.append(Problem(code=code, params=params, place=location))
            continue
        name = entry.get("name")
        if name in names:
            params = {"name": name}
            problems.append(Problem(code="placeholder-twice", params=params, place=location))
        elif name is not None:
            names.add(name)
    if problems:
        raise ContractError(problems)
    return tuple(map(_build, value))


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
    values = []
    for entry in entries:
        value = asdict(entry)
        if isinstance(entry, Placeholder):
            value = {"type": PLACEHOLDER, **value}
        values.append(value)
    return json.dumps(values, ensure_ascii=False, indent=2)


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
        size += sum(len(message.content) for message in history)
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
        fields = asdict(entry) if isinstance(entry, Message) else entry
        fault = _find_fault_of_message(fields)
        if fault is None:
            messages.append(Message(role=fields["role"], content=fields["content"]))
        elif len(problems) < MOST_PROBLEMS:
            code, params = fault
            params = {**params, "name": name, "number": number}
            problems.append(Problem(code=IN_HISTORY[code], params=params))
    if problems:
        raise ValuesError(problems)
    return tuple(messages)


def _excerpt(value: object) -> str:
    text = repr(value)
    if len(text) > EXCERPT:
        return f"{text[:EXCERPT]}…"
    return text


def _build(entry: Mapping[str, str]) -> ChatEntry:
    if entry.get("type") == PLACEHOLDER:
        return Placeholder(name=entry["name"])
    return Message(role=entry["role"], content=entry["content"])


def _find_fault(entry: object) -> Fault | None:
    if isinstance(entry, dict) and entry.get("type") == PLACEHOLDER:
        return _find_fault_of_placeholder(entry)
    return _find_fault_of_message(entry)


def _find_fault_of_placeholder(entry: Mapping[str, object]) -> Fault | None:
    if set(entry) != {"type", "name"}:
        return "placeholder-keys", {"found": _list_keys(entry)}
    name = entry["name"]
    if not is_variable_name(name):
        return "placeholder-name", {"name": str(name)[:EXCERPT]}
    return None


def _find_fault_of_message(entry: object) -> Fault | None:
    if not isinstance(entry, dict):
        return "chat-message", {"found": "no keys"}
    # Langfuse writes a type; without one, it is a message all the same.
    keys = set(entry)
    if entry.get("type") == CHAT_MESSAGE:
        keys.discard("type")
    if keys != {"role", "content"}:
        return "chat-message", {"found": _list_keys(entry)}
    role = entry["role"]
    if role not in ROLES:
        return "chat-role", {"role": str(role)[:EXCERPT], "allowed": ", ".join(ROLES)}
    if not isinstance(entry["content"], str):
        return "chat-message", {"found": "a content that is not a string"}
    return None


def _list_keys(entry: Mapping[str, object]) -> str:
    return ", ".join(map(str, entry))[:EXCERPT] or "nothing"
