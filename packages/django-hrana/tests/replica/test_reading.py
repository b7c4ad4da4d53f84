"""Django reads from the replica what the server would answer, and all else from the server."""

import datetime as dt
import http.server
import logging
import os
import sqlite3
import threading
import time
from decimal import Decimal

import pytest
from django.db import connections
from django.db.utils import DatabaseError

from django_hrana.base import DatabaseWrapper
from django_hrana.replica import reader as reading
from django_hrana.replica.process import REGISTRY, Replica
from django_hrana.replica.reader import Reader
from django_hrana.replica.sessions import SESSION, Session, parse_token, write_token
from hrana_support.replicas import run, wait_for
from hrana_support.sqld import Server

TABLE = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name varchar(20), price decimal, active bool, "
    "born date, seen datetime, at time, raw blob, size real)"
)
ROWS = (
    "INSERT INTO item VALUES (1, 'Ärger', '1.50', 1, '2026-01-02', '2026-01-02 03:04:05.5', "
    "'06:07:08', x'00ff41', 0.1), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1e300), "
    "(3, '', 5, 0, '2026-12-31', '2026-12-31 23:59:59', '00:00:00', x'', -0.0)"
)


@pytest.fixture(autouse=True)
def _connecting(django_db_blocker):
    """Allow Django's connections: these are not to the tests' own database."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def database(libsql_server, namespace, tmp_path):
    """Return Django's wrapper of a database with a replica."""
    run(libsql_server.url, TABLE, ROWS, namespace=namespace)
    wrapper = wrap(libsql_server.url, namespace, tmp_path / "replica.db")
    wrapper.ensure_connection()
    yield wrapper
    wrapper.close()
    stop_replicas()


def wrap(url, namespace, path, **options):
    options = {"namespace": namespace, "replica": path, "replica_sync_seconds": 0.05} | options
    entry = connections["default"].settings_dict | {
        "ENGINE": "django_hrana",
        "NAME": url,
        "OPTIONS": options,
        "TEST": {},
    }
    return DatabaseWrapper(entry, "replicated")


def stop_replicas():
    for replica in REGISTRY.replicas.values():
        replica.stop()
    REGISTRY.replicas.clear()


def ask(wrapper, sql, params=None):
    """Return the answer, and whether the server was asked."""
    before = wrapper.connection.round_trips
    with wrapper.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    return rows, wrapper.connection.round_trips > before


def until_local(wrapper, sql="SELECT 1", params=None):
    """Return the answer as soon as it is the replica's."""

    def local():
        rows, is_remote = ask(wrapper, sql, params)
        return None if is_remote else (rows,)

    return wait_for(local)[0]


def settle(wrapper):
    """Wait until both files are there, and return the replica."""
    until_local(wrapper, "SELECT count(*) FROM item")
    replica = wrapper._reader.replica

    def is_settled():
        first, second = replica._state_file.read().files
        return first.frame_no == second.frame_no

    wait_for(is_settled)
    return replica


LOCAL = (
    ("SELECT * FROM item ORDER BY id", None),
    ("SELECT name FROM item WHERE id = %s", [1]),
    ("SELECT count(*), '100%%' FROM item WHERE id > %(least)s", {"least": 1}),
    ("SELECT '%' FROM item", None),
    ("  SELECT id FROM item UNION VALUES (7)", None),
    ("WITH two AS (SELECT id FROM item WHERE id < 3) SELECT * FROM two ORDER BY id", None),
    ("SELECT upper(name), length(raw), hex(raw) FROM item WHERE id = %s", [1]),
    ("SELECT max(seen) AS 'last [datetime]' FROM item", None),
    ("SELECT id FROM item WHERE seen < %s AND price = %s", [dt.datetime(2026, 2, 1), "1.50"]),
    ("SELECT %s, %s, %s, %s, %s", [True, None, b"\0x", 1.5, "é\0x"]),
    ("SELECT %s, %s", [Decimal("1.10"), dt.date(2026, 1, 1)]),
    ("SELECT %s + 0", [float("nan")]),
    ("SELECT %s = 0.1 + 0.2, %s", [0.1 + 0.2, 1e300]),
    ("SELECT total(size), abs(-2.5), round(2.567, 2), 7 / 2, 7 %% 3, 1 || 2 FROM item", []),
    ("SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]'), instr('abc', 'c'), iif(1, 2, 3)", None),
    ("SELECT strftime('%Y', seen), date(born, '+1 month'), julianday(born) FROM item", None),
)


