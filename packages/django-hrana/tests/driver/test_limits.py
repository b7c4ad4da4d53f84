"""Limits of the server: how deep an expression, how large a value; in one sentence, and in time."""

import http.client
import json

import pytest

from django_hrana import driver
from django_hrana.driver.limits import MAX_DEPTH, check_depth

DEEP = 26_000
MANY = 30_000

# What makes a tree as deep as the chain is long, by its repeated part.
CHAINS = {
    "or": "1" + " OR 1" * DEEP,
    "or, without blanks": "1" + " or(1)" * DEEP,
    "and": "1" + " AND 1" * DEEP,
    "plus": "1" + "+1" * DEEP,
    "text": "'a'" + "||'a'" * DEEP,
    "json": "'1'" + "->1" * DEEP,
    "equal": "1" + "=1" * DEEP,
    "in": "1" + " IN (1)" * DEEP,
    "like": "1" + " LIKE 1" * DEEP,
    "between": "1" + " BETWEEN 0 AND 1" * DEEP,
    "is null": "1" + " ISNULL" * DEEP,
    "not null": "1" + " NOT NULL" * DEEP,
    "collate": "1" + " COLLATE NOCASE" * DEEP,
    "in brackets": f"({'1' + '+1' * DEEP})",
    "in a CASE": f"CASE WHEN {'1' + ' AND 1' * DEEP} THEN 1 END",
    "in a function": f"abs({'1' + '-1' * DEEP})",
    "half in brackets": f"(1{'+1' * 8_000}){'+1' * 8_000}",
}
# What is long and not deep.
FLAT = {
    "a list": f"1 IN ({','.join(['1'] * DEEP)})",
    "a CASE": f"CASE {'WHEN 1=0 AND 1=0 THEN 1+1 ' * MANY} END",
    "columns": f"abs(1 IN ({','.join(['1+1-1'] * MANY)}))",
    "a text": f"'{'1+1 OR ' * MANY}'",
    "a name": f'1 AS "{"1+1 OR " * MANY}"',
    "a comment": f"1 /* {'1+1 OR ' * MANY} */",
    "ANDs in ORs": " OR ".join(["(" + " AND ".join(["1=1"] * 200) + ")"] * 200),
    "ANDs in ORs, by precedence": " OR ".join([" AND ".join(["1=1"] * 200)] * 200),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_that_would_end_the_server_is_not_sent(connect, name):
    connection = connect()
    with pytest.raises(
        driver.OperationalError,
        match=r"^Expression tree is too large \(maximum depth 1000\): this one has [12]\d,\d\d\d ",
    ) as caught:
        connection.cursor().execute(f"SELECT {CHAINS[name]}")
    assert not caught.value.retryable
    assert connection.round_trips == 0
    assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("name", FLAT)
def test_what_is_only_long_goes_to_the_server(connect, name):
    assert len(connect().cursor().execute(f"SELECT {FLAT[name]}").fetchall()) == 1


@pytest.mark.parametrize("terms", [1_001, 5_000, MAX_DEPTH])
def test_the_server_itself_refuses_what_is_less_deep(connect, terms):
    chain = " OR ".join(["?"] * terms)
    with pytest.raises(driver.OperationalError, match="Expression tree is too large"):
        connect().cursor().execute(f"SELECT {chain}", [1] * terms)
    assert connect().cursor().execute("SELECT " + " OR ".join("1" * 900)).fetchone() == (1,)


def test_a_write_and_many_writes_are_looked_at_too(connect):
    cursor = connect().cursor()
    cursor.execute("CREATE TABLE t (x)")
    for run in (
        lambda: cursor.execute(f"INSERT INTO t VALUES ({CHAINS['plus']})"),
        lambda: cursor.executemany(f"INSERT INTO t VALUES (? + {CHAINS['plus']})", [[1], [2]]),
    ):
        with pytest.raises(driver.OperationalError, match="26,00"):
            run()
    assert cursor.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_brackets_that_do_not_fit_are_the_servers_business():
    check_depth("SELECT " + ")" * 30_000 + "+1" * 5_000)
    check_depth("SELECT 1" + "+1" * 9_000 + " END END '")


def test_such_a_chain_does_end_the_server(own_server):
    """As long as this passes, the check is needed."""
    connection = http.client.HTTPConnection("127.0.0.1", own_server.port, timeout=60)
    request = {"type": "execute", "stmt": {"sql": f"SELECT {CHAINS['or']}"}}
    connection.request("POST", "/v3/pipeline", json.dumps({"baton": None, "requests": [request]}))
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.getresponse()
    connection.close()
    assert own_server.process.wait(10) != 0


class TestSizes:
    LIMIT = r"at most 5,000,000 bytes for a value, and for all values of a row together"

    @pytest.fixture
    def cursor(self, connect):
        cursor = connect().cursor()
        cursor.execute("CREATE TABLE t (a, b, c)")
        return cursor

    @pytest.mark.parametrize(
        ("parameters", "what"),
        [
            (["x", "y" * 5_000_001, 1], "parameter 2 has 5,000,001 bytes"),
            (["x", "é" * 3_000_000, 1], "parameter 2 has 6,000,000 bytes"),
            (["x", None, b"y" * 6_000_000], "parameter 3 has 6,000,000 bytes"),
            (
                ["x" * 2_600_000, 1, b"y" * 2_700_000],
                "the parameters of a statement have 5,300,008 bytes together, the largest of them "
                "is parameter 3 with 2,700,000",
            ),
        ],
    )
    def test_of_parameters_are_named(self, cursor, parameters, what):
        with pytest.raises(driver.TooLarge, match=f"^{what}: the server accepts {self.LIMIT}; "):
            cursor.execute("INSERT INTO t VALUES (?, ?, ?)", parameters)
        many = [["a", "b", "c"], parameters, ["d", "e", "f"]]
        with pytest.raises(driver.TooLarge, match=f"^{what}: "):
            cursor.executemany("INSERT INTO t VALUES (?, ?, ?)", many)
        assert cursor.execute("SELECT count(*) FROM t").fetchone() == (0,)

    @pytest.mark.parametrize(
        ("sql", "parameters", "what"),
        [
            (
                "INSERT INTO t VALUES (:one, :two, 3)",
                {"one": "x" * 5_100_000, "two": 2},
                "parameter :one has 5,100,000 bytes",
            ),
            (f"SELECT '{'x' * 5_000_000}'", [], "the SQL has 5,000,009 bytes"),
            ("SELECT zeroblob(5000001)", [], "a text, a blob or a row is too large"),
        ],
    )
    def test_of_other_things_too(self, cursor, sql, parameters, what):
        with pytest.raises(driver.TooLarge, match=f"^{what}: the server accepts {self.LIMIT}; "):
            cursor.execute(sql, parameters)

    def test_up_to_the_limit_all_is_well(self, cursor):
        text = "x" * 4_999_990
        cursor.execute("INSERT INTO t VALUES (?, NULL, NULL)", [text])
        assert cursor.execute("SELECT a FROM t").fetchone() == (text,)
        cursor.execute("SELECT length(?)", ["x" * 5_000_000])
        assert cursor.fetchone() == (5_000_000,)
