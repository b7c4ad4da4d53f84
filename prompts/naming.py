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
    {
        *("con", "prn", "aux", "nul"),
        *("com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9"),
        *("lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"),
    }
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
    # Once more: lower case may take letters apart that NFKC composes.
    words = re.findall(r"\w+(?:\.\w+)*", unicodedata.normalize("NFKC", folded))
    base = "-".join(words)[:NAME_MAX_LENGTH].strip("-._")
    if not _is_fitting(base):
        base = UNNAMED
    name = base
    number = 1
    while name in taken:
        number += 1
        suffix = f"-{number}"
        stem = base[: NAME_MAX_LENGTH - len(suffix)].rstrip("-._")
        name = f"{stem}{suffix}"
    return name


def _is_fitting(name: str) -> bool:
    if not FITTING.fullmatch(name):
        return False
    # Also nul.txt is a device to Windows: what stands behind the first dot does not count.
    stem, _dot, _suffix = name.partition(".")
    if stem in DEVICES:
        return False
    # Two names that a file system takes for one (case, full width) must not be two of ours.
    return name == unicodedata.normalize("NFKC", name).lower()