@pytest.mark.parametrize(("sql", "params"), LOCAL, ids=[f"read {n}" for n in range(len(LOCAL))])
def test_the_same_answers(database, libsql_server, namespace, sql, params):
    local = until_local(database, sql, params)
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        description = cursor.description
        cursor.cursor.reader = None
        cursor.execute(sql, params)
        assert cursor.fetchall() == local
        assert cursor.description == description


REMOTE = (
    "PRAGMA table_info(item)",
    "EXPLAIN SELECT 1",
    "SELECT changes()",
    "SELECT last_insert_rowid()",
    "SELECT sqlite_version()",
    "SELECT CURRENT_TIMESTAMP",
    "SELECT datetime('now')",
    "SELECT name FROM pragma_table_info('item')",
    "SELECT json_valid(NULL), quote(0.1)",
    "SELECT log(10, id) FROM item",
    "SELECT id FROM item WHERE name LIKE 'a%'",  # the table has a column of blobs
)


@pytest.mark.parametrize("sql", REMOTE)
def test_what_only_the_server_knows(database, sql):
    until_local(database)
    assert ask(database, sql)[1]
    assert not ask(database, "SELECT 2")[1]


@pytest.mark.skipif(reading._like_finds_blobs(), reason="this SQLite's LIKE is the server's")
def test_like_where_there_are_blobs_is_the_servers(open_reader, libsql_server, namespace):
    """Debian's SQLite never finds a blob by LIKE."""
    run(libsql_server.url, "CREATE TABLE word (text varchar(9))", namespace=namespace)
    run(libsql_server.url, "INSERT INTO word VALUES ('Abc')", namespace=namespace)
    reader = open_reader(libsql_server.url, namespace)

    def read(sql, parameters=()):
        wait_for(lambda: reader.read("SELECT 1", [], is_streamed=False))
        return reader.read(sql, parameters, is_streamed=False)

    assert read("SELECT count(*) FROM word WHERE text LIKE ?", ["a%"]).rows == [(1,)]
    assert read("SELECT count(*) FROM word WHERE text GLOB ?", ["a*"]).rows == [(0,)]
    assert read("SELECT count(*) FROM word WHERE text LIKE ?", [b"a%"]) is None
    assert read("SELECT CAST(text AS BLOB) LIKE ? FROM word", ["a%"]) is None
    assert read("SELECT X'41' LIKE 'a'") is None
    run(libsql_server.url, "ALTER TABLE word ADD raw BLOB", namespace=namespace)
    reader.wrote()
    assert read("SELECT count(*) FROM word WHERE text LIKE ?", ["a%"]) is None
    assert read("SELECT count(*) FROM word WHERE text = ?", ["Abc"]).rows == [(1,)]


# As the backend writes Django's functions and lookups.
VALUES = (
    "(NULL), (0), (-3), (2.5), (1e300), (0.1), (''), ('abc'), ('ÀÉ'), ('12a'), "
    "('2026-03-31 13:14:15.5')"
)
EXPRESSIONS = (
    *("abs(x)", "ceiling(x)", "floor(x)", "round(x, 1)", "sign(x)", "sqrt(abs(x))", "trunc(x)"),
    *("acos(0.5)", "sin(x)", "degrees(x)", "radians(x)", "ln(2)", "mod(x, 3)", "pi()"),
    *("upper(x)", "lower(x)", "length(x)", "substr(x, 2, 1)", "trim(x)", "replace(x, 'a', 'b')"),
    *("instr(x, 'b')", "hex(x)", "char(65)", "unicode(x)", "coalesce(x, 1)", "nullif(x, 0)"),
    *("CAST(x AS text)", "CAST(x AS integer)", "CAST(x AS real)", "CAST(x AS numeric)"),
    *("x || 'a'", "x + 1", "x % 2", "x / 2", "x = '2'", "x < 'b'", "x IS NULL", "typeof(x)"),
    *("date(x)", "strftime('%Y-%m-%d %H:%M:%f', x)", "julianday(x)", "datetime(x, '+1 day')"),
    *("json_array(x)", "json_object('a', x)", "max(x, 1)", "min(x, 'a')", "ifnull(x, 0)"),
)
WHOLE = (
    "SELECT count(*), count(DISTINCT x), sum(x), avg(x), total(x), min(x), max(x) FROM v",
    "SELECT x FROM v ORDER BY x, rowid",
    "SELECT x FROM v ORDER BY x COLLATE NOCASE DESC, rowid",
    "SELECT typeof(x), group_concat(x, '|') FROM v GROUP BY 1 ORDER BY 1",
    "SELECT row_number() OVER (ORDER BY x, rowid), lag(x) OVER (ORDER BY rowid) FROM v",
    "SELECT json_group_array(x) FROM v",
    "SELECT x FROM v UNION SELECT 7 ORDER BY 1",
)


