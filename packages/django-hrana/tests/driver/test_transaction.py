"""What a transaction asks of the server: as little as possible, and the same as SQLite would do."""

import contextlib
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_hrana.driver import OperationalError
from django_hrana.driver.transaction import Transaction

STEPS = {
    "save": Transaction.save,
    "release": Transaction.release,
    "back": Transaction.roll_back_to,
}


def do(transaction, steps):
    """Take steps such as "save a"; "write" stands for a statement, with which the prefix goes."""
    for step in steps.split(", ") if steps else ():
        verb, _space, name = step.partition(" ")
        if verb == "write":
            transaction.sent()
        else:
            STEPS[verb](transaction, name)


PREFIXES = [
    ("", ["BEGIN IMMEDIATE"]),
    ("write", []),
    ("save a", ["BEGIN IMMEDIATE", 'SAVEPOINT "a"']),
    ("write, save a, save b", ['SAVEPOINT "a"', 'SAVEPOINT "b"']),
    ("write, save a, write", []),
    # nothing came between: the server never hears of it
    ("write, save a, release a", []),
    ("write, save a, save b, release b", ['SAVEPOINT "a"']),
    ("write, save a, save b, release a", []),
    ("write, save a, back a", ['SAVEPOINT "a"']),
    ("write, save a, save b, back a", ['SAVEPOINT "a"']),
    ("write, save a, save b, back b", ['SAVEPOINT "a"', 'SAVEPOINT "b"']),
    # something came between
    ("write, save a, write, release a", ['RELEASE "a"']),
    ("write, save a, write, back a", ['ROLLBACK TO "a"']),
    ("write, save a, write, back a, release a", ['ROLLBACK TO "a"', 'RELEASE "a"']),
    ("write, save a, write, save b, back a", ['ROLLBACK TO "a"']),
    ("write, save a, write, save b, release a", ['RELEASE "a"']),
    ("write, save a, save b, write, release b, release a", ['RELEASE "a"']),
    ("write, save a, save b, write, back b, release a", ['ROLLBACK TO "b"', 'RELEASE "a"']),
    ("write, save a, save b, write, back b, back a", ['ROLLBACK TO "a"']),
    ("write, save a, write, back a, save b", ['ROLLBACK TO "a"', 'SAVEPOINT "b"']),
    ("write, save a, write, release a, save a", ['RELEASE "a"', 'SAVEPOINT "a"']),
    # the newest of a name is meant
    ("write, save a, write, save a, release a", []),
    ("write, save a, save a, back a", ['SAVEPOINT "a"', 'SAVEPOINT "a"']),
    ("write, save a, save a, release a", ['SAVEPOINT "a"']),
    ("write, save a, write, save a, release a, back a", ['ROLLBACK TO "a"']),
    # names are quoted
    ('write, save a "b"', ['SAVEPOINT "a ""b"""']),
    ('write, save a "b", write, release a "b"', ['RELEASE "a ""b"""']),
]


@pytest.mark.parametrize(("steps", "prefix"), PREFIXES)
def test_what_goes_in_front_of_the_next_statement(steps, prefix):
    transaction = Transaction("BEGIN IMMEDIATE")
    do(transaction, steps)
    assert transaction.prefix == prefix
    assert not transaction.is_over  # a BEGIN began it: only COMMIT or ROLLBACK ends it
    assert not transaction.has_written
    assert transaction.lost is None


@pytest.mark.parametrize(
    ("steps", "wrong", "name"),
    [
        ("", "release", "a"),
        ("save a", "release", "b"),
        ("save a", "back", "b"),
        ("save a, release a", "release", "a"),
        ("save a, save b, release a", "back", "b"),
        ("save a, save b, back a", "release", "b"),
        ("save a, write, save b, write, back a", "back", "b"),
    ],
)
def test_a_savepoint_that_is_gone_is_refused_and_changes_nothing(steps, wrong, name):
    transaction = Transaction("BEGIN")
    do(transaction, steps)
    before = transaction.prefix
    with pytest.raises(OperationalError, match=f"^no such savepoint: {name}$"):
        do(transaction, f"{wrong} {name}")
    assert transaction.prefix == before


@pytest.mark.parametrize(
    ("steps", "over"),
    [
        ("save a", False),
        ("save a, release a", True),
        ("save a, back a", False),
        ("save a, save b, release b", False),
        ("save a, save b, release a", True),
        ("save a, write, save b, write, release b", False),
        ("save a, write, save b, write, release a", True),
    ],
)
def test_a_transaction_that_a_savepoint_began_ends_with_it(steps, over):
    transaction = Transaction("BEGIN", ends_with_savepoints=True)
    do(transaction, steps)
    assert transaction.is_over is over


class Straight:
    """Each step is a statement of SQLite's at once."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute("CREATE TABLE t (x)")
        self.database.execute("BEGIN")

    def step(self, verb, name):
        words = {"save": "SAVEPOINT", "release": "RELEASE", "back": "ROLLBACK TO"}
        self.database.execute(f'{words[verb]} "{name}"')

    def write(self, value):
        self.database.execute("INSERT INTO t VALUES (?)", [value])

    def rows(self):
        self.database.execute("COMMIT")
        return self.database.execute("SELECT x FROM t").fetchall()


class Waiting(Straight):
    """Steps wait for the next statement."""

    def __init__(self):
        super().__init__()
        self.database.execute("ROLLBACK")
        self.transaction = Transaction("BEGIN")

    def step(self, verb, name):
        STEPS[verb](self.transaction, name)

    def write(self, value):
        self.send()
        super().write(value)

    def send(self):
        for sql in self.transaction.prefix:
            self.database.execute(sql)
        self.transaction.sent()

    def rows(self):
        self.send()
        return super().rows()


def outcome(kind, steps):
    """Return what a database holds in the end, and which of the steps it refused."""
    side, refused = kind(), []
    with contextlib.closing(side.database):
        for position, (verb, name) in enumerate(steps):
            if verb == "write":
                side.write(position)
                continue
            try:
                side.step(verb, name)
            except (sqlite3.OperationalError, OperationalError):
                refused.append(position)
        return side.rows(), refused


WRITE = ("write", "")
steps = st.one_of(
    st.just(WRITE), st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(["a", "b", "c"]))
)


@given(steps=st.lists(steps, max_size=12))
@example(  # the inner b is gone with a: the outer one is meant
    steps=[
        ("save", "b"), ("save", "a"), WRITE, ("save", "b"), ("release", "a"), ("back", "b"), WRITE,
    ]
)  # fmt: skip
@example(  # the inner a has to be gone before the outer one is meant
    steps=[("save", "a"), WRITE, ("save", "a"), WRITE, ("release", "a"), ("back", "a")]
)
def test_waiting_changes_nothing_of_what_sqlite_does(steps):
    assert outcome(Waiting, steps) == outcome(Straight, steps)
