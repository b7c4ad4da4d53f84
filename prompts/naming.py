"""Names of prompts and of labels: what programs, files and addresses can hold.

A prompt's name may have folders, as `support/reply/short`.
"""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

__all__ = [
    "FOLDER",
    "LABEL_MAX_LENGTH",
    "LATEST",
    "NAME_MAX_LENGTH",
    "make_name",
    "number_name",
    "validate_label",
    "validate_name",
]

NAME_MAX_LENGTH: Final = 255  # as long as Langfuse's
MADE_MAX_LENGTH: Final = 60  # of a name that is made of a title: people type it
FOLDER: Final = "/"
MOST_FOLDERS: Final = 10  # one in the other: pages and paths show every one of them
VERSIONS: Final = ".versions"  # what an export calls the folder beside a prompt's file
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
    """Refuse what no program, file or address could hold.

    Raises:
        ValidationError: code "name".

    Examples:
        >>> validate_name("support/reply/short")
    """
    *folders, _last = parts = value.split(FOLDER)
    is_fitting = all(map(_is_fitting, parts))
    # Such a folder would hold the older versions of a prompt that is called like it.
    is_taken = any(folder.endswith(VERSIONS) for folder in folders)
    is_deep = len(folders) > MOST_FOLDERS
    if not is_fitting or is_taken or is_deep or len(value) > NAME_MAX_LENGTH:
        example = FOLDER.join(make_name(part.removesuffix(VERSIONS)) for part in parts[:5])
        raise ValidationError(
            _(
                "must be 1 to %(limit)d lower-case letters of any script, digits, -, _ or ., "
                "with / after each of up to %(folders)d folders, such as %(example)s"
            ),
            code="name",
            params={"limit": NAME_MAX_LENGTH, "folders": MOST_FOLDERS, "example": example},
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
    base = "-".join(words)[:MADE_MAX_LENGTH].strip("-._")
    if not _is_fitting(base):
        base = UNNAMED
    return number_name(base, taken)


def number_name(name: str, taken: Collection[str] = ()) -> str:
    """Return a name as it is where it is not among `taken`, else with a number behind it."""
    # What was made of a title stays as short as such names are.
    limit = NAME_MAX_LENGTH if len(name) > MADE_MAX_LENGTH else MADE_MAX_LENGTH
    free = name
    number = 1
    while free in taken:
        number += 1
        suffix = f"-{number}"
        stem = name[: limit - len(suffix)].rstrip("-._/")
        free = f"{stem}{suffix}"
    return free


def _is_fitting(name: str) -> bool:
    if not FITTING.fullmatch(name):
        return False
    # Also nul.txt is a device to Windows: what stands behind the first dot does not count.
    stem, _dot, _suffix = name.partition(".")
    if stem in DEVICES:
        return False
    # Two names that a file system takes for one (case, full width) must not be two of ours.
    return name == unicodedata.normalize("NFKC", name).lower()
