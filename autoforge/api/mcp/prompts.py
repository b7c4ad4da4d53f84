"""Prompts as MCP offers them: with arguments from their contracts, filled with texts."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from core.api.cursors import DEFAULT_LIMIT, read_cursor, write_cursor
from core.api.problems import RequestError
from prompts.interface import PromptText, find_prompt
from prompts.interface import get_prompt as get_released
from prompts.mapping import as_template
from prompts.models import Prompt, PromptVersion
from prompts.naming import LATEST
from prompts.rendering import Message, Template, coerce_values, find_placeholders

__all__ = ["get_prompt", "list_prompts"]

PRODUCTION: Final = "production"
DATA: Final = re.compile(r"data:(?P<media>[^;,]+);base64,(?P<data>.*)", re.DOTALL)


def list_prompts(cursor: str) -> dict[str, Any]:
    """Return a page of prompts in use with their arguments: two queries.

    Raises:
        RequestError: the cursor is none.
    """
    rows = Prompt.objects.exclude(status=Prompt.Status.ARCHIVED).order_by("name")
    if cursor:
        [after] = read_cursor(cursor, [str])
        rows = rows.filter(name__gt=after)
    prompts = list(rows[: DEFAULT_LIMIT + 1])
    page = prompts[:DEFAULT_LIMIT]
    released = PromptVersion.objects.filter(
        prompt__in=[prompt.pk for prompt in page], labels__name=PRODUCTION
    )
    versions = {version.prompt_id: version for version in released}
    listed = []
    for prompt in page:
        version = versions.get(prompt.pk)
        template = as_template(prompt if version is None else version)
        listed.append(
            {
                "name": prompt.name,
                "title": prompt.title,
                "description": prompt.description,
                "arguments": _arguments(template),
            }
        )
    answer: dict[str, Any] = {"prompts": listed, "ttlMs": 0, "cacheScope": "private"}
    if len(prompts) > len(page):
        answer["nextCursor"] = write_cursor([page[-1].name])
    return answer


def get_prompt(name: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return a prompt with its arguments in place.

    Args:
        name: NAME, which is the production version or else the newest; NAME@LABEL; NAME:NUMBER.
        arguments: texts by name; a number, a list or messages are written as JSON.

    Raises:
        NotFoundError: there is no such prompt, label or version.
        RequestError: the messages of a placeholder are no JSON.
        TemplateError: arguments are missing, unknown or of the wrong type.
    """
    prompt = find_version(name)
    placeholders = find_placeholders(prompt.template)
    texts = {key: text for key, text in arguments.items() if key not in placeholders}
    values = coerce_values(prompt.variables, texts)
    for key in placeholders:
        if arguments.get(key):
            values[key] = _read_messages(key, arguments[key])
    result = prompt.render(values)
    if isinstance(result, str):
        result = (Message(role="user", content=result),)
    return {"description": prompt.title, "messages": list(_as_messages(result))}


def find_version(name: str) -> PromptText:
    """Return the version that NAME, NAME@LABEL or NAME:NUMBER leads to.

    Raises:
        NotFoundError: there is none.
    """
    if "@" in name or ":" in name:
        return find_prompt(name)
    label = PRODUCTION
    released = PromptVersion.objects.filter(
        prompt__name=name, prompt__deleted_at__isnull=True, labels__name=PRODUCTION
    )
    if not released.exists():
        label = LATEST
    return get_released(name, label=label)


def _arguments(template: Template) -> list[dict[str, Any]]:
    arguments = []
    for variable in template.variables:
        description = variable.description
        if variable.type != "text":
            description = f"{description} ({variable.type}, as JSON)".strip()
        is_required = variable.required and variable.default is None
        arguments.append(
            {"name": variable.name, "description": description, "required": is_required}
        )
    for name in find_placeholders(template):
        description = 'Messages as JSON: [{"role": "user", "content": "…"}]'
        arguments.append({"name": name, "description": description, "required": False})
    return arguments


def _read_messages(name: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise RequestError("mcp.messages", name=name) from None


def _as_messages(messages: Iterable[Message]) -> Iterable[dict[str, Any]]:
    """Yield messages as MCP has them: of two roles, and one content each."""
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if isinstance(message.content, str):
            yield {"role": role, "content": {"type": "text", "text": message.content}}
            continue
        for part in message.content:
            yield {"role": role, "content": _as_content(part)}


def _as_content(part: Any) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "text", "text": part.text}
    match = DATA.fullmatch(part.url)
    if match is None:
        return {"type": "resource_link", "uri": part.url, "name": part.name or part.type}
    if part.type == "image":
        return {"type": "image", "data": match["data"], "mimeType": match["media"]}
    resource = {"uri": f"file:///{part.name}", "mimeType": match["media"], "blob": match["data"]}
    return {"type": "resource", "resource": resource}
