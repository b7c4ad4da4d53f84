"""Templates as Langfuse's clients fill them: `{{ name }}` and nothing else.

The Python client replaces names that it is given and leaves everything else in place; the
JavaScript client fills every pair of braces, and reads sections and partials. So a text goes out
only where both would give what we would: includes are put in place, and what has logic or braces of
its own is refused.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from core.errors import ApplicationError
from prompts.rendering import (
    ContractError,
    Message,
    Template,
    Variable,
    find_uses,
    parse_messages,
    render,
)

__all__ = ["NotForLangfuseError", "as_langfuse_prompt"]

# What of Jinja gives the same as replacing names: names, and includes by name.
LONE_NAME: Final = re.compile(r"\{\{-?\s*[^\W\d]\w*\s*-?\}\}")
INCLUDE: Final = re.compile(r"\{%-?\s*include\s+(?:\"[^\"]*\"|'[^']*')\s*-?%\}")


class NotForLangfuseError(ApplicationError):
    """Langfuse's clients would give another text than AutoForge does."""


def as_langfuse_prompt(template: Template) -> str | list[dict[str, Any]]:
    """Return a version's text, or the messages of its chat, as the clients fill it.

    Raises:
        NotForLangfuseError: they would fill it wrongly.
    """
    _refuse_logic(template)
    if template.kind != "chat":
        return _open_text(template)
    messages: list[dict[str, Any]] = []
    for number, entry in enumerate(parse_messages(template.content), start=1):
        if not isinstance(entry, Message):
            messages.append({"type": "placeholder", "name": entry.name})
            continue
        if not isinstance(entry.content, str):
            raise NotForLangfuseError("langfuse.parts", number=number)
        text = _open_text(replace(template, kind="text", content=entry.content))
        messages.append({"type": "chatmessage", "role": entry.role, "content": text})
    return messages


def _refuse_logic(template: Template) -> None:
    if template.syntax == "jinja":
        rest = INCLUDE.sub("", LONE_NAME.sub("", template.content))
        if "{{" in rest or "{%" in rest or "{#" in rest:
            raise NotForLangfuseError("langfuse.logic")
    for included in template.includes.values():
        _refuse_logic(included)


def _open_text(template: Template) -> str:
    """Return the text with its includes in place, and its variables still to be filled."""
    if template.syntax == "plain":
        text = template.content
        if "{{" in text:
            raise NotForLangfuseError("langfuse.braces")
        return text
    # Each name is filled with a mark that no text has, which then becomes its braces: so the
    # renderer itself puts includes in place, and braces that are left are the text's own.
    as_texts = _with_text_variables(template)
    marks = {variable.name: secrets.token_hex(16) for variable in as_texts.variables}
    filled = render(as_texts, marks)
    if not isinstance(filled, str) or "{{" in filled:
        raise NotForLangfuseError("langfuse.braces")
    for name, mark in marks.items():
        filled = filled.replace(mark, f"{{{{{name}}}}}")
    return filled


def _with_text_variables(template: Template) -> Template:
    """Return the template with the variables that it uses, all of them texts."""
    try:
        names = [use.name for use in find_uses(template)]
    except ContractError as error:  # its parts were read when it was saved
        raise NotForLangfuseError("langfuse.braces") from error
    includes: Mapping[str, Template] = {
        reference: _with_text_variables(included)
        for reference, included in template.includes.items()
    }
    variables = tuple(Variable(name=name) for name in names)
    return replace(template, variables=variables, includes=includes)
