"""What the editor shows while somebody writes: problems in place, proposals, the rendered text."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from prompts import services
from prompts.mapping import say
from prompts.rendering import (
    Message,
    Problem,
    Template,
    TemplateError,
    ValuesError,
    Variable,
    as_text,
    coerce_values,
    estimate_tokens,
    find_placeholders,
    render,
)

__all__ = ["preview"]


def preview(sent: Mapping[str, Any]) -> dict[str, object]:
    """Return what the editor needs to know of an unsaved wording.

    Args:
        sent: `kind`, `syntax`, `content`, `variables`, `values` (texts by name; for a
            placeholder, its messages as JSON) and, of a prompt
            that is saved, `prompt_id`.

    Returns:
        `problems` (text, field, place, variable), `proposed` variables, `messages` (one without a
        role for a text), `missing` (problems of the values), `characters`, `tokens`.
    """
    prompt_id = None
    if sent.get("prompt_id"):
        prompt_id = UUID(sent["prompt_id"])
    # A browser sends every line end as CR LF; what is saved has LF.
    content = str(sent["content"])
    report = services.examine(
        kind=str(sent["kind"]),
        syntax=str(sent["syntax"]),
        content=content.replace("\r\n", "\n"),
        variables=sent.get("variables") or [],
        prompt_id=prompt_id,
    )
    answer: dict[str, object] = {
        "problems": [_problem(problem) for problem in report.problems],
        "proposed": [variable.as_json() for variable in report.proposed],
        "messages": [],
        "missing": [],
        "characters": len(content),
        "tokens": estimate_tokens(content),
    }
    if report.template is not None and not report.problems:
        answer |= _rendered(report.template, sent.get("values") or {})
    return answer


def _rendered(template: Template, texts: Mapping[str, str]) -> dict[str, object]:
    """Return the rendered text, with names in brackets where values are still missing."""
    values, missing = _read_values(template, texts)
    for variable in template.variables:
        if variable.name not in values and (variable.required or variable.example is not None):
            values[variable.name] = _stand_in(variable)
    try:
        result = render(template, values)
    except TemplateError as error:
        return {"missing": [*missing, *map(_problem, error.problems)]}
    messages = _as_messages(result)
    text = "\n".join(message["content"] for message in messages)
    return {
        "messages": messages,
        "missing": missing,
        "characters": len(text),
        "tokens": estimate_tokens(text),
    }


def _read_values(
    template: Template, texts: Mapping[str, str]
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return the values that were typed, and what is wrong with those that cannot be read."""
    placeholders = find_placeholders(template)
    known = {*placeholders, *(variable.name for variable in template.variables)}
    values: dict[str, object] = {}
    missing: list[dict[str, object]] = []
    for name, text in texts.items():
        if name not in known or text == "":
            continue  # a field of a variable that was just removed, or one that nobody filled in
        variables = [variable for variable in template.variables if variable.name == name]
        try:
            # One by one: a value that cannot be read does not take the others along.
            values |= coerce_values(variables, {name: str(text)}, placeholders)
        except ValuesError as error:
            missing += map(_problem, error.problems)
    return values, missing


def _as_messages(result: str | Iterable[Message]) -> list[dict[str, str]]:
    if isinstance(result, str):
        return [{"role": "", "content": result}]
    # Data of images is named and not sent back: the editor has it already.
    return [{"role": message.role, "content": message.text} for message in result]


def _stand_in(variable: Variable) -> object:
    """Return the variable's example, or something of its type that shows where it would stand."""
    if variable.example is not None:
        return variable.example
    name = f"[{variable.name}]"
    if variable.type == "text":
        return name
    if variable.type == "list":
        return [name]
    if variable.type == "json":
        return {}
    return variable.empty()


def _problem(problem: Problem) -> dict[str, object]:
    field = "content"
    if problem.code.startswith(services.OF_VARIABLES):
        field = "variables"
    return {
        "text": say(problem),
        "code": problem.code,
        "field": field,
        "line": problem.place.line,
        "column": problem.place.column,
        "message": problem.place.message,
        "variable": problem.variable,
        "near": as_text(problem.params.get("near")),
    }
