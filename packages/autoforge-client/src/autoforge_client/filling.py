"""Filling a prompt without the server: only what comes out exactly as the server's own.

The rules are those of `POST …/-/render`; a test holds both against each other.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from autoforge_client.errors import CompileError

if TYPE_CHECKING:
    from autoforge_client.models import Message, Prompt

__all__ = ["fill"]

TAG: Final = re.compile(r"(\\{0,2})\{\{(?:([^{}]*)\}\})?")
SIMPLE: Final[Mapping[str, type]] = {"text": str, "number": int, "boolean": bool}
EMPTY: Final[Mapping[str, object]] = {"text": "", "number": 0, "boolean": False}


def fill(prompt: "Prompt", values: Mapping[str, object]) -> "str | list[Message]":
    """Return the text or the messages with the values inserted.

    Raises:
        CompileError: only the server can do this, or the values do not fit the contract.
    """
    if prompt.includes:
        raise _needs_server("it includes other prompts")
    if prompt.syntax not in {"plain", "mustache"}:
        raise _needs_server(f"its syntax is {prompt.syntax}")
    texts = _take(prompt.variables, values)
    if isinstance(prompt.content, str):
        return _insert(prompt.syntax, prompt.content, texts)
    messages = []
    for message in prompt.content:
        content = message.get("content")
        if "role" not in message or not isinstance(content, str):
            raise _needs_server("it has placeholders or messages of several parts")
        filled = _insert(prompt.syntax, content, texts)
        messages.append({"role": message["role"], "content": filled})
    return messages


def _take(variables: list[dict[str, Any]], values: Mapping[str, object]) -> dict[str, str]:
    """Return the text of each variable: of its value, its default, or an empty one."""
    names = {variable["name"] for variable in variables}
    unknown = sorted(values.keys() - names)
    if unknown:
        raise CompileError(f"Unknown variables: {', '.join(unknown)}.", code="client.unknown")
    texts = {}
    for variable in variables:
        texts[variable["name"]] = _as_text(variable, values.get(variable["name"]))
    return texts


def _as_text(variable: Mapping[str, Any], value: object) -> str:
    name, kind = variable["name"], variable.get("type") or "text"
    if kind not in SIMPLE:
        raise _needs_server(f"the variable {name} is a {kind}")
    if value is None:
        default = variable.get("default")
        if variable.get("required", default is None):
            raise CompileError(f"The variable {name} has no value.", code="client.missing")
        value = EMPTY[kind] if default is None else default
    if kind == "number" and isinstance(value, float):
        raise _needs_server(f"the variable {name} has a fraction")
    if type(value) is not SIMPLE[kind]:
        raise CompileError(f"The variable {name} must be a {kind}.", code="client.wrong-type")
    return str(value).lower() if kind == "boolean" else str(value)


def _insert(syntax: str, text: str, texts: Mapping[str, str]) -> str:
    if syntax == "plain":
        return text

    def replace(tag: re.Match[str]) -> str:
        # As in Handlebars: \{{ is two braces, \\{{ a backslash before a variable.
        if tag[1] == "\\":
            return tag[0][1:]
        name = (tag[2] or "").strip()
        if name not in texts:
            raise _needs_server(f"it holds {tag[0]}")
        return tag[1][1:] + texts[name]

    return TAG.sub(replace, text)


def _needs_server(why: str) -> CompileError:
    return CompileError(f"Use render(): {why}.", code="client.needs-render")
