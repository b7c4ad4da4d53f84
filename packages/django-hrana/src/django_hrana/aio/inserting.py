"""INSERTs of asynchronous querysets: `acreate` as `Model.save` does it, and `abulk_create`.

Code that a model or a signal adds runs in Django's thread, as it would.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import models
from django.db.models import sql
from django.db.models.signals import post_save, pre_save

from django_hrana.aio.replays import UseThreadError, execute_compiled
from django_hrana.base import DatabaseWrapper

__all__ = ["bulk_create", "can_insert", "create"]

# Where a model has its own of these, Django's thread runs them.
SAVING: Final = (
    "save",
    "save_base",
    "_save_table",
    "_do_insert",
    "_prepare_related_fields_for_save",
)


class _Inserting(BaseException):
    """Django's code has come to the INSERT, by these arguments of `QuerySet._insert`."""

    def __init__(self, objects: Sequence[Any], options: dict[str, Any]) -> None:
        super().__init__()
        self.objects = objects
        self.options = options


def can_insert(model: Any) -> bool:
    """Whether rows of a model are one INSERT each, and saved as Django saves them."""
    meta = model._meta
    concrete = meta.concrete_model._meta
    if concrete.parents or concrete.order_with_respect_to:
        return False
    return all(getattr(model, name) is getattr(models.Model, name) for name in SAVING)


async def create(
    wrapper: DatabaseWrapper, model: type[models.Model], values: dict[str, Any]
) -> Any:
    """Make an object of a model, save it as new, and return it: as `QuerySet.create`.

    Args:
        wrapper: the connection to compile by.
        model: one that `can_insert`.
        values: by field.

    Raises:
        UseThreadError: it must be made in a thread; nothing was done yet.
        django.db.Error: the row was refused.
    """
    try:
        instance: Any = model(**values)
    except SynchronousOnlyOperation as error:  # a default, or a receiver of post_init, asks
        raise UseThreadError from error
    instance._prepare_related_fields_for_save(operation_name="save")
    alias = wrapper.alias
    saved = {"instance": instance, "raw": False, "using": alias, "update_fields": None}
    await _send(pre_save, model, saved)
    rows, returning = await _insert_one(wrapper, instance)
    if rows:
        _assign(instance, rows[0], returning)
    instance._state.db = alias
    instance._state.adding = False
    await _send(post_save, model, {**saved, "created": True})
    return instance


async def bulk_create(
    wrapper: DatabaseWrapper, queryset: Any, objects: Sequence[Any], options: dict[str, Any]
) -> list[Any]:
    """Do as `queryset.bulk_create`, where that is one statement.

    Args:
        wrapper: the connection to compile by.
        queryset: of its database.
        objects: what to insert.
        options: the other arguments of `bulk_create`.

    Raises:
        UseThreadError: it takes several statements; none was run.
        django.db.Error: as `bulk_create`.
    """
    inserting = _stop_at_insert(wrapper, queryset, objects, options)
    if inserting is None:  # there was nothing to insert
        return list(objects)
    if len(inserting.objects) != len(objects):
        raise UseThreadError
    rows = await _insert(wrapper, queryset.model, inserting)
    queryset._insert = lambda *_objects, **_options: rows
    with _as_if_atomic(wrapper):
        inserted: list[Any] = queryset.bulk_create(objects, **options)
    return inserted


async def _send(signal: Any, model: type[models.Model], arguments: dict[str, Any]) -> None:
    """Send a signal of saving, as Django's thread would: receivers may ask the database."""
    if not model._meta.auto_created and signal.has_listeners(model):
        await sync_to_async(signal.send)(sender=model, **arguments)


async def _insert_one(wrapper: DatabaseWrapper, instance: Any) -> tuple[Sequence[Any], list[Any]]:
    """Insert the row of an object; return what the database returned, and of which fields."""
    model = instance._meta.concrete_model
    try:
        inserting = _stop_at_saving(instance, wrapper.alias)
    except SynchronousOnlyOperation:  # a field asks for its value
        inserting = await sync_to_async(_stop_at_saving)(instance, wrapper.alias)
    returning = inserting.options["returning_fields"]
    try:
        rows = await _insert(wrapper, model, inserting)
    except UseThreadError:  # the same; by now, receivers of pre_save have been told
        insert_in_thread = sync_to_async(model._base_manager._insert)
        rows = await insert_in_thread(inserting.objects, using=wrapper.alias, **inserting.options)
    return rows, returning


async def _insert(wrapper: DatabaseWrapper, model: Any, inserting: _Inserting) -> Sequence[Any]:
    """Run the INSERT as `QuerySet._insert` does; return the rows that it returns."""
    options = dict(inserting.options)
    fields, returning = options.pop("fields"), options.pop("returning_fields", None)
    is_raw = options.pop("raw", False)
    query = sql.InsertQuery(model, **options)
    query.insert_values(fields, list(inserting.objects), raw=is_raw)
    compiler = query.get_compiler(using=wrapper.alias)
    rows: Sequence[Any] = await execute_compiled(wrapper, compiler, returning, is_write=True)
    return rows


def _stop_at_saving(instance: Any, alias: str) -> _Inserting:
    """Run Django's saving of one table as far as its INSERT."""

    def stop(_manager: Any, _using: str, fields: Any, returning_fields: Any, raw: Any) -> Any:
        options = {"fields": fields, "returning_fields": returning_fields, "raw": raw}
        raise _Inserting([instance], options)

    instance._do_insert = stop
    try:
        instance._save_table(cls=instance._meta.concrete_model, force_insert=True, using=alias)
    except _Inserting as inserting:
        return inserting
    finally:
        del instance._do_insert
    raise RuntimeError("Django saved a new object without an INSERT")


def _stop_at_insert(
    wrapper: DatabaseWrapper, queryset: Any, objects: Sequence[Any], options: dict[str, Any]
) -> _Inserting | None:
    """Run `bulk_create` as far as its first INSERT; None: it has none."""

    def stop(batch: Sequence[Any], **inserted: Any) -> Any:
        del inserted["using"]
        raise _Inserting(batch, inserted)

    queryset._insert = stop
    try:
        with _as_if_atomic(wrapper):
            queryset.bulk_create(objects, **options)
    except _Inserting as inserting:
        return inserting
    except SynchronousOnlyOperation as error:
        raise UseThreadError from error
    return None


@contextlib.contextmanager
def _as_if_atomic(wrapper: DatabaseWrapper) -> Iterator[None]:
    """Let `atomic(savepoint=False)` begin nothing: one statement is a transaction by itself."""
    wrapper.in_atomic_block = True
    try:
        yield
    finally:
        wrapper.in_atomic_block = wrapper.needs_rollback = False


def _assign(instance: Any, values: Sequence[Any], fields: Sequence[Any]) -> None:
    """Give an object the values that the database made."""
    assign = getattr(instance, "_assign_returned_values", None)
    if assign is not None:  # from Django 6.0 on
        assign(values, fields)
        return
    for field, value in zip(fields, values, strict=False):
        setattr(instance, field.attname, value)
