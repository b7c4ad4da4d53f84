"""What Nunjucks' filters are called with, read as a text, a list, a width or an entry."""

import math
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.syntaxes.nunjucks_values import as_number, as_text, is_true, present

__all__ = [
    "MISSING",
    "WIDEST",
    "get_entry",
    "list_members",
    "read_width",
    "require_list",
    "require_text",
]

WIDEST: Final = 1000  # of an indent or a padding, which grow a text for nothing
MISSING: Final = Undefined()
"""The argument that was left out: JavaScript's undefined, which is not null."""


def require_text(value: object) -> str:
    """Return a text; nothing is an empty one, and of anything else these filters make nothing.

    Raises:
        SecurityError: it is something else.
    """
    value = present(value)
    if value is None or value is False:
        return ""
    if not isinstance(value, str):
        raise SecurityError(_("this filter requires a string; put | string before it"))
    return value


def require_list(value: object) -> list[object]:
    """Return the members of a list.

    Raises:
        SecurityError: it is none.
    """
    if not isinstance(value, list | tuple):
        raise SecurityError(_("this filter requires a list"))
    return list(value)


def list_members(value: object) -> list[object]:
    """Return the members of a list or the characters of a text; anything else has none."""
    value = present(value)
    if isinstance(value, str | list | tuple):
        return list(value)
    return []


def get_entry(value: object, name: object) -> Any:
    """Return the entry of an object with this name, undefined where there is none."""
    if isinstance(value, dict):
        return value.get(as_text(name), MISSING)
    return MISSING


def read_width(width: object, default: int) -> int:
    """Return a width, the default for 0 or nothing, 0 for what is no number.

    Raises:
        SecurityError: it is wider than WIDEST.
    """
    number = as_number(width) if is_true(width) else default
    if number > WIDEST:
        raise SecurityError(
            _("a width must be an integer from 0 to %(widest)s") % {"widest": WIDEST}
        )
    # NaN is above nothing and ends at 0. Nunjucks counts up to a width, so that 2.5 is 3.
    return math.ceil(number) if number > 0 else 0
