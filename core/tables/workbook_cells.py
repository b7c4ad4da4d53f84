"""Cells of a workbook as texts: shared texts, numbers, days, and what formulas last said."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from core.sentences import Sentence
from core.tables.header import Cell, Row
from core.tables.limits import Limits
from core.tables.quoting import UnreadableError
from core.tables.records import InvalidValue

__all__ = ["CellReader", "SheetHandler", "StringsHandler", "Styles"]

# ECMA-376, part 1, 22.9.2.19: a character that XML cannot hold.
ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
# The built-in formats of days and times (18.8.30); 27 to 36 and 50 to 58 are East Asian.
DAYS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# Letters of a format that is for days, once texts in it are taken away.
NOT_A_DAY: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
DAY: Final = re.compile(r"[ymdhs]", re.IGNORECASE)
SECONDS_A_DAY: Final = 86_400
EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 (a sheet's days have no zone)
EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001 (as above)
LAST_DAY: Final = 2_958_466  # 31 December 9999, and one
SIGNIFICANT_DIGITS: Final = 15  # what spreadsheets show of a number
ROWS_OF_A_SHEET: Final = 1_048_576
COLUMNS_OF_A_SHEET: Final = 16_384  # as many as Excel has, to XFD
MOST_STYLES: Final = 65_490  # of cells; Excel takes no more


def _unescape(text: str) -> str:
    if "_x" not in text:
        return text
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


class _Text:
    """The text of a cell or a string item while it is read, within the limit of a cell."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.cell_characters
        self._parts: list[str] = []
        self._length = 0

    def add(self, text: str) -> None:
        self._length += len(text)
        if self._length > self._limit:
            raise UnreadableError("workbook.long-text", limit=f"{self._limit:,}")
        self._parts.append(text)

    def take(self) -> str:
        text = "".join(self._parts)
        self._parts.clear()
        self._length = 0
        return text


class StringsHandler:
    """Reads the texts that cells share; most workbooks keep all of their texts there.

    Attributes:
        texts: by their number.
    """

    def __init__(self, limits: Limits) -> None:
        self._text = _Text(limits)
        self._is_text = False
        self._aids = 0
        self.texts: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A text begins, or a reading aid of Japanese, which is none of the cell's text."""
        if name == "t":
            self._is_text = not self._aids
        elif name == "rPh":
            self._aids += 1

    def end(self, name: str) -> None:
        """Keep an item that has ended."""
        if name == "t":
            self._is_text = False
        elif name == "rPh":
            self._aids -= 1
        elif name == "si":
            self.texts.append(_unescape(self._text.take()))

    def text(self, text: str) -> None:
        """Take a part of a text."""
        if self._is_text:
            self._text.add(text)


