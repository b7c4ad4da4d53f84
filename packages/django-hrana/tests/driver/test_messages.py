"""Answers as the specification has them, and as servers send them: read, skipped or refused."""

import json

import pytest

from django_hrana import driver
from django_hrana.driver import messages
from django_hrana.driver.results import ArrivingRows

NUMBERS = [
    (None, None),
    ("7", 7),
    ("-9223372036854775808", -(2**63)),
    (7, 7),  # sqld's cursors
    (9223372036854775807, 2**63 - 1),
    (-3, -3),
]
NO_NUMBERS = ["", "x", "1_0", "7.0", "9" * 20, 7.5, True, [], 2**63]


def pipeline(rowid) -> bytes:
    result = {"cols": [], "rows": [], "affected_row_count": 1, "last_insert_rowid": rowid}
    ok = {"type": "ok", "response": {"type": "execute", "result": result}}
    return json.dumps({"baton": None, "base_url": None, "results": [ok]}).encode()


def step_end(rowid) -> bytes:
    entry = {"type": "step_end", "affected_row_count": 1, "last_insert_rowid": rowid}
    return json.dumps(entry).encode()


@pytest.mark.parametrize(("sent", "number"), NUMBERS)
def test_a_row_number_comes_as_text_or_as_a_number(sent, number):
    answer = messages.decode_pipeline(pipeline(sent), 1)
    for read in (
        answer.results[0].response.result.last_insert_rowid,
        messages.decode_cursor_line(step_end(sent)).last_insert_rowid,
    ):
        assert (None if read is None else int(read)) == number


@pytest.mark.parametrize("sent", NO_NUMBERS)
def test_what_is_no_row_number_is_refused(sent):
    with pytest.raises(driver.InterfaceError, match="is not Hrana 3"):
        messages.decode_pipeline(pipeline(sent), 1)
    with pytest.raises(driver.InterfaceError, match="is not Hrana 3"):
        messages.decode_cursor_line(step_end(sent))


BEGIN = {"type": "step_begin", "step": 0, "cols": [{"name": "a", "decltype": None}]}
ROW = {"type": "row", "row": [{"type": "integer", "value": "1"}]}
END = {"type": "step_end", "affected_row_count": 0, "last_insert_rowid": None}


def arrive(*entries) -> list[tuple]:
    lines = (entry if isinstance(entry, bytes) else json.dumps(entry).encode() for entry in entries)
    return list(ArrivingRows(iter(lines), 0, {}))


@pytest.mark.parametrize(
    "other",
    [
        {"type": "replication_index", "replication_index": 3},  # sqld's own
        {"type": "of_tomorrow", "row": [{"type": "integer", "value": "2"}], "step": 9},
        {"type": ""},
        {**ROW, "of_tomorrow": 1},
        b"",
    ],
)
def test_entries_and_fields_that_nobody_knows_are_skipped(other):
    is_row = isinstance(other, dict) and other["type"] == "row"
    expected = [(1,)] * (2 if is_row else 1)
    assert arrive(BEGIN, other, ROW, END) == expected
    if not is_row:
        assert arrive(other, BEGIN, other, ROW, other, END, other) == expected


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "row"},
        {"type": "row", "row": 1},
        {"type": "step_error", "step": 0},
        {"type": 3},
        {"no": "type"},
        [],
        b"{",
        b"\xff",
    ],
)
def test_entries_that_are_not_valid_are_refused(broken):
    with pytest.raises(driver.InterfaceError, match="is not Hrana 3"):
        arrive(BEGIN, ROW, broken, END)


def test_a_cursor_that_writes_is_read_to_its_end(connect):
    """Its step_end has the row's number as a number."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    request = messages.StatementRequest("INSERT INTO t VALUES (7) RETURNING id")
    assert list(connection.arriving(request)) == [(7,)]
    assert cursor.execute("SELECT id FROM t").fetchall() == [(7,)]
    assert cursor.execute("INSERT INTO t VALUES (8)").lastrowid == 8
