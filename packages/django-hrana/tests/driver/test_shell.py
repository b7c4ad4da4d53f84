"""The shell: statements, and the commands that begin with a point, against a real server."""

import contextlib
import io
import os
import pty
import sqlite3
import subprocess
import sys

import pytest

from django_hrana.driver.shell import main
from django_hrana.driver.shell_output import MODES, quote_literal

TABLES = """
CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, twice AS (id * 2));
CREATE TABLE "odd ""name" (a, b);
CREATE INDEX parent_by_name ON parent (name);
CREATE VIEW all_parents AS SELECT name FROM parent;
CREATE TRIGGER on_parent AFTER INSERT ON parent BEGIN SELECT 1; END;
INSERT INTO parent (id, name) VALUES (7, 'it''s é
two lines');
INSERT INTO "odd ""name" VALUES (x'00ff', NULL), (1.5, 7);
INSERT INTO "odd ""name" VALUES (CAST(x'610062' AS TEXT), 2);
"""


@pytest.fixture
def shell(libsql_server, namespace, monkeypatch, capsys):
    """Return a function that gives text to a shell and returns its status, output and errors."""

    def run(text: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        status = main([libsql_server.url, "--namespace", namespace, *arguments])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


@pytest.fixture
def filled(shell):
    status, _output, errors = shell(TABLES)
    assert (status, errors) == (0, "")
    return shell


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (".tables", 'all_parents\nodd "name\nparent\n'),
        (".tables par%", "parent\n"),
        (".indexes", "parent_by_name\n"),
        (".indices parent", "parent_by_name\n"),
        (".indexes nothing", ""),
        (".mode", "table\n"),
        (".schema all_parents", "CREATE VIEW all_parents AS SELECT name FROM parent;\n"),
        (".schema 'nothing'", ""),
        (".exit\nnonsense;", ""),
        (".quit", ""),
        (".mode list\nSELECT 1 AS a, NULL AS b, x'ff' AS c;", "a|b|c\n1|NULL|x'ff'\n"),
        (".mode list\n.headers off\nSELECT 1 AS a, 'x' AS b;", "1|x\n"),
        ('.mode csv\nSELECT \'a,b\' AS "x""y", NULL, 1.5 AS z;', '"x""y",NULL,z\n"a,b",,1.5\n'),
        (".mode line\nSELECT 1 AS a, 2 AS bcd;", "  a = 1\nbcd = 2\n"),
        (".mode quote\nSELECT 'it''s' AS a, x'00' AS b;", "'a','b'\n'it''s',x'00'\n"),
        (
            ".mode json\nSELECT 1 AS a, 'é' AS b UNION ALL SELECT 2, NULL;\nSELECT 1 WHERE 0;",
            '[{"a": 1, "b": "é"},\n{"a": 2, "b": null}]\n[]\n',
        ),
        (".headers off\nSELECT 1 AS a;", "1\n(1 rows)\n"),
        ("SELECT 1 AS a WHERE 0;", "a\n-\n(0 rows)\n"),
        ("UPDATE parent SET name = 'x';", "1 rows changed\n"),
    ],
)
def test_commands(filled, command, output):
    assert filled(command) == (0, output, "")


def test_help_names_every_command(shell):
    _status, output, _errors = shell(".help")
    for word in (*MODES, ".tables", ".schema", ".indexes", ".dump", ".headers", ".read", ".quit"):
        assert word in output


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (".backup x", "there is no command .backup in this shell: .help lists them"),
        (".", "there is no command . in this shell: .help lists them"),
        (".mode fancy", "there is no mode fancy: use one of table, list, line, csv, json, quote"),
        (".headers maybe", "write .headers on or .headers off"),
        (".headers", "write .headers on or .headers off"),
        (".read", "write .read and the name of a file"),
        (".read /nowhere", "/nowhere cannot be read: No such file or directory"),
        ("SELECT nonsense;", "no such column: nonsense"),
    ],
)
def test_what_is_wrong_is_one_sentence(shell, command, sentence):
    assert shell(f"{command}\nSELECT 1;") == (1, "", f"Error: {sentence}\n")
    assert shell("", "-c", command) == (1, "", f"Error: {sentence}\n")


