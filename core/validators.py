"""Validators of single fields, used by forms, services and imports alike."""

import math
from typing import TypeGuard

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

__all__ = [
    "validate_json_document",
    "validate_json_list",
    "validate_json_object",
    "validate_not_blank",
    "validate_storable",
    "validate_tags",
]

TAG_MAX_LENGTH = 50
SEPARATORS = frozenset(",、，\r\n")  # the admin's field has commas between tags
JSON_MAX_BITS = 4096  # of a whole number; Python refuses to write more than 4300 digits
JSON_MAX_DEPTH = 100  # SQLite reads 1000 at most, Python's parser fewer than that


def validate_not_blank(value: str) -> None:
    """Refuse a text of nothing but white space.

    Raises:
        ValidationError: code "blank".
    """
    if not value.strip():
        raise ValidationError(_("must not be blank"), code="blank")


def validate_storable(value: str) -> None:
    """Refuse a text that a database cannot give back as it was.

    Raises:
        ValidationError: code "nul" (the database's string functions end there) or "surrogate"
            (half a character, which has no UTF-8).
    """
    if "\x00" in value:
        raise ValidationError(
            _("contains a NUL character at position %(position)d; remove it"),
            code="nul",
            params={"position": value.index("\x00") + 1},
        )
    _refuse_surrogates(value)


def validate_json_object(value: object) -> None:
    """Refuse anything but a JSON object.

    Raises:
        ValidationError: code "type".
    """
    if not isinstance(value, dict):
        raise ValidationError(_('must be a JSON object, such as {"source": "book"}'), code="type")


def validate_json_list(value: object) -> None:
    """Refuse anything but a JSON list.

    Raises:
        ValidationError: code "type".
    """
    if not isinstance(value, list):
        raise ValidationError(_("must be a JSON list in square brackets"), code="type")


def validate_json_document(value: object) -> None:
    """Refuse what Python's `json` writes and JSON does not know, half characters, and depth.

    Raises:
        ValidationError: code "number", "digits", "depth", "nul" or "surrogate".
    """
    # Level by level, not by recursion: what is too deep must not end Python's stack first.
    level = [value]
    for _depth in range(JSON_MAX_DEPTH):
        below: list[object] = []
        for part in level:
            below += _parts(part)
        if not below:
            return
        level = below
    raise ValidationError(
        _("is nested more than %(limit)d levels deep"),
        code="depth",
        params={"limit": JSON_MAX_DEPTH},
    )


def _parts(value: object) -> list[object]:
    """Return what is inside a list or an object; check anything else."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        validate_storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValidationError(
            _("contains %(number)s, which is not a valid JSON number; use null or leave it out"),
            code="number",
            params={"number": str(value)},
        )
    elif isinstance(value, int) and value.bit_length() > JSON_MAX_BITS:
        raise ValidationError(
            _("contains a number with more than 1,200 digits; write it as a string"), code="digits"
        )
    return []


def _refuse_surrogates(value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(
            _("contains half of a surrogate pair at position %(position)d, not a character"),
            code="surrogate",
            params={"position": error.start + 1},
        ) from error


def validate_tags(value: object) -> None:
    """Refuse anything but a list of distinct words of 1 to 50 characters.

    Raises:
        ValidationError: codes "type", "tag", "separator" and "duplicate".
    """
    if not _is_list_of_strings(value):
        raise ValidationError(
            _('must be a list of strings, such as ["support", "日本語"]'), code="type"
        )
    for tag in value:
        if not tag.strip() or len(tag) > TAG_MAX_LENGTH:
            raise ValidationError(
                _("contains the tag “%(tag)s”; a tag must have 1 to %(limit)d characters"),
                code="tag",
                params={"tag": tag[:TAG_MAX_LENGTH], "limit": TAG_MAX_LENGTH},
            )
        if SEPARATORS & set(tag):
            raise ValidationError(
                _(
                    "contains the tag “%(tag)s”; tags cannot contain commas (, 、 ，) or line "
                    "breaks"
                ),
                code="separator",
                params={"tag": " ".join(tag.split())},
            )
    seen = set()
    for tag in value:
        if tag in seen:
            raise ValidationError(
                _("contains the tag “%(tag)s” twice"), code="duplicate", params={"tag": tag}
            )
        seen.add(tag)


def _is_list_of_strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
