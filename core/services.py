"""What services have in common: checks before they write, and deleting many rows.

Every refusal names its field.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction

from core.errors import InvalidInputError, NotFoundError
from core.sentences import Sentence

__all__ = ["check_fields", "check_row", "delete_in_batches", "find_row", "refuse_unknown"]

ModelT = TypeVar("ModelT", bound=models.Model)

FIRST_BATCH: Final = 500
SMALLEST_BATCH: Final = 20
LARGEST_BATCH: Final = 5000
# A libSQL server takes a write away after 5 s as soon as somebody else waits to write.
SLOW_SECONDS: Final = 1.0
QUICK_SECONDS: Final = 0.25


def check_fields(row: models.Model, *, exclude: set[str] | None = None) -> None:
    """Check every field of `row`, without a query.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        raise _refusal(row, error) from error


def check_row(row: models.Model) -> None:
    """Check every field of `row`, and every rule of its table; a rule may take a query.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong; what is wrong with the
            whole row stands under what its kind is called.
    """
    try:
        row.full_clean()
    except ValidationError as error:
        raise _refusal(row, error) from error


def _refusal(row: models.Model, error: ValidationError) -> InvalidInputError:
    messages = {field: "; ".join(texts) for field, texts in error.message_dict.items()}
    # Django keeps what is wrong with the whole row under __all__, which says nothing to people.
    of_the_row = messages.pop(NON_FIELD_ERRORS, "")
    if of_the_row:
        messages[row._meta.verbose_name_raw] = of_the_row
    return InvalidInputError(messages)


def refuse_unknown(fields: Mapping[str, object], allowed: frozenset[str]) -> None:
    """Refuse names that are not in `allowed`.

    Raises:
        InvalidInputError: names each of them.
    """
    unknown = fields.keys() - allowed
    if unknown:
        sentence = Sentence("field.unknown", names=", ".join(sorted(allowed)))
        raise InvalidInputError(dict.fromkeys(sorted(unknown), sentence))


def find_row(model: type[ModelT], key: UUID | str | int, *, deleted: bool = False) -> ModelT:
    """Return the row of that key, either in use or deleted as asked.

    A model without a trash has no deleted rows.

    Raises:
        NotFoundError: there is none, or it is in the other state.
    """
    try:
        manager = getattr(model, "all_objects", model._default_manager)
        row: ModelT | None = manager.filter(pk=key).first()
    except ValidationError:  # not a UUID: then no row has it
        row = None
    if row is None or getattr(row, "is_deleted", False) is not deleted:
        code = "row.missing-deleted" if deleted else "row.missing"
        raise NotFoundError(code, kind=model._meta.verbose_name, key=key)
    return row


def delete_in_batches(
    rows: models.QuerySet[Any],
    *,
    dependents: Mapping[type[models.Model], str] | None = None,
    report: Callable[[int], object] = lambda _count: None,
) -> int:
    """Remove rows for good, some at a time, so that others write in between.

    Each batch is a transaction of its own and is as large as takes some tenths of a second. What is
    interrupted goes on when it is called again. No row is read: a batch is one statement a table.

    Args:
        rows: what is removed; in their order, where they have one.
        dependents: tables whose rows go along → the name of their foreign key.
        report: called after each batch with how many rows went.

    Returns:
        How many rows there were, without dependents.
    """
    count, size = 0, FIRST_BATCH
    while True:
        started = time.monotonic()
        deleted = _delete_batch(rows, size, dependents or {})
        seconds = time.monotonic() - started
        count += deleted
        if deleted:
            report(deleted)
        if deleted < size:
            return count
        if seconds > SLOW_SECONDS:
            size = max(SMALLEST_BATCH, size // 2)
        elif seconds < QUICK_SECONDS:
            size = min(LARGEST_BATCH, size * 2)


def _delete_batch(
    rows: models.QuerySet[Any], size: int, dependents: Mapping[type[models.Model], str]
) -> int:
    # Without a condition on `rows` themselves: the limit is in the subquery, where SQL allows it.
    keys = rows.values("pk")[:size]
    with transaction.atomic(using=rows.db):
        for model, field in dependents.items():
            _delete_plainly(model, {f"{field}__in": keys}, rows.db)
        return _delete_plainly(rows.model, {"pk__in": keys}, rows.db)


def _delete_plainly(model: type[models.Model], condition: Mapping[str, Any], using: str) -> int:
    """Delete by one statement: no row is loaded, nothing cascades."""
    chosen = model._base_manager.using(using).filter(**condition)
    # Nothing public of Django does this. It returns None where no row can match.
    count: int | None = chosen._raw_delete(using)  # noqa: SLF001
    return count or 0
