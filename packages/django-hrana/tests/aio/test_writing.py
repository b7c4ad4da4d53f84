"""What asynchronous querysets write is what Django's own write, once, with the same signals."""

import datetime as dt

import pytest
from django.db import IntegrityError, connections
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper
from django.db.models.signals import post_save, pre_delete, pre_save

from hrana_support.library import LIBSQL, Author, Book, Named, Novel, Tag


@pytest.fixture
def heard():
    """Return what receivers of signals were told; they ask the database, which may be slow."""
    told = []

    def listen(sender, instance, using, **kwargs):
        count = Author.plain.using(using).count()
        told.append((sender, instance.pk, kwargs.get("created"), kwargs["raw"], count))

    for signal in (pre_save, post_save):
        signal.connect(listen, sender=Author)
    yield told
    for signal in (pre_save, post_save):
        signal.disconnect(listen, sender=Author)


class TestCreating:
    def test_a_row(self, ask_in_loop):
        author = Author.plain.using(LIBSQL).create(name="first")

        async def ask():
            return await Book.objects.using(LIBSQL).acreate(author=author, title="a", price="1.50")

        book, trips = ask_in_loop(ask)
        assert trips == 1
        assert (book._state.adding, book._state.db) == (False, LIBSQL)
        stored = Book.plain.using(LIBSQL).get()
        assert stored.pk == book.pk
        assert (stored.title, str(stored.price), stored.code) == ("a", "1.50", book.code)
        assert book.author is author

    def test_a_time_that_is_made_on_the_way_is_the_one_stored(self, ask_in_loop):
        async def ask():
            return await Author.objects.using(LIBSQL).acreate(name="first")

        author, _trips = ask_in_loop(ask)
        assert author.joined == Author.plain.using(LIBSQL).get().joined

    def test_keys_and_values_that_the_database_makes(self, ask_in_loop):
        async def ask():
            return await Tag.objects.using(LIBSQL).acreate(), await Tag.objects.using(
                LIBSQL
            ).acreate(label="x")

        (first, second), trips = ask_in_loop(ask)
        stored = dict(Tag.plain.using(LIBSQL).values_list("pk", "label"))
        assert stored == {first.pk: "none", second.pk: "x"}
        assert (first.label, second.label, trips) == ("none", "x", 2)

    def test_signals_are_sent_once_each_and_may_ask(self, heard, ask_in_loop):
        async def ask():
            return await Author.objects.using(LIBSQL).acreate(name="first")

        author, trips = ask_in_loop(ask)
        assert heard == [(Author, None, None, False, 0), (Author, author.pk, True, False, 1)]
        assert trips == 1

    def test_a_receiver_that_refuses(self, ask_in_loop):
        def refuse(**_kwargs):
            raise ValueError("no")

        pre_save.connect(refuse, sender=Author)
        try:

            async def ask():
                return await Author.objects.using(LIBSQL).acreate(name="first")

            answer, trips = ask_in_loop(ask)
        finally:
            pre_save.disconnect(refuse, sender=Author)
        assert (str(answer), trips) == ("no", 0)
        assert not Author.plain.using(LIBSQL).exists()

    def test_a_constraint(self, ask_in_loop):
        Author.plain.using(LIBSQL).create(name="first")

        async def ask():
            return await Author.objects.using(LIBSQL).acreate(name="first")

        answer, trips = ask_in_loop(ask)
        assert isinstance(answer, IntegrityError)
        assert str(answer) == "UNIQUE constraint failed: hrana_support_author.name"
        assert trips == 1

    @pytest.mark.parametrize(
        ("model", "values", "stored"),
        [
            (Named, {"name": "a"}, {"name": "A"}),
            (Novel, {"title": "b", "price": 1}, {"title": "b"}),
        ],
    )
    def test_models_that_take_djangos_way(self, model, values, stored, ask_in_loop):
        if model is Novel:
            values = {**values, "author": Author.plain.using(LIBSQL).create(name="x")}

        async def ask():
            return await model.objects.using(LIBSQL).acreate(**values)

        made, trips = ask_in_loop(ask)
        assert trips == 0
        assert list(model.plain.using(LIBSQL).values("pk", *stored)) == [{"pk": made.pk, **stored}]

    def test_an_unsaved_relation(self, ask_in_loop):
        async def ask():
            return await Book.objects.using(LIBSQL).acreate(author=Author(name="x"), price=1)

        answer, _trips = ask_in_loop(ask)
        assert "unsaved related object 'author'" in str(answer)

    def test_get_or_create(self, ask_in_loop):
        async def ask():
            rows = Author.objects.using(LIBSQL)
            made = await rows.aget_or_create(name="first", defaults={"age": lambda: 7})
            return made, await rows.aget_or_create(name="first")

        (made, again), trips = ask_in_loop(ask)
        assert (made[1], again[1], made[0], trips) == (True, False, again[0], 2)
        assert made[0].age == 7

    def test_update_or_create(self, ask_in_loop):
        async def ask():
            rows = Author.objects.using(LIBSQL)
            await rows.aupdate_or_create(name="first", defaults={"age": 1})
            return await rows.aupdate_or_create(name="first", defaults={"age": 2})

        ((author, is_new), _trips) = ask_in_loop(ask)
        assert (author.age, is_new, Author.plain.using(LIBSQL).get().age) == (2, False, 2)


