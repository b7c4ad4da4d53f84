"""A replica follows a real server: whatever happens there, its files are equal, or not used."""

import fcntl
import os
import shutil
import time

import pytest

from django_hrana.replica.client import LogUnavailableError
from django_hrana.replica.files import DatabaseFile
from django_hrana.replica.process import REGISTRY
from django_hrana.replica.state import LOCKED, NO_FRAME, BusyError, locking
from hrana_support.keyed_server import start_keyed_server
from hrana_support.replicas import run
from hrana_support.sqld import Server

TABLE = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)"
COUNT = "SELECT count(*), coalesce(sum(length(text)), 0) FROM note"
# Some hundred pages each time.
MANY = (
    "INSERT INTO note (text) WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n "
    "WHERE x < 400) SELECT hex(randomblob(300)) FROM n"
)


def test_it_follows_all_that_happens(libsql_server, namespace, follower):
    url = libsql_server.url
    replica = follower(url, namespace)
    assert replica.follow().content.frame_no == NO_FRAME  # nothing was ever written

    def write(*statements):
        run(url, *statements, namespace=namespace)
        state = replica.follow()
        assert state.files[0].frame_no == state.files[1].frame_no
        return replica.query("SELECT count(*) FROM sqlite_master")

    assert write(TABLE) == [(1,)]
    assert write("INSERT INTO note VALUES (1, 'a')") == [(1,)]
    assert replica.query("SELECT text FROM note") == [("a",)]
    write("UPDATE note SET text = 'b'")
    assert replica.query("SELECT text FROM note") == [("b",)]
    assert write("CREATE INDEX i ON note (text)", "CREATE TABLE other (a)") == [(3,)]
    write(MANY, MANY)
    assert replica.query(COUNT) == [(801, 480_001)]
    write("DELETE FROM note WHERE id % 2")
    assert replica.query(COUNT) == [(400, 240_000)]
    assert write("ALTER TABLE note RENAME TO letter", "DROP TABLE other") == [(2,)]
    assert write("DROP TABLE letter") == [(0,)]


def test_nothing_new_changes_nothing(libsql_server, namespace, follower):
    run(libsql_server.url, TABLE, namespace=namespace)
    replica = follower(libsql_server.url, namespace)
    first = replica.follow()
    second = replica.follow()
    assert second.files == first.files
    assert second.current == first.current
    assert second.confirmed_ns > first.confirmed_ns


def test_snapshots(tmp_path, follower):
    """The server forgets old frames, and sends the pages that changed since."""
    with Server(tmp_path / "sqld", idle_seconds=600, arguments=("--max-log-size", "1")) as server:
        run(server.url, TABLE)
        behind = follower(server.url, path=tmp_path / "behind.db")
        behind.follow()
        for _time in range(8):
            run(server.url, MANY)
        new = follower(server.url)
        for replica in (behind, new):
            _follow_soon(replica)
            assert replica.query(COUNT) == [(3200, 1_920_000)]
        run(server.url, "DELETE FROM note")
        _follow_soon(behind)
        assert behind.query(COUNT) == [(0, 0)]


def _follow_soon(replica):
    for _attempt in range(50):
        try:
            return replica.follow()
        except LogUnavailableError as error:  # the snapshot is not written yet
            if error.reason != "snapshot not found":
                raise
    raise AssertionError("there is no snapshot")


def test_a_server_that_was_killed_begins_another_log(own_server, follower):
    replica = follower(own_server.url)
    run(own_server.url, TABLE, MANY, *["UPDATE note SET text = text || 'y'"] * 2)
    before = replica.follow()
    own_server.kill()
    own_server.start()
    run(own_server.url, "DELETE FROM note WHERE id > 20")
    after = replica.follow()
    assert after.log_id != before.log_id
    # What a rule of numbers alone would take for older than the replica.
    assert after.content.frame_no < before.content.frame_no
    assert replica.query("SELECT count(*) FROM note") == [(20,)]


def test_a_server_that_was_stopped_goes_on(own_server, follower):
    replica = follower(own_server.url)
    run(own_server.url, TABLE, MANY)
    before = replica.follow()
    own_server.stop()
    own_server.start()
    after = replica.follow()
    assert (after.log_id, after.files) == (before.log_id, before.files)
    assert after.session != before.session
    run(own_server.url, "DELETE FROM note")
    replica.follow()
    assert replica.query(COUNT) == [(0, 0)]


@pytest.mark.parametrize("more", [1, 6], ids=["as many frames", "more frames"])
def test_a_folder_that_was_put_back(own_server, follower, tmp_path, more):
    """The log's name is the same, and its numbers go on; its frames are others."""
    run(own_server.url, TABLE)
    own_server.stop()
    shutil.copytree(own_server.folder, tmp_path / "copy")
    own_server.start()
    replica = follower(own_server.url)
    run(own_server.url, "INSERT INTO note VALUES (1, 'lost')")
    before = replica.follow()
    own_server.stop()
    shutil.rmtree(own_server.folder)
    shutil.copytree(tmp_path / "copy", own_server.folder)
    own_server.start()
    for number in range(more):
        run(own_server.url, f"INSERT INTO note VALUES ({number + 5}, 'kept')")
    after = replica.follow()
    assert after.log_id == before.log_id
    assert replica.query("SELECT count(*), min(text) FROM note") == [(more, "kept")]


