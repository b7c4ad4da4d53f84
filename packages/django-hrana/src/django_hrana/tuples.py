"""`pk__in` for composite keys, as one list of values.

Django writes `(a = 1 AND b = 2) OR (a = 3 AND b = 4) OR …`: a tree as deep as there are keys, of
which SQLite takes at most 1,000.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Value

__all__ = ["compile_tuple_in"]


def compile_tuple_in(node: Any, compiler: Any, _connection: Any) -> tuple[str, Any]:
    """Return the SQL of a `TupleIn`: `(a, b) IN (VALUES (1, 2), (3, 4), …)`.

    Raises:
        EmptyResultSet: no value can match.
    """
    if not node.rhs_is_direct_value():
        return compiler.compile_for_sqlite(node)  # type: ignore[no-any-return]  # as Django's
    # NULL is never equal to anything.
    rows = [row for row in node.rhs if not any(value is None for value in row)]
    if any(hasattr(value, "as_sql") for row in rows for value in row):
        return compiler.compile_for_sqlite(node)  # type: ignore[no-any-return]  # as Django's
    if not rows:
        raise EmptyResultSet
    columns, params = [], []
    for column in node.lhs:
        sql, column_params = compiler.compile(column)
        columns.append(sql)
        params += column_params
    fields = [column.output_field for column in node.lhs]
    places: list[str] = []
    for row in rows:
        sqls = []
        for field, value in zip(fields, row, strict=True):
            sql, value_params = compiler.compile(Value(value, output_field=field))
            sqls.append(sql)
            params += value_params
        places.append(f"({', '.join(sqls)})")
    return f"({', '.join(columns)}) IN (VALUES {', '.join(places)})", params
