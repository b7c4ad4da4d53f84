"""Infinite numbers in a result, whose sign JSON has no place for: the server sends null for both.

What reads is run once more, with a column beside each of its own that has the sign. The whole
result is then the second one's, so that nothing of two moments is mixed. What writes cannot be run
twice: `values` says so in its error.

Source: Hrana 3 specification, "Values"; https://www.sqlite.org/lang_with.html.
"""

import math
from typing import Final

from django_hrana.driver.errors import InterfaceError
from django_hrana.driver.messages import NOT_HRANA, StatementRequest, StatementResult
from django_hrana.driver.values import Cell, Float, Integer

__all__ = ["ask_for_signs", "has_infinity", "with_signs"]

UNSIGNED: Final = Float(None)
SIGNS: Final = {"1": math.inf, "-1": -math.inf}


def has_infinity(result: StatementResult) -> bool:
    """Whether a result has a number without a sign."""
    return any(UNSIGNED in row for row in result.rows)


def ask_for_signs(statement: StatementRequest, count: int) -> StatementRequest:
    """Return a statement with the same rows, and behind its `count` columns the signs of each."""
    names = [f"c{number}" for number in range(count)]
    signs = [f"CASE typeof({n}) WHEN 'real' THEN ({n} = 9e999) - ({n} = -9e999) END" for n in names]
    columns = ", ".join(names)
    # A comment at the end of the statement ends with its line.
    body = statement.sql.rstrip().rstrip(";")
    sql = f"WITH h({columns}) AS (\n{body}\n) SELECT {', '.join([*names, *signs])} FROM h"
    return StatementRequest(sql, statement.args, statement.named_args)


def with_signs(first: StatementResult, second: StatementResult) -> StatementResult:
    """Return the rows of the second answer with their signs, under the columns of the first."""
    count = len(first.cols)
    if any(len(row) != 2 * count for row in second.rows):
        raise InterfaceError(NOT_HRANA)
    rows = [tuple(map(_sign, row[:count], row[count:])) for row in second.rows]
    return StatementResult(
        first.cols, rows, first.affected_row_count, replication_index=second.replication_index
    )


def _sign(cell: Cell, sign: Cell) -> Cell:
    if cell == UNSIGNED and isinstance(sign, Integer) and sign.value in SIGNS:
        return Float(SIGNS[sign.value])
    return cell
