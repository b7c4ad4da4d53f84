"""What services check before they write: every refusal names its field."""

from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from core.errors import InvalidInputError, NotFoundError
from core.models import SoftDeleteModel

__all__ = ["check_fields", "find_row", "refuse_unknown"]

ModelT = TypeVar("ModelT", bound=SoftDeleteModel)


def check_fields(row: models.Model, *, exclude: set[str] | None = None) -> None:
    """Check every field of `row`, without a query.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        messages = {field: " ".join(texts) for field, texts in error.message_dict.items()}
        raise InvalidInputError(messages) from error


def refuse_unknown(fields: dict[str, Any], allowed: frozenset[str]) -> None:
    """Refuse names that are not in `allowed`.

    Raises:
        InvalidInputError: names each of them.
    """
    unknown = fields.keys() - allowed
    if unknown:
        names = ", ".join(sorted(allowed))
        raise InvalidInputError(
            dict.fromkeys(
                sorted(unknown), _("no such field; there are %(names)s") % {"names": names}
            )
        )


def find_row(model: type[ModelT], key: UUID | str, *, deleted: bool = False) -> ModelT:
    """Return the row of that key, either in use or deleted as asked.

    Raises:
        NotFoundError: there is none, or it is in the other state.
    """
    try:
        row = model.all_objects.filter(pk=key).first()
    except ValidationError:  # not a UUID: then no row has it
        row = None
    if row is None or row.is_deleted is not deleted:
        sentence = (
            _("there is no deleted %(kind)s %(key)s")
            if deleted
            else _("there is no %(kind)s %(key)s")
        )
        raise NotFoundError(sentence % {"kind": model._meta.verbose_name, "key": key})
    return row
