"""Which columns of an imported row are fields of a prompt; the rest stays metadata."""

import json
from collections.abc import Callable, Mapping
from functools import partial
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
    fields |= _take_texts(metadata)
    for name, read in READERS.items():
        if name in metadata:
            fields[name] = read(metadata.pop(name))
    if isinstance(metadata.get("metadata"), str | dict):
        metadata |= _object("metadata", metadata.pop("metadata"))
    # The syntax that reads {{name}} and nothing else: what was plain text stays it.
    if fields.get("variables") and "syntax" not in fields:
        fields["syntax"] = "mustache"
    return fields | {"metadata": metadata}


def _take_texts(metadata: dict[str, Any]) -> dict[str, str]:
    """Take the fields out of a row's metadata that are texts."""
    fields: dict[str, str] = {}
    for name in TEXTS:
        value = metadata.get(name)
        if not isinstance(value, str):
            continue  # of a column that happens to be called so: it stays metadata
        del metadata[name]
        if not value:
            continue  # an empty cell says nothing: a table has one in every row
        fields[name] = _choose(name, value) if name in CHOICES else value
    return fields


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
    if value is None:
        return []
    if not isinstance(value, str):
        return value  # checked as every field is
    if value.strip().startswith("["):
        return _read("tags", value)
    tags = []
    for word in value.split(","):
        tag = word.strip()
        if tag and tag not in tags:
            tags.append(tag)
    return tags


def _variables(value: object) -> object:
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        return _read("variables", value)
    return value


def _object(name: str, value: object) -> dict[str, object]:
    """Return a JSON object of a cell, or of a format with types; null is an empty one."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    document = value
    if isinstance(value, str):
        try:
            document = json.loads(value)
        except (ValueError, RecursionError):
            document = None
    if not isinstance(document, dict):
        raise InvalidInputError({name: Sentence("import.object")})
    return document


def _read(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError({name: Sentence("import.list")}) from None


READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "tags": _tags,
    "variables": _variables,
    "config": partial(_object, "config"),
}
