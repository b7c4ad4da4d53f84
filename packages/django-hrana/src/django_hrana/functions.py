"""Functions and lookups whose SQL differs from Django's for SQLite.

Django registers Python functions inside of the sqlite3 library; on a server there are only SQL and
what the server has built in. Nothing here changes Django's classes: `compiler` looks them up.
Dates are `operations`' business.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from django.db import NotSupportedError
from django.db.models import Count, StdDev, Variance, functions, lookups
from django.db.models.expressions import DurationExpression
from django.db.models.fields.tuple_lookups import TupleIn

from django_hrana import regex, sha2
from django_hrana.durations import compile_duration
from django_hrana.tuples import compile_tuple_in

__all__ = ["find_implementation"]

Compiled = tuple[str, object]
Implementation = Callable[[object, object, object], Compiled]

IMPLEMENTATIONS: Final[dict[type, Implementation]] = {}


@lru_cache(maxsize=1024)
def find_implementation(kind: type) -> Implementation | None:
    """Return our SQL for nodes of a class; None where Django's is right.

    A subclass that brings SQL of its own keeps it.
    """
    for parent in kind.__mro__:
        if parent in IMPLEMENTATIONS:
            return IMPLEMENTATIONS[parent] if _is_same(kind, parent) else None
    return None


def _is_same(kind: type, parent: type) -> bool:
    for name in ("as_sqlite", "as_sql", "template", "function"):
        if getattr(kind, name, None) != getattr(parent, name, None):
            return False
    return True


def _implements(*kinds: type) -> Callable[[Implementation], Implementation]:
    def register(implementation: Implementation) -> Implementation:
        IMPLEMENTATIONS.update(dict.fromkeys(kinds, implementation))
        return implementation

    return register


_implements(TupleIn)(compile_tuple_in)


def _operands(node: Any, compiler: Any) -> tuple[list[str], list[object]]:
    operands: list[str] = []
    params: list[object] = []
    for expression in node.get_source_expressions():
        sql, values = compiler.compile(expression)
        operands.append(sql)
        params += values
    return operands, params


@_implements(DurationExpression)
def _duration(node: Any, compiler: object, connection: Any) -> Compiled:
    connection.ops.check_expression_support(node)
    return compile_duration(node, compiler)


@_implements(functions.Random)
def _random(_node: object, _compiler: object, _connection: object) -> Compiled:
    """From 0 to below 1, of 53 random bits: as many as a float holds."""
    # 2**53 - 1 keeps the lower 53 of RANDOM()'s 64 bits, and drops its sign.
    return "((RANDOM() & 9007199254740991) / 9007199254740992.0)", []


@_implements(functions.Cot)
def _cot(node: Any, compiler: Any, _connection: object) -> Compiled:
    # SQLite's mathematics has no COT.
    compiled: Compiled = compiler.compile_for_sqlite(node, template="(1 / TAN(%(expressions)s))")
    return compiled


@_implements(functions.MD5, functions.SHA1, functions.SHA384, functions.SHA512)
def _hash(node: Any, compiler: object, _connection: Any) -> Compiled:
    """The server's functions give a blob, and an empty one for NULL."""
    (operand,), params = _operands(node, compiler)
    return f"NULLIF(LOWER(HEX({node.function}(CAST({operand} AS TEXT)))), '')", params


@_implements(functions.SHA224, functions.SHA256)
def _sha2(node: Any, compiler: object, _connection: Any) -> Compiled:
    """The server has no sha224, and its sha256 is wrong."""
    (operand,), params = _operands(node, compiler)
    if node.function == "SHA224":
        return sha2.sha2_sql(operand, bits=224), params
    return sha2.sha2_sql(operand, bits=256), params


@_implements(functions.LPad, functions.RPad)
def _pad(node: Any, compiler: object, _connection: Any) -> Compiled:
    # The server's LPAD and RPAD raise an error for NULL, where Django expects NULL.
    (text, length, fill), params = _operands(node, compiler)
    # HEX(ZEROBLOB(n)) is '00' n times: replaced, the only way to repeat a text in the server's SQL.
    filled = "SUBSTR(REPLACE(HEX(ZEROBLOB(p_n)), '00', p_f), 1, p_n - LENGTH(p_t))"
    padded = f"{filled} || p_t" if node.function == "LPAD" else f"p_t || {filled}"
    return (
        "(SELECT CASE WHEN p_f IS NULL THEN NULL WHEN LENGTH(p_t) >= p_n "
        f"THEN SUBSTR(p_t, 1, p_n) ELSE {padded} END FROM "
        f"(SELECT {text} AS p_t, MAX(CAST({length} AS INTEGER), 0) AS p_n, {fill} AS p_f))"
    ), params


@_implements(functions.Repeat)
def _repeat(node: object, compiler: object, _connection: object) -> Compiled:
    (text, count), params = _operands(node, compiler)
    return (
        "(SELECT CASE WHEN p_n IS NOT NULL THEN REPLACE(HEX(ZEROBLOB(p_n)), '00', p_t) END FROM "
        f"(SELECT {text} AS p_t, CAST({count} AS INTEGER) AS p_n))"
    ), params


@_implements(functions.Reverse)
def _reverse(node: object, compiler: object, _connection: object) -> Compiled:
    # The server's REVERSE raises an error for NULL. The subquery names the operand, so that its
    # parameters come once.
    (text,), params = _operands(node, compiler)
    return (
        f"(SELECT CASE WHEN p_t IS NOT NULL THEN REVERSE(p_t) END FROM (SELECT {text} AS p_t))",
        params,
    )


@_implements(StdDev, Variance)
def _spread(node: Any, compiler: Any, _connection: object) -> Compiled:
    """The server says 0 where there are too few values to say anything."""
    sql, params = compiler.compile_for_sqlite(node)
    expression = node.get_source_expressions()[0]
    count = Count(expression, filter=node.filter, distinct=node.distinct)
    count_sql, count_params = compiler.compile(count)
    # Of a sample two values are needed: it divides by one less than there are.
    too_few = 1 if node.function.endswith("_SAMP") else 0
    return f"(CASE WHEN {count_sql} > {too_few} THEN {sql} END)", (*count_params, *params)


@_implements(lookups.Regex, lookups.IRegex)
def _regex(node: Any, compiler: Any, connection: object) -> Compiled:
    operand, params = node.process_lhs(compiler, connection)
    pattern_sql, patterns = node.process_rhs(compiler, connection)
    if pattern_sql != "%s":
        raise NotSupportedError(
            "libSQL has no regular expressions, so this backend translates them to SQL: the "
            "pattern must be a constant, not a database expression."
        )
    try:
        automaton = regex.compile_regex(str(patterns[0]), ignore_case=node.lookup_name == "iregex")
    except regex.UnsupportedRegex as error:
        raise NotSupportedError(str(error)) from error
    return automaton.sql(operand, params)
