"""Event loops, ASGI, SQLite, logs: what surrounds asynchronous querysets."""

import asyncio
import gc
import json
import logging
import threading
import time

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.db import OperationalError, connections, models
from django.http import JsonResponse
from django.test import override_settings
from django.urls import path

from django_hrana import aio, driver
from django_hrana.aio.connections import LOOPS
from hrana_support.fault_proxy import FaultProxy
from hrana_support.library import LIBSQL, SQLITE, Author, Book, Novel


async def view(request):
    """Ask several things at once."""
    authors = Author.objects.using(LIBSQL)
    asked = [authors.aget(age=30 + number) for number in range(3)]
    names = [author.name for author in await asyncio.gather(*asked)]
    return JsonResponse({"names": names, "count": await authors.acount()})


urlpatterns = [path("", view)]


@pytest.mark.usefixtures("_books")
class TestAsgi:
    def test_requests_at_the_same_time(self):
        threads = set()

        async def request(application):
            scope = {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "path": "/",
                "query_string": b"",
                "headers": [(b"host", b"testserver")],
            }
            communicator = ApplicationCommunicator(application, scope)
            await communicator.send_input({"type": "http.request"})
            start = await communicator.receive_output(timeout=30)
            body = await communicator.receive_output(timeout=30)
            await communicator.wait(timeout=30)
            threads.update(thread.name for thread in threading.enumerate())
            return start["status"], json.loads(body["body"])

        async def serve():
            application = ASGIHandler()
            answers = await asyncio.gather(*(request(application) for _number in range(50)))
            (connection,) = LOOPS[asyncio.get_running_loop()]._connections.values()
            return answers, connection.network_connections, connection.round_trips

        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["testserver"]):
            answers, network_connections, round_trips = asyncio.run(serve())
        expected = {"names": ["author 0", "author 1", "author 2"], "count": 3}
        assert answers == [(200, expected)] * 50
        assert network_connections <= 32
        assert round_trips == 200


