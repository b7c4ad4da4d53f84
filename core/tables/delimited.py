"""CSV and its relatives: comma, semicolon, tab or pipe, with a header; quotes as in RFC 4180.

Not by Python's csv module: its limit of a cell's size belongs to the whole process, so that what
is read would depend on who set it last, and it takes no file whose lines end in CR alone.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from core.sentences import Sentence
from core.tables.header import Cell, Row, build_table, is_blank
from core.tables.limits import Limits, count_lines
from core.tables.quoting import UnreadableError
from core.tables.records import Table

__all__ = ["read_delimited"]

DELIMITERS: Final = (",", ";", "\t", "|")
WIDEST_SHEET: Final = 16_384  # columns; Excel has no more
SAMPLE_ROWS: Final = 20  # that decide between delimiters, besides the header
SAMPLE_CHARACTERS: Final = 256 * 1024
# Excel writes and reads such a first line; it may be quoted like any other cell.
SEPARATOR_LINE: Final = re.compile(
    r'\s*"?sep=([^"\r\n])"?[,;\t|]*[ ]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE
)
QUOTED_CELL: Final = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
# A quoted cell (1) or a bare one (2), and what ends it (3). Possessive: linear in any text.
CELLS: Final[dict[str, re.Pattern[str]]] = {}
# Lines of nothing but blanks and delimiters, passed over at once however many there are.
BLANK_LINES: Final[dict[str, re.Pattern[str]]] = {}
for _delimiter in DELIMITERS:
    _sign = re.escape(_delimiter)
    CELLS[_delimiter] = re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"|([^"\r\n{_sign}][^\r\n{_sign}]*+)?)'
        rf"({_sign}|\r\n|\r|\n|\Z)"
    )
    BLANK_LINES[_delimiter] = re.compile(rf"(?:[ {_sign}]*+(?:\r\n|\r|\n))*+")


def read_delimited(
    text: str, limits: Limits, known: Collection[str] = (), notes: tuple[Sentence, ...] = ()
) -> Table:
    """Return the table of a text.

    Args:
        text: the file's.
        limits: how much is read.
        known: names of columns, in lower case, that tell the right delimiter from a wrong one.
        notes: what is known of the file already.

    Raises:
        UnreadableError: there is no header, quotes do not match, or a limit is reached.
    """
    start, line = 0, 1
    delimiter = ""
    separator = SEPARATOR_LINE.match(text)
    if separator:
        delimiter = separator[1]
        start = separator.end()
        line += count_lines(text, 0, start)
        if delimiter not in DELIMITERS:
            raise UnreadableError("delimited.separator", delimiter=delimiter)
    if not delimiter:
        sample = text[start : start + SAMPLE_CHARACTERS]
        delimiter = _find_delimiter(sample, known, limits)
    scanner = _Scanner(text, start, line, limits)
    return build_table(scanner.rows(delimiter), limits, unit="line", notes=notes)


class _Scanner:
    """Takes a text apart from `start`, which is on line `line`, as often as it is asked to."""

    def __init__(self, text: str, start: int, line: int, limits: Limits) -> None:
        self._text = text
        self._start = start
        self._line = line
        self._limits = limits

    def rows(self, delimiter: str) -> Iterator[Row]:
        """Yield every row that is not blank.

        Raises:
            UnreadableError: quotes do not match, or a row is too long; names the line.
        """
        text, position, line = self._text, self._start, self._line
        skip_blank_lines = BLANK_LINES[delimiter].match
        blank_left = self._limits.records
        line_end = ""
        while position < len(text):
            start = position
            blank = skip_blank_lines(text, position)
            if blank and blank.end() > position:
                position = blank.end()
                line += count_lines(text, start, position)
                continue
            cells, position, ended_by = self._row(delimiter, position, line)
            line_end = line_end or ended_by
            # In a file of CR lines every CR ends one; in another it is part of a careless cell.
            if ended_by == "\r" and line_end != "\r":
                raise UnreadableError("delimited.lone-return", line=line)
            if any(cells) and not is_blank(cells):
                yield line, cells
            else:  # of quotes around nothing
                blank_left -= 1
                if blank_left < 0:
                    raise UnreadableError("header.too-many-rows", limit=f"{self._limits.records:,}")
            line += count_lines(text, start, position)

    def _row(self, delimiter: str, position: int, line: int) -> tuple[list[Cell], int, str]:
        """Return a row's cells, where it ends, and which line end is there."""
        match_cell = CELLS[delimiter].match
        longest, most = self._limits.cell_characters, self._limits.columns
        cells: list[Cell] = []
        while True:
            match = match_cell(self._text, position)
            if match is None:
                raise self._explain(position, line)
            quoted_text, bare, ended_by = match.groups()
            if quoted_text is None:
                cell = bare or ""
            else:
                cell = quoted_text.replace('""', '"')
            if len(cell) > longest:
                raise UnreadableError("delimited.long-cell", line=line, limit=f"{longest:,}")
            cells.append(cell)
            position = match.end()
            # Some spreadsheets write every row with thousands of delimiters and nothing between.
            if len(cells) > most and (cell or len(cells) > WIDEST_SHEET):
                raise UnreadableError("delimited.too-many-columns", line=line, limit=f"{most:,}")
            if ended_by != delimiter:
                return cells, position, ended_by

    def _explain(self, position: int, line: int) -> UnreadableError:
        closed = QUOTED_CELL.match(self._text, position)
        if closed is None:
            return UnreadableError("delimited.open-quote", line=line)
        last = self._line + count_lines(self._text, self._start, closed.end())
        return UnreadableError("delimited.stray-quote", line=line, last=last)


def _find_delimiter(sample: str, known: Collection[str], limits: Limits) -> str:
    """Return the delimiter that makes most of the header and of the rows below it.

    First counts which names are known, then whether rows are as long as the header, then how many
    columns there are.
    """

    def worth(delimiter: str) -> tuple[int, float, int]:
        rows = _read_sample(sample, delimiter, limits)
        if not rows:
            return 0, 0.0, 0
        header, *below = rows
        recognised = 0
        for name in header:
            if isinstance(name, str) and name.strip().casefold() in known:
                recognised += 1
        if len(header) == 1:
            return recognised, 0.0, 1  # a delimiter that the file has not splits all rows alike
        share = 1.0
        if below:
            widths = [len(cells) for cells in below]
            share = widths.count(len(header)) / len(below)
        return recognised, share, len(header)

    return max(DELIMITERS, key=worth)


def _read_sample(sample: str, delimiter: str, limits: Limits) -> list[list[Cell]]:
    """Return the first rows; fewer where this delimiter cannot read on, or the sample ends."""
    rows: list[list[Cell]] = []
    try:
        for _, cells in islice(_Scanner(sample, 0, 1, limits).rows(delimiter), SAMPLE_ROWS + 1):
            rows.append(cells)
    except UnreadableError as error:
        # Whatever else is wrong, the delimiter that is chosen says it again.
        if not rows and error.code == "delimited.too-many-columns":
            rows.append([""] * (limits.columns + 1))
    return rows