def test_functions_are_the_servers(database):
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE v (x)")
        cursor.execute(f"INSERT INTO v VALUES {VALUES}")
    until_local(database)
    statements = [f"SELECT {expression} FROM v ORDER BY rowid" for expression in EXPRESSIONS]
    local_count = 0
    for sql in (*statements, *WHOLE):
        rows, is_remote = ask(database, sql)
        local_count += not is_remote
        with database.cursor() as cursor:
            cursor.cursor.reader = None
            cursor.execute(sql)
            assert list(map(repr, cursor.fetchall())) == list(map(repr, rows)), sql
    assert local_count > len(statements) / 2


def test_what_sqlite_here_cannot_do_is_asked_of_the_server(database):
    until_local(database)
    sql = "SELECT crypto_md5(name) FROM item WHERE id = 1"  # a function of the server's
    for _time in range(2):
        rows, is_remote = ask(database, sql)
        assert (len(rows[0][0]), is_remote) == (16, True)
    assert sql in database._reader._refused


def test_errors_are_the_servers(database):
    until_local(database)
    for sql, params in (
        ("SELECT * FROM nowhere", None),
        ("SELECT %s", [1 << 64]),
        ("SELECT %s", ["\ud800"]),
        ("SELECT %s, %s", [1]),
        ("SELECT %s", [object()]),
        ("SELECT 1; SELECT 2", None),
    ):
        before = database.connection.round_trips
        with pytest.raises(DatabaseError), database.cursor() as cursor:
            cursor.execute(sql, params)
        assert database.connection.round_trips >= before


def test_transactions_are_the_servers(database):
    until_local(database)
    before = database.connection.round_trips
    database.set_autocommit(False)
    assert ask(database, "SELECT count(*) FROM item") == ([(3,)], True)
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO item (id) VALUES (9)")
    assert ask(database, "SELECT count(*) FROM item") == ([(4,)], True)
    database.commit()
    database.set_autocommit(True)
    assert ask(database, "SELECT count(*) FROM item")[0] == [(4,)]
    assert until_local(database, "SELECT count(*) FROM item") == [(4,)]
    assert database.connection.round_trips > before


def _execute(cursor):
    cursor.execute("UPDATE item SET name = 'new'")


def _execute_many(cursor):
    cursor.executemany("UPDATE item SET name = %s", [["old"], ["new"]])


def _returning(cursor):
    cursor.execute("UPDATE item SET name = 'new' RETURNING id")
    cursor.fetchall()


def _explicitly(cursor):
    for sql in ("BEGIN", "UPDATE item SET name = 'new'", "COMMIT"):
        cursor.execute(sql)


def _savepoint(cursor):
    for sql in ("SAVEPOINT a", "UPDATE item SET name = 'new'", "RELEASE a"):
        cursor.execute(sql)


def _with_cte(cursor):
    cursor.execute("WITH x AS (SELECT 1) UPDATE item SET name = 'new'")


WAYS = (_execute, _execute_many, _returning, _explicitly, _savepoint, _with_cte)


@pytest.mark.parametrize("write", WAYS)
def test_what_was_written_is_read(database, write):
    until_local(database)
    for _time in range(5):
        with database.cursor() as cursor:
            cursor.execute("UPDATE item SET name = 'old'")
            write(cursor)
        assert ask(database, "SELECT DISTINCT name FROM item")[0] == [("new",)]