@pytest.mark.usefixtures("_books")
class TestLoops:
    def test_two_hundred_tasks(self, ask_in_loop):
        threads = threading.active_count()

        async def ask():
            titles = ["0.0", "1.0", "1.1", "2.0", "2.1", "2.2"]
            asked = [Book.objects.using(LIBSQL).aget(title=title) for title in titles * 34]
            books = await asyncio.gather(*asked[:200])
            for unused in asked[200:]:
                unused.close()
            assert threading.active_count() == threads
            return [book.title for book in books] == (titles * 34)[:200]

        assert ask_in_loop(ask) == (True, 200)

    def test_one_after_the_other_leaves_nothing_behind(self):
        before = len(LOOPS)

        async def ask():
            return await Book.objects.using(LIBSQL).acount()

        assert [asyncio.run(ask()) for _number in range(5)] == [6] * 5
        gc.collect()  # a socket that was not closed would warn, which is an error
        assert len(LOOPS) == before

    def test_several_at_once(self):
        answers = []

        def run():
            async def ask():
                asked = (Book.objects.using(LIBSQL).acount() for _number in range(10))
                return await asyncio.gather(*asked)

            answers.append(asyncio.run(ask()))

        threads = [threading.Thread(target=run) for _number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [[6] * 10] * 4

    def test_connections_can_be_closed_before_the_loop_ends(self):
        async def ask():
            await aio.close_connections()  # there is none yet
            first = await Book.objects.using(LIBSQL).acount()
            (connection,) = LOOPS[asyncio.get_running_loop()]._connections.values()
            await aio.close_connections()
            assert connection.closed
            return first, await Book.objects.using(LIBSQL).acount()

        assert asyncio.run(ask()) == (6, 6)

    def test_other_tasks_run_while_many_objects_are_made(self, ask_in_loop):
        Author.plain.using(LIBSQL).bulk_create(Author(name=f"n{n}") for n in range(5000))
        turns = []

        async def count_turns():
            while True:
                turns.append(time.monotonic())
                await asyncio.sleep(0)

        async def ask():
            other = asyncio.create_task(count_turns())
            objects = [author async for author in Author.objects.using(LIBSQL)]
            other.cancel()
            return len(objects)

        assert ask_in_loop(ask) == (5003, 1)
        assert len(turns) > 20

    def test_where_an_alias_leads_to_can_change(self, libsql_server, ask_in_loop):
        libsql_server.create("elsewhere")
        options = connections.settings[LIBSQL]["OPTIONS"]
        before = options["namespace"]

        async def ask():
            first = await Book.objects.using(LIBSQL).acount()
            options["namespace"] = "elsewhere"  # as the creation of a test database does
            try:
                await Book.objects.using(LIBSQL).acount()
            except OperationalError as error:
                return first, str(error)
            finally:
                options["namespace"] = before

        answer, _trips = ask_in_loop(ask)
        libsql_server.admin("DELETE", "/v1/namespaces/elsewhere")
        assert answer == (6, "no such table: hrana_support_book")


class TestSqlite:
    """The same manager on SQLite: Django's own way, for a project that has both."""

    def test_everything(self, ask_in_loop):
        async def ask():
            def migrate():
                with connections[SQLITE].schema_editor() as editor:
                    for model in (Author, Book, Novel):
                        editor.create_model(model)

            await sync_to_async(migrate)()
            authors = Author.objects.using(SQLITE)
            author = await authors.acreate(name="a", age=3)
            await authors.abulk_create([Author(name="b"), Author(name="c")])
            await authors.filter(name="b").aupdate(age=5)
            found = [item.name async for item in authors.order_by("name")]
            streamed = [item.age async for item in authors.order_by("name").aiterator()]
            deleted = await authors.filter(name="c").adelete()
            made = await authors.aget_or_create(name="d")
            count = await authors.acount(), await authors.aexists(), await authors.alast()
            await sync_to_async(forget)()
            return author.pk, found, streamed, deleted, made[1], count[:2], count[2].name

        def forget():
            connections[SQLITE].connection.close()  # Django keeps a database in memory open
            del connections[SQLITE]

        answer, trips = ask_in_loop(ask)
        assert trips == 0
        assert answer == (
            *(1, ["a", "b", "c"], [3, 5, None]),
            *((1, {"hrana_support.Author": 1}), True, (3, True), "d"),
        )


@pytest.mark.usefixtures("_books")
class TestLogs:
    def test_queries_are_counted_and_logged_as_djangos(self, ask_in_loop, caplog):
        async def ask():
            wrapper = connections[LIBSQL]
            wrapper.force_debug_cursor = True
            with caplog.at_level(logging.DEBUG, "django.db.backends"):
                await Book.objects.using(LIBSQL).filter(title="1.0").acount()
            try:
                return [query["sql"] for query in wrapper.queries]
            finally:
                wrapper.force_debug_cursor = False

        queries, _trips = ask_in_loop(ask)
        sql = (
            'SELECT COUNT(*) AS "__count" FROM "hrana_support_book" '
            'WHERE "hrana_support_book"."title" = \'1.0\''
        )
        assert queries[-1] == sql
        assert any(record.sql == sql and record.alias == LIBSQL for record in caplog.records)


class TestErrors:
    def test_djangos_with_the_drivers_as_their_cause(self, ask_in_loop):
        async def ask():
            nothing = models.expressions.RawSQL("nope", ())
            return await Book.objects.using(LIBSQL).annotate(x=nothing).afirst()

        error, _trips = ask_in_loop(ask)
        assert type(error) is OperationalError
        assert type(error.__cause__) is driver.OperationalError

    @pytest.mark.usefixtures("_books")
    def test_a_write_that_was_not_confirmed(self, libsql_server, ask_in_loop):
        proxy = FaultProxy(libsql_server.port)
        settings = connections.settings[LIBSQL]
        before = settings["NAME"]

        async def ask():
            settings["NAME"] = proxy.url
            try:
                proxy.fail("cut after", lambda body: b"UPDATE" in body)
                return await Book.objects.using(LIBSQL).aupdate(title="x")
            finally:
                settings["NAME"] = before

        error, trips = ask_in_loop(ask)
        proxy.close()
        assert type(error) is OperationalError
        assert type(error.__cause__) is driver.OutcomeUnknown
        assert sum(b"UPDATE" in body for body in proxy.requests) == 1
        assert trips == 1
        assert set(Book.plain.using(LIBSQL).values_list("title", flat=True)) == {"x"}


@pytest.mark.usefixtures("_books")
def test_a_database_that_is_given_by_a_router(ask_in_loop):
    class Router:
        asked = []

        def db_for_read(self, model, **hints):
            self.asked.append("read")
            return LIBSQL

        def db_for_write(self, model, **hints):
            self.asked.append("write")
            return LIBSQL

    async def ask():
        names = [author.name async for author in Author.objects.filter(age=31)]
        await Author.objects.filter(age=31).aupdate(name="new")
        return names, (await Author.objects.aget(age=31)).name

    with override_settings(DATABASE_ROUTERS=[Router()]):
        answer, trips = ask_in_loop(ask)
    assert (answer, trips) == ((["author 1"], "new"), 3)
    assert {"read", "write"} == set(Router.asked)


def test_a_router_that_gives_another_database_each_time(ask_in_loop):
    class Router:
        writes = 0

        def db_for_write(self, model, **hints):
            self.writes += 1
            return LIBSQL if self.writes % 2 else SQLITE

    async def ask():
        await Author.objects.acreate(name="once")

    with override_settings(DATABASE_ROUTERS=[Router()]):
        _answer, trips = ask_in_loop(ask)
    assert trips == 1
    assert Author.plain.using(LIBSQL).count() == 1
