"""Aggregates as SQL, beside the Python functions that Django registers for SQLite."""

import statistics
from decimal import Decimal

import pytest
from django.db import NotSupportedError, OperationalError, models
from django.db.models import Avg, F, OuterRef, Q, StdDev, Subquery, Sum, Value, Variance, Window
from django.db.models.functions import Collate
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hrana_support.side_by_side import (
    LIBSQL,
    SQLITE,
    AnyValue,
    BitAnd,
    BitOr,
    BitXor,
    Sample,
    answers,
    both,
    fill,
)

BITS = (BitAnd, BitOr, BitXor)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
A_FEW = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _databases(libsql_server, namespace, django_db_blocker):
    with django_db_blocker.unblock(), both(libsql_server.url, namespace):
        yield


@A_FEW
@given(numbers=st.lists(INTEGERS | st.none() | st.integers(-8, 8), max_size=12))
@example(numbers=[])
@example(numbers=[None])
@example(numbers=[None, None, -(2**63)])
@example(numbers=[-(2**63), -(2**63), 2**63 - 1])
@example(numbers=[-1, 0])
@example(numbers=[1 << 31, 1 << 32, 1 << 63 - 1, 1 << 62])
def test_bits_of_any_integers(numbers):
    fill(number=numbers)
    for kind in BITS:
        sqlite, libsql = answers(lambda rows, kind=kind: rows.aggregate(a=kind("number")))
        assert libsql == sqlite, kind


@pytest.mark.parametrize("kind", BITS)
def test_every_single_bit(kind):
    masks = [-(2**63), *(1 << bit for bit in range(63))]
    fill(group=list(range(64)) * 3, number=[*masks, *masks, *(~mask for mask in masks)])

    def ask(rows):
        return list(rows.values("group").annotate(a=kind("number")).order_by("group"))

    sqlite, libsql = answers(ask)
    assert libsql == sqlite


@pytest.mark.parametrize("kind", BITS)
def test_filters_groups_having_and_defaults(kind):
    fill(group=[1, 1, 2, 2, 3], number=[5, 6, 12, None, None], text=list("abcde"))
    no_e = ~Q(text="e") & Q(text__in=list("abcd"))

    def ask(rows):
        grouped = rows.values("group").annotate(
            plain=kind("number"),
            some=kind("number", filter=no_e),
            none=kind("number", filter=Q(group__gt=9)),
            computed=kind(F("number") + Value(1), filter=no_e),
        )
        having = grouped.filter(some__gt=0).order_by("-some", "group")
        return (
            list(grouped.order_by("group")),
            list(having),
            rows.filter(group=9).aggregate(a=kind("number", default=21)),
            list(grouped.filter(group=9)),
            grouped.aggregate(total=Sum("some")),
        )

    sqlite, libsql = answers(ask)
    assert libsql == sqlite


@pytest.mark.parametrize("kind", BITS)
def test_what_is_no_integer_gives_nothing(kind):
    fill(real=[1.5, 2.5, None], price=[Decimal("2.50"), Decimal(1), None], text=["a", "b", "3"])
    for column in ("real", "price", "text"):
        sqlite, libsql = answers(lambda rows, column=column: rows.aggregate(a=kind(column)))
        assert libsql == sqlite == {"a": None}
    # What has no fraction is stored as an integer in a column of decimals.
    fill(price=[Decimal(7), Decimal("12.00")])
    sqlite, libsql = answers(lambda rows: rows.aggregate(a=kind("price")))
    assert libsql == sqlite
    assert libsql["a"] is not None


def test_many_rows():
    fill(number=[(number * 7919) % 1_000_003 for number in range(30_000)])
    for kind in (*BITS, StdDev, Variance):
        sqlite, libsql = answers(lambda rows, kind=kind: rows.aggregate(a=kind("number")))
        assert libsql["a"] == pytest.approx(sqlite["a"], rel=1e-12), kind


def test_any_value():
    fill(
        group=[1, 1, 2, 3, 3],
        number=[4, 4, 2**63 - 1, None, None],
        text=["same", "same", "", None, None],
        real=[0.1, 0.1, -1e300, None, None],
        price=[Decimal("1.10"), Decimal("1.10"), Decimal("-0.01"), None, None],
    )

    def ask(rows):
        columns = ("number", "text", "real", "price")
        every = {f"any_{name}": AnyValue(name) for name in columns}
        some = AnyValue("number", filter=Q(group=2))
        none = AnyValue("number", filter=Q(group=9))
        grouped = rows.values("group").annotate(**every, some=some, none=none)
        return list(grouped.order_by("group")), rows.filter(group=9).aggregate(a=AnyValue("text"))

    sqlite, libsql = answers(ask)
    assert libsql == sqlite


def test_any_value_is_one_of_them_and_a_value_if_there_is_any():
    fill(group=[1, 1, 1], number=[None, 3, 7])
    _sqlite, libsql = answers(lambda rows: rows.aggregate(a=AnyValue("number")))
    assert libsql["a"] in (3, 7)


@A_FEW
@given(
    numbers=st.lists(
        st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6, allow_nan=False), max_size=12
    ),
)
@example(numbers=[])
@example(numbers=[3])
@example(numbers=[10**15 + 1, 10**15 + 2, 10**15 + 3, 10**15 + 4])
@example(numbers=[0.1, 0.1, 0.1])
def test_spread(numbers):
    fill(real=numbers)
    for kind in (StdDev, Variance):
        for sample in (False, True):
            _check_spread(kind, sample, numbers)


