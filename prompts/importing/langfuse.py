"""Prompts as Langfuse exports them: chats with placeholders, and versions of one prompt.

A record is recognised by what only Langfuse has: a `prompt` with a `type` of text or chat beside
it. Its variables are written {{name}}, which is mustache here (langfuse.com/docs/prompts).
"""

from collections.abc import Mapping
from typing import Any, Final

from core.tables.values import UnsupportedValueError
from prompts.rendering import (
    PLACEHOLDER,
    ChatEntry,
    ContractError,
    Message,
    Placeholder,
    Template,
    TemplateError,
    dump_messages,
    propose_variables,
)

__all__ = ["is_langfuse", "read_langfuse"]

TYPES: Final = ("text", "chat")
SIGNS: Final = frozenset({"version", "labels", "config", "commitMessage", "projectId"})


def is_langfuse(record: Mapping[str, object]) -> bool:
    """Whether a record is a prompt of Langfuse."""
    # A type and a prompt may stand in a table of anybody's: one of the other names is needed, too.
    if record.get("type") not in TYPES or SIGNS.isdisjoint(record):
        return False
    return isinstance(record.get("name"), str) and isinstance(record.get("prompt"), str | list)


def read_langfuse(record: Mapping[str, Any]) -> dict[str, object]:
    """Return a record in our own words.

    Raises:
        UnsupportedValueError: a message of a chat is none.
    """
    changed = dict(record)
    content = changed["prompt"]
    kind = changed.pop("type")
    if isinstance(content, list):
        kind = "chat"
        content = _read_messages(content)
    elif kind == "chat":
        raise UnsupportedValueError("langfuse.not-chat")
    changed |= {"prompt": content, "kind": kind, "syntax": "mustache"}
    changed.setdefault("variables", _propose(kind, content))
    return changed


def _read_messages(messages: list[object]) -> str:
    entries: list[ChatEntry] = []
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, dict):
            raise UnsupportedValueError("langfuse.message", number=number)
        if message.get("type") == PLACEHOLDER:
            name = message.get("name")
            if not isinstance(name, str) or not name:
                raise UnsupportedValueError("langfuse.placeholder", number=number)
            entries.append(Placeholder(name=name))
            continue
        role = message.get("role")
        content = message.get("content")
        if not isinstance(role, str) or not isinstance(content, str):
            raise UnsupportedValueError("langfuse.message", number=number)
        entries.append(Message(role=role, content=content))
    return dump_messages(entries)


def _propose(kind: str, content: str) -> list[dict[str, object]]:
    """Return declarations of the variables that a text uses; of a faulty text none.

    What is wrong with it is said when it is checked.
    """
    try:
        template = Template(kind=kind, syntax="mustache", content=content)
        return [variable.as_json() for variable in propose_variables(template)]
    except (ContractError, TemplateError):
        return []
