"""Aggregates that Django's SQLite backend computes in Python: as SQL of the server's own.

Each is made of aggregates that the server has, so that FILTER and HAVING work as for those, and a
group may have any number of rows. The operand, and the filter with it, comes once for each of
them: up to 65 times, which counts where a filter has hundreds of parameters.
"""

from typing import Any, Final

from django.db import NotSupportedError, models
from django.db.models import Count, StdDev, Variance, Window
from django.db.models import aggregates as model_aggregates
from django.db.models.expressions import Col, OrderBy
from django.db.models.functions import Collate

from django_hrana.implementations import Compiled, implements, known

__all__ = ["any_value", "bit_and", "bit_or", "bit_xor", "string_agg"]

SIGN_BIT: Final = 63
# Two counters in one sum: that of a bit, and 32 bits above it that of the bit 32 places higher.
TWO_COUNTERS: Final = (1 << 32) | 1
NO_WINDOWS: Final = (StdDev, Variance, *known(models, "BitAnd", "BitOr", "BitXor"))
MARK: Final = "\0"  # which no SQL contains


@implements(StdDev, Variance)
def _spread(node: Any, compiler: Any, _connection: object) -> Compiled:
    """The server says 0 where there are too few values to say anything."""
    sql, params = compiler.compile_for_sqlite(node)
    count = Count(node.source_expressions[0])
    # As the node has it: what a filter is inside of an aggregate differs between Djangos.
    count.filter = node.filter
    count_sql, count_params = compiler.compile(count)
    # Of a sample two values are needed: it divides by one less than there are.
    too_few = 1 if node.function.endswith("_SAMP") else 0
    return f"(CASE WHEN {count_sql} > {too_few} THEN {sql} END)", (*count_params, *params)


@implements(Window)
def _window(node: Any, compiler: Any, _connection: object) -> Compiled:
    """Refuse what Django's functions for SQLite cannot do either, by name."""
    if isinstance(node.source_expression, NO_WINDOWS):
        name = type(node.source_expression).__name__
        raise NotSupportedError(f"{name} is no window function on libSQL, as it is none on SQLite.")
    compiled: Compiled = compiler.compile_for_sqlite(node)
    return compiled


@implements(*known(models, "AnyValue"))
def any_value(node: Any, compiler: Any, _connection: object) -> Compiled:
    """The smallest is as good as any, and NULL only where there is nothing else."""
    compiled: Compiled = compiler.compile_for_sqlite(node, function="MIN")
    return compiled


@implements(*known(models, "BitAnd"))
def bit_and(node: Any, compiler: Any, _connection: object) -> Compiled:
    """A bit is set where its smallest value is; each stays in its place, and OR joins them."""
    return _combine_bits(node, compiler, function="MIN", sign_function="MAX")


@implements(*known(models, "BitOr"))
def bit_or(node: Any, compiler: Any, _connection: object) -> Compiled:
    """A bit is set where its largest value is."""
    return _combine_bits(node, compiler, function="MAX", sign_function="MIN")


def _combine_bits(node: Any, compiler: Any, *, function: str, sign_function: str) -> Compiled:
    # A value with the sign bit alone is negative: its order is the other way round.
    terms = [f"{sign_function}({{operand}} & (1 << {SIGN_BIT})){{filter}}"]
    for bit in range(SIGN_BIT):
        term = f"{function}({{operand}} & {1 << bit}){{filter}}"
        terms.append(term)
    return _of_integers(node, compiler, terms)


@implements(*known(models, "BitXor"))
def bit_xor(node: Any, compiler: Any, _connection: object) -> Compiled:
    """A bit is set where an odd number of values have it."""
    terms = []
    for bit in range(32):
        counters = f"SUM({{operand}} >> {bit} & {TWO_COUNTERS}){{filter}}"
        terms.append(f"(({counters} & {TWO_COUNTERS}) << {bit})")
    return _of_integers(node, compiler, terms)


