"""What asynchronous querysets read is what Django's own read, and the event loop reads it."""

import pytest
from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Avg, Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Sum, Value
from django.db.models.functions import Lower, TruncYear

from hrana_support.library import LIBSQL, Author, Book

pytestmark = pytest.mark.usefixtures("_books")

RELATED = Book.plain.filter(author=OuterRef("pk")).order_by("-price").values("price")[:1]
# What is asked of books, as a queryset that is read whole.
QUERYSETS = {
    "all": lambda rows: rows.order_by("pk"),
    "filter": lambda rows: rows.filter(price__gt=1).order_by("-price"),
    "exclude": lambda rows: rows.exclude(title="1.0").order_by("pk"),
    "q": lambda rows: rows.filter(Q(title="1.0") | ~Q(price__lt=2)).order_by("pk"),
    "f": lambda rows: rows.filter(price__gt=F("author__age") - 31).order_by("pk"),
    "values": lambda rows: rows.order_by("pk").values("pk", "price", "author__name", "data"),
    "values_list": lambda rows: rows.order_by("pk").values_list("pk", "published", "length"),
    "flat": lambda rows: rows.order_by("pk").values_list("code", flat=True),
    "named": lambda rows: rows.order_by("pk").values_list("pk", "cover", named=True),
    "annotate": lambda rows: rows.annotate(low=Lower("title"), v=Value(3)).order_by("pk"),
    "group": lambda rows: (
        rows.values("author").annotate(n=Count("pk"), s=Sum("price")).order_by("n")
    ),
    "truncated": lambda rows: rows.annotate(y=TruncYear("published")).order_by("pk"),
    "select_related": lambda rows: rows.select_related("author").order_by("pk"),
    "only": lambda rows: rows.only("title").order_by("pk"),
    "defer": lambda rows: rows.defer("data", "price").order_by("pk"),
    "slice": lambda rows: rows.order_by("pk")[1:4],
    "none": lambda rows: rows.none(),
    "impossible": lambda rows: rows.filter(pk__in=[]),
    "union": lambda rows: rows.filter(price__lt=1).union(rows.filter(price__gt=2)).order_by("pk"),
    "distinct": lambda rows: (
        rows.values_list("author__age", flat=True).distinct().order_by("author__age")
    ),
    "exists": lambda rows: rows.filter(Exists(Author.plain.filter(pk=OuterRef("author"), age=31))),
    "extra": lambda rows: rows.extra(select={"double": "price * 2"}).order_by("pk"),
    "regex": lambda rows: rows.filter(title__regex=r"^\d\.1$").order_by("pk"),
    "json": lambda rows: rows.filter(data__n=1).order_by("pk"),
    "dates": lambda rows: rows.dates("published", "year"),
    "reverse": lambda rows: rows.order_by("price").reverse(),
    "combined": lambda rows: (rows.filter(price__lt=1) | rows.filter(price__gt=2)).order_by("pk"),
    "inside": lambda rows: rows.filter(author__in=Author.plain.using(LIBSQL).filter(age__gt=30)),
}
HIDDEN = {"_state", "_prefetched_objects_cache"}
EMPTY = {"none", "impossible"}


def look(item):
    """Return all that is known of an object, without asking the database."""
    if not isinstance(item, models.Model):
        return item
    state = {name: value for name, value in vars(item).items() if name not in HIDDEN}
    cached = {name: look(value) for name, value in item._state.fields_cache.items()}
    deferred = item.get_deferred_fields()
    return type(item), state, cached, deferred, item._state.db, item._state.adding


@pytest.mark.parametrize("name", sorted(QUERYSETS))
def test_querysets(name, ask_in_loop):
    build = QUERYSETS[name]
    expected = [look(item) for item in build(Book.plain.using(LIBSQL))]

    async def ask():
        asked = build(Book.objects.using(LIBSQL))
        iterated = [look(item) async for item in asked]
        cached = [look(item) async for item in asked]
        streamed = [look(item) async for item in build(Book.objects.using(LIBSQL)).aiterator(2)]
        return iterated, cached, streamed

    answers, trips = ask_in_loop(ask)
    assert answers == (expected, expected, expected)
    assert trips == (0 if name in EMPTY else 2)
    assert name in EMPTY or expected