class Styles:
    """Which styles of a workbook show numbers as days or times.

    Args:
        is_1904: whether days are counted from 1904.
    """

    def __init__(self, *, is_1904: bool) -> None:
        self.is_1904 = is_1904
        self._formats: dict[str, str] = {}
        self._of_days: list[bool] = []
        self._is_of_cells = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Learn a format of numbers, or the style of some cells."""
        if len(self._of_days) > MOST_STYLES or len(self._formats) > MOST_STYLES:
            raise UnreadableError("workbook.damaged")
        if name == "numFmt":
            self._formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._is_of_cells = True
        elif name == "xf" and self._is_of_cells:
            self._of_days.append(_is_of_days(attributes.get("numFmtId", "0"), self._formats))

    def end(self, name: str) -> None:
        """The styles of cells have ended; others are of no interest."""
        if name == "cellXfs":
            self._is_of_cells = False

    def text(self, text: str) -> None:
        """Nothing follows from it."""

    def is_day(self, style: str) -> bool:
        """Whether a cell of a style is a day or a time."""
        if not style.isdecimal() or len(style) > 5:  # more digits than MOST_STYLES has
            return False
        number = int(style)
        return number < len(self._of_days) and self._of_days[number]


def _is_of_days(number: str, formats: dict[str, str]) -> bool:
    if number in formats:
        # [h] and [mm] count hours and minutes; other brackets are colours and conditions.
        code = re.sub(r"\[([hms]+)\]", r"\1", formats[number][:255], flags=re.IGNORECASE)
        # The parts behind a semicolon are for negative numbers, zero and texts.
        positive, _, _ = code.partition(";")
        return DAY.search(NOT_A_DAY.sub("", positive)) is not None
    return number.isdecimal() and len(number) < 4 and int(number) in DAYS


class CellReader:
    """Reads what a cell holds as the text that it shows.

    Args:
        strings: the texts that cells share.
        styles: which cells are days.
    """

    def __init__(self, strings: Sequence[str], styles: Styles) -> None:
        self._strings = strings
        self._styles = styles

    def read(self, kind: str, style: str, value: str) -> Cell:
        """Return the text of a cell.

        Args:
            kind: its type, as the sheet has it; "n" is a number.
            style: the number of its style.
            value: what stands in the sheet.
        """
        if kind == "s":
            return self._shared(value)
        if kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        if kind == "n":
            return self._number(value.strip(), style)
        return _unescape(value)  # a formula's text, an error, a text, or a day in ISO 8601

    def _shared(self, value: str) -> Cell:
        # Not of more digits: to read a million of them takes seconds.
        if value.strip().isdecimal() and len(value) < 20:
            number = int(value)
            if number < len(self._strings):
                return self._strings[number]
        return InvalidValue(reason=Sentence("workbook.no-text"))

    def _number(self, text: str, style: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        if self._styles.is_day(style) and 0 <= number < LAST_DAY:
            return self._day(number)
        if number.is_integer() and abs(number) < 10**SIGNIFICANT_DIGITS:
            return str(int(number))
        return f"{number:.{SIGNIFICANT_DIGITS}g}"

    def _day(self, number: float) -> str:
        """Return a day, a time, or both, in the order of ISO 8601."""
        seconds = round((number % 1) * SECONDS_A_DAY)
        if number < 1:
            return str((EPOCH + timedelta(seconds=seconds)).time())
        epoch = EPOCH
        if self._styles.is_1904:  # of files from old Macs
            epoch = EPOCH_1904
        elif number < 61:
            # Excel counts a 29 February 1900 that never was: days before it are one later.
            epoch += timedelta(days=1)
        moment = epoch + timedelta(days=int(number), seconds=seconds)
        if moment.hour or moment.minute or moment.second:
            return str(moment)
        return str(moment.date())


class SheetHandler:
    """Reads the rows of a sheet.

    Attributes:
        rows: those that have ended since somebody took them away.
    """

    def __init__(self, reader: CellReader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._line = 0
        self._column = 0
        self._cells: list[Cell] = []
        self._kind = self._style = ""
        self._text = _Text(limits)
        self._collects = False
        self._has_value = self._has_formula = False
        self._aids = 0
        self.rows: list[Row] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a row, a cell, or a value of a cell."""
        if name == "c":
            # A reference is optional (18.3.1.4): a cell without one follows the cell before.
            self._column = _read_column(attributes.get("r", "")) or self._column + 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._has_value = self._has_formula = False
        elif name in ("v", "t"):
            self._collects = not self._aids
            self._has_value = True
        elif name == "row":
            self._line = _read_row(attributes.get("r", ""), self._line + 1)
            self._column = 0
            self._cells = []
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._aids += 1

    def end(self, name: str) -> None:
        """End one."""
        if name in ("v", "t"):
            self._collects = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self.rows.append((self._line, self._cells))
            self._cells = []
        elif name == "rPh":
            self._aids -= 1

    def text(self, text: str) -> None:
        """Take a part of a cell's value."""
        if self._collects:
            self._text.add(text)

    def _end_cell(self) -> None:
        value: Cell = ""
        if self._has_value:
            value = self._reader.read(self._kind, self._style, self._text.take())
        elif self._has_formula:
            value = InvalidValue(reason=Sentence("workbook.no-value"))
        if value == "":
            return  # styled and empty, as whole columns are in some sheets
        if self._column > self._limits.columns:
            raise UnreadableError(
                "workbook.far-column",
                row=self._line,
                column=f"{self._column:,}",
                limit=f"{self._limits.columns:,}",
            )
        self._cells.extend([""] * (self._column - len(self._cells)))
        self._cells[self._column - 1] = value


def _read_row(text: str, following: int) -> int:
    """Return a row's number: what it says where that can be, else the one after the row before."""
    number = following
    if text.isdecimal() and len(text) < 20:
        number = int(text)
    if number > ROWS_OF_A_SHEET:
        raise UnreadableError("workbook.far-row", row=f"{number:,}", limit=f"{ROWS_OF_A_SHEET:,}")
    return max(number, following)


def _read_column(reference: str) -> int:
    """Return the number of a column such as AB in AB12; 0 where there is no reference."""
    number = 0
    for character in reference:
        if not "A" <= character <= "Z" or number > COLUMNS_OF_A_SHEET:
            break
        number = number * 26 + ord(character) - ord("A") + 1
    return number
