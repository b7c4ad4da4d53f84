"""What workers do of rendering: one template or text filled, its outcome as plain data.

A result is ("done", text, messages or values), or the kind of error and its problems.
"""

from collections.abc import Mapping
from dataclasses import asdict

from prompts.rendering.chat import content_as_json
from prompts.rendering.problems import RenderError, TemplateError
from prompts.rendering.syntaxes import nunjucks
from prompts.rendering.templates import Template, fill_here

__all__ = ["fill_template", "fill_text", "fill_values"]

Result = tuple[str, object]


def fill_template(template: Template, values: Mapping[str, object]) -> Result:
    """Fill a template; a chat is a list of roles and contents."""
    try:
        filled = fill_here(template, values)
    except TemplateError as error:
        return _failed(error)
    if isinstance(filled, str):
        return "done", filled
    return "done", [(message.role, content_as_json(message.content)) for message in filled]


def fill_text(text: str, values: Mapping[str, object]) -> Result:
    """Fill a text of a configuration."""
    try:
        return "done", nunjucks.fill_text_here(text, values)
    except RenderError as error:
        return _failed(error)


def fill_values(values: Mapping[str, object]) -> Result:
    """Fill the values of a case with each other."""
    try:
        return "done", nunjucks.fill_values_here(values)
    except RenderError as error:
        return _failed(error)


def _failed(error: TemplateError) -> Result:
    # As plain values: `core.bounded` takes no objects from a process that ran a template.
    problems = []
    for problem in error.problems:
        params = {name: _plain(value) for name, value in problem.params.items()}
        problems.append((problem.code, params, asdict(problem.place)))
    return type(error).__name__, problems


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)
