"""Regex lookups: a pattern becomes SQL by `regex`, and one that the database has is read first.

A pattern that is an expression, such as a column or a subquery, cannot become SQL before its text
is known. While the query is compiled, another one reads the different texts that it can have, and
the lookup becomes a choice between them. Who writes patterns at the same time is not waited for,
but inside of a transaction there is nobody.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import NotSupportedError
from django.db.models import lookups
from django.db.models.expressions import Col, Subquery
from django.db.models.sql import Query

from django_hrana import regex
from django_hrana.implementations import Compiled, implements

__all__ = ["MAX_PATTERNS"]

MAX_PATTERNS: Final = 100  # each is a query of some kilobytes inside of the query


@implements(lookups.Regex, lookups.IRegex)
def _regex(node: Any, compiler: Any, connection: Any) -> Compiled:
    operand, params = node.process_lhs(compiler, connection)
    pattern_sql, pattern_params = node.process_rhs(compiler, connection)
    ignore_case = node.lookup_name == "iregex"
    if pattern_sql == "%s":
        return _match(str(pattern_params[0]), operand, params, ignore_case=ignore_case)
    # Not a column any more: its collation would take different texts for the same one.
    pattern_sql = f"({pattern_sql} || '')"
    tables = {(column.alias, column.target.model._meta.db_table) for column in _columns(node.rhs)}
    texts = _read_texts(node.rhs, pattern_sql, pattern_params, sorted(tables), connection)
    if not texts:
        return "NULL", ()
    cases, all_params = [], []
    for text in texts:
        matched, matched_params = _match(text, operand, params, ignore_case=ignore_case)
        cases.append(f"WHEN %s THEN {matched}")
        all_params += [text, *matched_params]
    if not tables:  # one text for all rows
        return matched, matched_params
    return f"(CASE {pattern_sql} {' '.join(cases)} END)", (*pattern_params, *all_params)


def _match(
    text: str, operand: str, params: Sequence[object], *, ignore_case: bool
) -> tuple[str, tuple[Any, ...]]:
    """Return SQL that says whether a pattern is found in an operand.

    Raises:
        re.error: the pattern is not valid.
        NotSupportedError: it is not regular in the formal sense, or too large.
    """
    try:
        automaton = regex.compile_regex(text, ignore_case=ignore_case)
    except regex.UnsupportedRegex as error:
        raise NotSupportedError(str(error)) from error
    return automaton.sql(operand, params)


def _columns(expression: Any) -> Iterator[Any]:
    """Yield the columns, from outside of an expression, that its value depends on."""
    if isinstance(expression, Col):
        yield expression
    elif isinstance(expression, Query | Subquery):
        yield from expression.get_external_cols()
    elif hasattr(expression, "get_source_expressions"):
        for part in expression.get_source_expressions():
            yield from _columns(part)


def _read_texts(
    pattern: Any,
    sql: str,
    params: Sequence[object],
    tables: Sequence[tuple[str, str]],
    connection: Any,
) -> list[str]:
    """Return the different patterns, without NULL, that an expression has.

    Raises:
        NotSupportedError: they cannot be read before the query that they are for, or are too many.
    """
    is_of_rows = not getattr(pattern, "contains_aggregate", False)
    is_of_rows &= not getattr(pattern, "contains_over_clause", False)
    if len(tables) > 1 or not is_of_rows:
        raise NotSupportedError(
            "A libSQL server has no regular expressions: their patterns are read before the query "
            "and translated to SQL, so that a pattern can depend on the columns of one table, and "
            "not on aggregates or windows. Match in Python instead."
        )
    source = ""
    for alias, table in tables:
        source = f" FROM {connection.ops.quote_name(table)} {connection.ops.quote_name(alias)}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {sql}{source} LIMIT {MAX_PATTERNS + 1}", params)
        texts = [text for (text,) in cursor.fetchall() if text is not None]
    if len(texts) > MAX_PATTERNS:
        raise NotSupportedError(
            f"A libSQL server has no regular expressions: their patterns are translated to SQL, at "
            f"most {MAX_PATTERNS} different ones of a column in a query. Match in Python instead."
        )
    return texts