def test_after_a_refused_write_the_server_is_asked(database, libsql_server, namespace):
    """As get_or_create does it: what refused the row must be found."""
    until_local(database, "SELECT count(*) FROM item")
    run(libsql_server.url, "INSERT INTO item (id) VALUES (9)", namespace=namespace)
    database.set_autocommit(False)
    with pytest.raises(DatabaseError), database.cursor() as cursor:
        cursor.execute("INSERT INTO item (id) VALUES (9)")
    database.rollback()
    database.set_autocommit(True)
    assert ask(database, "SELECT id FROM item WHERE id = 9")[0] == [(9,)]


def test_a_new_connection_reads_the_replica_at_once(database):
    until_local(database)
    database.close()
    database.ensure_connection()
    assert not ask(database, "SELECT 1")[1]


def test_iterator(database, monkeypatch):
    monkeypatch.setattr(reading, "MAX_STREAMED_ROWS", 2)
    until_local(database)
    for sql, is_local in (
        ("SELECT id FROM item WHERE id < 3 ORDER BY id", True),
        ("SELECT id FROM item ORDER BY id", False),
    ):
        before = database.connection.round_trips
        cursor = database.chunked_cursor()
        cursor.execute(sql)
        assert [row[0] for row in cursor.fetchall()] == list(range(1, 3 if is_local else 4))
        assert (database.connection.round_trips == before) is is_local
        cursor.close()


def test_what_is_too_old_is_not_read(open_reader, libsql_server, namespace, monkeypatch):
    run(libsql_server.url, TABLE, namespace=namespace)
    reader = open_reader(libsql_server.url, namespace)
    read = lambda: reader.read("SELECT count(*) FROM item", [], is_streamed=False)  # noqa: E731
    assert wait_for(read).rows == [(0,)]
    monkeypatch.setattr(reader.replica, "_max_age_ns", 1)
    assert read() is None


def test_sessions(open_reader, libsql_server, namespace):
    run(libsql_server.url, TABLE, namespace=namespace)
    reader = open_reader(libsql_server.url, namespace)
    read = lambda: reader.read("SELECT count(*) FROM item", [], is_streamed=False)  # noqa: E731
    wait_for(read)
    token = SESSION.set(Session(required_ns=time.monotonic_ns() + 10**12))
    assert read() is None
    SESSION.reset(token)
    assert wait_for(read)
    token = SESSION.set(Session(required_ns=0))
    reader.wrote()
    assert SESSION.get().required_ns > 0
    SESSION.reset(token)


def test_another_process_reads_what_the_session_has_written(
    open_reader, libsql_server, namespace, tmp_path
):
    """Two replicas on one path, as two processes have them: the token is all that they share."""
    run(libsql_server.url, TABLE, namespace=namespace)
    reader = open_reader(libsql_server.url, namespace)
    replica = reader.replica
    other = Reader(
        Replica(
            tmp_path / "replica.db",
            replica.endpoint,
            token=None,
            timeout_seconds=20,
            sync_seconds=0.05,
            max_age_seconds=10,
        )
    )
    count = "SELECT count(*) FROM item"
    answers = 0
    try:
        for number in range(1, 31):
            run(libsql_server.url, f"INSERT INTO item (id) VALUES ({number})", namespace=namespace)
            token = write_token(time.monotonic_ns())  # what the middleware sends
            reset = SESSION.set(Session(required_ns=parse_token(token)))
            result = other.read(count, [], is_streamed=False)
            while result is None and number % 3 == 0:
                result = other.read(count, [], is_streamed=False)
            SESSION.reset(reset)
            if result is not None:
                assert result.rows == [(number,)]
                answers += 1
        assert answers >= 10
    finally:
        other.close()
        other.replica.stop()


@pytest.mark.parametrize(
    "token", ["", "x", "0" * 12 + ".1", write_token(1)[:-2], write_token(1 << 62), "é" * 20]
)
def test_tokens_that_say_nothing_mean_now(token):
    before = time.monotonic_ns()
    assert before <= parse_token(token) <= time.monotonic_ns()


def test_tokens_of_this_machine():
    for moment in (0, 1, 12_345_678_901):
        assert parse_token(write_token(moment)) == moment
    assert len(write_token(1 << 62)) <= 29


