"""Empties the tables after a test that committed, but for those that always hold the same.

Django empties all of them and makes content types and permissions anew, with more than a hundred
statements; several hundred tests commit.
"""

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections
from django.test import TransactionTestCase

__all__ = ["Emptying"]

ALIAS = "default"


class Emptying:
    """What stands in for the end of a `TransactionTestCase`."""

    def __init__(self) -> None:
        """Remember what every test begins with."""
        self._django_s_way = TransactionTestCase._fixture_teardown
        self._rows = _read_rows()

    def end(self, case: TransactionTestCase) -> None:
        """Empty the tables; where a test changed a permission, do all that Django does."""
        is_usual = case.available_apps is None and not case.serialized_rollback
        if is_usual and case.databases == {ALIAS} and _read_rows() == self._rows:
            _empty()
            return
        self._django_s_way(case)
        self._rows = _read_rows()


def _read_rows() -> list[list[tuple[object, ...]]]:
    return [list(model.objects.order_by("pk").values_list()) for model in (ContentType, Permission)]


def _empty() -> None:
    connection = connections[ALIAS]
    same = {ContentType._meta.db_table, Permission._meta.db_table}
    existing = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [table for table in existing if table not in same]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables))
