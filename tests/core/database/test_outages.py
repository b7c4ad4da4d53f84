"""A database's bad day is one sentence: every command, every page, with real files and locks."""

import gc
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import Error, OperationalError, connection, connections
from django.test import Client

import manage
from core.database.explanation import explain
from core.database.outages import OutageKind, find_outage
from core.sqlite import base
from django_hrana import driver

ON_SQLITE = pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"] != "core.sqlite", reason="about SQLite files"
)
LOCK = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "connection.execute('BEGIN IMMEDIATE')\n"
    "print('locked', flush=True)\n"
    "sys.stdin.readline()\n"
)


@contextmanager
def pointed_elsewhere() -> Iterator[Callable[..., None]]:
    """Yield a function that points the product at another file; at the end it is as before."""
    entry = connection.settings_dict
    before = entry["NAME"], entry["OPTIONS"]

    def point(name: str | Path, **options: object) -> None:
        connection.close()
        entry["NAME"] = str(name)
        entry["OPTIONS"] = before[1] | {"timeout": 0.1} | options

    connection.close()
    connection._may_create = False  # what a `migrate` before in this process allowed
    yield point
    connections.close_all()
    entry["NAME"], entry["OPTIONS"] = before
    connection._may_create = False  # as above


@pytest.fixture
def migrated(migrated_file) -> Path:
    """Return a migrated database, to copy."""
    return migrated_file


@pytest.fixture
def use(django_db_blocker) -> Iterator[Callable[..., None]]:
    """Return a function that points the product at another file."""
    with django_db_blocker.unblock(), pointed_elsewhere() as point:
        yield point


def copy(migrated: Path, folder: Path) -> Path:
    path = folder / "db.sqlite3"
    path.write_bytes(migrated.read_bytes())
    return path


# --- what can happen to a file: (file, options of the connection)


def locked(path: Path, use) -> Iterator[None]:
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        use(path)
        yield
        program.communicate(b"\n")


def read_only(path: Path, use) -> Iterator[None]:
    use(f"{path.as_uri()}?mode=ro")  # what a missing permission is to others than root
    yield


def query_only(path: Path, use) -> Iterator[None]:
    use(path, init_command="PRAGMA query_only = ON")
    yield


def disk_full(path: Path, use) -> Iterator[None]:
    with closing(sqlite3.connect(path)) as file:
        pages = file.execute("PRAGMA page_count").fetchone()[0]
    use(path, init_command=f"PRAGMA max_page_count = {pages}")
    yield


def garbage(path: Path, use) -> Iterator[None]:
    path.write_bytes(b"hello\n")
    use(path)
    yield


def damaged(path: Path, use) -> Iterator[None]:
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xaa" * (len(raw) - 4096))
    use(path)
    yield


def missing(path: Path, use) -> Iterator[None]:
    path.unlink()
    use(path)
    yield
    assert not path.exists()  # nor was an empty one made


def no_folder(path: Path, use) -> Iterator[None]:
    use(path.parent / "none" / "db.sqlite3")
    yield


def a_folder(path: Path, use) -> Iterator[None]:
    use(path.parent)
    yield


def empty(path: Path, use) -> Iterator[None]:
    path.write_bytes(b"")
    use(path)
    yield


def behind(path: Path, use) -> Iterator[None]:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(
            "DELETE FROM django_migrations WHERE app = 'evaluations'; DROP TABLE evaluation_runs;"
            "DROP TABLE prompts; DROP TABLE test_suites"
        )
    use(path)
    yield


def drifted(path: Path, use) -> Iterator[None]:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(
            "ALTER TABLE prompts RENAME COLUMN deleted_at TO gone_at;"
            "ALTER TABLE test_suites RENAME COLUMN deleted_at TO gone_at;"
        )
    use(path)
    yield


