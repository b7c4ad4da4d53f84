"""Every row of every table, read by the driver alone: nothing of the backup's own code."""

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from django_hrana import driver

__all__ = ["read_rows", "tell_difference"]

# Their rows are copies of other tables' rows, kept by SQLite in a form of its own: the same
# content can be stored in another order. What they find is compared instead.
SHADOWS: Final = ("_data", "_idx", "_docsize", "_config", "_content")
Rows = Mapping[str, list[tuple[Any, ...]]]


def read_rows(url: str, token: str) -> Rows:
    """Return each table's rows, in the order of their values; also those of Django's own tables."""
    connection = driver.connect(url, auth_token=token, autocommit=True)
    with contextlib.closing(connection):
        cursor: driver.Cursor = connection.cursor()
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        tables = cursor.fetchall()
        virtual = [name for name, sql in tables if (sql or "").startswith("CREATE VIRTUAL")]
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for name, _sql in tables:
            if name in _shadows_of(virtual):
                continue
            cursor.execute(f'SELECT * FROM "{name}"')  # noqa: S608 (a table's own name)
            rows[name] = sorted(map(tuple, cursor.fetchall()), key=repr)
    return rows


def _shadows_of(virtual: list[str]) -> set[str]:
    names: set[str] = set()
    for name in virtual:
        names.update(f"{name}{ending}" for ending in SHADOWS)
    return names


def tell_difference(before: Rows, after: Rows) -> list[str]:
    """Return a sentence for each table that is not the same."""
    sentences = []
    for name in sorted({*before, *after}):
        if name not in after:
            sentences.append(f"{name} is missing")
        elif name not in before:
            sentences.append(f"{name} was not there before")
        elif before[name] != after[name]:
            counts = f"{len(before[name])} rows before, {len(after[name])} after"
            sentences.append(f"{name} differs ({counts})")
    return sentences
