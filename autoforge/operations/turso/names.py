"""What people type, checked before anything is sent: names, lifetimes, organizations."""

import re
from typing import Final

from autoforge.operations.turso.errors import TursoInputError

__all__ = ["check_expiration", "check_name", "check_organization"]

# As Turso's OpenAPI document says it; a dash at an end would make a host name that is none.
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
ORGANIZATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
EXPIRATION: Final = re.compile(r"(?:[1-9][0-9]{0,4}[wdhms])+")
LONGEST_NAME: Final = 64  # characters


def check_name(name: str, what: str) -> str:
    """Return the name of a database or a group.

    Args:
        name: as it was typed.
        what: `database` or `group`, for the sentence.

    Raises:
        TursoInputError: Turso would not accept it.
    """
    if NAME.fullmatch(name):
        return name
    if len(name) > LONGEST_NAME:
        raise TursoInputError(
            f"The name of the {what} has {len(name)} characters; use at most {LONGEST_NAME}."
        )
    raise TursoInputError(
        f"{name!r} cannot be the name of a {what}: use lowercase letters, digits and dashes, with "
        "a letter or digit at both ends, such as autoforge-staging."
    )


def check_organization(slug: str) -> str:
    """Return the slug of an organization.

    Raises:
        TursoInputError: it cannot be one.
    """
    if not ORGANIZATION.fullmatch(slug):
        raise TursoInputError(
            f"{slug!r} cannot be an organization at Turso: use its slug, as in the address of its "
            "page, such as my-team."
        )
    return slug


def check_expiration(text: str) -> str:
    """Return how long a token is to live: `90d`, `2w1d30m` or `never`.

    Raises:
        TursoInputError: it says no time.
    """
    if text == "never" or EXPIRATION.fullmatch(text):
        return text
    raise TursoInputError(
        f"{text!r} is not a lifetime: write numbers with w, d, h, m or s, such as 90d or 2w1d30m, "
        "or never."
    )
