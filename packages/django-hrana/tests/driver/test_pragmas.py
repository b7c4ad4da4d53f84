"""PRAGMAs: answered as SQLite answers them, or refused in one sentence; never wrong in silence."""

import sqlite3
from collections.abc import Iterator

import pytest

from django_hrana import driver
from django_hrana.driver import pragmas

TABLES = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, up INTEGER REFERENCES parent (id))",
    "CREATE INDEX child_up ON child (up)",
)
# What connection_created handlers, Django's docs, and guides to SQLite in production send.
LOCAL = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA journal_mode=wal;",
    "PRAGMA journal_mode('wal')",
    "PRAGMA main.journal_mode = 'wal'",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA synchronous=1",
    "pragma Synchronous(OFF)",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA busy_timeout(0x10)",
    "PRAGMA busy_timeout = -1",
    "PRAGMA cache_size = -64000",
    "PRAGMA main.cache_size(2000)",
    "PRAGMA cache_spill = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA temp_store=2",
    "PRAGMA journal_size_limit = 27103364",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA analysis_limit = 400",
    "PRAGMA threads = 4",
    "PRAGMA automatic_index = 0",
    "PRAGMA locking_mode = NORMAL",
    "PRAGMA page_size = 4096",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA incremental_vacuum",
    "PRAGMA incremental_vacuum(10)",
    "PRAGMA optimize",
    "PRAGMA optimize = 0x10002",
    "PRAGMA shrink_memory",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = 1",
    "PRAGMA cell_size_check = 1",
    "PRAGMA read_uncommitted = true",
    "PRAGMA recursive_triggers = OFF",
    "PRAGMA case_sensitive_like = OFF",
    "PRAGMA case_sensitive_like",
    "PRAGMA ignore_check_constraints = 0",
    "PRAGMA ignore_check_constraints",
    "PRAGMA secure_delete = no",
    "PRAGMA trusted_schema = ON",
    "PRAGMA writable_schema = RESET",
    "PRAGMA writable_schema",
    "PRAGMA full_column_names",
    "PRAGMA short_column_names",
    "PRAGMA short_column_names = 1",
    "PRAGMA count_changes = off",
    "PRAGMA temp_store_directory",
    "PRAGMA legacy_alter_table = OFF",
    "PRAGMA legacy_alter_table",
    "PRAGMA legacy_alter_table = ON",
    "PRAGMA legacy_alter_table",
    "PRAGMA query_only = ON",
    "PRAGMA query_only",
    "PRAGMA query_only = OFF",
    "PRAGMA foreign_keys",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA 'foreign_keys'",
    'PRAGMA main."foreign_keys" = "yes"',
    "PRAGMA [foreign_keys]",
    "PRAGMA foreign_keys = -1",
    "PRAGMA foreign_keys",
    "PRAGMA/* why not */foreign_keys--\n=/**/2;",
    "PRAGMA foreign_keys",
    "PRAGMA foreign_keys = full",
    "PRAGMA foreign_keys",
    "PRAGMA foreign_keys = on",
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA defer_foreign_keys",
    "PRAGMA defer_foreign_keys = OFF",
    "PRAGMA defer_foreign_keys",
)
REMOTE = (
    "PRAGMA journal_mode",
    "PRAGMA table_info(child)",
    "PRAGMA table_info = parent",
    "PRAGMA table_xinfo('child')",
    'PRAGMA main.table_info("child")',
    "PRAGMA index_list(child)",
    "PRAGMA index_info(child_up)",
    "PRAGMA index_xinfo(child_up)",
    "PRAGMA foreign_key_list(child)",
    "PRAGMA foreign_key_check",
    "PRAGMA foreign_key_check(child)",
    "PRAGMA integrity_check",
    "PRAGMA quick_check(1)",
    "PRAGMA user_version = 7",
    "PRAGMA user_version",
    "PRAGMA user_version(8)",
    "PRAGMA user_version",
    "PRAGMA encoding",
    "PRAGMA page_size",
    "PRAGMA application_id",
    "SELECT name FROM pragma_table_info('child')",
)
REFUSED = (
    "PRAGMA case_sensitive_like = ON",
    "PRAGMA case_sensitive_like(1)",
    "PRAGMA ignore_check_constraints = true",
    "PRAGMA recursive_triggers = 1",
    "PRAGMA reverse_unordered_selects = yes",
    "PRAGMA secure_delete = ON",
    "PRAGMA secure_delete = FAST",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA writable_schema = 1",
    "PRAGMA full_column_names = 1",
    "PRAGMA short_column_names = 0",
    "PRAGMA count_changes = 1",
    "PRAGMA empty_result_callbacks = 1",
    "PRAGMA application_id = 5",
    "PRAGMA schema_version = 5",
    "PRAGMA max_page_count = 100",
    "PRAGMA data_version",
    "PRAGMA main.data_version",
)