@pytest.mark.parametrize(
    ("method", "args", "kwargs", "trips"),
    [
        ("get", [], {"title": "1.0"}, 1),
        ("get", [Q(title="1.1")], {}, 1),
        ("get", [], {"title": "nope"}, 1),
        ("get", [], {"price__gte": 0}, 1),
        ("get", [], {"nope": 1}, 0),
        ("count", [], {}, 1),
        ("exists", [], {}, 1),
        ("first", [], {}, 1),
        ("last", [], {}, 1),
        ("earliest", ["price"], {}, 1),
        ("latest", ["price"], {}, 1),
        ("earliest", [], {}, 0),
        ("aggregate", [], {"a": Avg("price"), "n": Count("pk")}, 1),
        ("aggregate", [Sum("price")], {}, 1),
        ("in_bulk", [[1, 3, 99]], {}, 1),
        ("in_bulk", [[]], {}, 0),
        ("in_bulk", [], {}, 1),
        ("in_bulk", [[1]], {"field_name": "title"}, 0),
        ("explain", [], {}, 1),
    ],
)
def test_calls(method, args, kwargs, trips, ask_in_loop):
    def answer_of(call):
        try:
            return call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (it is compared)
            return error

    expected = answer_of(getattr(Book.plain.using(LIBSQL), method))

    async def ask():
        return await getattr(Book.objects.using(LIBSQL), f"a{method}")(*args, **kwargs)

    answer, sent = ask_in_loop(ask)
    assert sent == trips
    assert type(answer) is type(expected)
    if isinstance(expected, Exception):
        assert str(answer) == str(expected)
        assert isinstance(
            answer, (Book.DoesNotExist, Book.MultipleObjectsReturned, FieldError, ValueError)
        )
    elif isinstance(expected, dict):
        assert {key: look(item) for key, item in answer.items()} == {
            key: look(item) for key, item in expected.items()
        }
    else:
        assert look(answer) == look(expected)


def test_contains(ask_in_loop):
    book = Book.plain.using(LIBSQL).get(title="1.0")

    async def ask():
        rows = Book.objects.using(LIBSQL)
        return await rows.acontains(book), await rows.filter(price__gt=2).acontains(book)

    assert ask_in_loop(ask) == ((True, False), 2)


def test_what_is_cached_asks_nothing(ask_in_loop):
    async def ask():
        rows = Book.objects.using(LIBSQL).order_by("pk")
        titles = [row.title async for row in rows]
        return titles, await rows.acount(), await rows.aexists(), await rows.acontains(rows[0])

    answer, trips = ask_in_loop(ask)
    assert answer[1:] == (6, True, True)
    assert trips == 1


@pytest.mark.parametrize(
    "lookup", ["book_set", Prefetch("book_set", Book.objects.filter(price__gt=1))]
)
@pytest.mark.parametrize("is_streamed", [True, False])
def test_prefetched_by_a_thread(lookup, is_streamed, ask_in_loop):
    rows = Author.plain.using(LIBSQL).prefetch_related(lookup)
    expected = [[look(book) for book in author.book_set.all()] for author in rows]

    async def ask():
        rows = Author.objects.using(LIBSQL).prefetch_related(lookup)
        objects = [author async for author in (rows.aiterator(2) if is_streamed else rows)]
        return [[look(book) for book in author.book_set.all()] for author in objects]

    answer, trips = ask_in_loop(ask)
    assert (answer, trips) == (expected, 1)
    assert any(answer)


def test_the_first_with_what_is_prefetched(ask_in_loop):
    async def ask():
        author = await Author.objects.using(LIBSQL).prefetch_related("book_set").alast()
        return len(author.book_set.all())

    assert ask_in_loop(ask) == (3, 1)