FAULTS = {
    locked: "another program holds the lock on",
    read_only: "is read-only: give this user write access to the file and to its folder",
    query_only: "is read-only: give this user write access",
    disk_full: "is full, or a quota or limit has been reached: free space there, and try again",
    garbage: "is not a SQLite database: correct DATABASE_URL, or move the file away",
    damaged: "is damaged (database disk image is malformed): stop AutoForge and restore",
    missing: "there is no database at",
    no_folder: "create the folder and run `manage.py migrate`, or correct DATABASE_URL",
    a_folder: "cannot be opened: give this user read and write access to the file and its folder",
    empty: "migrations are not applied; run `manage.py migrate_safely`",
    behind: "are not applied; run `manage.py migrate_safely`",
    drifted: "the database does not match its migrations (the column deleted_at of",
}
ONLY_WRITES = (locked, read_only, query_only, disk_full)  # who only reads goes on
# The others leave its tables alone, or room for its row.
IN_THE_WAY_OF_A_LOGIN = [fault for fault in FAULTS if fault not in (behind, drifted, disk_full)]
READS = {
    "export_prompts {folder}/out.json": 2,
    "export_prompts {folder}/out": 2,
    "render_prompt name": 2,
    "evaluate --suite s --prompt p --provider echo": 4,
    "export_suite s": 2,
}
WRITES = {
    "import_prompts {folder}/prompts.csv": 2,
    "import_prompts {folder}/prompts.csv --output json": 2,
    "import_suite {folder}/suite.csv --assert exact": 2,
    "evaluate {folder}/config.yaml": 4,
    "load_demo": 2,
}
OTHERS = {
    "createsuperuser --noinput --username x --email x@example.org": 2,
    "clearsessions": 2,
    "purge_prompts": 2,
    "data_retention --apply": 2,
    "sync_roles": 2,
}


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.__name__)
def fault(request, migrated, tmp_path, use) -> Iterator[Callable[..., Iterator[None]]]:
    yield from ((request.param) for _ in request.param(copy(migrated, tmp_path), use))


