"""Cells of tables of ours: no spreadsheet takes one for a formula, and each is read back as it was.

The last column of such a table is called ESCAPED: it says that the other cells are escaped.
"""

import re
from typing import Final

__all__ = ["ESCAPED", "escape_formula", "unescape_formula"]

ESCAPED: Final = "autoforge_escaped"
# What a spreadsheet takes for a formula; any number of our own escapes may come before it.
FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")


def escape_formula(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and FORMULA.match(cell):
        return f"'{cell}"
    return cell


def unescape_formula(cell: str) -> str:
    """Return a cell of a table of ours as it was."""
    if cell.startswith("'") and FORMULA.match(cell):
        return cell[1:]
    return cell
