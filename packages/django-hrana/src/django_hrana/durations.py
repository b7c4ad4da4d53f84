"""Arithmetic of dates and durations: one expression over integers, made a date once, at its top.

Nested, as the tree is, the SQL would go beyond what the server's parser can hold.
"""

from typing import Any

from django.core.exceptions import FieldError
from django.db.models.expressions import DurationExpression

from django_hrana import temporal

__all__ = ["compile_duration"]

Compiled = tuple[str, object]

FORMATS = {"DateField": temporal.format_date, "DateTimeField": temporal.format_datetime}


def compile_duration(node: DurationExpression, compiler: Any) -> Compiled:
    """Return a tree of sums as SQL: microseconds, or the date that they lead to."""
    if node.connector not in "+-":
        compiled: Compiled = compiler.compile_for_sqlite(node)
        return compiled
    sql, params, kind = _microseconds(node, compiler)
    if kind is None:  # a duration: microseconds, as Django stores it
        return sql, params
    return FORMATS[kind](sql), params


def _microseconds(node: Any, compiler: Any) -> tuple[str, tuple[object, ...], str | None]:
    """Return an operand in microseconds, and what it is: a DateField, a DateTimeField or None."""
    if isinstance(node, DurationExpression) and node.connector in "+-":
        left, left_params, left_kind = _microseconds(node.lhs, compiler)
        right, right_params, right_kind = _microseconds(node.rhs, compiler)
        sql = f"({left} {node.connector} {right})"
        return sql, (*left_params, *right_params), left_kind or right_kind
    kind = _kind(node)
    sql, params = compiler.compile(node)
    if kind not in FORMATS:
        return sql, tuple(params), None
    return *temporal.microseconds(sql, params), kind


def _kind(node: Any) -> str | None:
    try:
        return str(node.output_field.get_internal_type())
    except FieldError:
        return None
