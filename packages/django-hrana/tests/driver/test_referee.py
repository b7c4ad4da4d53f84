"""The official client as referee: it reads what we wrote and writes what we read.

`libsql-client` speaks Hrana 2 over WebSocket with code of its own, so that a mistake that we make
twice, once in each direction, shows.
"""

import math
from collections.abc import Iterator

import libsql_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hrana import driver
from hrana_support.sqld import Server

VALUES = [
    None,
    0,
    1,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.1,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    "",
    " ",
    "日本語テキスト、絵文字😀、合成e\u0301",
    "a\x00b",
    "'\"`;--/*",
    "\r\n\t\x0b\x1f\x7f\u2028\ufeff",
    "\U0010ffff",
    "x" * 1_000_000,
    b"",
    b"\x00\xff\xfe\x80",
    bytes(range(256)) * 100,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """Return a server without namespaces: the referee cannot name one."""
    with Server(tmp_path_factory.mktemp("referee"), idle_seconds=600) as server:
        connection = driver.connect(server.url, autocommit=True)
        connection.cursor().execute("CREATE TABLE v (id INTEGER PRIMARY KEY, x)")
        connection.close()
        yield server


@pytest.fixture(scope="module")
def ours(server) -> Iterator[driver.Cursor]:
    connection = driver.connect(server.url, autocommit=True)
    yield connection.cursor()
    connection.close()


@pytest.fixture(scope="module")
def referee(server) -> Iterator[libsql_client.ClientSync]:
    with libsql_client.create_client_sync(server.url.replace("http", "ws")) as client:
        yield client


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other


def both_ways(ours, referee, value) -> None:
    ours.execute("INSERT INTO v (x) VALUES (?) RETURNING id", [value])
    (number,) = ours.fetchone()
    (read,) = referee.execute("SELECT x FROM v WHERE id = ?", [number]).rows[0]
    assert same(read, value)

    if isinstance(value, float):  # the referee lets the server change the last bit: see values
        return
    number = referee.execute("INSERT INTO v (x) VALUES (?)", [value]).last_insert_rowid
    (read,) = ours.execute("SELECT x FROM v WHERE id = ?", [number]).fetchone()
    assert same(read, value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_each_value(ours, referee, value):
    both_ways(ours, referee, value)


@given(
    value=st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.binary(),
    )
)
def test_any_value(ours, referee, value):
    both_ways(ours, referee, value)


def test_the_types_that_the_server_sees(ours, referee):
    for value, name in [(1, "integer"), (1.0, "real"), ("1", "text"), (b"1", "blob")]:
        ours.execute("SELECT typeof(?)", [value])
        assert ours.fetchone() == (referee.execute("SELECT typeof(?)", [value]).rows[0][0],)
        assert ours.execute("SELECT typeof(?)", [value]).fetchone() == (name,)


def test_a_transaction_of_one_is_not_seen_by_the_other(server, referee):
    connection = driver.connect(server.url, autocommit=True)
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO v (x) VALUES ('hidden')")
    count = "SELECT count(*) FROM v WHERE x = 'hidden'"
    assert referee.execute(count).rows[0][0] == 0
    connection.commit()
    assert referee.execute(count).rows[0][0] == 1
    connection.close()


def test_names_of_columns(ours, referee):
    sql = 'SELECT 1 AS a, 2 AS "b c", 3 AS 日本, x FROM v LIMIT 1'
    names = [column[0] for column in ours.execute(sql).description]
    assert names == list(referee.execute(sql).columns) == ["a", "b c", "日本", "x"]
