"""Python values to Hrana values and back: what is taken, what is refused, in which words."""

import datetime as dt
import decimal
import enum
import math
import random
import struct
from collections.abc import Iterator

import pytest
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from django_hrana import driver
from django_hrana.driver.values import (
    Blob,
    Column,
    Float,
    Integer,
    Literal,
    Null,
    Text,
    decode_rows,
    encode,
)


@pytest.fixture(scope="module")
def floats(libsql_server) -> Iterator[driver.Cursor]:
    connection = driver.connect(libsql_server.url, autocommit=True)
    yield connection.cursor()
    connection.close()


class Colour(enum.IntEnum):
    RED = 3


class Kilo(float):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Null()),
        (float("nan"), Null()),
        (True, Integer("1")),
        (Colour.RED, Integer("3")),
        (2**63 - 1, Integer("9223372036854775807")),
        (-(2**63), Integer("-9223372036854775808")),
        (1.5, Float(1.5)),
        (Kilo(2.5), Float(2.5)),
        ("é", Text("é")),
        (mark_safe("<b>"), Text("<b>")),
        (b"ab", Blob("YWI=")),
        (bytearray(b"ab"), Blob("YWI=")),
        (memoryview(b"ab"), Blob("YWI=")),
        (decimal.Decimal("1.10"), Text("1.10")),
        (dt.date(2026, 1, 2), Text("2026-01-02")),
        (dt.time(3, 4, 5), Text("03:04:05")),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6), Text("2026-01-02 03:04:05.000006")),
    ],
)
def test_encode(value, expected):
    assert encode(value) == expected
    assert type(encode(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (2**63, driver.DataError, "an integer is too large: the database stores 64 bits"),
        (-(2**63) - 1, driver.DataError, "an integer is too large"),
        ("secret\ud800", driver.DataError, "half of a surrogate pair at position 7"),
        (object(), driver.ProgrammingError, "type object is not supported as a parameter"),
        ([1], driver.ProgrammingError, "type list is not supported"),
    ],
)
def test_encode_refuses(value, kind, message):
    with pytest.raises(kind, match=message) as caught:
        encode(value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.30000000000000004, Float(0.30000000000000004)),
        (-3.6306974429264516, Literal("(-4087801912764645.0/1125899906842624)")),
        (9.97367136385104e39, Literal(f"(4125013794076447.0*{2**62}*{2**19})")),
        (float("inf"), Literal("9e999")),
        (float("-inf"), Literal("(-9e999)")),
    ],
)
def test_numbers_that_json_would_change_go_into_the_sql(value, expected):
    assert encode(value) == expected


@given(value=st.floats(allow_nan=False))
def test_every_float_arrives_as_it_is(floats, value):
    """The server's JSON parser is wrong in the last bit of one long number in ten."""
    floats.execute("SELECT '?', CAST(? AS TEXT) = CAST(? AS TEXT), ?", [value, value, 1])
    assert floats.fetchone() == ("?", 1, 1)
    if math.isfinite(value):
        assert floats.execute("SELECT ?", [value]).fetchone() == (value,)
        assert floats.execute("SELECT :a -- :a\n", {"a": value}).fetchone() == (value,)


def test_no_float_of_any_size_is_the_next_one(floats):
    """Read from digits, SQLite takes one in some ten thousand for its neighbour."""
    random.seed(20260101)
    anywhere = struct.unpack("<3000d", random.randbytes(3000 * 8))
    near = [random.uniform(-1, 1) * 10 ** random.randint(-30, 30) for _ in range(3000)]
    values = [*filter(math.isfinite, (*anywhere, *near)), 2.990306479151305e-170, 5e-324]
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        floats.execute(" UNION ALL ".join(["SELECT ?"] * len(part)), part)
        assert [value for (value,) in floats.fetchall()] == part


def test_infinity_arrives_too(floats):
    sql = "SELECT CAST(? AS TEXT), CAST(:b AS TEXT)"
    floats.execute(sql.replace(":b", "?"), [float("inf"), float("-inf")])
    assert floats.fetchone() == ("Inf", "-Inf")
    with pytest.raises(
        driver.NotSupportedError, match=r"to numbered parameters such as \?1: use \? or :name"
    ):
        floats.execute("SELECT ?1", [float("inf")])


