"""What a key may spend in a day: exact, and the same for all processes."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from evaluations.models import KeySpending
from evaluations.services.spending import (
    LARGEST,
    SpendingLimitError,
    reserve,
    seconds_until_tomorrow,
    settle,
)

pytestmark = pytest.mark.django_db
CENT = Decimal("0.01")


def begin(limit: str | None = "0.05", cost: Decimal | None = CENT, *, is_paid: bool = True):
    usd = None if limit is None else Decimal(limit)
    return reserve(caller="key:1", usd_per_day=usd, cost_usd=cost, is_paid=is_paid)


def test_calls_are_reserved_and_settled():
    reservation = begin()
    assert KeySpending.objects.get().nano_usd == 10_000_000
    settle(reservation, cost_usd=Decimal("0.0000000014"))
    row = KeySpending.objects.get()
    # A part of a billionth counts as one: costs never round to nothing.
    assert (row.caller, row.day, row.nano_usd, row.calls) == (
        "key:1",
        datetime.now(UTC).date(),
        2,
        1,
    )
    assert str(row) == f"key:1 {row.day}"
    settle(begin(), cost_usd=CENT)
    settle(begin(), cost_usd=None)
    row.refresh_from_db()
    assert (row.nano_usd, row.calls) == (20_000_002, 3)


def test_an_amount_never_falls_below_nothing():
    reservation = begin()
    KeySpending.objects.update(nano_usd=5)
    settle(reservation, cost_usd=Decimal(0))
    assert KeySpending.objects.get().nano_usd == 0


@pytest.mark.parametrize(
    ("limit", "cost", "is_paid", "code"),
    [
        ("0", CENT, True, "gateway.daily-limit"),
        ("5.00", None, True, "gateway.no-price"),
    ],
)
def test_what_may_not_be_spent_is_refused(limit, cost, is_paid, code):
    with pytest.raises(SpendingLimitError, match=r"US dollars a day") as info:
        begin(limit, cost, is_paid=is_paid)
    assert info.value.code == code
    assert not KeySpending.objects.exists()


@pytest.mark.parametrize(
    ("limit", "cost", "is_paid"),
    [
        (None, None, True),
        (None, Decimal(10**9), True),
        ("0", None, False),
        ("0", Decimal(0), False),
        ("0.01", Decimal(10**12), True),
    ],
)
def test_what_may_be_spent_is_counted(limit, cost, is_paid):
    begin(limit, cost, is_paid=is_paid)
    row = KeySpending.objects.get()
    assert row.calls == 1
    assert row.nano_usd <= LARGEST


def test_the_limit_is_reached_by_what_is_reserved():
    for _number in range(5):
        begin()
    with pytest.raises(SpendingLimitError, match=r"may spend 0\.05 US dollars a day"):
        begin()
    begin(cost=None, is_paid=False)  # a model without a price is still there


def test_another_day_begins_anew():
    begin("0.01")
    KeySpending.objects.update(day="2026-01-01")
    begin("0.01")
    assert KeySpending.objects.count() == 2
    assert 1 <= seconds_until_tomorrow() <= 24 * 60 * 60


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_do_not_pass_the_limit():
    results: list[bool] = []
    start = threading.Barrier(20)

    def call() -> None:
        start.wait()
        try:
            settle(begin(), cost_usd=CENT)
            results.append(True)
        except SpendingLimitError:
            results.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 15 + [True] * 5
    row = KeySpending.objects.get()
    assert (row.nano_usd, row.calls) == (50_000_000, 5)