@pytest.fixture
def remote(connect) -> driver.Connection:
    """Return a connection to a database with two tables."""
    connection = connect()
    for sql in TABLES:
        connection.cursor().execute(sql)
    connection.release()
    return connection


@pytest.fixture
def local(tmp_path) -> Iterator[sqlite3.Connection]:
    """Return the same in a file, opened as Django opens it and in the server's journal mode."""
    connection = sqlite3.connect(tmp_path / "local.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    for sql in TABLES:
        connection.execute(sql)
    yield connection
    connection.close()


class TestAnswers:
    """The answer is SQLite's, without a request where the server is not needed."""

    def test_without_a_request(self, local, remote):
        before = remote.round_trips
        for sql in LOCAL:
            cursor = remote.cursor().execute(sql)
            assert (sql, cursor.fetchall()) == (sql, local.execute(sql).fetchall())
        assert remote.round_trips == before

    def test_from_the_server(self, local, remote):
        for sql in REMOTE:
            cursor = remote.cursor().execute(sql)
            assert (sql, cursor.fetchall()) == (sql, local.execute(sql).fetchall())

    def test_checkpoints_are_the_servers_work(self, remote):
        before = remote.round_trips
        cursor = remote.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert [column[0] for column in cursor.description] == ["busy", "log", "checkpointed"]
        assert cursor.fetchall() == [(0, -1, -1)]  # nothing was waiting, nothing was moved
        assert remote.round_trips == before

    @pytest.mark.parametrize("name", ["synchronous", "cache_size", "busy_timeout", "mmap_size"])
    def test_reading_says_what_is_in_force(self, remote, name):
        cursor = remote.cursor()
        in_force = cursor.execute(f"PRAGMA {name}").fetchall()
        cursor.execute(f"PRAGMA {name} = 3")
        assert cursor.execute(f"PRAGMA {name}").fetchall() == in_force

    def test_a_mode_that_cannot_be_had_answers_with_the_one_in_force(self, remote):
        cursor = remote.cursor()
        assert cursor.execute("PRAGMA journal_mode = DELETE").fetchall() == [("wal",)]
        assert cursor.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall() == [("normal",)]

    def test_every_pragma_of_sqlite_is_answered_or_refused_in_a_sentence(self, local, remote):
        names = [name for (name,) in local.execute("PRAGMA pragma_list")]
        assert len(names) > 50
        refused = set()
        for name in names:
            for sql in (f"PRAGMA {name}", f"PRAGMA {name} = 1", f"PRAGMA {name}(0)"):
                try:
                    remote.cursor().execute(sql)
                except driver.Error as error:
                    refused.add(name)
                    sentence = str(error)
                    assert name in sentence or sentence in {"no such table: 0", "no such table: 1"}
                    assert "unsupported statement" not in sentence
        assert refused <= {pragmas.parse(sql).name for sql in REFUSED} | {"foreign_key_check"}

    def test_executemany_takes_none(self, remote):
        with pytest.raises(driver.ProgrammingError):
            remote.cursor().executemany("PRAGMA user_version = 3", [()])


class TestRefusals:
    """What would change results is never just accepted."""

    @pytest.mark.parametrize("sql", REFUSED)
    def test_one_sentence_without_a_request(self, remote, sql):
        before = remote.round_trips
        with pytest.raises(driver.NotSupportedError, match=pragmas.parse(sql).name):
            remote.cursor().execute(sql)
        assert remote.round_trips == before

    def test_what_nobody_knows_is_the_servers_to_refuse(self, remote):
        for sql in ("PRAGMA key = 'secret'", "PRAGMA", "PRAGMA other.cache_size = 5"):
            with pytest.raises(driver.OperationalError):
                remote.cursor().execute(sql)

    def test_renaming_a_table_in_the_old_way(self, local, remote):
        cursor = remote.cursor()
        rename = "ALTER TABLE parent\nRENAME /* away */ TO older"
        cursor.execute("PRAGMA legacy_alter_table = ON")
        with pytest.raises(driver.NotSupportedError, match="legacy_alter_table"):
            cursor.execute(rename)
        # Other changes are the same in both ways.
        cursor.execute("ALTER TABLE parent RENAME COLUMN name TO label")
        cursor.execute("ALTER TABLE parent ADD COLUMN more TEXT")
        cursor.execute("PRAGMA legacy_alter_table = OFF")
        cursor.execute(rename)
        local.execute(rename)
        keys = "SELECT \"table\" FROM pragma_foreign_key_list('child')"
        assert cursor.execute(keys).fetchall() == local.execute(keys).fetchall() == [("older",)]

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO parent VALUES (1, 'a')",
            "DELETE FROM child",
            "CREATE TABLE t (x)",
            "PRAGMA user_version = 3",
        ],
    )
    def test_a_connection_that_only_reads(self, local, remote, sql):
        before = remote.round_trips
        for connection in (local, remote):
            cursor = connection.cursor()
            cursor.execute("PRAGMA query_only = ON")
            with pytest.raises(
                (sqlite3.OperationalError, driver.OperationalError), match="readonly database"
            ):
                cursor.execute(sql)
        assert remote.round_trips == before
        assert cursor.execute("SELECT count(*) FROM parent").fetchall() == [(0,)]
        cursor.execute("PRAGMA query_only = OFF")
        cursor.execute(sql)


