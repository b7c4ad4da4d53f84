"""Places in a list: a cursor says after which row the next page begins.

A cursor holds the last row's own values, so that rows which come or go meanwhile move nothing.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

import msgspec

from core.errors import InvalidInputError
from core.sentences import Sentence

__all__ = ["DEFAULT_LIMIT", "MOST_ROWS", "read_cursor", "write_cursor"]

MOST_ROWS: Final = 100
DEFAULT_LIMIT: Final = 50
LONGEST: Final = 2000


def write_cursor(values: Sequence[str | int]) -> str:
    """Return a cursor that holds a row's values.

    >>> read_cursor(write_cursor(["support/reply", 3]), [str, int])
    ['support/reply', 3]
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def read_cursor(text: str, kinds: Sequence[type]) -> list[str | int]:
    """Return the values of a cursor.

    Raises:
        InvalidInputError: it is none of this list's.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        values: list[str | int] = msgspec.json.decode(raw[:LONGEST], type=list[str | int])
    except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError, UnicodeDecodeError):
        values = []
    if [type(value) for value in values] != list(kinds):
        raise InvalidInputError({"cursor": Sentence("api.cursor")})
    return values