class TestCreatingMany:
    def test_rows(self, ask_in_loop):
        authors = [Author(name=f"author {number}", age=number) for number in range(1000)]

        async def ask():
            return await Author.objects.using(LIBSQL).abulk_create(authors)

        made, trips = ask_in_loop(ask)
        assert trips == 1
        stored = dict(Author.plain.using(LIBSQL).values_list("pk", "name"))
        assert {author.pk: author.name for author in made} == stored
        assert all(not author._state.adding and author._state.db == LIBSQL for author in made)
        assert made[0] is authors[0]
        joined = Author.plain.using(LIBSQL).get(pk=made[0].pk).joined
        assert joined == authors[0].joined

    def test_nothing(self, ask_in_loop):
        async def ask():
            return await Author.objects.using(LIBSQL).abulk_create([])

        assert ask_in_loop(ask) == ([], 0)

    def test_keys_that_are_made_here(self, ask_in_loop):
        async def ask():
            return await Tag.objects.using(LIBSQL).abulk_create(Tag(label=label) for label in "abc")

        made, trips = ask_in_loop(ask)
        assert trips == 1
        stored = dict(Tag.plain.using(LIBSQL).values_list("pk", "label"))
        assert stored == {tag.pk: tag.label for tag in made}

    def test_conflicts(self, ask_in_loop):
        Author.plain.using(LIBSQL).create(name="a", age=1)

        def many(age):
            return [Author(name=name, age=age) for name in "ab"]

        async def ask():
            rows = Author.objects.using(LIBSQL)
            with pytest.raises(IntegrityError):
                await rows.abulk_create(many(2))
            await rows.abulk_create(many(3), ignore_conflicts=True)
            await rows.abulk_create(
                many(4), update_conflicts=True, unique_fields=["name"], update_fields=["age"]
            )

        _none, trips = ask_in_loop(ask)
        assert trips == 3
        stored = list(Author.plain.using(LIBSQL).order_by("name").values_list("name", "age"))
        assert stored == [("a", 4), ("b", 4)]

    @pytest.mark.parametrize(
        ("authors", "options"),
        [
            ([Author(pk=7, name="a"), Author(name="b")], {}),
            ([Author(name="a"), Author(name="b")], {"batch_size": 1}),
        ],
        ids=["with and without keys", "two batches"],
    )
    def test_several_statements_are_one_transaction_of_a_thread(
        self, authors, options, ask_in_loop
    ):
        async def ask():
            return await Author.objects.using(LIBSQL).abulk_create(authors, **options)

        made, trips = ask_in_loop(ask)
        assert trips == 0
        stored = dict(Author.plain.using(LIBSQL).values_list("pk", "name"))
        assert stored == {author.pk: author.name for author in made}
        wrapper = connections[LIBSQL]
        assert not wrapper.in_atomic_block


