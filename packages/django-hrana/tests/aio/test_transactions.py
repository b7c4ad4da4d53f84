"""Inside of a transaction of a thread, an asynchronous query is that thread's: it sees its rows."""

import asyncio
import threading
import unittest

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import OperationalError, connections, transaction
from django.test import TestCase

from django_hrana.aio.connections import LOOPS
from django_hrana.contexts import has_open_transaction
from hrana_support.library import LIBSQL, SQLITE, Author, forget_connection


def trips_of_this_loop():
    loop = LOOPS.get(asyncio.get_running_loop())
    connections_of_loop = loop._connections.values() if loop is not None else ()
    return sum(connection.round_trips for connection in connections_of_loop)


async def count():
    """Return how many authors there are, and how many statements the loop itself has sent."""
    return await Author.objects.using(LIBSQL).acount(), trips_of_this_loop()


def begin_by_hand(alias):
    transaction.set_autocommit(False, using=alias)
    Author.plain.using(alias).create(name="not committed")


class TestSynchronousAround:
    """Synchronous code that waits for asynchronous code."""

    def test_outside_of_a_transaction_the_loop_asks(self):
        Author.plain.using(LIBSQL).create(name="committed")
        assert async_to_sync(count)() == (1, 1)

    def test_atomic(self):
        with transaction.atomic(using=LIBSQL):
            Author.plain.using(LIBSQL).create(name="not committed")
            assert async_to_sync(count)() == (1, 0)
            assert async_to_sync(Author.objects.using(LIBSQL).aexists)()
        assert async_to_sync(count)() == (1, 1)

    def test_a_savepoint(self):
        with transaction.atomic(using=LIBSQL), transaction.atomic(using=LIBSQL):
            Author.plain.using(LIBSQL).create(name="not committed")
            assert async_to_sync(count)() == (1, 0)

    def test_writes_are_rolled_back_with_it(self):
        async def write():
            author = await Author.objects.using(LIBSQL).acreate(name="a")
            await Author.objects.using(LIBSQL).abulk_create([Author(name="b")])
            await Author.objects.using(LIBSQL).filter(pk=author.pk).aupdate(name="c")
            await Author.objects.using(LIBSQL).filter(name="b").adelete()
            return [author.name async for author in Author.objects.using(LIBSQL)]

        with transaction.atomic(using=LIBSQL):
            assert async_to_sync(write)() == ["c"]
            transaction.set_rollback(True, using=LIBSQL)
        assert not Author.plain.using(LIBSQL).exists()

    def test_autocommit_that_is_off(self):
        begin_by_hand(LIBSQL)
        try:
            assert async_to_sync(count)() == (1, 0)
        finally:
            transaction.rollback(using=LIBSQL)
            transaction.set_autocommit(True, using=LIBSQL)
        assert async_to_sync(count)() == (0, 1)

    def test_a_transaction_of_another_database_is_none_of_ours(self):
        with transaction.atomic(using=SQLITE):
            assert async_to_sync(count)() == (0, 1)

    def test_a_transaction_of_another_alias_on_the_same_database(self):
        # A write in the loop would wait for a transaction that waits for it.
        connections.settings["twin"] = connections.settings[LIBSQL]
        try:
            with transaction.atomic(using=LIBSQL):
                Author.plain.using(LIBSQL).create(name="not committed")
                with pytest.raises(OperationalError, match="another connection of this thread"):
                    async_to_sync(Author.objects.using("twin").acreate)(name="waits")
        finally:
            connections["twin"].close()
            del connections["twin"]
            del connections.settings["twin"]

    def test_a_transaction_of_another_thread_is_none_of_ours(self):
        begun, ended = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic(using=LIBSQL):
                Author.plain.using(LIBSQL).create(name="not committed")
                begun.set()
                ended.wait(30)
                transaction.set_rollback(True, using=LIBSQL)
            connections[LIBSQL].close()

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert begun.wait(30)
            assert async_to_sync(count)() == (0, 1)
        finally:
            ended.set()
            thread.join()

    def test_a_loop_that_is_run_inside_of_it_does_as_django_does(self):
        # Django's way is another thread here, with another connection: it does not see the row.
        async def ask():
            try:
                plain = await Author.plain.using(LIBSQL).acount()
                return plain, *await count()
            finally:
                await sync_to_async(forget_connection)()

        with transaction.atomic(using=LIBSQL):
            Author.plain.using(LIBSQL).create(name="not committed")
            assert asyncio.run(ask()) == (0, 0, 0)


class TestAsynchronousAround:
    """Asynchronous code that has threads do what needs a transaction."""

    def test_a_thread_that_waits_for_a_query(self, ask_in_loop):
        def work():
            with transaction.atomic(using=LIBSQL):
                Author.plain.using(LIBSQL).create(name="not committed")
                return async_to_sync(count)()

        async def ask():
            return await sync_to_async(work)(), (await count())[0]

        answer, trips = ask_in_loop(ask)
        assert answer == ((1, 0), 1)
        assert trips == 1

    def test_a_transaction_that_is_opened_and_closed_in_threads(self, ask_in_loop):
        block = transaction.atomic(using=LIBSQL)

        async def ask():
            await sync_to_async(block.__enter__)()
            await Author.objects.using(LIBSQL).acreate(name="not committed")
            inside = await count()
            beside = await asyncio.create_task(count())
            await sync_to_async(block.__exit__)(None, None, None)
            return inside, beside, await count()

        answer, _trips = ask_in_loop(ask)
        assert answer == ((1, 0), (1, 0), (1, 1))

    def test_what_is_noted_counts_while_it_is_open(self):
        with transaction.atomic(using=LIBSQL):
            assert has_open_transaction(connections[LIBSQL])
        assert not has_open_transaction(connections[LIBSQL])


def test_an_asynchronous_test_of_djangos(ask_in_loop):
    """Django's TestCase, run by Django's own runner for such methods, in its transaction."""

    class Case(TestCase):
        databases = frozenset({LIBSQL})

        @classmethod
        def setUpTestData(cls):
            Author.plain.using(LIBSQL).create(name="for all tests")

        async def test_rows(self):
            await Author.objects.using(LIBSQL).acreate(name="of this test")
            self.seen = await count()
            seen.append(self.seen)

    seen = []
    result = unittest.TestResult()
    unittest.TestSuite([Case("test_rows")]).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])
    assert seen == [(2, 0)]
    assert not Author.plain.using(LIBSQL).exists()


def test_a_runner_that_forbids_queries(django_db_blocker):
    with (
        django_db_blocker.block(),
        pytest.raises(RuntimeError, match="Database access not allowed"),
    ):
        async_to_sync(Author.objects.using(LIBSQL).acount)()
