"""A chat as its content holds it: a JSON list of messages."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

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
        place = SourceLocation(line=error.lineno, column=error.colno)
        problem = Problem(code="chat-json", params={"reason": error.msg}, place=place)
        raise ContractError([problem]) from None
    except (RecursionError, ValueError):
        raise ContractError([Problem(code="chat-list")]) from None
    if not isinstance(value, list) or not value:
        raise ContractError([Problem(code="chat-list")])
    faults = [
        _fault(entry, SourceLocation(message=number)) for number, entry in enumerate(value, start=1)
    ]
    problems = [fault for fault in faults if fault]
    if problems:
        raise ContractError(problems)
    return tuple(Message(**entry) for entry in value)


def dump_messages(messages: Iterable[Message]) -> str:
    """Return the content of a chat: JSON with an indent of two."""
    return json.dumps([asdict(message) for message in messages], ensure_ascii=False, indent=2)


def _fault(entry: Any, place: SourceLocation) -> Problem | None:
    if not isinstance(entry, dict) or set(entry) != {"role", "content"}:
        found = ", ".join(map(str, entry))[:100] if isinstance(entry, dict) else "no names"
        return Problem(code="chat-message", params={"found": found or "nothing"}, place=place)
    if entry["role"] not in ROLES:
        params = {"name": str(entry["role"])[:100], "allowed": ", ".join(ROLES)}
        return Problem(code="chat-role", params=params, place=place)
    if not isinstance(entry["content"], str):
        params = {"found": "a content that is none"}
        return Problem(code="chat-message", params=params, place=place)
    return None