@pytest.fixture
def files(tmp_path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    long = "x" * 100_000  # no page that is there already has room for it
    (folder / "prompts.csv").write_text(f"title,content\nT,{long}\n")
    (folder / "suite.csv").write_text(f"question,expected\n{long},b\n")
    (folder / "config.yaml").write_text(f"prompts: [{long}]\nproviders: [echo]\ntests: [{{}}]\n")
    return folder


@pytest.fixture
def run(monkeypatch, capsys) -> Iterator[Callable[[str], tuple[int, str, str]]]:
    """Return a function that runs a command as `manage.py` does."""
    threshold = gc.get_threshold()
    monkeypatch.setattr("atexit.register", lambda *_: None)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct-horse-battery")

    def call(command: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["manage.py", *command.split()])
        try:
            code = manage.main()
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return code, output.out, output.err

    yield call
    gc.set_threshold(*threshold)


@ON_SQLITE
def test_every_command_says_one_sentence(fault, files, run):
    concerned = WRITES if fault in ONLY_WRITES else READS | WRITES
    if fault not in (*ONLY_WRITES, empty, behind, drifted):
        concerned = concerned | OTHERS
    for command, status in concerned.items():
        code, out, err = run(command.format(folder=files))
        assert code == status, (command, err)
        assert FAULTS[fault] in err, command
        assert "Traceback" not in out + err
        if fault is drifted and command.startswith("evaluate {folder}"):
            assert "\nFailed: the database rejected a statement (" in err
            continue  # the run could be made: it says how it ended
        assert err.startswith("Database error: "), (command, err)
        assert err.count("\n") == 1, command
        assert not out or FAULTS[fault] in out, "the JSON report says it too"
    assert not list(files.glob("out*"))


@ON_SQLITE
@pytest.mark.parametrize("fault", IN_THE_WAY_OF_A_LOGIN, indirect=True, ids=lambda f: f.__name__)
@pytest.mark.parametrize("debug", [False, True], ids=["debug-off", "debug-on"])
def test_every_page_says_one_sentence(fault, settings, debug, caplog):
    settings.DEBUG = debug
    client = Client(raise_request_exception=False)
    form = {"username": "owner", "password": "wrong"}
    answer = client.post("/admin/login/", form, headers={"accept-language": "en"})
    text = answer.content.decode()
    assert answer.status_code == 503, text[:500]
    assert answer["Retry-After"] == "10"
    assert "The database is unavailable" in text
    assert "Traceback" not in text
    assert "db.sqlite3" not in text
    assert FAULTS[fault] in caplog.text
    assert client.get("/health/live").status_code == 200


@ON_SQLITE
def test_migrate_alone_makes_a_file(migrated, tmp_path, use, run):
    path = tmp_path / "new.sqlite3"
    use(path)
    code, _, err = run("showmigrations")
    assert (code, path.exists()) == (2, False)
    assert f"there is no database at {path}: run `manage.py migrate` to create it" in err
    assert run("migrate contenttypes --verbosity=0")[0] == 0
    assert path.stat().st_size > 0


@ON_SQLITE
def test_who_waits_for_a_lock_says_so(migrated, tmp_path, use, monkeypatch, caplog):
    """The lock goes as soon as the wait was announced: no clock decides."""
    path = copy(migrated, tmp_path)
    use(path, timeout=20)
    monkeypatch.setattr(base, "SILENT_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits = base.announcer.waits

        def release(reason: str) -> None:
            waits(reason)
            other.execute("ROLLBACK")

        monkeypatch.setattr(base.announcer, "waits", release)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE prompts SET title = title")
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("Waiting for the database: another program holds the lock on ")
    assert said[1].startswith("The database is responding again after ")
    assert len(said) == 2


@ON_SQLITE
def test_a_lock_in_the_way_of_a_read_transaction_is_not_waited_for(migrated, tmp_path, use):
    path = copy(migrated, tmp_path)
    use(path, transaction_mode="DEFERRED", timeout=20)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, connection.cursor() as ours:
        ours.execute("BEGIN")
        ours.execute("SELECT count(*) FROM prompts")
        other.execute("CREATE TABLE another (x)")
        with pytest.raises(OperationalError) as refusal:  # at once: its snapshot is out of date
            ours.execute("UPDATE prompts SET title = title")
        ours.execute("ROLLBACK")
    assert find_outage(refusal.value).kind is OutageKind.LOCKED


# --- told by code


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("words do not matter")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_X"
    return error


KINDS = {
    "SQLITE_BUSY": OutageKind.LOCKED,
    "SQLITE_BUSY_SNAPSHOT": OutageKind.LOCKED,
    "SQLITE_PROTOCOL": OutageKind.LOCKED,
    "SQLITE_READONLY": OutageKind.ACCESS_DENIED,
    "SQLITE_READONLY_DBMOVED": OutageKind.ACCESS_DENIED,
    "SQLITE_PERM": OutageKind.ACCESS_DENIED,
    "SQLITE_CORRUPT": OutageKind.DAMAGED,
    "SQLITE_CORRUPT_VTAB": OutageKind.DAMAGED,
    "SQLITE_NOTADB": OutageKind.DAMAGED,
    "SQLITE_FULL": OutageKind.DISK,
    "SQLITE_IOERR": OutageKind.DISK,
    "SQLITE_IOERR_WRITE": OutageKind.DISK,
    "SQLITE_CONSTRAINT_UNIQUE": None,
    "SQLITE_ERROR": None,
    "SQLITE_LOCKED": None,
    "SQLITE_MISMATCH": None,
    "SQLITE_RANGE": None,
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_files_error_is_told_by_its_code(name, kind):
    outage = find_outage(sqlite_error(getattr(sqlite3, name)))
    assert (outage and outage.kind) == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SQLITE_FULL", OutageKind.DISK),
        ("SQLITE_IOERR_FSYNC", OutageKind.DISK),
        ("SQLITE_CORRUPT", OutageKind.DAMAGED),
        ("SQLITE_NOTADB", OutageKind.DAMAGED),
        ("SQLITE_READONLY", OutageKind.ACCESS_DENIED),
        ("SQLITE_CANTOPEN", OutageKind.NOT_FOUND),
        ("SQLITE_BUSY", OutageKind.BUSY),
        ("BLOCKED", OutageKind.BLOCKED),
        ("SQLITE_CONSTRAINT", None),
        ("SQLITE_UNKNOWN", None),
        ("", None),
    ],
)
def test_a_servers_error_is_told_by_its_code(code, kind):
    error = OperationalError("x")
    error.__cause__ = driver.errors.from_server("no such table: x", code)
    outage = find_outage(error)
    assert (outage and outage.kind) == kind


def test_what_is_no_error_of_a_database_is_no_outage():
    assert find_outage(None) is None
    assert find_outage(sqlite3.ProgrammingError("Cannot operate on a closed database.")) is None
    assert explain(ValueError("x")) is None


@pytest.mark.django_db
def test_an_error_where_the_schema_is_right_is_ours():
    with pytest.raises(Error) as refusal, connection.cursor() as cursor:
        cursor.execute("SELECT nonsense FROM prompts")
    assert explain(refusal.value) is None