def _check_spread(kind, sample, numbers):
    def ask(rows):
        # Of one value there is no sample: Django's function for SQLite fails there.
        if sample and len(numbers) == 1 and rows.db == SQLITE:
            return None
        return rows.aggregate(a=kind("real", sample=sample))["a"]

    sqlite, libsql = answers(ask)
    if sqlite is None:
        assert libsql is None
    else:
        assert libsql == pytest.approx(sqlite, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("kind", [StdDev, Variance])
def test_spread_with_filters_and_groups(kind):
    fill(group=[1, 1, 1, 2, 3], number=[2, 4, 9, 5, 7], text=list("abcde"))

    def ask(rows):
        grouped = rows.values("group").annotate(
            plain=kind("number"),
            some=kind("number", filter=Q(text__in=["a", "b", "d"])),
            none=kind("number", filter=Q(text="z")),
            computed=kind(F("number") * Value(2.5), filter=~Q(text="a") | Q(group=2)),
        )
        return (
            list(grouped.order_by("group")),
            list(grouped.filter(some__gt=0).order_by("-plain", "group")),
            grouped.aggregate(mean=Avg("plain")),
            rows.aggregate(a=kind("number", filter=Q(group=9), default=0.5)),
        )

    sqlite, libsql = answers(ask)
    assert libsql == sqlite


def test_spread_leaves_out_nulls_where_sqlite_fails():
    fill(number=[None, 1, 3, None])
    _, libsql = answers(lambda rows: rows.db != SQLITE and rows.aggregate(a=Variance("number")))
    assert libsql == {"a": statistics.pvariance([1, 3])}
    with pytest.raises(OperationalError, match="finalize"):
        answers(lambda rows: rows.aggregate(a=Variance("number")))


@pytest.mark.parametrize("kind", [*BITS, StdDev, Variance])
def test_as_window_functions_neither_has_them(kind):
    fill(number=[1])
    window = Window(kind("number"), partition_by="group")
    with pytest.raises(OperationalError, match="may not be used as a window function"):
        answers(lambda rows: rows.db == LIBSQL or list(rows.annotate(a=window)))
    with pytest.raises((NotSupportedError, OperationalError), match=r"window function|OVER"):
        answers(lambda rows: rows.db == SQLITE or list(rows.annotate(a=window)))


ORDERS = {
    "a text": ["text"],
    "backwards": ["-text"],
    "two keys": ["-group", "number"],
    "NULLs last": [F("number").asc(nulls_last=True), "id"],
    "NULLs first, backwards": [F("number").desc(nulls_first=True), "id"],
    "an expression": [(F("number") * Value(-1)).asc(nulls_first=True), "-id"],
    "a real": ["real", "id"],
    "a collation": [Collate("text", "NOCASE"), "-id"],
}


@pytest.mark.skipif(not hasattr(models, "StringAgg"), reason="this Django has no StringAgg")
@pytest.mark.parametrize("name", ORDERS)
def test_texts_in_order(name):
    """Beside Python: SQLite itself has it from 3.44 on only."""
    fill(
        group=[1, 1, 1, 2, 2, 3, 3],
        number=[3, 1, None, 2**53 + 1, 2**53, None, 5],
        text=["b", "A", "ä 'quoted' \\ \"", "[1, 2]", "{}", None, "z\n"],
        real=[0.5, -1e300, 2.0, 1.25, 1e-9, 7.0, None],
    )
    rows = Sample.objects.using(LIBSQL)
    order = ORDERS[name]

    def join(condition=None):
        return models.StringAgg("text", Value("; "), order_by=order, filter=condition)

    def expect(condition, **which):
        texts = rows.filter(condition, **which).order_by(*order).values_list("text", flat=True)
        return "; ".join(text for text in texts if text is not None) or None

    some = Q(group__lt=3) & ~Q(text="b")
    found = rows.values("group").annotate(all=join(), some=join(some), none=join(Q(group=9)))
    for row in found.filter(all__gt="").order_by("-all"):
        group = row["group"]
        assert row["all"] == expect(Q(), group=group)
        assert row["some"] == expect(some, group=group)
        assert row["none"] is None
    assert rows.aggregate(all=join())["all"] == expect(Q())
    assert rows.filter(group=9).aggregate(all=join())["all"] is None
    inner = rows.filter(group=OuterRef("group")).values("group").annotate(all=join()).values("all")
    for sample in rows.annotate(all=Subquery(inner)):
        assert sample.all == expect(Q(), group=sample.group)


@pytest.mark.skipif(not hasattr(models, "StringAgg"), reason="this Django has no StringAgg")
def test_texts_without_an_order():
    fill(text=["b", "a", None, "b"])

    def ask(rows):
        plain = rows.aggregate(a=models.StringAgg("text", Value("-")))["a"]
        different = rows.aggregate(a=models.StringAgg("text", Value(","), distinct=True))["a"]
        return sorted(plain.split("-")), sorted(different.split(","))

    sqlite, libsql = answers(ask)
    assert libsql == sqlite == (["a", "b", "b"], ["a", "b"])
    with pytest.raises(NotSupportedError):
        kind = models.StringAgg("text", Value(","), distinct=True, order_by="text")
        Sample.objects.using(LIBSQL).aggregate(a=kind)
