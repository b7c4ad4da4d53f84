"""Limits of the server that are watched here: how deep an expression is, and how large a value.

A chain of operators is a tree as deep as the chain is long. SQLite refuses one of more than 1,000
levels in good order; but the parser that libSQL has in front of it takes the tree apart again level
by level, and one of 24,400 overflows its stack. That ends the server, for everybody who uses it.

Measured with sqld 0.24.32.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from django_hrana.driver.errors import OperationalError, TooLarge
from django_hrana.driver.messages import StatementRequest
from django_hrana.driver.values import Blob, Cell, Text

__all__ = ["MAX_DEPTH", "check_depth", "with_sizes"]

# Far above what SQLite accepts, and far below what ends the server.
MAX_DEPTH: Final = 10_000
# A level takes an operator and an operand, so that a shorter text cannot be deeper.
SHORT_LENGTH: Final = 2 * MAX_DEPTH
MAX_BYTES: Final = 5_000_000  # of a value, of a row and of the SQL
SENTENCE: Final = (
    "{what}: the server accepts at most 5,000,000 bytes for a value, and for all values of a row "
    "together; store it in parts, or raise the database's max_row_size"
)

# How strongly operators bind, from the weakest on; those of one line are equals.
# Source: https://www.sqlite.org/lang_expr.html, "Operators".
BINDING: Final = (
    ("OR",),
    ("AND",),
    ("NOT",),
    ("=", "==", "<>", "!=", "IS", "ISNULL", "NOTNULL", "IN", "LIKE", "GLOB", "MATCH", "REGEXP"),
    ("BETWEEN", "<", "<=", ">", ">="),
    ("ESCAPE",),
    ("&", "|", "<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
    ("||", "->", "->>"),
    ("COLLATE", "~"),
)
STRENGTHS: Final = {
    operator: strength for strength, operators in enumerate(BINDING) for operator in operators
}
# What an expression ends at. CASE … END is in effect a pair of brackets.
SEPARATORS: Final = frozenset(
    {",", ";", "ELSE", "EXCEPT", "FROM", "GROUP", "HAVING", "INTERSECT", "JOIN", "LIMIT", "ON"}
    | {"ORDER", "RETURNING", "SELECT", "SET", "THEN", "UNION", "VALUES", "WHEN", "WHERE", "WINDOW"}
)
# Texts, quoted names and comments come first, for nothing in them counts.
TOKENS: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)"""
    r"""|(\|\||->>?|<<|>>|<>|[<>=!]=?|[-+*/%&|~(),;]|[A-Za-z_][\w$]*)""",
    re.DOTALL,
)
# Each operator contains one of these, so that counting them finds at least as many as there are.
PIECES: Final = (
    *("+", "-", "*", "/", "%", "|", "&", "<", ">", "=", "~", "OR", "AND", "NOT", "IS", "IN"),
    *("LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN", "ESCAPE", "COLLATE"),
)


def check_depth(sql: str) -> None:
    """Refuse an expression that would end the server.

    Short statements cost nothing, and long ones with few operators, such as an INSERT of many rows,
    next to nothing. Only what has thousands of operators is looked at closely.

    Raises:
        OperationalError: an expression is deeper than `MAX_DEPTH`; nothing was sent.
    """
    if len(sql) <= SHORT_LENGTH:
        return
    upper = sql.upper()
    if sum(map(upper.count, PIECES)) <= MAX_DEPTH:
        return
    depth = _measure_depth(upper)
    if depth > MAX_DEPTH:
        raise OperationalError(
            f"Expression tree is too large (maximum depth 1000): this one has {depth:,} levels, "
            "and was not sent, since 24,000 end a server for everybody who uses it; use IN instead "
            "of many ORs, or split the statement"
        )


class _Bracket:
    """What is known of the expressions within one pair of brackets, from left to right."""

    __slots__ = ("deepest", "depths")

    def __init__(self) -> None:
        self.deepest = 0
        """The depth of the deepest expression that is complete."""
        self.depths = [0] * len(BINDING)
        """For each strength, the depth of what operators of it have put together so far."""

    def add_operator(self, strength: int) -> None:
        """Put what stands to the left, as far as it binds as strongly, below one more level."""
        depths = self.depths
        depths[strength] = max(depths[strength:]) + 1
        depths[strength + 1 :] = [0] * (len(depths) - strength - 1)

    def add_operand(self, depth: int) -> None:
        """Take what was in brackets as an operand."""
        self.depths[-1] = max(self.depths[-1], depth)

    def separate(self) -> None:
        """Begin another expression."""
        self.deepest = max(self.deepest, *self.depths)
        self.depths = [0] * len(BINDING)


def _measure_depth(sql: str) -> int:
    """Return the depth of the deepest expression of a statement in capitals, or a little more."""
    brackets = [_Bracket()]
    for token in TOKENS.findall(sql):
        strength = STRENGTHS.get(token)
        if strength is not None:
            brackets[-1].add_operator(strength)
        elif token in SEPARATORS:
            brackets[-1].separate()
        elif token in ("(", "CASE"):
            brackets.append(_Bracket())
        elif token in (")", "END") and len(brackets) > 1:
            inner = brackets.pop()
            inner.separate()
            brackets[-1].add_operand(inner.deepest + 1)
    for bracket in brackets:
        bracket.separate()
    return sum(bracket.deepest for bracket in brackets)


def with_sizes(error: TooLarge, statements: Iterable[StatementRequest]) -> TooLarge:
    """Return the server's refusal of something too large, in a sentence that says what it is.

    Args:
        error: the refusal, which names nothing.
        statements: those that were sent, with their parameters.
    """
    described = TooLarge(SENTENCE.format(what=_find_largest(statements)))
    described.code, described.status = error.code, error.status
    return described


def _find_largest(statements: Iterable[StatementRequest]) -> str:
    """Return what exceeds the limit, as the beginning of a sentence."""
    largest, largest_name, most = 0, "", 0
    for statement in statements:
        sql_bytes = len(statement.sql.encode("utf-8", "replace"))
        if sql_bytes > MAX_BYTES:
            return f"the SQL has {sql_bytes:,} bytes"
        total = 0
        named = ((f":{argument.name}", argument.value) for argument in statement.named_args)
        numbered = ((str(number), cell) for number, cell in enumerate(statement.args, start=1))
        for name, cell in chain(numbered, named):
            size = _count_bytes(cell)
            total += size
            if size > largest:
                largest, largest_name = size, name
        most = max(most, total)
    if largest > MAX_BYTES:
        return f"parameter {largest_name} has {largest:,} bytes"
    if 2 * most > MAX_BYTES:
        return (
            f"the parameters of a statement have {most:,} bytes together, the largest of them is "
            f"parameter {largest_name} with {largest:,}"
        )
    return "a text, a blob or a row is too large"


def _count_bytes(cell: Cell) -> int:
    if isinstance(cell, Text):
        return len(cell.value.encode("utf-8", "replace"))
    if isinstance(cell, Blob):
        return len(cell.base64) * 3 // 4
    return 8  # at most, of a number
