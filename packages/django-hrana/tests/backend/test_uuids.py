"""UUIDs that the server makes: of the right form, different in each row, and as a default."""

import datetime as dt
import uuid

import pytest
from django.db import connections
from django.db.models import F, Value

from hrana_support.side_by_side import LIBSQL, UUID4, UUID7, Sample, both, fill

ROWS = 500


@pytest.fixture(autouse=True)
def _databases(libsql_server, namespace, django_db_blocker):
    with django_db_blocker.unblock(), both(libsql_server.url, namespace):
        yield


def identities() -> list[uuid.UUID]:
    return list(Sample.objects.using(LIBSQL).order_by("id").values_list("identity", flat=True))


@pytest.mark.parametrize(("make", "version"), [(UUID4, 4), (UUID7, 7)])
def test_every_row_gets_its_own(make, version):
    fill(group=list(range(ROWS)))
    Sample.objects.using(LIBSQL).update(identity=make())
    found = identities()
    assert len(set(found)) == ROWS
    assert {(one.version, one.variant) for one in found} == {(version, uuid.RFC_4122)}
    # Each bit that is random is set in some and not in others: 500 throws of a coin.
    fixed = {*range(76, 80), *range(62, 64)} | (set(range(80, 128)) if version == 7 else set())
    for bit in set(range(128)) - fixed:
        assert len({one.int >> bit & 1 for one in found}) == 2, bit


@pytest.mark.parametrize("make", [UUID4, UUID7])
def test_on_insert_and_in_lookups(make):
    row = Sample.objects.using(LIBSQL).create(group=1, identity=make())
    row.refresh_from_db()
    assert Sample.objects.using(LIBSQL).get(identity=row.identity) == row
    assert Sample.objects.using(LIBSQL).filter(identity=make()).count() == 0
    several = Sample.objects.using(LIBSQL).bulk_create(
        [Sample(group=2, identity=make()) for _ in range(3)]
    )
    assert len({one.pk for one in several}) == 3
    assert len(set(identities())) == 4


def milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_the_time_in_it():
    before = dt.datetime.now(dt.UTC)
    row = Sample.objects.using(LIBSQL).create(group=1, identity=UUID7())
    after = dt.datetime.now(dt.UTC)
    row.refresh_from_db()
    assert milliseconds(before) - 1 <= row.identity.int >> 80 <= milliseconds(after) + 1


def test_later_ones_sort_behind():
    for group in range(5):
        Sample.objects.using(LIBSQL).create(group=group, identity=UUID7())
    times = [one.int >> 80 for one in identities()]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "shift",
    [
        dt.timedelta(minutes=1),
        dt.timedelta(days=-4000, microseconds=999),
        dt.timedelta(milliseconds=-1),
        dt.timedelta(0),
    ],
)
def test_a_shifted_time(shift):
    fill(shift=[shift])
    rows = Sample.objects.using(LIBSQL)
    row = rows.get()
    for expression in (shift, F("shift"), F("shift") + Value(dt.timedelta(0))):
        now = dt.datetime.now(dt.UTC)
        rows.update(identity=UUID7(expression))
        row.refresh_from_db()
        assert abs((row.identity.int >> 80) - milliseconds(now + shift)) < 5000
        assert (row.identity.version, row.identity.variant) == (7, uuid.RFC_4122)


def test_no_shift_no_uuid():
    fill(shift=[None])
    Sample.objects.using(LIBSQL).update(identity=UUID7(F("shift")))
    assert identities() == [None]


def test_as_a_default_of_a_column():
    connection = connections[LIBSQL]
    sql, params = Sample.objects.using(LIBSQL).query.get_compiler(LIBSQL).compile(UUID4())
    assert not params
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE made (id INTEGER PRIMARY KEY, identity TEXT DEFAULT ({sql}))")
        cursor.execute("INSERT INTO made (id) VALUES (1), (2)")
        cursor.execute("SELECT identity FROM made")
        first, second = (uuid.UUID(text) for (text,) in cursor.fetchall())
    assert first != second
    assert first.version == second.version == 4
