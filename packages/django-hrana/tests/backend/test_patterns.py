"""Regex lookups whose pattern is in the database: the same rows as on SQLite."""

import re

import pytest
from django.db import NotSupportedError, connections
from django.db.models import (
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Concat, Lower, Upper

from django_hrana.patterns import MAX_PATTERNS
from hrana_support.side_by_side import LIBSQL, SQLITE, Sample, answers, both, fill

TEXTS = ("abc", "ABC", "a.c", "日本語", "x1", "", None, "foo bar", "100%", "it's")
PATTERNS = ("^abc$", "b", r"a\.c", "[ぁ-ん]|語", r"\d", "^$", "b", None, "(?i)FOO|%", "'|^ABC$")


@pytest.fixture(autouse=True)
def _databases(libsql_server, namespace, django_db_blocker):
    with django_db_blocker.unblock(), both(libsql_server.url, namespace):
        fill(
            group=list(range(len(TEXTS))),
            text=list(TEXTS),
            pattern=list(PATTERNS),
            number=[1, 2] * 5,
        )
        yield


def groups(rows) -> list[int]:
    return sorted(rows.values_list("group", flat=True))


def first_pattern(rows, **condition):
    return Sample.objects.using(rows.db).filter(**condition).order_by("id").values("pattern")[:1]


def others(rows):
    return Sample.objects.using(rows.db)


QUESTIONS = {
    "a column": lambda rows: rows.filter(text__regex=F("pattern")),
    "a column, ignoring case": lambda rows: rows.filter(text__iregex=F("pattern")),
    "not a column": lambda rows: rows.exclude(text__regex=F("pattern")),
    "a column of another row": lambda rows: rows.filter(
        Exists(others(rows).filter(text__regex=OuterRef("pattern")).exclude(pk=OuterRef("pk")))
    ),
    "a text of another row": lambda rows: rows.filter(
        Exists(
            others(rows)
            .annotate(outer=ExpressionWrapper(OuterRef("text"), output_field=CharField()))
            .filter(outer__regex=F("pattern"))
        )
    ),
    "a subquery": lambda rows: rows.filter(text__regex=Subquery(first_pattern(rows, group=1))),
    "a query": lambda rows: rows.filter(text__regex=first_pattern(rows, group=4)),
    "a subquery without rows": lambda rows: rows.filter(
        text__regex=Subquery(first_pattern(rows, group=99))
    ),
    "a subquery with NULL": lambda rows: rows.filter(
        text__regex=Subquery(first_pattern(rows, group=7))
    ),
    "not a subquery with NULL": lambda rows: rows.exclude(
        text__regex=Subquery(first_pattern(rows, group=7))
    ),
    "a subquery for each row": lambda rows: rows.filter(
        text__regex=Subquery(
            others(rows).filter(number=OuterRef("number")).order_by("id").values("pattern")[:1]
        )
    ),
    "an expression of columns": lambda rows: rows.filter(
        text__regex=Concat(Value("^"), Lower("text"), Value("$"))
    ),
    "an expression of none": lambda rows: rows.filter(text__regex=Concat(Value("b"), Value("c"))),
    "a transformed text": lambda rows: rows.annotate(upper=Upper("text")).filter(
        upper__regex=F("pattern")
    ),
    "a constant text": lambda rows: rows.annotate(
        given=Value("abc", output_field=CharField())
    ).filter(given__regex=F("pattern")),
    "a choice": lambda rows: rows.annotate(
        hit=Case(When(text__regex=F("pattern"), then=Value(1)), default=Value(0))
    ).filter(hit=0),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_rows(question):
    sqlite, libsql = answers(lambda rows: groups(QUESTIONS[question](rows)))
    assert libsql == sqlite


def test_in_updates_and_deletes():
    def ask(rows):
        changed = rows.filter(text__regex=F("pattern")).update(number=77)
        deleted = rows.filter(text__regex=Subquery(first_pattern(rows, group=1))).delete()[0]
        return changed, deleted, sorted(rows.values_list("group", "number"))

    sqlite, libsql = answers(ask)
    assert libsql == sqlite


def test_patterns_that_differ_in_case_only_are_two():
    for alias in (SQLITE, LIBSQL):
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TABLE nocase AS SELECT * FROM side_by_side_sample WHERE 0")
            cursor.execute("DROP TABLE side_by_side_sample")
            cursor.execute(
                "CREATE TABLE side_by_side_sample (id INTEGER PRIMARY KEY, 'group' INTEGER, number,"
                " real, price, text TEXT, pattern TEXT COLLATE NOCASE, identity, shift)"
            )
    fill(group=[1, 2, 3], text=["a", "A", "a"], pattern=["A", "A", "a"])
    sqlite, libsql = answers(lambda rows: groups(rows.filter(text__regex=F("pattern"))))
    assert libsql == sqlite == [2, 3]


def test_a_hundred_patterns_and_no_more():
    numbers = list(range(MAX_PATTERNS + 1))
    fill(group=numbers, text=[f"x{number}" for number in numbers], pattern=list(map(str, numbers)))
    ask = QUESTIONS["a column"]
    with pytest.raises(NotSupportedError, match="at most 100 different ones"):
        groups(ask(Sample.objects.using(LIBSQL)))
    for alias in (SQLITE, LIBSQL):
        Sample.objects.using(alias).filter(group=MAX_PATTERNS).delete()
    sqlite, libsql = answers(lambda rows: groups(ask(rows)))
    assert libsql == sqlite == numbers[:-1]


@pytest.mark.parametrize(
    ("pattern", "error", "words"),
    [("(", re.error, "unterminated"), ("a(?=b)", NotSupportedError, "lookahead")],
)
def test_a_pattern_that_cannot_be_translated(pattern, error, words):
    fill(text=["abc"], pattern=[pattern])
    with pytest.raises(error, match=words):
        groups(QUESTIONS["a column"](Sample.objects.using(LIBSQL)))


def test_what_cannot_be_read_before_is_refused():
    rows = Sample.objects.using(LIBSQL)
    grouped = rows.values("number").annotate(last=Max("text"))
    with pytest.raises(NotSupportedError, match="not on aggregates"):
        list(grouped.filter(last__regex=Max("pattern")))
    two = Concat(OuterRef("pattern"), F("text"))
    with pytest.raises(NotSupportedError, match="the columns of one table"):
        list(rows.filter(Exists(Sample.objects.using(LIBSQL).filter(text__regex=two))))
