"""Composite keys by the thousand: no statement too deep, none with too many parameters."""

import datetime as dt
import decimal
import uuid

import pytest
from django.db import ConnectionHandler, connections, models
from django.test.utils import CaptureQueriesContext, isolate_apps

ALIAS = "composite"


@pytest.fixture
def database(libsql_server, namespace, django_db_blocker):
    """Return the wrapper of an empty database that models can be asked for, under `ALIAS`."""
    entry = {
        "ENGINE": "django_hrana",
        "NAME": libsql_server.url,
        "OPTIONS": {"namespace": namespace},
    }
    connections.settings[ALIAS] = ConnectionHandler({"default": entry}).settings["default"]
    with django_db_blocker.unblock():
        yield connections[ALIAS]
        connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]


@pytest.fixture
def models_of_orders():
    with isolate_apps():

        class Shop(models.Model):  # noqa: DJ008 (nobody looks at it)
            id = models.IntegerField(primary_key=True)

            class Meta:
                app_label = "composite"

        class Order(models.Model):  # noqa: DJ008 (nobody looks at it)
            pk = models.CompositePrimaryKey("shop", "number")
            shop = models.ForeignKey(Shop, models.CASCADE)
            number = models.IntegerField()
            text = models.TextField(default="")
            count = models.IntegerField(default=0)
            weight = models.FloatField(null=True)

            class Meta:
                app_label = "composite"

        class Odd(models.Model):  # noqa: DJ008 (nobody looks at it)
            pk = models.CompositePrimaryKey("price", "day", "key", "name")
            price = models.DecimalField(max_digits=10, decimal_places=2)
            day = models.DateField()
            key = models.UUIDField()
            name = models.CharField(max_length=20)
            at = models.DateTimeField(null=True)

            class Meta:
                app_label = "composite"

        yield Shop, Order, Odd


@pytest.fixture
def order(database, models_of_orders):
    shop, order, _odd = models_of_orders
    with database.schema_editor() as editor:
        editor.create_model(shop)
        editor.create_model(order)
    shop.objects.using(ALIAS).bulk_create([shop(id=number) for number in range(3)])
    return order


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_all_that_comes_in_bulk(order, count):
    orders = order.objects.using(ALIAS)
    rows = [order(shop_id=number % 3, number=number) for number in range(count)]
    assert len(orders.bulk_create(rows)) == count
    assert len(orders.bulk_create(rows, ignore_conflicts=True)) == count
    for row in rows:
        row.text = f"n{row.number}"
    orders.bulk_create(
        rows, update_conflicts=True, update_fields=["text"], unique_fields=["shop", "number"]
    )
    keys = [row.pk for row in rows]
    found = orders.in_bulk(keys)
    assert len(found) == count
    assert found[(1, 1)].text == "n1"
    assert orders.filter(pk__in=keys).count() == count
    assert orders.exclude(pk__in=keys[1:]).get().pk == (0, 0)
    assert orders.filter(pk__in=keys[:-1]).delete()[0] == count - 1


@pytest.mark.parametrize(
    ("count", "fields"), [(1_000, ["text", "count", "weight"]), (4_000, ["count"])]
)
def test_many_are_updated(order, database, count, fields):
    orders = order.objects.using(ALIAS)
    rows = [order(shop_id=number % 3, number=number) for number in range(count)]
    orders.bulk_create(rows)
    for row in rows:
        row.text, row.count, row.weight = f"n{row.number}", row.number, 1.5
    with CaptureQueriesContext(database) as queries:
        assert orders.bulk_update(rows, fields) == count
    updates = [query for query in queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == -(-count // 300)
    for row in orders.filter(number__in=[0, 1, count - 1]):
        assert row.count == row.number
    assert orders.filter(count=0).count() == 1


def test_no_row_is_asked_for_where_a_part_of_the_key_is_missing(order):
    orders = order.objects.using(ALIAS)
    orders.bulk_create([order(shop_id=0, number=1)])
    assert orders.filter(pk__in=[(0, 1), (None, 1), (0, None)]).count() == 1
    assert orders.filter(pk__in=[(None, 1)]).count() == 0
    assert orders.filter(pk__in=[]).count() == 0
    assert orders.exclude(pk__in=[(None, 1)]).count() == 1
    assert orders.filter(pk__in=orders.values("pk")).count() == 1
    assert orders.filter(pk__in=[(models.F("shop"), 1), (2, 2)]).count() == 1


def test_values_are_compared_as_their_columns_are(database, models_of_orders):
    *_, odd = models_of_orders
    with database.schema_editor() as editor:
        editor.create_model(odd)
    keys = [
        (decimal.Decimal("1.10"), dt.date(2026, 1, number), uuid.UUID(int=number), f"%{number}'é")
        for number in range(1, 20)
    ]
    odds = odd.objects.using(ALIAS)
    odds.bulk_create([odd(price=p, day=d, key=k, name=n) for p, d, k, n in keys])
    assert odds.filter(pk__in=keys).count() == len(keys)
    assert set(odds.in_bulk(keys)) == set(keys)
    price, _day, key, name = keys[0]
    texts = [("1.1", "2026-01-01", str(key), name)]  # as a form or a URL has them
    assert odds.filter(pk__in=texts).count() == 1
    assert odds.filter(pk__in=[(price, dt.date(2026, 1, 2), key, name)]).count() == 0


def test_the_index_of_the_key_is_used(order):
    plan = order.objects.using(ALIAS).filter(pk__in=[(0, 1), (1, 2)]).explain()
    assert "SEARCH composite_order USING INDEX sqlite_autoindex_composite_order_1" in plan
