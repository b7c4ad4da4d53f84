"""The product's models on libSQL: round trips, concurrent writers, forks, large results."""

import asyncio
import contextlib
import os
import threading
import tracemalloc

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from core.database.explanation import explain
from django_hrana import driver
from prompts import services
from prompts.models import Prompt, PromptTemplate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.settings_dict["ENGINE"] != "django_hrana", reason="about libSQL"),
]


@contextlib.contextmanager
def round_trips(expected: int):
    connection.ensure_connection()
    before = connection.connection.round_trips
    yield
    assert connection.connection.round_trips - before == expected


def template(number: int = 0) -> PromptTemplate:
    return PromptTemplate(name=f"template {number}", content="Hello, {{ name }}!")


class TestRoundTrips:
    """What docs/database.md says that things cost."""

    def test_a_get_costs_one(self):
        row = PromptTemplate.objects.create(name="a", content="b")
        with round_trips(1):
            PromptTemplate.objects.get(pk=row.pk)

    def test_a_write_outside_of_atomic_costs_one(self):
        PromptTemplate.objects.create(name="a", content="b")
        with round_trips(1):
            PromptTemplate.objects.update(content="c")

    def test_an_empty_atomic_costs_nothing(self):
        with round_trips(0), transaction.atomic(), transaction.atomic():
            pass

    def test_atomic_with_one_write_costs_two(self):
        with round_trips(2), transaction.atomic(), transaction.atomic():
            template().save(force_insert=True)

    def test_bulk_create_of_a_thousand_costs_two(self):
        with round_trips(2):
            PromptTemplate.objects.bulk_create([template(number) for number in range(1000)])

    def test_a_second_connection_costs_no_more_than_its_statements(self):
        connection.close()
        PromptTemplate.objects.exists()
        assert connection.connection.round_trips == 1


def in_threads(count: int, work) -> list[BaseException]:
    """Run `work` in threads with connections of their own; return what they raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 (the test shows what it was)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_get_modify_save_of_eight_threads_is_exact():
    prompt = services.create_prompt(title="counter", content="c")
    Prompt.objects.filter(pk=prompt.pk).update(metadata={"count": 0})

    def work(_number: int) -> None:
        for _ in range(25):
            with transaction.atomic():
                row = Prompt.objects.get(pk=prompt.pk)
                row.metadata = {"count": row.metadata["count"] + 1}
                row.save()

    assert in_threads(8, work) == []
    prompt.refresh_from_db()
    assert prompt.metadata == {"count": 200}


def test_eight_requests_to_the_admin_at_once_lose_nothing():
    """Each adds a version through the change form; the form's own lock refuses stale ones."""
    User.objects.create_superuser("owner", password="owner-pass")
    prompt = services.create_prompt(title="p", content="start")
    url = reverse("admin:prompts_prompt_change", args=[prompt.pk])

    def work(number: int) -> None:
        client = Client()
        client.force_login(User.objects.get(username="owner"))
        for _attempt in range(50):
            form = client.get(url).context["adminform"].form
            data = {
                name: form[name].value() or ""
                for name in form.fields
                if form[name].value() is not None
            }
            data |= {
                "content": f"{form['content'].value()} {number}",
                "expected_version": form["expected_version"].value(),
            }
            answer = client.post(url, {**data, "_save": "Save"})
            if answer.status_code == 302:
                return
            assert answer.status_code == 200, answer.status_code
        raise AssertionError("never saved")

    assert in_threads(8, work) == []
    prompt.refresh_from_db()
    assert sorted(prompt.content.split()[1:]) == [str(number) for number in range(8)]
    numbers = list(prompt.versions.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, 10))


def test_a_transaction_that_was_taken_away_raises_and_writes_nothing():
    connection.ensure_connection()
    with pytest.raises(OperationalError) as caught, transaction.atomic():
        template(1).save(force_insert=True)
        connection.connection._stream.drop()  # as if the server had ended it
        template(2).save(force_insert=True)
    assert isinstance(caught.value.__cause__, driver.TransactionLost)
    assert "run it again" in explain(caught.value)
    assert not PromptTemplate.objects.exists()


def test_a_child_process_neither_uses_nor_ends_the_parents_transaction():
    assert in_threads(1, fork_in_a_transaction) == []


def fork_in_a_transaction(_number: int) -> None:
    with transaction.atomic():
        template(1).save(force_insert=True)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with contextlib.suppress(OperationalError):
                    template(2).save(force_insert=True)
                    status = 2
                connection.connection.rollback()
                status = 0 if status == 1 else status
            finally:
                os._exit(status)
        _pid, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) == 0
        template(3).save(force_insert=True)
    names = PromptTemplate.objects.order_by("name").values_list("name", flat=True)
    assert list(names) == ["template 1", "template 3"]


def test_asynchronous_queries():
    async def ask() -> list[str]:
        await PromptTemplate.objects.acreate(name="async", content="c")
        return [row.name async for row in PromptTemplate.objects.all()]

    found: list[list[str]] = []  # in a thread: the browser's driver has a loop in this one
    assert in_threads(1, lambda _number: found.append(asyncio.run(ask()))) == []
    assert found == [["async"]]


def test_a_savepoint_undoes_its_part():
    with transaction.atomic():
        template(1).save(force_insert=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            template(1).save(force_insert=True)
        template(2).save(force_insert=True)
    assert PromptTemplate.objects.count() == 2


def peak_bytes(rows: int) -> int:
    """Return what iterating over so many rows of one kilobyte needs at most."""
    with connection.chunked_cursor() as cursor:
        tracemalloc.start()
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
            "SELECT i, hex(zeroblob(500)) FROM n",
            [rows],
        )
        count = 0
        while part := cursor.fetchmany(100):
            count += len(part)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == rows
    return peak


def test_large_results_are_read_in_constant_memory():
    assert peak_bytes(80_000) < 1.2 * peak_bytes(20_000)
