"""Querysets and managers whose asynchronous methods wait in the event loop, not in a thread.

    from django_hrana import aio

    class Item(models.Model):
        name = models.CharField(max_length=100)
        objects = aio.Manager()

    item = await Item.objects.aget(name="first")
    async for item in Item.objects.filter(name__startswith="a"):
        ...

Everything is Django's: what a query compiles to, converters, objects, errors, routers, signals.
What cannot wait here takes Django's way, in a thread, with the same result: other databases
(`roads`), transactions, cascading deletes, what prefetches, methods that a subclass has overridden.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import models
from django.db.models.deletion import Collector

from django_hrana.aio import inserting
from django_hrana.aio.replays import Replay, UseThreadError, execute_compiled, find_replay
from django_hrana.aio.roads import find_wrapper
from django_hrana.base import DatabaseWrapper

__all__ = ["Manager", "QuerySet", "QuerySetMixin"]

# Objects that are made before other tasks have their turn: some two milliseconds.
OBJECTS_AT_ONCE: Final = 200


class QuerySetMixin:
    """For a queryset class of another package: `class Mine(QuerySetMixin, Theirs)`."""

    async def aaggregate(self, *args: Any, **kwargs: Any) -> Any:
        """Return aggregates, as `aggregate`."""
        return await self._read("aggregate", *args, **kwargs)

    async def acontains(self, obj: Any) -> bool:
        """Return whether an object is among the rows, as `contains`."""
        return bool(await self._read("contains", obj=obj))

    async def acount(self) -> int:
        """Return the number of rows, as `count`."""
        return int(await self._read("count"))

    async def aearliest(self, *fields: Any) -> Any:
        """Return the earliest object, as `earliest`."""
        return await self._read("earliest", *fields)

    async def aexists(self) -> bool:
        """Return whether there is a row, as `exists`."""
        return bool(await self._read("exists"))

    async def aexplain(self, *, format: str | None = None, **options: Any) -> str:  # noqa: A002 (Django's name)
        """Return the database's plan, as `explain`."""
        return str(await self._read("explain", format=format, **options))

    async def afirst(self) -> Any:
        """Return the first object or None, as `first`."""
        return await self._read("first")

    async def aget(self, *args: Any, **kwargs: Any) -> Any:
        """Return the only object, as `get`."""
        return await self._read("get", *args, **kwargs)

    async def ain_bulk(self, id_list: Any = None, *, field_name: str = "pk") -> Any:
        """Return objects by a field, as `in_bulk`."""
        ids = id_list if id_list is None else list(id_list)
        return await self._read("in_bulk", ids, field_name=field_name)

    async def alast(self) -> Any:
        """Return the last object or None, as `last`."""
        return await self._read("last")

    async def alatest(self, *fields: Any) -> Any:
        """Return the latest object, as `latest`."""
        return await self._read("latest", *fields)

    async def aget_or_create(self, defaults: Any = None, **kwargs: Any) -> Any:
        """Return an object, and whether it was made, as `get_or_create`.

        One that is there is found in the event loop. Another one is made in a thread: that takes a
        transaction, in case somebody else makes it at the same time.
        """
        queryset: Any = self
        if self._find_wrapper("get_or_create", is_write=True) is not None:
            try:
                return await self.aget(**kwargs), False
            except queryset.model.DoesNotExist:
                pass
        return await super().aget_or_create(defaults=defaults, **kwargs)  # type: ignore[misc]  # Django's

    async def acreate(self, **kwargs: Any) -> Any:
        """Return a new object that was saved, as `create`."""
        queryset: Any = self
        model = queryset.model
        related = model._meta._reverse_one_to_one_field_names
        wrapper = self._find_wrapper("create", is_write=True)
        if wrapper is not None and inserting.can_insert(model) and not related & set(kwargs):
            try:
                instance: Any = await inserting.create(wrapper, model, kwargs)
            except UseThreadError:
                pass
            else:
                if hasattr(queryset, "_fetch_mode"):  # from Django 6.1 on
                    instance._state.fetch_mode = queryset._fetch_mode
                return instance
        return await super().acreate(**kwargs)  # type: ignore[misc]  # Django's

    acreate.alters_data = True  # type: ignore[attr-defined]  # what templates must not call

    async def abulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        """Insert objects and return them, as `bulk_create`; in the loop if it is one statement."""
        queryset: Any = self
        objects = list(objs)
        wrapper = self._find_wrapper("bulk_create", is_write=True)
        if wrapper is not None and not args and inserting.can_insert(queryset.model):
            try:
                pinned = queryset.using(wrapper.alias)
                return await inserting.bulk_create(wrapper, pinned, objects, kwargs)
            except UseThreadError:
                pass
        return await super().abulk_create(objects, *args, **kwargs)  # type: ignore[misc]  # Django's

    abulk_create.alters_data = True  # type: ignore[attr-defined]  # as above

    async def aupdate(self, **kwargs: Any) -> int:
        """Change the rows and return how many there were, as `update`."""
        queryset: Any = self
        wrapper = self._find_wrapper("update", is_write=True)
        if wrapper is not None and _is_one_table(queryset.model):
            try:
                pinned = queryset.using(wrapper.alias)
                changed = await Replay(wrapper, is_write=True).run(pinned.update, **kwargs)
            except UseThreadError:
                pass
            else:
                queryset._result_cache = None
                return int(changed)
        return int(await super().aupdate(**kwargs))  # type: ignore[misc]  # Django's

    aupdate.alters_data = True  # type: ignore[attr-defined]  # as above

    async def adelete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, as `delete`; in the loop if nothing hangs on them and nobody listens."""
        queryset: Any = self
        wrapper = self._find_wrapper("delete", is_write=True)
        doomed = None if wrapper is None else self._find_doomed(wrapper.alias)
        if wrapper is not None and doomed is not None:
            replay = Replay(wrapper, is_write=True)
            try:
                count = await replay.run(doomed._raw_delete, wrapper.alias)
            except UseThreadError:
                pass
            else:
                queryset._result_cache = None
                return (count, {doomed.model._meta.label: count}) if count else (0, {})
        deleted: tuple[int, dict[str, int]] = await super().adelete()  # type: ignore[misc]  # Django's
        return deleted

    adelete.alters_data = True  # type: ignore[attr-defined]  # as above
    adelete.queryset_only = True  # type: ignore[attr-defined]  # as Django's

    def __aiter__(self) -> AsyncIterator[Any]:
        """Return an iterator over all objects, which are then cached as by `for`."""

        async def generate() -> AsyncIterator[Any]:
            await self._fill()
            queryset: Any = self
            for item in queryset._result_cache:
                yield item

        return generate()

    async def aiterator(self, chunk_size: int = 2000) -> AsyncIterator[Any]:
        """Yield the objects, which are made as they are needed, as `iterator`."""
        queryset: Any = self
        wrapper = self._find_wrapper("iterator") if chunk_size > 0 else None
        first: list[Any] = []
        objects: Iterator[Any] = iter(())
        if wrapper is not None:
            try:
                objects = iter(await self._fetch(wrapper))
                first = await _take(objects, chunk_size)
            except UseThreadError:
                wrapper = None
        if wrapper is None:
            async for item in super().aiterator(chunk_size):  # type: ignore[misc]  # Django's
                yield item
            return
        chunk = first
        while chunk:
            if queryset._prefetch_related_lookups:
                await _prefetch(chunk, queryset._prefetch_related_lookups)
            for item in chunk:
                yield item
            chunk = await _take(objects, chunk_size)

    # What Django's own code calls

    def _fetch_all(self) -> None:
        queryset: Any = self
        replay = find_replay()
        if replay is not None and queryset._result_cache is None:
            wrapper = replay.wrapper
            if queryset.db == wrapper.alias and self._is_plain("_fetch_all"):
                queryset._result_cache = replay.demand(lambda: self._fetch_list(wrapper))
                queryset._prefetch_done = True
        super()._fetch_all()  # type: ignore[misc]  # Django's

    # How

    def _find_wrapper(self, method: str, *, is_write: bool = False) -> DatabaseWrapper | None:
        """Return the connection to compile by; None: Django's way."""
        queryset: Any = self
        if is_write:
            queryset._for_write = True
        if not self._is_plain(method) or not self._is_plain("_fetch_all"):
            return None
        if queryset.query.select_for_update:
            return None
        return find_wrapper(queryset.db)

    def _is_plain(self, method: str) -> bool:
        queryset: Any = type(self)
        return is_plain(queryset, method)

    async def _read(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call one of Django's synchronous methods that does nothing but read."""
        queryset: Any = self
        wrapper = self._find_wrapper(method)
        if wrapper is not None:
            # A router may give another database each time that it is asked.
            is_pinned = queryset._db == wrapper.alias or queryset._result_cache is not None
            pinned = queryset if is_pinned else queryset.using(wrapper.alias)
            try:
                return await Replay(wrapper).run(getattr(pinned, method), *args, **kwargs)
            except UseThreadError:
                pass
        return await getattr(super(), f"a{method}")(*args, **kwargs)

    async def _fill(self) -> None:
        """Fetch all objects, unless they are cached."""
        queryset: Any = self
        wrapper = self._find_wrapper("_fetch_all") if queryset._result_cache is None else None
        if wrapper is not None:
            try:
                queryset._result_cache = await self._fetch_list(wrapper)
                queryset._prefetch_done = True
            except UseThreadError:
                pass
            else:
                return
        await sync_to_async(queryset._fetch_all)()

    async def _fetch_list(self, wrapper: DatabaseWrapper) -> list[Any]:
        """Return all objects, with what is prefetched for them."""
        queryset: Any = self
        objects = await _take(iter(await self._fetch(wrapper)), None)
        if queryset._prefetch_related_lookups and not queryset._prefetch_done:
            await _prefetch(objects, queryset._prefetch_related_lookups)
        return objects

    async def _fetch(self, wrapper: DatabaseWrapper) -> Iterable[Any]:
        """Run the query; return what makes objects of its rows, one by one."""
        queryset: Any = self
        view = queryset._clone()
        view._db = wrapper.alias
        compiler = view.query.get_compiler(using=wrapper.alias)
        chunks = await execute_compiled(wrapper, compiler)
        # Django's iterable asks the query for a compiler, and that for the rows.
        compiler.execute_sql = lambda *_args, **_kwargs: chunks
        view.query.get_compiler = lambda *_args, **_kwargs: compiler
        objects: Iterable[Any] = queryset._iterable_class(view)
        return objects

    def _find_doomed(self, alias: str) -> Any:
        """Return the rows to delete by one statement; None where Django would need more."""
        queryset: Any = self
        query = queryset.query
        if query.is_sliced or query.combinator or query.distinct_fields:
            return None  # an error, which Django says
        if queryset._fields is not None:
            return None
        doomed = queryset.using(alias)
        doomed._for_write = True
        doomed.query.select_for_update = False
        doomed.query.select_related = False
        doomed.query.clear_ordering(force=True)
        is_single = Collector(using=alias, origin=queryset).can_fast_delete(doomed)
        return doomed if is_single and _is_one_table(queryset.model) else None


class QuerySet(QuerySetMixin, models.QuerySet):  # type: ignore[type-arg]  # of any model
    """Django's queryset, with asynchronous methods that wait in the event loop."""


class Manager(models.Manager.from_queryset(QuerySet)):  # type: ignore[misc]  # made by Django
    """Django's manager, of such querysets."""


@cache
def is_plain(queryset: Any, method: str) -> bool:
    """Whether a class has Django's own synchronous method, which may be called twice."""
    for kind in queryset.__mro__:
        if method in vars(kind) and kind is not QuerySetMixin:
            return kind is models.QuerySet
    return False


def _is_one_table(model: Any) -> bool:
    return not model._meta.concrete_model._meta.parents


async def _take(objects: Iterator[Any], count: int | None) -> list[Any]:
    """Make so many objects, None for all of them, and let other tasks run in between."""
    taken: list[Any] = []
    while True:
        wanted = OBJECTS_AT_ONCE if count is None else min(OBJECTS_AT_ONCE, count - len(taken))
        try:
            part = list(islice(objects, wanted))
        except SynchronousOnlyOperation as error:  # an object asks the database while it is made
            raise UseThreadError from error
        taken += part
        if len(part) < wanted or len(taken) == count:
            return taken
        await asyncio.sleep(0)


async def _prefetch(objects: Sequence[Any], lookups: Sequence[Any]) -> None:
    """Prefetch by Django's own code, in a thread."""
    await models.aprefetch_related_objects(objects, *lookups)
