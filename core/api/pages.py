"""Pages of lists: each is one query, and begins after the last row of the page before."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

from django.db.models import (
    DateTimeField,
    Field,
    IntegerField,
    Model,
    Q,
    QuerySet,
    TextField,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast
from msgspec import Meta, Struct

from core.api.cursors import DEFAULT_LIMIT, MOST_ROWS, read_cursor, write_cursor
from core.errors import InvalidInputError
from core.sentences import Sentence

__all__ = [
    "CHANGES",
    "READS",
    "ById",
    "Cursor",
    "Limit",
    "PageQuery",
    "Search",
    "take_page",
]

# What `write_cursor` makes. That it is said keeps addresses short: elsewhere a character may take
# twelve bytes in one.
CURSOR: Final = r"^[A-Za-z0-9_\-]*$"
Limit = Annotated[int, Meta(ge=1, le=MOST_ROWS, description="How many rows at most.")]
Cursor = Annotated[str, Meta(max_length=2000, pattern=CURSOR)]
Search = Annotated[str, Meta(max_length=500)]
RowT = TypeVar("RowT", bound=Model)

# What an operation may answer beside what every operation may.
READS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
CHANGES: Final = (*READS, HTTPStatus.CONFLICT)


class ById(Struct, kw_only=True):
    """A row by its ID."""

    id: UUID
    """Its ID, as lists name it."""


class PageQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list."""

    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


def take_page(
    rows: "QuerySet[RowT, RowT]",
    *,
    by: Sequence[str],
    cursor: str,
    limit: int,
    newest_first: bool = False,
) -> tuple[list[RowT], str | None]:
    """Return a page of rows and the cursor of the next one; one query.

    Args:
        rows: the list, in any order.
        by: the columns that it is ordered by; together they are unique. One of another table is
            named with its relation, which has to be loaded with the rows.
        cursor: where the page begins; empty: at the first row.
        limit: most rows.
        newest_first: whether the order is turned round.

    Raises:
        InvalidInputError: the cursor is none of this list's.
    """
    fields = [_find_field(rows.model, name) for name in by]
    for name, field in zip(by, fields, strict=True):
        if isinstance(field, DateTimeField):
            # The database writes milliseconds and Django compares with microseconds: as text,
            # ".123" stands before ".123000". What is compared is the text that is stored.
            rows = rows.annotate(**{f"{name}_text": Cast(name, TextField())})
    if cursor:
        kinds: list[type] = [int if isinstance(field, IntegerField) else str for field in fields]
        values = read_cursor(cursor, kinds)
        rows = rows.filter(_after(by, fields, values, "lt" if newest_first else "gt"))
    sign = "-" if newest_first else ""
    fetched = list(rows.order_by(*[f"{sign}{name}" for name in by])[: limit + 1])
    page = fetched[:limit]
    if len(fetched) == len(page):
        return page, None
    return page, write_cursor(
        [_value(page[-1], name, field) for name, field in zip(by, fields, strict=True)]
    )


def _find_field(model: type[Model], path: str) -> "Field[Any, Any]":
    """Return the column that a name means; `run_case__position` is one of another table."""
    *relations, name = path.split("__")
    for relation in relations:
        model = cast("type[Model]", model._meta.get_field(relation).related_model)
    if name == "pk":
        name = model._meta.pk.name
    return cast("Field[Any, Any]", model._meta.get_field(name))


def _value(row: Model, path: str, field: "Field[Any, Any]") -> str | int:
    if isinstance(field, DateTimeField):
        return str(getattr(row, f"{path}_text"))
    value: Any = row
    for name in path.split("__"):
        value = getattr(value, name)
    return value if isinstance(value, int) else str(value)


def _after(
    names: Sequence[str], fields: "Sequence[Field[Any, Any]]", values: Sequence[str | int], how: str
) -> Q:
    """Return what holds of rows after the one with these values."""
    bounds = [_bound(field, value) for field, value in zip(fields, values, strict=True)]
    # The first column alone bounds the part of an index that is read.
    after = Q()
    same = Q()
    for name, bound in zip(names, bounds, strict=True):
        after |= same & Q(**{f"{name}__{how}": bound})
        same &= Q(**{name: bound})
    return Q(**{f"{names[0]}__{how}e": bounds[0]}) & after


def _bound(field: "Field[Any, Any]", value: str | int) -> object:
    if isinstance(field, DateTimeField):
        return Value(value, output_field=TextField())
    if isinstance(field, UUIDField):
        try:
            return UUID(str(value))
        except ValueError:
            raise InvalidInputError({"cursor": Sentence("api.cursor")}) from None
    return value
