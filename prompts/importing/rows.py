"""What the reader hands out: rows, and rejections of records that are none."""

from dataclasses import dataclass

from core.json import JSONObject
from core.language import gettext as _
from core.tables.quoting import clean, quoted
from core.tables.records import find_position

__all__ = ["Rejection", "Row"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One prompt of a file."""

    line: int
    """The line of the file, or the row of the sheet, where the record begins, from 1."""
    title: str
    """Exactly as it stands in the file."""
    content: str
    """Exactly as it stands in the file, white space included; of a chat its messages as JSON."""
    metadata: JSONObject
    """Every other column."""
    title_column: str
    """What the file calls the title."""
    content_column: str
    """What the file calls the content."""
    record: int = 0
    """Which record of the file it is, from 1, where several may share a line; else 0."""
    unit: str = "line"
    """What `line` counts: "line" or "row"."""
    version: int | None = None
    """Which version of its prompt it is, where the file holds several; None: the only one."""

    def reject(self, column: str, reason: str) -> "Rejection":
        """Return why this row cannot go in."""
        return Rejection(
            line=self.line, column=column, reason=reason, record=self.record, unit=self.unit
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """One record that cannot go in; `str()` is one line that says where and why."""

    line: int
    """The line of the file, or the row of the sheet, where the record begins, from 1."""
    column: str
    """The column that is wrong; empty where it is the record as a whole."""
    reason: str
    """What is wrong with it."""
    record: int = 0
    """Which record of the file it is, from 1, where several may share a line; else 0."""
    unit: str = "line"
    """What `line` counts: "line" or "row"."""

    def __str__(self) -> str:
        return f"{self.place}: {clean(self.reason)}"

    @property
    def place(self) -> str:
        """Where it is, such as “record 2, line 1, column title”."""
        parts = [str(find_position(self.line, self.unit))]
        if self.record:
            parts.insert(0, _("record %(number)d") % {"number": self.record})
        if self.column:
            parts.append(_("column %(name)s") % {"name": quoted(self.column)[1:-1]})
        return ", ".join(parts)
