"""Model fields that both domains use."""

from typing import TYPE_CHECKING, Any

from django.db import models

from core.validators import validate_json_document

__all__ = ["JSONDocumentField"]

if TYPE_CHECKING:
    JSONField = models.JSONField[Any, Any]
else:
    JSONField = models.JSONField


class JSONDocumentField(JSONField):
    """A JSON field whose validators see every document.

    Django's own skips them for `{}`, `[]` and `""`, so that a list's field would take `{}`.
    """

    empty_values = (None,)

    def validate(self, value: object, model_instance: Any) -> None:
        """Refuse what no database can hold, before Django tries to write it as JSON."""
        if value is not None:
            validate_json_document(value)
        super().validate(value, model_instance)
