"""A small database with all that makes copying hard, and how to look into any."""

import sqlite3
from contextlib import closing
from pathlib import Path

from autoforge.operations.backups.hashing import TableDigest
from autoforge.operations.backups.locations import Location
from autoforge.operations.backups.reading import UnreadableText, hash_tables, open_reader

__all__ = ["ODD_VALUES", "add_odd_tables", "hashes"]

ODD_VALUES = [
    (float("inf"), b"\0\xff", "a\0b", 2**63 - 1),
    (float("-inf"), b"", "é😀ＡＢ", -(2**63)),
    (1.5e300, None, "it's\n\\n%s ?", 0.1),
    (2.2250738585072014e-308, b"x", "", 1 / 3),
    (5e-324, b"\xf0", "  ", 1.7976931348623157e308),
    (0.0, None, '"quoted" `x` [y]', "12345678901234567890"),
]


def add_odd_tables(path: Path) -> None:
    """Add tables of every kind, and a deleted row that a sequence remembers."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE odd (a INTEGER PRIMARY KEY AUTOINCREMENT, r REAL, b BLOB, t TEXT, n)"
        )
        connection.executemany("INSERT INTO odd (r, b, t, n) VALUES (?, ?, ?, ?)", ODD_VALUES)
        connection.execute("INSERT INTO odd (t) VALUES (CAST(x'ff41' AS TEXT))")  # no UTF-8
        connection.execute("INSERT INTO odd (t) VALUES ('gone')")
        connection.execute("DELETE FROM odd WHERE t = 'gone'")
        connection.execute(
            'CREATE TABLE "no rowid" (a TEXT, b INTEGER, c, PRIMARY KEY (a, b)) WITHOUT ROWID'
        )
        pairs = [(letter, number, None) for letter in "xy" for number in range(300)]
        connection.executemany('INSERT INTO "no rowid" VALUES (?, ?, ?)', pairs)
        connection.execute(
            "CREATE TABLE computed (rowid TEXT, half GENERATED ALWAYS AS (x / 2) STORED, "
            "x INTEGER, odd_id INTEGER REFERENCES odd (a), CHECK (computed.x > 0))"
        )
        connection.executemany(
            "INSERT INTO computed (rowid, x, odd_id) VALUES (?, ?, ?)",
            [(f"r{number}", number, 1) for number in range(1, 50)],
        )
        connection.execute("DELETE FROM computed WHERE x % 3 = 0")  # gaps between the rowids
        connection.execute("CREATE UNIQUE INDEX odd_index ON computed (x DESC) WHERE x > 2")
        connection.execute("CREATE VIEW odd_view AS SELECT t FROM odd JOIN computed ON a = odd_id")
        connection.execute(
            "CREATE TRIGGER odd_trigger AFTER INSERT ON computed BEGIN "
            "UPDATE odd SET t = 'changed by a trigger' WHERE a = NEW.odd_id; END"
        )


def hashes(location: Location) -> dict[str, TableDigest]:
    """Return count and hash of every table."""
    careful: set[str] = set()
    while True:
        try:
            with open_reader(location, careful=frozenset(careful)) as reader:
                return hash_tables(reader)
        except UnreadableText as error:
            careful.add(error.table)
