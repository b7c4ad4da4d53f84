"""What a prompt says is held against its contract before it is saved; includes are pinned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from core.errors import InvalidInputError
from prompts import selectors
from prompts.mapping import as_template, say_all
from prompts.models import Prompt, PromptVersion
from prompts.rendering import (
    ContractError,
    Problem,
    Reference,
    Template,
    Variable,
    check,
    find_references,
    list_large_data,
    parse_variables,
    propose_variables,
)

__all__ = ["OF_VARIABLES", "ContractReport", "examine", "refuse_problems", "resolve_includes"]

DEEPEST: Final = 5  # includes within includes
OF_VARIABLES: Final = ("declaration", "unused", "plain-variables")


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractReport:
    """What was found out about a wording."""

    template: Template | None
    """None where its variables cannot be read."""
    includes: tuple[dict[str, Any], ...]
    """The pinned versions of what it includes."""
    problems: tuple[Problem, ...]
    """Everything that is wrong."""
    proposed: tuple[Variable, ...]
    """The variables that the text asks for, declared or not."""


def examine(
    *,
    kind: str,
    syntax: str,
    content: str,
    variables: object,
    prompt_id: UUID | None = None,
) -> ContractReport:
    """Hold a wording against its contract; nothing is written.

    Args:
        kind: "text" or "chat".
        syntax: "plain", "mustache" or "jinja".
        content: the text, or the messages as JSON.
        variables: their declarations.
        prompt_id: the prompt that would say it, which no include may lead back to.
    """
    declared: tuple[Variable, ...] = ()
    faults: tuple[Problem, ...] = ()
    try:
        declared = parse_variables(variables)
    except ContractError as error:
        faults = error.problems
    bare = Template(kind=kind, syntax=syntax, content=content, variables=declared)
    references = find_references(bare)
    pins, cycles = _pin(references, prompt_id)
    included = {pin["reference"]: as_template(pin) for pin in pins}
    template = Template(
        kind=kind,
        syntax=syntax,
        content=content,
        variables=declared,
        includes=included,
    )
    problems = (*faults, *cycles) or check(template) or list_large_data(template)
    try:
        proposed = propose_variables(template)
    except ContractError:
        proposed = declared
    return ContractReport(
        template=None if faults else template,
        includes=pins,
        problems=problems,
        proposed=proposed,
    )


def resolve_includes(prompt: Prompt) -> list[Problem]:
    """Pin the includes of `prompt`, complete its declarations; return what is wrong with it."""
    report = examine(
        kind=prompt.kind,
        syntax=prompt.syntax,
        content=prompt.content,
        variables=prompt.variables,
        prompt_id=prompt.pk,
    )
    if report.template is not None:
        prompt.variables = [variable.as_json() for variable in report.template.variables]
        prompt.includes = list(report.includes)
    return list(report.problems)


def refuse_problems(problems: Iterable[Problem]) -> None:
    """Refuse a wording with problems.

    Raises:
        InvalidInputError: with the problems under "content" and "variables".
    """
    of_content = []
    of_variables = []
    for problem in problems:
        if problem.code.startswith(OF_VARIABLES):
            of_variables.append(problem)
        else:
            of_content.append(problem)
    refusals: dict[str, str] = {}
    if of_content:
        refusals["content"] = say_all(of_content)
    if of_variables:
        refusals["variables"] = say_all(of_variables)
    if refusals:
        raise InvalidInputError(refusals)


def _pin(
    references: Iterable[Reference],
    prompt_id: UUID | None,
) -> tuple[tuple[dict[str, Any], ...], tuple[Problem, ...]]:
    by_text = {str(reference): reference for reference in references}
    versions = {}
    if by_text:  # most prompts include none: they need no query
        versions = selectors.find_included(by_text.values())
    pins = []
    problems = []
    for text, reference in by_text.items():
        version = versions.get(text)
        if version is None:
            continue  # the check says so
        pin = _build_pin(text, version)
        params: dict[str, object] = {"reference": text}
        if _leads_to(pin, prompt_id):
            problems.append(Problem(code="include-cycle", params=params, place=reference.place))
        elif _count_levels(pin) > DEEPEST:
            params["limit"] = DEEPEST
            problems.append(Problem(code="include-depth", params=params, place=reference.place))
        else:
            pins.append(pin)
    return tuple(pins), tuple(problems)


def _build_pin(reference: str, version: PromptVersion) -> dict[str, Any]:
    return {
        "reference": reference,
        "prompt_id": str(version.prompt_id),
        "number": version.number,
        "content_hash": version.content_hash,
        "kind": version.kind,
        "syntax": version.syntax,
        "content": version.content,
        "variables": version.variables,
        "includes": version.includes,
    }


def _leads_to(pin: Mapping[str, Any], prompt_id: UUID | None) -> bool:
    """Whether the pinned text is of the prompt, or includes one that is."""
    if prompt_id is not None and pin["prompt_id"] == str(prompt_id):
        return True
    return any(_leads_to(inner, prompt_id) for inner in pin["includes"])


def _count_levels(pin: Mapping[str, Any]) -> int:
    """Return how many texts stand in one another, the pinned one among them."""
    return 1 + max(map(_count_levels, pin["includes"]), default=0)