@pytest.mark.usefixtures("_books")
class TestChanging:
    @pytest.mark.parametrize(
        ("build", "values"),
        [
            (lambda rows: rows.filter(title="1.0"), {"title": "x"}),
            (lambda rows: rows.all(), {"price": F("price") + 1}),
            (
                lambda rows: rows.filter(author__age=32),
                {"title": Concat(Upper("title"), Value("!"))},
            ),
            (lambda rows: rows.filter(price__gt=99), {"title": "x"}),
            (lambda rows: rows.filter(pk__in=[]), {"title": "x"}),
            (lambda rows: rows.order_by("-pk"), {"published": dt.date(2030, 1, 1)}),
            (lambda rows: rows.none(), {"title": "x"}),
        ],
    )
    def test_update(self, build, values, ask_in_loop):
        columns = ("pk", "title", "price", "published")
        before = list(Book.plain.using(LIBSQL).all())
        expected_count = build(Book.plain.using(LIBSQL)).update(**values)
        expected = list(Book.plain.using(LIBSQL).order_by("pk").values_list(*columns))
        Book.plain.using(LIBSQL).bulk_update(before, columns[1:])

        async def ask():
            return await build(Book.objects.using(LIBSQL)).aupdate(**values)

        answer, _trips = ask_in_loop(ask)
        assert answer == expected_count
        assert list(Book.plain.using(LIBSQL).order_by("pk").values_list(*columns)) == expected

    def test_update_of_a_slice_is_refused_as_by_django(self, ask_in_loop):
        async def ask():
            return await Book.objects.using(LIBSQL)[:2].aupdate(title="x")

        answer, trips = ask_in_loop(ask)
        assert (type(answer), trips) == (TypeError, 0)
        assert str(answer) == "Cannot update a query once a slice has been taken."

    def test_update_of_two_tables_takes_djangos_way(self, ask_in_loop):
        author = Author.plain.using(LIBSQL).first()
        Novel.plain.using(LIBSQL).create(author=author, title="n", price=1, pages=5)

        async def ask():
            return await Novel.objects.using(LIBSQL).aupdate(pages=6, title="m")

        assert ask_in_loop(ask) == (1, 0)
        assert list(Novel.plain.using(LIBSQL).values_list("pages", "title")) == [(6, "m")]

    def test_a_cached_result_is_forgotten(self, ask_in_loop):
        async def ask():
            rows = Book.objects.using(LIBSQL).filter(title="1.0")
            first = [row.weight async for row in rows]
            await rows.aupdate(weight=2.5)
            return first, [row.weight async for row in rows]

        assert ask_in_loop(ask)[0] == ([0.5], [2.5])

    def test_bulk_update(self, ask_in_loop):
        books = list(Book.plain.using(LIBSQL).order_by("pk"))
        for book in books:
            book.title = f"new {book.pk}"

        async def ask():
            return await Book.objects.using(LIBSQL).abulk_update(books, ["title"])

        assert ask_in_loop(ask)[0] == 6
        titles = Book.plain.using(LIBSQL).order_by("pk").values_list("title", flat=True)
        assert list(titles) == [book.title for book in books]


@pytest.mark.usefixtures("_books")
class TestDeleting:
    def test_tags_are_one_statement(self, ask_in_loop):
        Tag.plain.using(LIBSQL).bulk_create([Tag(label=label) for label in "aab"])

        async def ask():
            rows = Tag.objects.using(LIBSQL)
            first = await rows.filter(label="a").adelete()
            return first, await rows.filter(label="a").adelete(), await rows.none().adelete()

        answer, trips = ask_in_loop(ask)
        assert answer == ((2, {"hrana_support.Tag": 2}), (0, {}), (0, {}))
        assert trips == 2
        assert Tag.plain.using(LIBSQL).get().label == "b"

    def test_what_hangs_on_it_goes_too_by_djangos_way(self, ask_in_loop):
        async def ask():
            return await Author.objects.using(LIBSQL).filter(age=32).adelete()

        answer, trips = ask_in_loop(ask)
        assert answer == (4, {"hrana_support.Author": 1, "hrana_support.Book": 3})
        assert trips == 0

    def test_receivers_hear_of_each(self, ask_in_loop):
        Tag.plain.using(LIBSQL).bulk_create([Tag(label=label) for label in "aab"])
        told = []

        def listen(instance, **_kwargs):
            told.append(instance.label)

        pre_delete.connect(listen, sender=Tag)
        try:

            async def ask():
                return await Tag.objects.using(LIBSQL).adelete()

            answer, trips = ask_in_loop(ask)
        finally:
            pre_delete.disconnect(listen, sender=Tag)
        assert (answer, trips) == ((3, {"hrana_support.Tag": 3}), 0)
        assert sorted(told) == ["a", "a", "b"]

    @pytest.mark.parametrize(
        "build",
        [lambda rows: rows[:1], lambda rows: rows.values("pk"), lambda rows: rows.union(rows)],
    )
    def test_what_django_refuses(self, build, ask_in_loop):
        with pytest.raises(Exception, match=r".") as refused:
            build(Tag.plain.using(LIBSQL)).delete()

        async def ask():
            return await build(Tag.objects.using(LIBSQL)).adelete()

        answer, trips = ask_in_loop(ask)
        assert (type(answer), str(answer), trips) == (refused.type, str(refused.value), 0)