class TestRead:
    def test_the_statements_of_a_file(self, shell, tmp_path):
        file = tmp_path / "some file.sql"
        file.write_text(
            "CREATE TABLE é (x);\n.mode list\nINSERT INTO é\nVALUES (1);\nSELECT x FROM é"
        )
        assert shell(f".read '{file}'\nSELECT 2 AS y;") == (0, "1 rows changed\nx\n1\ny\n2\n", "")

    def test_stops_at_the_first_that_fails(self, shell, tmp_path):
        file = tmp_path / "a.sql"
        file.write_text("CREATE TABLE t (x);\nnonsense;\nCREATE TABLE u (x);")
        status, _output, errors = shell(f".read {file}")
        assert status == 1
        assert errors.endswith(f"Error: {file} was left at the statement that failed\n")
        assert shell(".tables")[1] == "t\n"

    def test_a_quit_in_it_is_one_of_the_shell(self, shell, tmp_path):
        file = tmp_path / "a.sql"
        file.write_text(".quit\nnonsense;")
        assert shell(f".read {file}\nnonsense;") == (0, "", "")

    def test_what_is_no_text_and_what_has_no_end(self, shell, tmp_path):
        file = tmp_path / "a.sql"
        file.write_bytes(b"\xff\xfe")
        assert (
            shell(f".read {file}")[2] == f"Error: {file} cannot be read: it is not text in UTF-8\n"
        )
        file.write_text(f".read {file}")
        assert "files that read each other have no end" in shell(f".read {file}")[2]


def test_a_dump_makes_the_same_database(filled):
    status, dump, errors = filled(".dump")
    assert (status, errors) == (0, "")
    copy = sqlite3.connect(":memory:")
    copy.executescript(dump)
    assert copy.execute("SELECT * FROM parent").fetchall() == [(7, "it's é\ntwo lines", 14)]
    assert copy.execute('SELECT a, b FROM "odd ""name"').fetchall() == [
        (b"\x00\xff", None),
        (1.5, 7),
        ("a\0b", 2),
    ]
    assert copy.execute("SELECT * FROM sqlite_sequence").fetchall() == [("parent", 7)]
    names = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    assert [name for (name,) in copy.execute(names)] == [
        *("all_parents", 'odd "name', "on_parent", "parent", "parent_by_name"),
    ]
    copy.close()
    assert "CREATE TABLE parent" in filled(".dump parent")[1]
    assert "odd" not in filled(".dump parent")[1]


def test_a_dump_says_which_rows_it_leaves_out(shell):
    shell("CREATE VIRTUAL TABLE f USING fts5 (x);\nINSERT INTO f VALUES ('a');")
    _status, dump, _errors = shell(".dump")
    assert "CREATE VIRTUAL TABLE f USING fts5 (x);" in dump
    assert '-- the rows of "f" are not here: its module keeps them' in dump
    assert "f_data" not in dump


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        (-5, "-5"),
        (0.1, "0.1"),
        (float("inf"), "9e999"),
        (float("-inf"), "-9e999"),
        ("it's", "'it''s'"),
        (b"", "x''"),
    ],
)
def test_literals(value, sql):
    assert quote_literal(value) == sql
    with contextlib.closing(sqlite3.connect(":memory:")) as local:
        assert local.execute(f"SELECT {sql}").fetchone() == (value,)


def test_on_a_terminal_a_person_goes_on_after_an_error(libsql_server, namespace):
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "django_hrana.driver.shell", libsql_server.url]
    process = subprocess.Popen(
        [*command, "--namespace", namespace], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(controller, b"nonsense;\n.nothing\nSELECT 1 + 41 AS answer;\n.quit\n")
    shown = b""
    try:
        while part := os.read(controller, 4096):
            shown += part
    except OSError:
        pass  # the other side is closed
    os.close(controller)
    assert process.wait(20) == 0
    assert b"there is no command .nothing" in shown
    assert b"answer" in shown
    assert b"42" in shown