def test_a_database_that_was_made_anew(libsql_server, follower):
    """Its log is another one, in the same process of the server, with the same session."""
    libsql_server.create("again")
    run(libsql_server.url, TABLE, MANY, namespace="again")
    replica = follower(libsql_server.url, "again")
    before = replica.follow()
    libsql_server.admin("DELETE", "/v1/namespaces/again")
    with pytest.raises(LogUnavailableError, match="NAMESPACE_DOESNT_EXIST"):
        replica.follow()
    libsql_server.create("again")
    empty = replica.follow()
    assert empty.content.frame_no == NO_FRAME
    run(libsql_server.url, TABLE, "INSERT INTO note VALUES (1, 'new')", namespace="again")
    after = replica.follow()
    assert after.session == before.session
    assert replica.query(COUNT) == [(1, 3)]


def test_two_databases_on_one_path(libsql_server, namespace, follower):
    libsql_server.create("second")
    run(libsql_server.url, TABLE, namespace=namespace)
    run(libsql_server.url, TABLE, MANY, namespace="second")
    first = follower(libsql_server.url, namespace)
    second = follower(libsql_server.url, "second")
    first.follow()
    second.follow()
    assert second.query("SELECT count(*) FROM note") == [(400,)]
    first.follow()
    assert first.query("SELECT count(*) FROM note") == [(0,)]


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_tokens(tmp_path, follower, access):
    with start_keyed_server(tmp_path) as keyed:
        run(keyed.url, TABLE, token=keyed.token())
        for wrong in (None, "junk", keyed.token(seconds=-100)):
            with pytest.raises(LogUnavailableError) as caught:
                follower(keyed.url, token=wrong).follow()
            assert caught.value.is_about_token
        tokens = iter(["junk", keyed.token(access=access)])
        follower(keyed.url, token=lambda: next(tokens)).follow()


def _remove(path):
    path.unlink()


def _truncate(path):
    os.truncate(path, 4096)


def _stamp(path):
    with path.open("r+b") as file:
        file.seek(24)
        file.write(b"\1\2\3\4")


@pytest.mark.parametrize("harm", [_remove, _truncate, _stamp])
@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)], ids=["a", "b", "both"])
def test_files_that_are_not_what_they_were(libsql_server, namespace, follower, harm, which):
    run(libsql_server.url, TABLE, MANY, namespace=namespace)
    replica = follower(libsql_server.url, namespace)
    replica.follow()
    for index in which:
        harm(replica.store.files[index])
    run(libsql_server.url, "INSERT INTO note (text) VALUES ('x')", namespace=namespace)
    replica.follow()
    assert replica.query(COUNT) == [(401, 240_001)]


def test_a_state_that_was_removed(libsql_server, namespace, follower):
    run(libsql_server.url, TABLE, MANY, namespace=namespace)
    replica = follower(libsql_server.url, namespace)
    replica.follow()
    replica.store.state.path.unlink()
    replica.follow()
    assert replica.store.state.path.exists()
    assert replica.query(COUNT) == [(400, 240_000)]


class KilledError(BaseException):
    """In place of kill -9."""


@pytest.mark.parametrize("moment", range(12))
def test_an_end_at_any_moment_is_mended(libsql_server, namespace, follower, monkeypatch, moment):
    """Whatever was written last, the next round mends it, and the state never speaks of a half."""
    url = libsql_server.url
    run(url, TABLE, MANY, namespace=namespace)
    replica = follower(url, namespace)
    replica.follow()
    run(url, MANY, "DELETE FROM note WHERE id < 100", namespace=namespace)
    calls = iter(range(100))
    write, synchronize = os.pwrite, os.fsync

    def count(call):
        def counted(*arguments):
            number = next(calls)
            # The first writes void the file and bring pages, the last ones turn the state.
            if number in (moment, 40 + moment * 4):
                raise KilledError
            return call(*arguments)

        return counted

    monkeypatch.setattr(os, "pwrite", count(write))
    monkeypatch.setattr(os, "fsync", count(synchronize))
    with pytest.raises(KilledError):
        replica.follow()
    monkeypatch.undo()
    replica.follow()
    assert replica.query(COUNT) == [(701, 420_600)]


def test_a_file_that_somebody_reads_is_not_changed(libsql_server, namespace, follower):
    run(libsql_server.url, TABLE, namespace=namespace)
    replica = follower(libsql_server.url, namespace)
    state = replica.follow()
    with replica.store.files[1 - state.current].open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with (
            pytest.raises(BusyError),
            DatabaseFile.changing(replica.store.files[1 - state.current], 0.01),
        ):
            pass
    with replica.store.files[state.current].open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # the one that will be read no more
        run(libsql_server.url, "INSERT INTO note VALUES (1, 'x')", namespace=namespace)
        after = replica.follow()
    assert after.current != state.current
    assert after.files[state.current] == state.content
    run(libsql_server.url, "INSERT INTO note VALUES (2, 'y')", namespace=namespace)
    replica.follow()
    assert replica.query("SELECT count(*) FROM note") == [(2,)]


def test_a_child_holds_no_lock_of_its_parent(tmp_path):
    """A lock belongs to the open file, which a child inherits: it would outlive the parent."""
    assert not REGISTRY.replicas
    with (tmp_path / "file").open("wb") as file, locking(file, time.monotonic()):
        child = os.fork()
        if child == 0:
            os._exit(0 if file.closed and not LOCKED else 1)
        _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with (tmp_path / "file").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
