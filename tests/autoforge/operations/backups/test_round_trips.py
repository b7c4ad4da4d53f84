"""What was backed up is there again, to the last bit, whichever database it goes to."""

import shutil
import sqlite3
import stat
import threading
from contextlib import closing

import pytest
import zstandard

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.making import write_backup
from autoforge.operations.backups.reading import open_reader
from autoforge.operations.backups.restoring import put_database, restore_into
from autoforge.operations.backups.schema import list_leftovers, read_schema
from autoforge.operations.backups.verifying import verify
from core.database.ddl import parse
from django_hrana import driver
from tests.support.odd_database import ODD_VALUES, hashes

pytestmark = pytest.mark.once
SCHEMA = (
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL "
    r"AND name NOT LIKE '%prompt\_search\_%' ESCAPE '\'"
)


def statements(location: Location) -> set[str]:
    """Return the schema, in a form that can be compared."""
    with open_reader(location) as reader:
        rows = reader.query(SCHEMA)
    return {repr(parse(sql)) for (sql,) in rows}


def put(odd: Location, target: Location, tmp_path) -> None:
    """Put a database, odd tables and all, into another one."""
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(odd.path, copy)
    put_database(copy, hashes(odd), target, replace=False)


def test_every_value_of_every_table_comes_back(odd_file, on_server, tmp_path):
    before = hashes(odd_file)
    assert before["odd"].rows == len(ODD_VALUES) + 1
    assert before["prompt_search"].rows == before["prompts"].rows == 40
    put(odd_file, on_server, tmp_path)
    assert hashes(on_server) == before
    written = write_backup(on_server, tmp_path / "from-server.zst")
    assert written.manifest.tables == before
    assert written.manifest.engine == "libSQL"
    returned = Location(engine="SQLite", name="r", path=tmp_path / "returned.sqlite3")
    put(Location(engine="SQLite", name="x", path=unpack(written.path)), returned, tmp_path)
    assert hashes(returned) == before
    assert statements(returned) == statements(odd_file) == statements(on_server)
    with closing(sqlite3.connect(returned.path)) as connection:
        rows = connection.execute("SELECT r, b, t, n FROM odd WHERE a < 7 ORDER BY a").fetchall()
        assert rows == ODD_VALUES
        assert connection.execute("SELECT typeof(t), hex(t) FROM odd WHERE a = 7").fetchall() == [
            ("text", "FF41")
        ]
        # A row that was deleted has had its number; no trigger has run.
        assert connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'odd'"
        ).fetchone() == (8,)
        assert connection.execute("SELECT max(half) FROM computed").fetchone() == (24,)
        search = "SELECT count(*) FROM prompt_search WHERE prompt_search MATCH 'こんにちは'"
        assert connection.execute(search).fetchone() == (40,)


def unpack(path):
    """Decompress a backup as a stranger does, who knows zstd alone."""
    target = path.with_suffix(".plain")
    with path.open("rb") as stream, target.open("wb") as out:
        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        shutil.copyfileobj(reader, out)
    return target


def test_a_stranger_opens_it_with_zstd_and_sqlite(plain_file, tmp_path):
    written = write_backup(plain_file, tmp_path / "b.zst")
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(unpack(written.path))) as connection:
        assert connection.execute("SELECT count(*) FROM prompts").fetchone() == (40,)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.django_db
def test_a_backup_is_good_and_says_what_was_checked(plain_file, on_server, tmp_path):
    written = write_backup(plain_file, tmp_path / "b.zst")
    verified = verify(written.path)
    assert verified.age.is_current
    assert [check.partition(":")[0] for check in verified.checks] == [
        "checksum",
        "integrity",
        "foreign keys",
        "tables",
        "schema",
    ]
    restored = restore_into(written.path, on_server)
    assert restored.age.is_current
    assert hashes(on_server) == written.manifest.tables
    with pytest.raises(BackupError, match=rf"is not empty\. .* add --replace {on_server.name}"):
        restore_into(written.path, on_server)