def _of_integers(node: Any, compiler: Any, terms: list[str]) -> Compiled:
    """Return the OR of some aggregates; NULL where a value is no integer, as in Python."""
    # Where the filter comes in a Django's template; others put it behind the whole by themselves.
    filter_slot = "%(filter)s" if "%(filter)s" in node.template else ""
    # Both come in each term, with the same parameters: the operand's first.
    pattern = node.copy()
    pattern.template = f"(%(expressions)s){MARK}{filter_slot}"
    # Not its SQL for SQLite, which puts a cast around decimals: what comes out is an integer.
    sql, params = pattern.as_sql(compiler, compiler.connection)
    operand, _, filter_sql = sql.partition(MARK)
    others = f"MAX(TYPEOF({operand}) NOT IN ('integer', 'null')){filter_sql}"
    bits = " | ".join(terms).replace("{operand}", operand).replace("{filter}", filter_sql)
    return f"(CASE WHEN {others} = 0 THEN {bits} END)", tuple(params) * (len(terms) + 1)


@implements(*known(models, "StringAgg"))
def string_agg(node: Any, compiler: Any, _connection: object) -> Compiled:
    """The same as Django's, which would first ask the server for its version; and in order."""
    if node.distinct:  # of which SQLite has only the one with a comma
        compiled: Compiled = compiler.compile_for_sqlite(node)
    elif node.order_by is None:
        compiled = node.as_sql(compiler, compiler.connection, function="GROUP_CONCAT")
    else:
        compiled = _string_agg_in_order(node, compiler)
    return compiled


def _string_agg_in_order(node: Any, compiler: Any) -> Compiled:
    """Collect texts, separators and keys as JSON, then put them in order and together.

    The server's own parser stands in front of SQLite's, is older, and knows no ORDER BY inside of
    an aggregate. An aggregate whose columns are all of the outer query belongs to that query.
    """
    text, separator = node.source_expressions
    keys = []
    for key in node.order_by.get_source_expressions():
        keys.append(key if isinstance(key, OrderBy) else OrderBy(key))
    collected = []
    params: list[object] = []
    for expression in (text, separator, *(key.expression for key in keys)):
        sql, expression_params = compiler.compile(expression)
        collected.append(sql)
        params += expression_params
    # As text, and not as JSON where it is that already, which would become a part of this.
    collected[0] = f"({collected[0]}) || ''"
    filter_sql = ""
    if node.filter is not None:
        filter_sql, filter_params = compiler.compile(node.filter)
        params += filter_params
    order = ", ".join(_order_sql(key, place) for place, key in enumerate(keys, start=2))
    rows = f"JSON_GROUP_ARRAY(JSON_ARRAY({', '.join(collected)})){filter_sql}"
    return (
        "(SELECT (SELECT GROUP_CONCAT(value ->> 0, value ->> 1) FROM "
        f"(SELECT value FROM JSON_EACH(a_rows) ORDER BY {order})) FROM (SELECT {rows} AS a_rows))"
    ), tuple(params)


def _order_sql(key: Any, place: int) -> str:
    """Return the ORDER BY of a key that is at a place of the JSON."""
    words = [f"value ->> {place}"]
    collation = None  # which does not go into the JSON with the text
    if isinstance(key.expression, Collate):
        collation = getattr(key.expression, "collation", None)
    elif isinstance(key.expression, Col):
        collation = getattr(key.expression.target, "db_collation", None)
    if collation:
        words.append(f"COLLATE {collation}")
    if key.descending:
        words.append("DESC")
    if key.nulls_first:
        words.append("NULLS FIRST")
    if key.nulls_last:
        words.append("NULLS LAST")
    return " ".join(words)


@implements(*known(model_aggregates, "AggregateOrderBy"))
def _order_by(_node: object, _compiler: object, _connection: object) -> Compiled:
    """Refuse it in every other aggregate, before the server's parser does."""
    raise NotSupportedError(
        "On libSQL only StringAgg without DISTINCT can have an order: the server does not know "
        "ORDER BY inside of an aggregate."
    )
