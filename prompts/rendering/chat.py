"""A chat as its content holds it: a JSON list of messages."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from prompts.rendering.problems import ContractError, Problem, SourceLocation

__all__ = ["ROLES", "Message", "dump_messages", "parse_messages"]

ROLES: Final = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    """One of ROLES."""
    content: str
    """What it says."""


def parse_messages(content: str) -> tuple[Message, ...]:
    """Return the messages of a chat.

    Raises:
        ContractError: with a problem for each message that is none.
    """
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
    problems = []
    for number, entry in enumerate(value, start=1):
        fault = _find_problem(entry, SourceLocation(message=number))
        if fault is not None:
            problems.append(fault)
    if problems:
        raise ContractError(problems)
    return tuple(Message(**entry) for entry in value)


def dump_messages(messages: Iterable[Message]) -> str:
    """Return the content of a chat: JSON with an indent of two."""
    entries = [asdict(message) for message in messages]
    return json.dumps(entries, ensure_ascii=False, indent=2)


def _find_problem(entry: object, location: SourceLocation) -> Problem | None:
    if not isinstance(entry, dict):
        return Problem(code="chat-message", params={"found": "no keys"}, place=location)
    if set(entry) != {"role", "content"}:
        names = ", ".join(map(str, entry))[:100] or "nothing"
        return Problem(code="chat-message", params={"found": names}, place=location)
    if entry["role"] not in ROLES:
        params = {"name": str(entry["role"])[:100], "allowed": ", ".join(ROLES)}
        return Problem(code="chat-role", params=params, place=location)
    if not isinstance(entry["content"], str):
        params = {"found": "a content that is not a string"}
        return Problem(code="chat-message", params=params, place=location)
    return None
