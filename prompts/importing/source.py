"""The bytes of a file, as lines of text with their numbers."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from prompts.importing.rows import UnreadableError

__all__ = ["MOST_AT_ONCE_BYTES", "Source"]

MEBIBYTE: Final = 1024 * 1024
MOST_AT_ONCE_BYTES: Final = 64 * MEBIBYTE  # JSON and YAML are held in memory whole
LONGEST_LINE_BYTES: Final = 64 * MEBIBYTE


class Source:
    """A binary stream of UTF-8, with or without BOM, read line by line.

    Attributes:
        consumed_bytes: how much was read so far, for a progress bar.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.consumed_bytes = 0

    def lines(self) -> Iterator[str]:
        """Yield each line as it stands, its end included.

        Raises:
            UnreadableError: the system cannot read on, or a line is not UTF-8 or longer than
                64 MiB.
        """
        number = 0
        while raw := self._read_line():
            number += 1
            if len(raw) > LONGEST_LINE_BYTES:
                raise UnreadableError(f"line {number} is longer than 64 MiB; split it")
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                raise UnreadableError(_not_utf8(number)) from None
            yield text.removeprefix("\ufeff") if number == 1 else text

    def raw(self) -> bytes:
        """Return everything as it is.

        Raises:
            UnreadableError: the system cannot read on, or it is larger than 64 MiB.
        """
        found = self._read(MOST_AT_ONCE_BYTES + 1)
        if len(found) > MOST_AT_ONCE_BYTES:
            raise UnreadableError("the file is larger than 64 MiB, the most for XLSX; write CSV")
        return found

    def text(self) -> str:
        """Return everything.

        Raises:
            UnreadableError: the system cannot read on, or it is not UTF-8 or larger than 64 MiB.
        """
        raw = self._read(MOST_AT_ONCE_BYTES + 1)
        if len(raw) > MOST_AT_ONCE_BYTES:
            raise UnreadableError(
                "the file is larger than 64 MiB, the most for JSON and YAML; "
                "write it as JSON Lines or CSV, which have no limit"
            )
        try:
            return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        except UnicodeDecodeError as error:
            number = error.object.count(b"\n", 0, error.start) + 1
            raise UnreadableError(_not_utf8(number)) from None

    def _read_line(self) -> bytes:
        try:
            raw = self._stream.readline(LONGEST_LINE_BYTES + 1)
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error
        self.consumed_bytes += len(raw)
        return raw

    def _read(self, most_bytes: int) -> bytes:
        try:
            raw = self._stream.read(most_bytes)
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error
        self.consumed_bytes += len(raw)
        return raw


def _not_utf8(number: int) -> str:
    return f"line {number} is not UTF-8; save the file as UTF-8"
