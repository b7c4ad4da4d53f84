"""How much a page takes in one request. `autoforge.web.body_limits` refuses the rest, unread."""

from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["ANONYMOUS_BYTES", "FORM_BYTES", "LARGEST_BYTES", "MEBIBYTE", "accepts_upload"]

MEBIBYTE: Final = 1024 * 1024
# Who has not logged in sends a name and a password.
ANONYMOUS_BYTES: Final = 64 * 1024
# A form with the longest text that a database takes (5 MB), each byte written as %XX.
FORM_BYTES: Final = 16 * MEBIBYTE
# No page takes more; what Django counts itself (fields without their files) is never less.
LARGEST_BYTES: Final = 64 * MEBIBYTE

ViewT = TypeVar("ViewT", bound=Callable[..., object])


def accepts_upload(limit_bytes: int, *, command: str) -> Callable[[ViewT], ViewT]:
    """Let a view take files.

    Args:
        limit_bytes: of the whole request: the files, and some more for the other fields.
        command: the command of `manage.py` that takes larger files.
    """
    if not FORM_BYTES < limit_bytes <= LARGEST_BYTES:
        raise ValueError(f"An upload limit must be from {FORM_BYTES} to {LARGEST_BYTES} bytes.")

    def mark(view: ViewT) -> ViewT:
        # For `autoforge.web.body_limits`. Attributes of the function itself are kept by
        # functools.update_wrapper, with which the admin wraps its views.
        attributes = vars(view)
        attributes["body_limit_bytes"] = limit_bytes
        attributes["upload_command"] = command
        return view

    return mark
