"""Filling a prompt without the server: only what comes out exactly as the server's own."""

import re
from collections.abc import Mapping
from typing import Any, Final

from autoforge_client.errors import CompileError

TAG: Final = re.compile(r"(\\{0,2})\{\{(?:([^{}]*)\}\})?")
EMPTY: Final[Mapping[str, object]] = {"text": "", "number": 0, "boolean": False}
ONLY: Final = (
    "Use render(): only texts, whole numbers and booleans are filled in here, by {{ name }}."
)


def fill(prompt: Any, values: Mapping[str, object]) -> Any:
    """Return the text or the messages of a `Prompt` with the values inserted."""
    if prompt.includes or prompt.syntax == "jinja":
        raise CompileError(ONLY, code="client.needs-render")
    texts = {variable["name"]: _as_text(variable, values) for variable in prompt.variables}
    unknown = ", ".join(sorted(values.keys() - texts.keys()))
    if unknown:
        raise CompileError(f"Unknown variables: {unknown}.", code="client.unknown")

    def insert(tag: re.Match[str]) -> str:
        # As in Handlebars: \{{ is two braces, \\{{ a backslash before a variable.
        if tag[1] == "\\":
            return tag[0][1:]
        name = (tag[2] or "").strip()
        if name not in texts:
            raise CompileError(ONLY, code="client.needs-render")
        return tag[1][1:] + texts[name]

    messages = []
    for message in prompt.messages:
        text, role = message.get("content"), message.get("role")
        if role is None or not isinstance(text, str):
            raise CompileError(ONLY, code="client.needs-render")
        text = text if prompt.syntax == "plain" else TAG.sub(insert, text)
        messages.append({"role": role, "content": text})
    return messages[0]["content"] if isinstance(prompt.content, str) else messages


def _as_text(variable: Mapping[str, Any], values: Mapping[str, object]) -> str:
    """Return the text of a variable: of its value, its default, or an empty one."""
    name, kind, default = variable["name"], variable.get("type") or "text", variable.get("default")
    value = values.get(name)
    if kind not in EMPTY or isinstance(value, float):
        raise CompileError(ONLY, code="client.needs-render")
    if value is None and variable.get("required", default is None):
        raise CompileError(f"The variable {name} has no value.", code="client.missing")
    if value is None:
        value = EMPTY[kind] if default is None else default
    if type(value) is not type(EMPTY[kind]):
        raise CompileError(f"The variable {name} must be a {kind}.", code="client.wrong-type")
    return str(value).lower() if kind == "boolean" else str(value)
