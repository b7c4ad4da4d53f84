"""Cells of tables of ours: a spreadsheet takes none for a formula, and each is read back as it was.

The last column says that a table is ours, and of each row which cells are JSON and which are none.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["ESCAPED", "Marks", "escape", "read_tags", "unescape", "write_tags"]

ESCAPED: Final = "autoforge_escaped"
# What a spreadsheet takes for a formula; any number of our own escapes may come before it.
FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")

Marks = Mapping[str, list[str]]
"""What the last cell of a row says: "json" and "none", and the names of columns."""


def escape(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """Return a cell of a table of ours as it was."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def write_tags(tags: Iterable[str]) -> str:
    """Return words with commas between them, or JSON where a word holds one."""
    text = ", ".join(tags)
    return text if read_tags(text) == list(tags) else json.dumps(list(tags), ensure_ascii=False)


def read_tags(text: str) -> list[str]:
    """Return the words of a cell."""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list):
            return list(map(str, found))
    return [word.strip() for word in text.split(",") if word.strip()]
