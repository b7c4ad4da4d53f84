"""The bytes of a file, as lines of text with their numbers."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from prompts.importing.rows import UnreadableError

__all__ = ["MOST_AT_ONCE_BYTES", "Source"]

MEBIBYTE = 1024 * 1024
MOST_AT_ONCE_BYTES = 64 * MEBIBYTE  # JSON and YAML are held in memory whole
LONGEST_LINE_BYTES = 64 * MEBIBYTE


class Source:
    """A binary stream of UTF-8, with or without BOM, read line by line.

    Attributes:
        consumed: bytes read so far, for a progress bar.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.consumed = 0

    def lines(self) -> Iterator[str]:
        """Yield each line as it stands, its end included.

        Raises:
            UnreadableError: a line is not UTF-8, or longer than 64 MiB.
        """
        number = 0
        while raw := self._stream.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            self.consumed += len(raw)
            if len(raw) > LONGEST_LINE_BYTES:
                raise UnreadableError(f"line {number} is longer than 64 MiB")
            yield self._decode(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, number)

    def text(self) -> str:
        """Return everything.

        Raises:
            UnreadableError: it is not UTF-8, or larger than 64 MiB.
        """
        raw = self._stream.read(MOST_AT_ONCE_BYTES + 1)
        self.consumed += len(raw)
        if len(raw) > MOST_AT_ONCE_BYTES:
            raise UnreadableError(
                "the file is larger than 64 MiB, the most for JSON and YAML; "
                "write it as JSON Lines or CSV, which have no limit"
            )
        try:
            return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        except UnicodeDecodeError as error:
            number = raw.count(b"\n", 0, error.start) + 1
            raise UnreadableError(_not_utf8(number)) from None

    def _decode(self, raw: bytes, number: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError(_not_utf8(number)) from None


def _not_utf8(number: int) -> str:
    return f"line {number} is not UTF-8; save the file as UTF-8"