CHILD = "INSERT INTO child (up) VALUES (9)"
PARENT = "INSERT INTO parent (id) VALUES (9)"


class TestDeferredForeignKeys:
    """It counts until the next COMMIT or ROLLBACK, on whichever connection of the server's."""

    @pytest.mark.parametrize(
        "statements",
        [
            ["PRAGMA defer_foreign_keys = ON", "BEGIN", CHILD, PARENT, "COMMIT"],
            ["BEGIN", "PRAGMA defer_foreign_keys = ON", CHILD, PARENT, "COMMIT"],
            ["BEGIN", "SELECT 1", "PRAGMA defer_foreign_keys(1)", CHILD, PARENT, "COMMIT"],
            ["SAVEPOINT a", "PRAGMA defer_foreign_keys = 1", CHILD, PARENT, "RELEASE a"],
            # A savepoint that is given up or released does not bring the old state back.
            [
                "BEGIN",
                "SAVEPOINT a",
                "PRAGMA defer_foreign_keys = ON",
                "ROLLBACK TO a",
                "RELEASE a",
                CHILD,
                PARENT,
                "COMMIT",
            ],
            ["BEGIN", "PRAGMA defer_foreign_keys = ON", CHILD, "COMMIT"],
            ["PRAGMA defer_foreign_keys = ON", CHILD],
            ["PRAGMA defer_foreign_keys = ON", "PRAGMA defer_foreign_keys = OFF", "BEGIN", CHILD],
            ["PRAGMA defer_foreign_keys = ON", "SELECT * FROM parent", "BEGIN", CHILD],
            ["PRAGMA defer_foreign_keys = ON", "BEGIN", PARENT, "COMMIT", "BEGIN", CHILD, PARENT],
            [
                "BEGIN",
                "PRAGMA defer_foreign_keys = ON",
                PARENT,
                "PRAGMA defer_foreign_keys = OFF",
                "DELETE FROM parent",
                CHILD,
            ],
        ],
    )
    def test_as_in_sqlite(self, local, remote, statements):
        there, here = _run(local, statements), _run(remote, statements)
        assert here == there

    def test_it_costs_no_request(self, remote):
        cursor = remote.cursor()
        before = remote.round_trips
        for sql in ("PRAGMA defer_foreign_keys = ON", "BEGIN", CHILD, PARENT, "COMMIT"):
            cursor.execute(sql)
        assert remote.round_trips - before == 3
        for sql in ("BEGIN", "PRAGMA defer_foreign_keys = ON", "COMMIT"):
            cursor.execute(sql)
        assert remote.round_trips - before == 3


def _run(connection, statements: list[str]) -> list[object]:
    """Return the answers, whether the switch is still on at the end, and the rows."""
    cursor = connection.cursor()
    answers: list[object] = []
    for sql in statements:
        try:
            answers.append(cursor.execute(sql).fetchall())
        except (sqlite3.IntegrityError, driver.IntegrityError) as error:
            answers.append(str(error))
    if connection.in_transaction:
        cursor.execute("ROLLBACK")
    answers.append(cursor.execute("PRAGMA defer_foreign_keys").fetchall())
    answers.append(cursor.execute("SELECT id, up FROM child").fetchall())
    return answers