def test_related_managers_are_asynchronous_too(ask_in_loop):
    author = Author.plain.using(LIBSQL).get(age=32)

    async def ask():
        books = [book async for book in author.book_set.order_by("pk")]
        return books, await author.book_set.acount(), [book.author is author for book in books]

    answer, trips = ask_in_loop(ask)
    assert answer == (list(author.book_set.order_by("pk")), 3, [True, True, True])
    assert trips == 2


@pytest.mark.parametrize("count", [1, 99, 100, 101, 199, 200, 201, 2000, 2001])
def test_no_row_is_lost_where_parts_meet(count, ask_in_loop):
    Author.plain.using(LIBSQL).bulk_create(Author(name=f"n{n}", age=1000) for n in range(count))
    rows = Author.objects.using(LIBSQL).filter(age=1000).order_by("pk")
    expected = [
        author.name for author in Author.plain.using(LIBSQL).filter(age=1000).order_by("pk")
    ]

    async def ask():
        return (
            [author.name async for author in rows],
            [author.name async for author in rows.all().aiterator()],
            [author.name async for author in rows.all().aiterator(100)],
            [author.name async for author in rows.all().aiterator(201)],
            [name async for name in rows.all().values_list("name", flat=True)],
            [row["name"] async for row in rows.all().extra(select={"one": "1"}).values("name")],
            len(await rows.all().ain_bulk()),
        )

    answer, _trips = ask_in_loop(ask)
    assert answer == (*[expected] * 6, count)
    assert len(expected) == count


def test_a_subquery(ask_in_loop):
    plain = Author.plain.using(LIBSQL).annotate(most=Subquery(RELATED))
    expected = [str(author.most) for author in plain]

    async def ask():
        rows = Author.objects.using(LIBSQL).annotate(most=Subquery(RELATED))
        return [str(author.most) async for author in rows]

    assert ask_in_loop(ask) == (expected, 1)
    assert len(expected) == 3


class TestDjangosWay:
    """What cannot wait in the loop: a thread answers, and the answer is the same."""

    def test_select_for_update(self, ask_in_loop):
        async def ask():
            return await Book.objects.using(LIBSQL).select_for_update().acount()

        assert ask_in_loop(ask) == (6, 0)

    def test_a_queryset_with_a_get_of_its_own(self, ask_in_loop):
        class Own(type(Book.objects.all())):
            calls = 0

            def get(self, *args, **kwargs):
                Own.calls += 1
                return super().get(*args, **kwargs)

        async def ask():
            return (await Own(Book, using=LIBSQL).aget(title="1.0")).title

        assert ask_in_loop(ask) == ("1.0", 0)
        assert Own.calls == 1

    def test_an_object_that_asks_while_it_is_made(self, ask_in_loop, monkeypatch):
        def from_db(cls, db, names, values, **kwargs):
            made = models.Model.from_db.__func__(cls, db, names, values, **kwargs)
            made.others = Author.plain.using(db).count()
            return made

        monkeypatch.setattr(Book, "from_db", classmethod(from_db))

        async def ask():
            rows = Book.objects.using(LIBSQL).filter(title="1.0")
            everything = [book.others async for book in rows.all()]
            streamed = [book.others async for book in rows.aiterator()]
            return (await rows.aget()).others, everything, streamed

        answer, _trips = ask_in_loop(ask)
        assert answer == (3, [3], [3])

    def test_a_result_beyond_ten_megabytes(self, ask_in_loop):
        large = Book.plain.using(LIBSQL).annotate(
            x=models.expressions.RawSQL("printf('%.*c', 2000000, 'x')", ())
        )
        expected = [len(book.x) for book in large]

        async def ask():
            rows = Book.objects.using(LIBSQL).annotate(
                x=models.expressions.RawSQL("printf('%.*c', 2000000, 'x')", ())
            )
            return [len(book.x) async for book in rows]

        answer, _trips = ask_in_loop(ask)
        assert answer == expected == [2_000_000] * 6


@pytest.mark.parametrize("database_options", [{"async_connections": 0}])
def test_without_connections_everything_goes_through_threads(ask_in_loop):
    async def ask():
        return await Book.objects.using(LIBSQL).acount()

    assert ask_in_loop(ask) == (6, 0)