COLUMNS = [Column("a"), Column("b", "datetime"), Column("c", "Varchar(20)")]
# A few rows are decoded one by one, many a column at a time.
TIMES = pytest.mark.parametrize("times", [1, 10])


@TIMES
def test_decode_by_column_and_declared_type(times):
    rows = [
        [Integer("1"), Text("2026-01-02"), Text("x")],
        [Null(), Null(), Null()],
        [Float(0.5), Text("2026-01-03"), Blob("AP8")],
    ]
    converters = {"datetime": dt.datetime.fromisoformat, "varchar": lambda value: [value]}
    expected = [
        (1, dt.datetime(2026, 1, 2), ["x"]),
        (None, None, None),
        (0.5, dt.datetime(2026, 1, 3), [b"\x00\xff"]),
    ]
    assert decode_rows(COLUMNS, rows * times, converters) == expected * times


CELLS = st.one_of(
    st.just(Null()),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: Integer(str(number))),
    st.floats(allow_nan=False, allow_infinity=False).map(Float),
    st.text().map(Text),
    st.binary().map(encode),
)


@given(
    cells=st.lists(CELLS, min_size=1, max_size=12)
    | st.lists(st.just(Null()) | st.integers(-9, 9).map(lambda number: Integer(str(number))))
    | st.lists(st.floats(allow_nan=False, allow_infinity=False).map(Float))
)
def test_many_rows_are_decoded_like_each_of_them(cells):
    column = [Column("a", "x")]
    converters = {"x": lambda value: (value,)}
    one_by_one = [row for cell in cells for row in decode_rows(column, [(cell,)], converters)]
    assert decode_rows(column, [(cell,) for cell in cells], converters) == one_by_one


@TIMES
@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([[Integer("1")]], driver.InterfaceError, "do not fit their columns"),
        ([[Integer("1"), Null(), Null()], [Null()]], driver.InterfaceError, "do not fit"),
        ([[Integer("9" * 20), Null(), Null()]], driver.InterfaceError, "a value that is not valid"),
        ([[Integer("1.5"), Null(), Null()]], driver.InterfaceError, "a value that is not valid"),
        ([[Integer("x"), Null(), Null()]], driver.InterfaceError, "a value that is not valid"),
        ([[Integer("9" * 5000), Null(), Null()]], driver.InterfaceError, "not valid"),
        ([[Blob("*"), Null(), Null()]], driver.InterfaceError, "a value that is not valid"),
        ([[Float(None), Null(), Null()]], driver.DataError, "a value in the result is infinite"),
    ],
)
def test_decode_refuses(rows, kind, message, times):
    with pytest.raises(kind, match=message):
        decode_rows(COLUMNS, rows * times, {})


def test_no_rows_and_no_columns():
    assert decode_rows(COLUMNS, [], {}) == []
    assert decode_rows([], [[], []], {}) == [(), ()]


class TestLimitsOfTheServer:
    @pytest.mark.parametrize(
        ("sql", "parameters", "message"),
        [
            (f"SELECT 1 IN ({','.join('?' * 32767)})", [1] * 32767, "at most 32766 parameters"),
        ],
    )
    def test_are_named(self, connect, sql, parameters, message):
        with pytest.raises(driver.DataError, match=message):
            connect().cursor().execute(sql, parameters)

    def test_just_below_them(self, connect):
        cursor = connect().cursor()
        assert cursor.execute("SELECT length(?)", ["x" * 4_000_000]).fetchone() == (4_000_000,)
        assert cursor.execute("SELECT x'61' = CAST('a' AS BLOB)").fetchone() == (1,)

    def test_text_that_is_not_utf_8(self, connect):
        with pytest.raises(driver.DataError, match=r"not valid UTF-8.*CAST"):
            connect().cursor().execute("SELECT CAST(x'ff' AS TEXT)")

    def test_infinity_in_a_result(self, connect):
        cursor = connect().cursor()
        assert cursor.execute("SELECT -9e999").fetchone() == (-math.inf,)
        assert cursor.execute("SELECT CAST(-9e999 AS TEXT)").fetchone() == ("-Inf",)