@pytest.mark.django_db
def test_the_one_in_use_is_replaced_while_others_have_it_open(plain_file, tmp_path):
    written = write_backup(plain_file, tmp_path / "b.zst")
    with (
        closing(sqlite3.connect(plain_file.path, isolation_level=None)) as writer,
        closing(sqlite3.connect(plain_file.path, isolation_level=None)) as reader,
    ):
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("UPDATE prompts SET title = 'new'")
        writer.execute("CREATE TABLE more (x)")
        reader.execute("BEGIN")
        assert reader.execute("SELECT DISTINCT title FROM prompts").fetchall() == [("new",)]
        restore_into(written.path, plain_file, replace=True)
        # Who reads goes on in the old content, and then sees the new one, on the same connection.
        assert reader.execute("SELECT DISTINCT title FROM prompts").fetchall() == [("new",)]
        reader.execute("COMMIT")
        [(count,)] = reader.execute("SELECT count(DISTINCT title) FROM prompts").fetchall()
        assert count == 40
        assert hashes(plain_file) == written.manifest.tables
        writer.execute("UPDATE prompts SET title = 'after'")  # not lost: it is the same file
        assert reader.execute("SELECT DISTINCT title FROM prompts").fetchall() == [("after",)]


@pytest.mark.django_db
def test_a_server_in_use_is_replaced_and_leftovers_go(plain_file, odd_file, on_server, tmp_path):
    written = write_backup(plain_file, tmp_path / "b.zst")
    put(odd_file, on_server, tmp_path)
    connection = connect(on_server)
    execute = connection.cursor().execute
    execute("CREATE TABLE _restoring_0123abcd_prompts (x)")
    execute("CREATE VIRTUAL TABLE _restoring_0123abcd_search USING fts5(a)")
    restore_into(written.path, on_server, replace=True)
    assert hashes(on_server) == written.manifest.tables
    assert statements(on_server) == statements(plain_file)
    with open_reader(on_server) as reader:
        assert list_leftovers(reader.query) == []
        assert "odd" not in {table.name for table in read_schema(reader.query).tables}
    connection.close()


def connect(location: Location) -> driver.Connection:
    return driver.connect(location.url, namespace=location.namespace, autocommit=True)


def write_pairs(open_connection, stop: threading.Event, writes: list[int]) -> None:
    """Change two tables alike in each transaction, until somebody stops it."""
    connection = open_connection()
    cursor = connection.cursor()
    while not stop.is_set():
        cursor.execute("BEGIN IMMEDIATE")
        for name in ("one", "two"):
            cursor.execute(f"UPDATE {name} SET x = x + 1 WHERE rowid % 900 = 1")
        cursor.execute("COMMIT")
        writes.append(1)
    connection.close()


@pytest.mark.parametrize("kind", ["SQLite", "libSQL"])
def test_it_is_one_moment_while_others_write(kind, plain_file, on_server, tmp_path):
    """Two tables that always have equal sums, in each of hundreds of transactions."""
    location = plain_file if kind == "SQLite" else on_server

    def open_connection():
        if location.path is not None:
            return sqlite3.connect(location.path, timeout=20, isolation_level=None)
        return connect(location)

    first = open_connection()
    if location.path is not None:
        first.execute("PRAGMA journal_mode=WAL")
    for sql in ("CREATE TABLE one (x)", "CREATE TABLE two (x)"):
        first.cursor().execute(sql)
    numbers = "n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000)"
    filling = "INSERT INTO {} WITH RECURSIVE " + numbers + " SELECT 0 FROM n"
    for name in ("one", "two"):
        first.cursor().execute(filling.format(name))
    stop = threading.Event()
    writes = []

    thread = threading.Thread(target=write_pairs, args=(open_connection, stop, writes))
    thread.start()
    try:
        seen = set()
        for number in range(4):
            before = len(writes)
            written = write_backup(location, tmp_path / f"{number}.zst")
            assert len(writes) > before  # others were not held up
            tables = written.manifest.tables
            assert tables["one"] == tables["two"]
            seen.add(tables["one"].sha256)
        assert len(seen) == 4
    finally:
        stop.set()
        thread.join()
        first.close()


def test_memory_is_not_needed_for_all_of_a_table():
    """Nothing but a page is held: see `make bench-backup` for the figures."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 200_000,)] * 100)
        from autoforge.operations.backups.reading import SqliteReader

        reader = SqliteReader(connection)
        [table] = read_schema(reader.query).tables
        sizes = [len(page) for page in reader.pages(table)]
        assert sum(sizes) == 100
        assert max(sizes[1:]) <= 5
