"""Writes to prompt templates."""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db import transaction

from core.errors import InvalidInputError
from core.sentences import Sentence
from core.services import check_fields, find_row, refuse_unknown
from prompts.mapping import say_all
from prompts.models import PromptTemplate
from prompts.rendering import (
    ContractError,
    Template,
    TemplateError,
    check,
    coerce_values,
    fill_partly,
    parse_variables,
)

__all__ = [
    "check_template",
    "create_template",
    "delete_templates",
    "edit_template",
    "fill_template",
    "restore_template",
]

TemplateId = UUID | str
EDITABLE: Final = frozenset({"name", "category", "content", "parameters"})


@transaction.atomic
def create_template(*, name: str, content: str, **fields: object) -> PromptTemplate:
    """Create a template.

    Args:
        name: 1 to 255 characters; no other template in use has it.
        content: the text with its named places; not blank.
        **fields: `category`, `parameters`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    refuse_unknown(fields, EDITABLE)
    template = PromptTemplate(name=name, content=content, **fields)
    _check(template)
    template.save(force_insert=True)
    return template


@transaction.atomic
def edit_template(*, template_id: TemplateId, **changes: object) -> PromptTemplate:
    """Change any of `name`, `category`, `content`, `parameters`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such template, or it is deleted.
    """
    refuse_unknown(changes, EDITABLE)
    template = find_row(PromptTemplate, template_id)
    for name, value in changes.items():
        setattr(template, name, value)
    _check(template)
    if changes:
        template.save(update_fields=set(changes))
    return template


@transaction.atomic
def delete_templates(template_ids: Iterable[TemplateId]) -> int:
    """Put templates into the trash; their names are free again. Return how many were in use."""
    count, _models = PromptTemplate.objects.filter(pk__in=list(template_ids)).delete()
    return count


@transaction.atomic
def restore_template(*, template_id: TemplateId) -> PromptTemplate:
    """Take a deleted template back.

    Raises:
        InvalidInputError: another template has taken its name since.
        NotFoundError: there is no such template, or it is not deleted.
    """
    template = find_row(PromptTemplate, template_id, deleted=True)
    _check_name_is_free(template)
    template.restore()
    return template


def fill_template(
    template: PromptTemplate, *, values: Mapping[str, str]
) -> tuple[str, list[dict[str, object]]]:
    """Return the content of a prompt made of a template, and the variables it still has.

    A parameter with a text gets it, one without stays a variable of the prompt.

    Raises:
        InvalidInputError: the template is wrong, or a value is not of its parameter's type.
    """
    try:
        variables = parse_variables(template.parameters)
        # A form sends an empty text for each field that nobody filled in.
        filled_in = {name: text for name, text in values.items() if text}
        filled = coerce_values(variables, filled_in)
        content = fill_partly(template.content, filled)
    except TemplateError as error:
        raise InvalidInputError({"content": say_all(error.problems)}) from error
    rest = [variable.as_json() for variable in variables if variable.name not in filled]
    return content, rest


def _check(template: PromptTemplate) -> None:
    check_fields(template)
    template.parameters = check_template(template.content, template.parameters)
    _check_name_is_free(template)


def check_template(content: str, parameters: object) -> list[dict[str, object]]:
    """Return the parameters with all their fields.

    Raises:
        InvalidInputError: they are not declared as they must be, or do not fit the content.
    """
    try:
        variables = parse_variables(parameters)
    except ContractError as error:
        raise InvalidInputError({"parameters": say_all(error.problems)}) from error
    of_content = []
    of_parameters = []
    for problem in check(Template(content=content, syntax="mustache", variables=variables)):
        if problem.code == "unused":
            of_parameters.append(problem)
        else:
            of_content.append(problem)
    faults: dict[str, str] = {}
    if of_content:
        faults["content"] = say_all(of_content)
    if of_parameters:
        faults["parameters"] = say_all(of_parameters)
    if faults:
        raise InvalidInputError(faults)
    return [variable.as_json() for variable in variables]


def _check_name_is_free(template: PromptTemplate) -> None:
    if PromptTemplate.objects.filter(name=template.name).exclude(pk=template.pk).exists():
        raise InvalidInputError({"name": Sentence("template.name-taken", name=template.name)})
