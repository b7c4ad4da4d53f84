"""What readers hand out: rows, rejections, and the error of a file that cannot be read."""

from dataclasses import dataclass

from autoforge.core.json import JSONObject
from prompts.importing.quoting import clean, quoted

__all__ = ["Rejection", "Row", "UnreadableError"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One prompt of a file."""

    line: int
    """The line of the file where the record begins, from 1."""
    title: str
    """Exactly as it stands in the file."""
    content: str
    """Exactly as it stands in the file, white space included."""
    metadata: JSONObject
    """Every other column."""
    title_column: str
    """What the file calls the title."""
    content_column: str
    """What the file calls the content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """One record that cannot go in; `str()` is one line that says where and why."""

    line: int
    """The line of the file where the record begins, from 1."""
    column: str
    """The column that is wrong; empty where it is the record as a whole."""
    reason: str
    """What is wrong with it."""

    def __str__(self) -> str:
        where = f", column {quoted(self.column)[1:-1]}" if self.column else ""
        return f"line {self.line}{where}: {clean(self.reason)}"


class UnreadableError(Exception):
    """The file cannot be read (on); `str()` is one sentence that says where and why."""
