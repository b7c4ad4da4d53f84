"""Which columns of an imported row are fields of a prompt; the rest stays metadata."""

import json
from typing import Any, Final, cast

from django.db.models import Field

from core.errors import InvalidInputError
from core.sentences import Sentence
from prompts.importing import Row
from prompts.models import Prompt

__all__ = ["split_fields"]

CHOICES: Final = ("kind", "syntax", "status")
TEXTS: Final = ("name", "description", "kind", "syntax", "status", "user_id")


def split_fields(row: Row) -> dict[str, object]:
    """Return the fields of the prompt that a row describes.

    A row is plain text unless it declares variables or a syntax: braces are then just braces. In a
    format without types (CSV) variables are written as JSON, tags as JSON or with commas.

    Raises:
        InvalidInputError: a column cannot be read.
    """
    metadata = dict(row.metadata)
    fields: dict[str, object] = {"title": row.title, "content": row.content}
    for name in TEXTS:
        value = metadata.get(name)
        if isinstance(value, str):
            del metadata[name]
            if value:
                fields[name] = _choose(name, value) if name in CHOICES else value
    if "tags" in metadata:
        fields["tags"] = _tags(metadata.pop("tags"))
    if "variables" in metadata:
        fields["variables"] = _variables(metadata.pop("variables"))
    if isinstance(metadata.get("metadata"), str | dict):
        metadata |= _metadata(metadata.pop("metadata"))
    if fields.get("variables") and "syntax" not in fields:
        fields["syntax"] = "mustache"
    return fields | {"metadata": metadata}


def _choose(name: str, value: str) -> str:
    """Return the choice that a cell means, whatever its case and the blanks around it."""
    choices = cast("Field[Any, Any]", Prompt._meta.get_field(name)).flatchoices
    allowed = [str(choice) for choice, _label in choices]
    choice = value.strip().casefold()
    if choice not in allowed:
        raise InvalidInputError(
            {name: Sentence("import.choice-not", allowed=", ".join(allowed), value=value[:60])}
        )
    return choice


def _tags(value: object) -> object:
    if not isinstance(value, str):
        return [] if value is None else value
    if value.strip().startswith("["):
        return _read("tags", value)
    return list(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))


def _variables(value: object) -> object:
    if not isinstance(value, str):
        return [] if value is None else value
    return _read("variables", value) if value.strip() else []


def _metadata(value: Any) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    document = _read("metadata", value) if value.strip() else {}
    if not isinstance(document, dict):
        raise InvalidInputError({"metadata": Sentence("import.object")})
    return document


def _read(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError({name: Sentence("import.list")}) from None
