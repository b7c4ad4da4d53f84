"""What Django raises for a write that was not confirmed, and what its transactions make of it."""

import contextlib

import pytest
from django.db import ConnectionHandler, OperationalError, connections, transaction

from django_hrana import driver
from hrana_support.fault_proxy import Answer

ALIAS = "unconfirmed"
ANSWERS = [
    Answer(status=status, is_carried_out=is_carried_out)
    for status in (400, 404, 408, 410, 429, 499, 500, 502)
    for is_carried_out in (False, True)
]


@pytest.fixture
def connection(proxy, namespace, django_db_blocker):
    """Return Django's wrapper of a database with a table, behind a proxy."""
    entry = {
        "ENGINE": "django_hrana",
        "NAME": proxy.url,
        "OPTIONS": {"namespace": namespace},
    }
    connection = ConnectionHandler({"default": {}, ALIAS: entry})[ALIAS]
    connections[ALIAS] = connection  # transactions find it by its alias
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (x TEXT)")
        yield connection
        connection.close()
    del connections[ALIAS]


def insert(connection, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (%s)", [text])


def read(connection) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        return [text for (text,) in cursor.fetchall()]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
@pytest.mark.parametrize("nested", [False, True])
def test_of_a_transaction(connection, proxy, answer, nested):
    called = []
    proxy.fail(answer, lambda body: b"COMMIT" in body)
    around = transaction.atomic(using=ALIAS)
    with pytest.raises(OperationalError) as caught, around:
        transaction.on_commit(lambda: called.append("commit"), using=ALIAS)
        insert(connection, "first")
        with transaction.atomic(using=ALIAS) if nested else contextlib.nullcontext():
            insert(connection, "second")
    cause = caught.value.__cause__
    assert type(cause) is (
        driver.OutcomeUnknown if answer.is_carried_out else driver.TransactionLost
    )
    assert cause.retryable is not answer.is_carried_out
    assert called == []
    assert not connection.in_atomic_block
    assert read(connection) == (["first", "second"] if answer.is_carried_out else [])
    with transaction.atomic(using=ALIAS):
        insert(connection, "third")
    assert read(connection)[-1] == "third"


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_outside_of_transactions(connection, proxy, answer):
    proxy.fail(answer, lambda body: b"INSERT" in body)
    with pytest.raises(OperationalError) as caught:
        insert(connection, "a")
    assert type(caught.value.__cause__) is driver.OutcomeUnknown
    assert read(connection) == (["a"] if answer.is_carried_out else [])
    insert(connection, "b")
    assert read(connection)[-1] == "b"


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_before_the_commit_all_of_it_can_be_done_again(connection, proxy, answer):
    """As the page in the documentation says; whoever does so has it once."""

    def write_both() -> None:
        with transaction.atomic(using=ALIAS):
            insert(connection, "first")
            insert(connection, "second")

    proxy.ends_streams = True
    proxy.fail(answer, lambda body: b"second" in body)
    with pytest.raises(OperationalError) as caught:
        write_both()
    assert caught.value.__cause__.retryable
    assert read(connection) == []
    write_both()
    assert read(connection) == ["first", "second"]
