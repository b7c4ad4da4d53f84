"""The parts of SQL's grammar that several modules look for: white space, names, the end.

Source: "Keywords" and "Comments" in SQLite's documentation of its SQL.
"""

import re
from typing import Final

__all__ = ["END", "NAME", "QUOTED", "SPACE", "unquote"]

# SQLite's white space includes comments, also one that is not ended.
SPACE: Final = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*"
# SQLite quotes names as SQL does, and also as MySQL and SQL Server do.
QUOTED: Final = r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\])"""
NAME: Final = rf"({QUOTED}|[^\s;]+)"
END: Final = rf"{SPACE};?{SPACE}\Z"
QUOTES: Final = (('"', '"'), ("'", "'"), ("`", "`"), ("[", "]"))
IS_QUOTED: Final = re.compile(QUOTED, re.DOTALL)


def unquote(name: str) -> str:
    """Return a name or a text without its quotes."""
    if not IS_QUOTED.fullmatch(name):
        return name
    for opening, closing in QUOTES:
        if name.startswith(opening):
            return name[1:-1].replace(closing * 2, closing)
    return name
