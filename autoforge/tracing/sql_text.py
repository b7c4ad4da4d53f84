"""SQL as it may be told to others: without values, and of one form however many rows it is about.

Statements of Django have placeholders for what users have typed; literals stand in hand-written SQL
and in what a schema editor writes. Both are made into `?`.
"""

import re
from typing import Final

__all__ = ["clean_sql", "find_operation"]

LONGEST: Final = 2000  # characters
# In the order in which a scanner meets them: what stands in quotes is no number and no comment.
TOKENS: Final = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\])"""  # a quoted name stays
    r"""|(?P<text>[xX]?'(?:[^']|'')*'?)"""  # also one that does not end
    r"""|(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))"""
    r"""|(?P<number>(?<![\w."%?:])(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))"""
    r"""|(?P<parameter>%s|%\(\w+\)s|\?\d*|:\w+)""",
    re.DOTALL,
)
LIST: Final = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
ROWS: Final = re.compile(r"(\(\?[^()]*\))(?:\s*,\s*\(\?[^()]*\))+")
SPACE: Final = re.compile(r"\s+")
OPERATION: Final = re.compile(r"\s*([A-Za-z]+)")


def clean_sql(sql: str) -> str:
    """Return a statement without literals, comments and parameters.

    Lists of values become `(?)`: a statement is the same for two rows and for two hundred.

    Examples:
        >>> clean_sql("SELECT a FROM b WHERE c = 'x' AND d IN (%s, %s) LIMIT 21")
        'SELECT a FROM b WHERE c = ? AND d IN (?) LIMIT ?'
    """
    text = TOKENS.sub(_replace, sql[: 4 * LONGEST])
    text = LIST.sub("(?)", SPACE.sub(" ", text).strip())
    text = ROWS.sub(r"\1", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _replace(match: re.Match[str]) -> str:
    if match.lastgroup == "name":
        return match[0]
    return " " if match.lastgroup == "comment" else "?"


def find_operation(sql: str) -> str:
    """Return the first word of a statement, such as SELECT."""
    match = OPERATION.match(sql)
    return match[1].upper()[:20] if match else ""
