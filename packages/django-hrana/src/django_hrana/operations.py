"""SQL that differs from Django's for SQLite, and what is asked of the server in bulk."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.db.backends.sqlite3 import operations as sqlite3

from django_hrana import temporal
from django_hrana.driver.messages import StatementRequest
from django_hrana.triggers import FlushesGuardedTables

__all__ = ["DatabaseOperations"]

UPDATES_AT_ONCE: Final = 300  # rows of a `bulk_update()`
STATEMENTS_AT_ONCE: Final = 400  # of a flush: a few round trips, and no request of any size
TABLES_AT_ONCE: Final = 400  # a compound SELECT has at most 500 terms
DELETE_ALL: Final = re.compile(r'DELETE FROM ("[^"]+");\Z')

Sql = tuple[str, tuple[object, ...]]


class DatabaseOperations(FlushesGuardedTables, sqlite3.DatabaseOperations):
    """Writes SQL for libSQL."""

    compiler_module = "django_hrana.compiler"

    # Dates and times

    def date_extract_sql(self, lookup_type: str, sql: str, params: Sequence[object]) -> Sql:
        """Return a part of a date."""
        return temporal.extract(lookup_type.lower(), sql, params)

    def datetime_extract_sql(
        self, lookup_type: str, sql: str, params: Sequence[object], tzname: str | None
    ) -> Sql:
        """Return a part of a datetime, in a time zone."""
        return temporal.extract(lookup_type.lower(), *self._in_zone(sql, params, tzname))

    def time_extract_sql(self, lookup_type: str, sql: str, params: Sequence[object]) -> Sql:  # type: ignore[override]  # the types are of an older Django
        """Return a part of a time of day."""
        return temporal.extract_time(lookup_type.lower(), sql, params)

    def date_trunc_sql(
        self, lookup_type: str, sql: str, params: Sequence[object], tzname: str | None = None
    ) -> Sql:
        """Return the beginning of a year … day."""
        return temporal.truncate_date(lookup_type.lower(), *self._in_zone(sql, params, tzname))

    def datetime_trunc_sql(  # type: ignore[override]  # as above
        self, lookup_type: str, sql: str, params: Sequence[object], tzname: str | None
    ) -> Sql:
        """Return the beginning of a year … second, in a time zone."""
        return temporal.truncate_datetime(lookup_type.lower(), *self._in_zone(sql, params, tzname))

    def time_trunc_sql(  # type: ignore[override]  # as above
        self, lookup_type: str, sql: str, params: Sequence[object], tzname: str | None = None
    ) -> Sql:
        """Return the beginning of an hour … second."""
        return temporal.truncate_time(lookup_type.lower(), *self._in_zone(sql, params, tzname))

    def datetime_cast_date_sql(self, sql: str, params: Sequence[object], tzname: str | None) -> Sql:
        """Return the date of a datetime, in a time zone."""
        return temporal.cast_date(*self._in_zone(sql, params, tzname))

    def datetime_cast_time_sql(self, sql: str, params: Sequence[object], tzname: str | None) -> Sql:
        """Return the time of day of a datetime, in a time zone."""
        return temporal.cast_time(*self._in_zone(sql, params, tzname))

    def subtract_temporals(
        self, internal_type: str, lhs: tuple[str, Any], rhs: tuple[str, Any]
    ) -> Sql:
        """Return the microseconds between two dates, datetimes or times of day."""
        measure = temporal.microseconds
        if internal_type == "TimeField":
            measure = temporal.time_to_microseconds
        left, left_params = measure(*lhs)
        right, right_params = measure(*rhs)
        return f"({left} - {right})", (*left_params, *right_params)

    def combine_duration_expression(self, connector: str, sub_expressions: Sequence[str]) -> str:
        """Return a duration times or by a number; sums are `durations`' business."""
        if len(sub_expressions) != 2:
            raise ValueError("Too many params for timedelta operations.")
        left, right = sub_expressions
        if connector == "*":
            return f"({left} * {right})"
        if connector == "/":
            # As a real number: between two integers SQL's / cuts the fraction off.
            return f"({left} / CAST({right} AS REAL))"
        raise DatabaseError(f"Invalid connector for timedelta: {connector}.")

    def _in_zone(self, sql: str, params: Sequence[object], tzname: str | None) -> Sql:
        stored = self.connection.timezone_name
        if not tzname or not settings.USE_TZ or tzname == stored:
            return sql, tuple(params)
        return temporal.in_zone(sql, params, stored, tzname)

    # Everything else

    def bulk_batch_size(self, fields: Sequence[Any], objs: Sequence[object]) -> int:
        """Return how many rows one INSERT, or one UPDATE of `bulk_update()`, may hold.

        As many as the server takes parameters for.
        """
        if not fields:
            return len(objs)
        most: int = self.connection.features.max_query_params
        # What `bulk_update()` asks for: the key twice, and the fields to update. It writes a CASE
        # for each of them, with the key and the value of each row.
        is_update = len(fields) > 2 and fields[0] is fields[1]
        if is_update:
            key, values = _count_columns(fields[:1]), _count_columns(fields[2:])
            parameters = key + values * (key + 1)
            # The server goes through the CASE for each row, up to the row's own value.
            return max(1, min(UPDATES_AT_ONCE, most // parameters))
        return max(1, most // _count_columns(fields))

    def combine_expression(self, connector: str, sub_expressions: list[str]) -> str:
        """Write XOR without a function of that name, each operand once."""
        if connector == "#":
            # SQLite has no operator for it: the bits of either less the bits of both. The subquery
            # names the operands, so that their parameters come once.
            a, b = sub_expressions
            return f"(SELECT (x_a | x_b) - (x_a & x_b) FROM (SELECT {a} AS x_a, {b} AS x_b))"
        return super().combine_expression(connector, sub_expressions)

    def force_group_by(self) -> list[str]:
        """The server refuses HAVING without GROUP BY."""
        return ["GROUP BY TRUE"]  # a constant: all rows are one group, as without it

    def last_executed_query(self, cursor: object, sql: str, params: Any) -> str:
        """Return the query with its parameters in it, for logs; it asks the server nothing."""
        if not params:
            return sql
        if isinstance(params, Mapping):
            literals = {name: self._quoted(value) for name, value in params.items()}
            return sql % literals
        return sql % tuple(map(self._quoted, params))

    def _quoted(self, value: object) -> str:
        try:
            return str(self.connection.schema_editor().quote_value(value))
        except ValueError:
            return repr(value)

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """Run the statements of a flush, hundreds in a request, for tables that hold something."""
        self.connection.ensure_connection()
        with (
            transaction.atomic(
                using=self.connection.alias, savepoint=self.connection.features.can_rollback_ddl
            ),
            self.connection.wrap_database_errors,
        ):
            statements = self._without_empty(list(sql_list))
            with self.without_guards(statements):
                for part in _parts(statements, STATEMENTS_AT_ONCE):
                    requests = list(map(StatementRequest, part))
                    self.connection.connection.run(requests, is_read=False)

    def _without_empty(self, statements: list[str]) -> list[str]:
        """Leave out the DELETEs of tables that are empty: a test database has hundreds of them."""
        tables = {}
        for sql in statements:
            match = DELETE_ALL.match(sql)
            if match:
                tables[match[1]] = sql
        filled: set[str] = set()
        for part in _parts(list(tables), TABLES_AT_ONCE):
            # One query for all tables of a part: one round trip, and EXISTS reads one row of each.
            queries = [
                f"SELECT {_literal(table)} WHERE EXISTS (SELECT 1 FROM {table})" for table in part
            ]
            request = StatementRequest(" UNION ALL ".join(queries))
            (result,) = self.connection.connection.run([request], is_read=True)
            filled |= {str(cell.value) for (cell,) in result.rows}
        empty = {sql for table, sql in tables.items() if table not in filled}
        return [sql for sql in statements if sql not in empty]

    @functools.cached_property
    def _references_graph(self) -> Any:
        """Return the function that says which tables refer to one, directly or not."""
        return functools.lru_cache(maxsize=512)(self._referring_tables)

    def _referring_tables(self, table: str) -> list[str]:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
            tables = cursor.fetchall()
        # From the stored CREATE TABLEs: PRAGMA foreign_key_list would be a request for each table.
        related = [table]
        todo = [table]
        while todo:
            target = re.escape(todo.pop())
            refers = re.compile(rf"\sreferences\s+[\"']?{target}[\"']?\s*\(", re.IGNORECASE)
            for name, sql in tables:
                if name not in related and refers.search(sql or ""):
                    related.append(name)
                    todo.append(name)
        return related


def _count_columns(fields: Sequence[Any]) -> int:
    """Return how many columns some fields have: a composite key has several."""
    columns = 0
    for field in fields:
        is_composite = isinstance(field, models.CompositePrimaryKey)
        columns += len(field.fields) if is_composite else 1
    return columns


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
