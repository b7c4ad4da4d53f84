"""Rows of a result: all at once, or a part at a time while they arrive.

Left to others: what was asked (connection), how people fetch (cursor).
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final

from django_hrana.driver.errors import InterfaceError, OperationalError, from_server
from django_hrana.driver.messages import (
    NOT_HRANA,
    CursorError,
    CursorRow,
    CursorStepBegin,
    CursorStepEnd,
    CursorStepError,
    decode_cursor_line,
)
from django_hrana.driver.transport import TransportError
from django_hrana.driver.values import Cell, Column, Converter, decode_rows

__all__ = ["ArrivingRows", "decode_in_parts"]

Row = tuple[Any, ...]

ROWS_AT_ONCE: Final = 1000  # what `decode_rows` decodes, and a reader holds, at a time
MEMORY_BYTES: Final = 8_000_000  # what is read ahead of the caller beyond it goes to a file


def decode_in_parts(
    columns: Sequence[Column], rows: list[tuple[Cell, ...]], converters: Mapping[str, Converter]
) -> Iterator[Row]:
    """Yield the rows, decoded a part at a time; each part is forgotten before the next."""
    rows.reverse()  # a list gives up its end at no cost, and its beginning only by moving the rest
    while rows:
        part = rows[-ROWS_AT_ONCE:]
        del rows[-ROWS_AT_ONCE:]
        part.reverse()
        yield from decode_rows(columns, part, converters)


class ArrivingRows:
    """Rows of one step of a batch, from lines that arrive one by one.

    While lines are still to come, the stream that they come from can do nothing else: `read_ahead`
    takes them out of its way, beyond some megabytes into a file without a name.
    """

    def __init__(
        self, lines: Iterator[bytes], step: int, converters: Mapping[str, Converter]
    ) -> None:
        """Read up to the beginning of the step.

        Args:
            lines: the answer, a line at a time, after its head.
            step: number of the step in the batch; what comes before belongs to others.
            converters: as in `decode_rows`.

        Raises:
            DatabaseError: a step failed.
            InterfaceError: the answer is not valid.
        """
        self._lines = lines
        self._step = step
        self._converters = converters
        self._ahead: IO[bytes] | None = None
        self.is_complete = False
        self.columns: list[Column] = self._begin()

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, decoded a part at a time."""
        entries = self._rows()
        while True:
            part = list(itertools.islice(entries, ROWS_AT_ONCE))
            if not part:
                return
            yield from decode_rows(self.columns, part, self._converters)

    def read_ahead(self) -> None:
        """Take all lines that are still to come out of the stream's way."""
        if self.is_complete or self._ahead is not None:
            return
        self._ahead = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 (closed when it was read)
        for line in self._lines:
            self._ahead.write(line + b"\n")
        self._ahead.seek(0)
        self._lines = (line.rstrip(b"\n") for line in self._ahead)

    def _begin(self) -> list[Column]:
        for entry in self._entries():
            if isinstance(entry, CursorStepBegin) and entry.step == self._step:
                return entry.cols
        raise InterfaceError(NOT_HRANA)

    def _rows(self) -> Iterator[tuple[Cell, ...]]:
        for entry in self._entries():
            if isinstance(entry, CursorRow):
                yield entry.row
            elif isinstance(entry, CursorStepEnd):
                self._drain()
                return
        raise InterfaceError(NOT_HRANA)

    def _drain(self) -> None:
        """Read what comes after the last row, so that the connection can be used again."""
        for _line in self._lines:
            pass
        self.is_complete = True
        if self._ahead is not None:
            self._ahead.close()

    def _entries(self) -> Iterator[object]:
        try:
            while True:
                line = next(self._lines, None)  # `read_ahead` may have replaced them meanwhile
                if line is None:
                    return
                if line:  # the last one is empty
                    entry = decode_cursor_line(line)
                    if isinstance(entry, CursorError | CursorStepError):
                        raise from_server(entry.error.message, entry.error.code)
                    yield entry
        except TransportError as error:
            cut = OperationalError(f"the result was cut off while it was received ({error})")
            cut.retryable = True  # nothing but reading was broken off
            raise cut from error
