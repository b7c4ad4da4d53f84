"""What services check before they write: every refusal names its field."""

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from core.errors import InvalidInputError, NotFoundError
from core.sentences import Sentence

__all__ = ["check_fields", "check_row", "find_row", "refuse_unknown"]

ModelT = TypeVar("ModelT", bound=models.Model)


def check_fields(row: models.Model, *, exclude: set[str] | None = None) -> None:
    """Check every field of `row`, without a query.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        raise _refusal(row, error) from error


def check_row(row: models.Model) -> None:
    """Check every field of `row`, and every rule of its table; a rule may take a query.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong; what is wrong with the
            whole row stands under what its kind is called.
    """
    try:
        row.full_clean()
    except ValidationError as error:
        raise _refusal(row, error) from error


def _refusal(row: models.Model, error: ValidationError) -> InvalidInputError:
    messages = {field: "; ".join(texts) for field, texts in error.message_dict.items()}
    # Django keeps what is wrong with the whole row under __all__, which says nothing to people.
    of_the_row = messages.pop(NON_FIELD_ERRORS, "")
    if of_the_row:
        messages[row._meta.verbose_name_raw] = of_the_row
    return InvalidInputError(messages)


def refuse_unknown(fields: Mapping[str, object], allowed: frozenset[str]) -> None:
    """Refuse names that are not in `allowed`.

    Raises:
        InvalidInputError: names each of them.
    """
    unknown = fields.keys() - allowed
    if unknown:
        sentence = Sentence("field.unknown", names=", ".join(sorted(allowed)))
        raise InvalidInputError(dict.fromkeys(sorted(unknown), sentence))


def find_row(model: type[ModelT], key: UUID | str | int, *, deleted: bool = False) -> ModelT:
    """Return the row of that key, either in use or deleted as asked.

    A model without a trash has no deleted rows.

    Raises:
        NotFoundError: there is none, or it is in the other state.
    """
    try:
        manager = getattr(model, "all_objects", model._default_manager)
        row: ModelT | None = manager.filter(pk=key).first()
    except ValidationError:  # not a UUID: then no row has it
        row = None
    if row is None or getattr(row, "is_deleted", False) is not deleted:
        code = "row.missing-deleted" if deleted else "row.missing"
        raise NotFoundError(code, kind=model._meta.verbose_name, key=key)
    return row
