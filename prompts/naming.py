"""Names of prompts and of labels: what programs, files and addresses can hold."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

__all__ = [
    "LABEL_MAX_LENGTH",
    "LATEST",
    "NAME_MAX_LENGTH",
    "make_name",
    "validate_label",
    "validate_name",
]

NAME_MAX_LENGTH: Final = 60  # a file's name holds 255 bytes, a character takes up to 4
LABEL_MAX_LENGTH: Final = 40
LATEST: Final = "latest"  # the label that always stands at the newest version
FITTING: Final = re.compile(r"\w(?:[\w.-]*\w)?")
# Windows opens a device instead of a file that is called so.
DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)
UNNAMED: Final = "prompt"


def validate_name(value: str) -> None:
    """Refuse what `make_name` would not leave as it is.

    Raises:
        ValidationError: code "name".
    """
    if not _is_fitting(value) or len(value) > NAME_MAX_LENGTH:
        raise ValidationError(
            _(
                "must be 1 to %(limit)d lower-case letters of any script, digits, -, _ or "
                "., such as %(example)s"
            ),
            code="name",
            params={"limit": NAME_MAX_LENGTH, "example": make_name(value)},
        )


def validate_label(value: str) -> None:
    """Refuse a label that is no name, or that moves by itself.

    Raises:
        ValidationError: codes "name" and "latest".
    """
    if value == LATEST:
        raise ValidationError(
            _("“latest” always points to the newest version and cannot be moved"), code="latest"
        )
    if not _is_fitting(value) or len(value) > LABEL_MAX_LENGTH:
        raise ValidationError(
            _(
                "must be 1 to %(limit)d lower-case letters of any script, digits, -, _ or "
                "., such as production"
            ),
            code="name",
            params={"limit": LABEL_MAX_LENGTH},
        )


def make_name(title: str, taken: Collection[str] = ()) -> str:
    """Return a name for a title that is not among `taken`."""
    folded = unicodedata.normalize("NFKC", title).lower()
    words = re.findall(r"\w+(?:\.\w+)*", unicodedata.normalize("NFKC", folded))
    base = "-".join(words)[:NAME_MAX_LENGTH].strip("-._") or UNNAMED
    base = base if _is_fitting(base) else UNNAMED
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: NAME_MAX_LENGTH - len(str(number)) - 1].rstrip('-._')}-{number}"
    return name


def _is_fitting(name: str) -> bool:
    stem = name.partition(".")[0]
    return (
        FITTING.fullmatch(name) is not None
        and name == unicodedata.normalize("NFKC", name).lower()
        and stem not in DEVICES
    )
