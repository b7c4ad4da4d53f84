"""Writes to prompt templates."""

from typing import Any, Final
from uuid import UUID

from django.db import transaction

from autoforge.core.errors import InvalidInputError
from autoforge.core.writing import check_fields, find_row, refuse_unknown
from prompts.models import PromptTemplate

__all__ = ["create_template", "delete_template", "edit_template", "restore_template"]

TemplateId = UUID | str
EDITABLE: Final = frozenset({"name", "category", "content", "parameters"})


@transaction.atomic
def create_template(*, name: str, content: str, **fields: Any) -> PromptTemplate:
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
def edit_template(*, template_id: TemplateId, **changes: Any) -> PromptTemplate:
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
def delete_template(*, template_id: TemplateId) -> None:
    """Mark a template as deleted; its name is free again.

    Raises:
        NotFoundError: there is no such template, or it is deleted already.
    """
    find_row(PromptTemplate, template_id).delete()


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


def _check(template: PromptTemplate) -> None:
    check_fields(template)
    _check_name_is_free(template)


def _check_name_is_free(template: PromptTemplate) -> None:
    if PromptTemplate.objects.filter(name=template.name).exclude(pk=template.pk).exists():
        raise InvalidInputError({"name": f"another template is called “{template.name}” already"})
