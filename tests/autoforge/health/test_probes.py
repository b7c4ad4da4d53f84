"""Every probe, well and made to fail for real."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from django.core.management import CommandError, call_command

from autoforge.health.probes import PROBES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def database(migrated_file, tmp_path) -> Path:
    path = tmp_path / "db.sqlite3"
    shutil.copy(migrated_file, path)
    return path


def manage(arguments: list[str], database: Path, **variables: str):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{database}"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def probe(name: str, database: Path, **variables: str) -> tuple[int, dict]:
    done = manage(
        ["check_health", "--probe", name, "--format", "json", "--timeout", "15"],
        database,
        **variables,
    )
    report = json.loads(done.stdout)
    assert set(report) == {"status", "environment", "checks"}
    assert set(report["checks"][0]) == {"name", "status", "duration_ms", "detail", "hint"}
    assert report["status"] == report["checks"][0]["status"]
    return done.returncode, report["checks"][0]


def test_a_good_system_is_healthy(database):
    done = manage(["check_health"], database)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"healthy (local): {len(PROBES)} of {len(PROBES)} checks" in done.stdout
    assert "in-process cache (no Redis is configured)" in done.stdout


def test_it_could_not_ask(database):
    done = manage(["check_health", "--probe", "cach"], database)
    assert done.returncode == 2
    assert done.stderr == (
        f"CommandError: Unknown probe 'cach'; available: {', '.join(PROBES)}. Did you mean cache?\n"
    )
    done = manage(["check_health", "--timeout=soon"], database)
    assert done.returncode == 2
    assert "must be a number of seconds greater than 0 and at most 3600" in done.stderr
    assert manage(["check_health", "--format", "xml"], database).returncode == 2


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon"])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(
        CommandError, match="must be a number of seconds greater than 0 and at most 3600"
    ):
        call_command("check_health", f"--timeout={text}")


def test_database_missing(tmp_path):
    status, check = probe("database", tmp_path / "none.sqlite3")
    assert (status, check["status"]) == (1, "unhealthy")
    assert check["detail"] == f"there is no database at {tmp_path}/none.sqlite3"
    assert check["hint"] == "Run `manage.py migrate`, or correct DATABASE_URL."
    assert not (tmp_path / "none.sqlite3").exists()


def test_database_is_another_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as one " * 100)
    status, check = probe("database", path)
    assert status == 1
    assert check["detail"] == f"{path} is not a SQLite database"
    assert check["hint"].startswith("Correct DATABASE_URL, or move the file away and run")


def test_migrations_pending_and_unknown(database):
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'evaluations'")
    status, check = probe("migrations", database)
    found = sorted(path.stem for path in Path("evaluations/migrations").glob("0*.py"))
    assert (status, check["detail"]) == (
        1,
        "pending: " + ", ".join(f"evaluations.{name}" for name in found),
    )
    assert check["hint"] == "Run `manage.py migrate_safely`."
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-01-01')",
            [*(("evaluations", name) for name in found), ("prompts", "9999_future")],
        )
    status, check = probe("migrations", database)
    assert (status, check["detail"]) == (1, "applied but not in this code: prompts.9999_future")


def test_a_table_is_gone(database):
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE test_results")
    status, check = probe("tables", database)
    assert (status, check["detail"]) == (1, "the table test_results is missing")


def test_writing_is_refused_and_a_good_write_leaves_nothing(database):
    assert probe("write", database)[0] == 0
    with sqlite3.connect(database) as connection:
        names = connection.execute("SELECT app FROM django_migrations").fetchall()
        assert ("health_probe",) not in names
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON django_migrations"
            " BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END"
        )
    status, check = probe("write", database)
    assert status == 1
    assert "a row cannot be written: disk I/O error" in check["detail"]


def test_a_held_lock_is_reported_in_time(database):
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    done = manage(["check_health", "--probe", "write", "--timeout", "1"], database)
    connection.close()
    assert done.returncode == 1
    assert "no result within 1 s" in done.stdout
    assert time.monotonic() - started < 15


def test_redis_alive_killed_and_back(database, redis_server):
    variables = {"REDIS_URL": redis_server.url}
    status, check = probe("cache", database, **variables)
    assert (status, check["detail"]) == (0, f"Redis at 127.0.0.1:{redis_server.port}/0")
    redis_server.kill()
    status, check = probe("cache", database, **variables)
    assert (status, check["status"]) == (1, "unhealthy")
    assert check["detail"].startswith(f"Redis at 127.0.0.1:{redis_server.port}/0 is not responding")
    assert "Start Redis" in check["hint"]
    redis_server.start()
    assert probe("cache", database, **variables)[0] == 0


def test_redis_with_another_password(database, tmp_path):
    from tests.support.redis_server import RedisServer

    server = RedisServer(tmp_path, password="right-password")
    server.start()
    try:
        url = server.url.replace("right-password", "wrong-password")
        status, check = probe("cache", database, REDIS_URL=url)
    finally:
        server.kill()
    assert status == 1
    assert check["hint"] == "Correct REDIS_PASSWORD, or the password in REDIS_URL."
    assert "wrong-password" not in json.dumps(check)


def test_the_disk_is_nearly_full(settings, monkeypatch, tmp_path):
    """The probe asks the real disk; only what counts as too little is raised to what there is."""
    from autoforge.health.errors import ProbeError
    from autoforge.health.probes import disk

    entry = settings.DATABASES["default"]
    monkeypatch.setitem(entry, "ENGINE", "core.sqlite")
    monkeypatch.setitem(entry, "NAME", str(tmp_path / "db.sqlite3"))
    assert disk.probe().endswith("MiB free")
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", shutil.disk_usage("/").total * 1024)
    with pytest.raises(ProbeError, match="MiB required"):
        disk.probe()
    monkeypatch.setitem(entry, "NAME", "/no/such/folder/db.sqlite3")
    with pytest.raises(ProbeError, match="cannot be inspected: No such file or directory"):
        disk.probe()


def token(**claims) -> str:
    return jwt.encode(claims, "k" * 32)


@pytest.mark.parametrize(
    ("claims", "detail", "hint"),
    [
        (None, "the database needs no token", ""),
        ({}, "the token does not expire, read and write", ""),
        ({"a": "ro"}, "the token does not expire, read-only", ""),
        ({"exp": 4_102_444_800}, "the token is valid until 2100-01-01 00:00 UTC, read and", ""),
        (
            {"exp": (datetime.now(UTC) + timedelta(days=3)).timestamp()},
            "the token is valid until",
            "It expires within 14 days. Renew it with",
        ),
    ],
)
def test_a_token_that_is_good(settings, monkeypatch, claims, detail, hint):
    from autoforge.health.probes import token as probe_token

    options = {} if claims is None else {"auth_token": token(**claims)}
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    found, _, advice = probe_token.probe().partition("\n")
    assert found.startswith(detail)
    assert advice.startswith(hint)
    assert bool(advice) is bool(hint)


def test_an_expired_token(settings, monkeypatch):
    from autoforge.health.errors import ProbeError
    from autoforge.health.probes import token as probe_token

    options = {"auth_token": token(exp=1_000_000_000)}
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    with pytest.raises(ProbeError, match="the token expired at 2001-09-09 01:46 UTC"):
        probe_token.probe()


def test_files_that_others_may_read_or_write(database, tmp_path):
    env = tmp_path / ".env.shared"
    env.write_text("APP_ENV=local\n")
    env.chmod(0o644)
    status, check = probe("permissions", database, ENV_FILE=str(env))
    assert (status, check["detail"]) == (1, "other users can read .env.shared")
    assert check["hint"] == "Run `chmod 600 .env.shared`."
    env.chmod(0o600)
    assert probe("permissions", database, ENV_FILE=str(env))[0] == 0
    database.chmod(0o666)
    status, check = probe("permissions", database, ENV_FILE=str(env))
    assert (status, check["detail"]) == (1, "any user can write to db.sqlite3")


def test_database_info(database):
    done = manage(["database_info", "--format", "json"], database)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["engine"], facts["location"]) == (0, "SQLite", str(database))
    assert facts["tables"]["prompts"] == 0
    assert facts["size_bytes"] >= database.stat().st_size
    assert facts["migrations"]["pending"] == []
    assert "prompts.0001_initial" in facts["migrations"]["applied"]
    assert "none pending" in manage(["database_info"], database).stdout


def test_database_info_without_a_database(tmp_path):
    done = manage(["database_info"], tmp_path / "none.sqlite3")
    assert done.returncode == 2
    assert done.stderr.startswith("CommandError: The database cannot be queried: there is no data")
    assert done.stderr.count("\n") == 1


def test_show_environment_masks(database):
    done = manage(["show_environment"], database, OPENAI_API_KEY="sk-very-secret")
    assert "OPENAI_API_KEY" in done.stdout
    assert "**** (14 characters)" in done.stdout
    assert "sk-very-secret" not in done.stdout
    rows = json.loads(manage(["show_environment", "--format", "json"], database).stdout)
    assert {row["name"]: row["source"] for row in rows}["DATABASE_URL"] == "process"