def test_a_damaged_file_is_made_anew(database, caplog):
    caplog.set_level(logging.WARNING, "django_hrana.replica")
    for path in settle(database).files:
        with path.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * (path.stat().st_size - 100))
    database.close()
    database.ensure_connection()
    assert ask(database, "SELECT count(*) FROM item")[0] == [(3,)]
    assert until_local(database, "SELECT count(*) FROM item") == [(3,)]
    assert "is damaged, and made anew" in caplog.text


def test_files_that_are_removed_while_they_are_read(database):
    replica = settle(database)
    for path in (*replica.files, replica._state_file.path):
        path.unlink()
    assert ask(database, "SELECT count(*) FROM item")[0] == [(3,)]
    wait_for(lambda: all(path.exists() for path in replica.files))
    assert until_local(database, "SELECT count(*) FROM item") == [(3,)]


def test_a_schema_that_sqlite_here_does_not_know(open_reader, libsql_server, namespace, caplog):
    """What only the server's SQLite understands: the server is asked, and it is said once."""
    run(
        libsql_server.url,
        "CREATE TABLE v (a) RANDOM ROWID",
        namespace=namespace,
    )
    reader = open_reader(libsql_server.url, namespace)
    wait_for(reader.replica.usable_state)
    for _time in range(3):
        assert reader.read("SELECT count(*) FROM v", [], is_streamed=False) is None
    assert caplog.text.count("cannot be read with SQLite") == 1
    assert "made anew" not in caplog.text


def test_a_server_without_a_log(open_reader, caplog, tmp_path):
    """Any web server: the replica says so once, and nothing is read from it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        reader = open_reader(f"http://127.0.0.1:{server.server_port}", timeout_seconds=5)
        assert reader.read("SELECT 1", [], is_streamed=False) is None
        wait_for(lambda: "does not offer its replication log" in caplog.text)
        assert reader.read("SELECT 1", [], is_streamed=False) is None
    finally:
        server.shutdown()
        server.server_close()


def test_a_folder_that_cannot_be_written(open_reader, libsql_server, caplog, tmp_path):
    (tmp_path / "file").write_text("")
    reader = open_reader(libsql_server.url, path=tmp_path / "file" / "replica.db")
    assert reader.read("SELECT 1", [], is_streamed=False) is None
    assert "does not follow" in caplog.text


def test_a_child_has_its_own(database):
    """After a fork: the child reads with files and a thread of its own, and holds no lock."""
    until_local(database, "SELECT count(*) FROM item")
    replica = database._reader.replica
    parent_thread = replica._thread
    child = os.fork()
    if child == 0:
        status = 1
        try:
            rows = until_local(database, "SELECT count(*) FROM item")
            is_own = replica._thread is not None and replica._thread is not parent_thread
            status = 0 if rows == [(3,)] and is_own else 2
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    run(database.settings_dict["NAME"], "DELETE FROM item", namespace=_namespace(database))
    wait_for(lambda: ask(database, "SELECT count(*) FROM item")[0] == [(0,)])
    assert until_local(database, "SELECT count(*) FROM item") == [(0,)]


def _namespace(wrapper):
    return wrapper.settings_dict["OPTIONS"]["namespace"]


def test_the_server_is_gone(tmp_path):
    """What is fresh enough is read; then errors are the server's."""
    server = Server(tmp_path / "sqld", idle_seconds=600).start()
    try:
        run(server.url, TABLE, ROWS)
        wrapper = wrap(server.url, None, tmp_path / "r.db", replica_max_age_seconds=60)
        wrapper.ensure_connection()
        until_local(wrapper, "SELECT count(*) FROM item")
        server.kill()
        assert ask(wrapper, "SELECT count(*) FROM item") == ([(3,)], False)
        with pytest.raises(DatabaseError), wrapper.cursor() as cursor:
            cursor.execute("DELETE FROM item")
        server.start()
        assert until_local(wrapper, "SELECT count(*) FROM item") == [(3,)]
        wrapper.close()
    finally:
        stop_replicas()
        server.kill()


def test_sqlite_here_is_as_new_as_its_constants():
    assert {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} <= reading.DAMAGE
