"""The same models on Django's SQLite and on a libSQL server, and the classes of newer Djangos.

Where the installed Django does not have one of them yet, a class of the same shape stands in: what
is tested is our SQL, and SQLite's side gets the functions that newer Djangos register there.
"""

import functools
import operator
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps.registry import Apps
from django.db import ConnectionHandler, connections, models
from django.db.models import Aggregate, Func, functions

from django_hrana import aggregates
from django_hrana import functions as our_functions
from django_hrana.implementations import implements

SQLITE = "side-by-side-sqlite"
LIBSQL = "side-by-side-libsql"


class Sample(models.Model):
    """Values of every kind, in groups."""

    group = models.IntegerField()
    number = models.BigIntegerField(null=True)
    real = models.FloatField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    text = models.TextField(null=True)  # noqa: DJ001 (NULL is what is tested)
    pattern = models.TextField(null=True)  # noqa: DJ001 (as above)
    identity = models.UUIDField(null=True)
    shift = models.DurationField(null=True)

    class Meta:
        app_label = "side_by_side"
        apps = Apps()

    def __str__(self) -> str:
        return f"{self.pk}"


@contextmanager
def both(url: str, namespace: str) -> Iterator[None]:
    """Register both databases, with an empty table in each."""
    entries = {
        "default": {},
        SQLITE: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        LIBSQL: {"ENGINE": "django_hrana", "NAME": url, "OPTIONS": {"namespace": namespace}},
    }
    complete = ConnectionHandler(entries).settings
    for alias in (SQLITE, LIBSQL):
        connections.settings[alias] = complete[alias]
        with connections[alias].schema_editor() as editor:
            editor.create_model(Sample)
    _register_on_sqlite(connections[SQLITE])
    try:
        yield
    finally:
        # Django keeps a database in memory open.
        connections[SQLITE].connection.close()
        for alias in (SQLITE, LIBSQL):
            connections[alias].close()
            del connections[alias]
            del connections.settings[alias]


def answers(ask: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return what SQLite and libSQL answer to a question about the manager of the samples."""
    return ask(Sample.objects.using(SQLITE)), ask(Sample.objects.using(LIBSQL))


def fill(**columns: list[Any]) -> None:
    """Put the same rows into both tables, and nothing else."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for alias in (SQLITE, LIBSQL):
        Sample.objects.using(alias).delete()
        samples = [Sample(**{"group": 1, **row}) for row in rows]
        Sample.objects.using(alias).bulk_create(samples)


class _Values(list):
    """An aggregate in Python, as Django's SQLite backend registers them."""

    step = list.append


class _AnyValue(_Values):
    def finalize(self) -> Any:
        return self[0]


def _folding(combine: Callable[[Any, Any], Any]) -> type:
    class Folding(_Values):
        def finalize(self) -> Any:
            try:
                return functools.reduce(combine, (item for item in self if item is not None))
            except TypeError:
                return None

    return Folding


def _register_on_sqlite(wrapper: Any) -> None:
    """Register what Django 6.1 registers; this does no harm where it has done so itself."""
    connection = wrapper.connection
    connection.create_aggregate("ANY_VALUE", 1, _AnyValue)
    for name, combine in [
        ("BIT_AND", operator.and_),
        ("BIT_OR", operator.or_),
        ("BIT_XOR", operator.xor),
    ]:
        connection.create_aggregate(name, 1, _folding(combine))
    connection.create_function("UUIDV4", 0, lambda: uuid.uuid4().hex)


def _aggregate(name: str, function: str, implementation: Any) -> Any:
    if hasattr(models, name):
        return getattr(models, name)
    kind = type(name, (Aggregate,), {"name": name, "function": function, "arity": 1})
    implements(kind)(implementation)
    return kind


def _function(name: str, function: str, implementation: Any) -> Any:
    if hasattr(functions, name):
        return getattr(functions, name)
    kind = type(name, (Func,), {"function": function, "output_field": models.UUIDField()})
    implements(kind)(implementation)
    return kind


AnyValue = _aggregate("AnyValue", "ANY_VALUE", aggregates.any_value)
BitAnd = _aggregate("BitAnd", "BIT_AND", aggregates.bit_and)
BitOr = _aggregate("BitOr", "BIT_OR", aggregates.bit_or)
BitXor = _aggregate("BitXor", "BIT_XOR", aggregates.bit_xor)
UUID4 = _function("UUID4", "UUIDV4", our_functions.uuid4)
UUID7 = _function("UUID7", "UUIDV7", our_functions.uuid7)
