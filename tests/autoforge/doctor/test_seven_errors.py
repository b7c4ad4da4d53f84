"""The seven errors of the team's guide: what the ordinary commands say, in one sentence each.

A package is missing, the path is wrong, authentication fails, the database is not up to date, Redis
refuses, a client library is missing, a placeholder was left. The doctor's own sentences on such
days stand in test_bad_days.py.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hrana_support.keyed_server import KeyedServer, start_keyed_server
from tests.support.doctor import ROOT, make_packages, manage, staging
from tests.support.ports import free_port

pytestmark = pytest.mark.once

EVALUATE = ("evaluate", "--suite", "s", "--prompt", "p", "--provider", "echo")
DAY = 24 * 3600
SETUP = "run `make setup`, then use .venv/bin/python"
THIS_PYTHON = (sys.executable,)


@pytest.fixture
def file(migrated_file, tmp_path) -> Path:
    path = tmp_path / "day.sqlite3"
    shutil.copy(migrated_file, path)
    return path


def commands() -> dict[tuple[str, ...], int]:
    """Return what is tried, and the exit status with which it ends."""
    return {("migrate",): 2, ("runserver", str(free_port())): 2, EVALUATE: 4}


def say(command: Sequence[str], env: Mapping[str, str], python=THIS_PYTHON) -> tuple[int, str]:
    done = manage(*command, env=env, python=python)
    assert "Traceback" not in done.stdout + done.stderr, command
    return done.returncode, done.stderr


def serve(
    env: Mapping[str, str], python=THIS_PYTHON, *, until: str, ends: bool = True
) -> tuple[int, str]:
    """Return how gunicorn ends, and its log.

    Args:
        env: its environment.
        python: what runs it.
        until: a line that is waited for.
        ends: whether it ends by itself then; else it is ended.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": str(ROOT / "tests" / "test.env"),
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "1",
        **env,
    }
    process = subprocess.Popen(
        [*python, "-m", "gunicorn", "autoforge.wsgi"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if until in line:
            break
    if not ends:
        process.terminate()
    rest = process.communicate(timeout=60)[1]
    log = "".join(lines) + rest
    assert "Traceback" not in log
    return process.returncode, log


def test_1_a_package_is_missing(file, tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    python, packages = make_packages(folder, without=["axes", "django_axes-*"])
    env = {"DATABASE_URL": f"sqlite:///{file}", **packages}
    sentence = f"The package axes is not installed for this Python; {SETUP}."
    for command in commands():
        assert say(command, env, python) == (2, f"{sentence}\n"), command
    status, log = serve(env, python, until=sentence)
    assert (status, sentence in log) == (4, True)


def test_1_django_itself_is_missing(file, tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    python, packages = make_packages(folder, without=["django", "django-5*"])
    env = {"DATABASE_URL": f"sqlite:///{file}", **packages}
    sentence = f"Django is not installed for this Python; {SETUP}.\n"
    for command in commands():
        assert say(command, env, python) == (2, sentence), command
    for command in (("doctor", "--no-such-option"), ("env", "check")):  # which need no Django
        code, error = say(command, env, python)
        assert (code, error.startswith("usage: ")) == (2, True), command


def test_2_the_path_is_wrong(tmp_path):
    folder = tmp_path / "gone"
    env = {"DATABASE_URL": f"sqlite:///{folder}/day.sqlite3"}
    sentence = (
        f"there is no database at {folder}/day.sqlite3, and no folder {folder}: create the folder "
        "and run `manage.py migrate`, or correct DATABASE_URL"
    )
    for command, status in commands().items():
        code, error = say(command, env)
        assert code == status
        if command == ("migrate",):  # the check that stands before it
            assert f"The database folder '{folder}' does not exist." in error
            assert "Create it and give this user write access, or correct DATABASE_URL." in error
        else:
            assert error == f"Database error: {sentence}.\n"
    _status, log = serve(env, until=sentence, ends=False)
    assert sentence in log


def test_3_authentication_fails(tmp_path):
    with start_keyed_server(tmp_path) as keyed:
        (tmp_path / "other").mkdir()
        token = KeyedServer(tmp_path / "other").token(seconds=60 * DAY)
        env = staging(
            TURSO_STAGING_DATABASE_URL=keyed.url,
            TURSO_STAGING_AUTH_TOKEN=token,
        )
        sentence = (
            f"{keyed.url} rejected the token, which is not valid for this server: copy it again, "
            "or create a new one for this database, and set it as auth_token"
        )
        for command, status in commands().items():
            code, error = say(command, env)
            assert (code, error) == (status, f"Database error: {sentence}.\n"), command


def test_4_the_database_is_not_up_to_date(file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'evaluations'")
        connection.execute("DROP TABLE test_suites")
    code, error = say(EVALUATE, {"DATABASE_URL": f"sqlite:///{file}"})
    assert code == 4
    assert re.fullmatch(
        r"Database error: no such table: test_suites: \d+ migrations are not applied; run "
        r"`manage.py migrate_safely`\.\n",
        error,
    )


def test_5_redis_refuses(file):
    port = free_port()
    env = {
        "DATABASE_URL": f"sqlite:///{file}",
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "QUEUE": "in-process",
    }
    # What needs no cache goes on without it.
    assert say(("migrate", "--verbosity=0"), env) == (0, "")
    done = manage("check_health", "--probe", "cache", env=env)
    assert done.returncode == 1
    assert f"Redis at 127.0.0.1:{port}/0 is not responding (ConnectionError)" in done.stdout
    assert (
        "→ Start Redis, or correct REDIS_URL or REDIS_HOST; pages work without a cache."
        in done.stdout
    )


def test_6_a_client_library_is_missing(file, tmp_path):
    folder = tmp_path / "packages"
    folder.mkdir()
    python, packages = make_packages(folder, without=["redis", "redis-*"])
    env = {
        "DATABASE_URL": f"sqlite:///{file}",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        **packages,
    }
    sentence = f"The package redis is not installed for this Python; {SETUP}."
    for command in (("migrate",), ("runserver", str(free_port())), ("run_huey",)):
        assert say(command, env | {"QUEUE": "redis"}, python) == (2, f"{sentence}\n"), command
    status, log = serve(env, python, until=sentence)
    assert (status, sentence in log) == (4, True)


def test_7_a_placeholder_was_left():
    env = staging(SECRET_KEY="${STAGING_SECRET_KEY}")
    sentence = (
        "Configuration error: SECRET_KEY is **** (21 characters) (from the environment): it is a "
        "placeholder that was not replaced; set SECRET_KEY to 50 or more random characters."
    )
    for command in commands():
        assert say(command, env) == (2, f"{sentence}\n"), command
    status, log = serve(env, until=sentence)
    assert (status, sentence in log) == (4, True)
