"""Staging on a libSQL server that asks for Ed25519 tokens: good, expired, read-only, foreign."""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from launch.sqld import Server

from django_hrana import driver
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600
DAY = 24 * HOUR


class Staging:
    """A server with a key, and what it takes to run commands against it."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        public = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).decode()
        (folder / "jwt_key").write_text(public.rstrip("="))
        self.server = Server(
            folder / "sqld",
            idle_seconds=600,
            arguments=("--auth-jwt-key-file", str(folder / "jwt_key")),
        )

    def token(self, *, access: str = "rw", seconds: int = 60 * DAY) -> str:
        claims = {"a": access, "exp": int(time.time()) + seconds}
        return jwt.encode(claims, self.key, "EdDSA")

    def run(self, *command: str, token: str, url: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "APP_ENV": "staging",
            "ENV_FILE": str(ROOT / "tests" / "test.env"),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "JWT_SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "staging.example",
            "TURSO_STAGING_DATABASE_URL": url or self.server.url,
            "TURSO_STAGING_AUTH_TOKEN": token,
        }
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def staging(tmp_path_factory) -> Iterator[Staging]:
    staging = Staging(tmp_path_factory.mktemp("staging"))
    with staging.server:
        done = staging.run("migrate", "--verbosity=0", token=staging.token())
        assert done.returncode == 0, done.stderr
        yield staging


def tables(staging: Staging) -> set[str]:
    connection = driver.connect(staging.server.url, auth_token=staging.token(access="ro"))
    found = connection.cursor().execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    return {name for (name,) in found}


def test_with_a_good_token_everything_works(staging):
    assert {"prompts", "prompt_versions", "evaluations"} <= tables(staging)
    done = staging.run("check_health", "--probe", "database", token=staging.token())
    assert done.returncode == 0, done.stdout + done.stderr
    done = staging.run("load_demo", token=staging.token())
    assert done.returncode == 0, done.stderr
    # A fresh checkout has not collected its static files, and this is not about them.
    script = (
        "from django.conf import settings; settings.STORAGES['staticfiles'] = "
        "{'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'}; "
        "from django.test import Client; from django.contrib.auth.models import User; "
        "u = User.objects.create_superuser('owner', password='pass'); c = Client(); "
        "c.force_login(u); options = {'HTTP_HOST': 'staging.example', 'secure': True}; "
        "print([c.get(path, **options).status_code for path in "
        "('/admin/', '/admin/prompts/prompt/', '/admin/prompts/prompt/add/')])"
    )
    done = staging.run("shell", "--verbosity=0", "--command", script, token=staging.token())
    assert "[200, 200, 200]" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "command", "sentence"),
    [
        ({"seconds": -HOUR}, ("migrate",), "expired"),
        ({"seconds": -HOUR}, ("check_health", "--probe", "database"), "expired"),
        ({"access": "ro"}, ("clearsessions",), "is read-only: set an auth_token with write access"),
        (
            {"access": "ro"},
            ("migrate", "prompts", "zero"),
            "is read-only: set an auth_token with write access",
        ),
    ],
)
def test_a_token_that_is_not_good_enough(staging, options, command, sentence):
    token = staging.token(**options)
    done = staging.run(*command, token=token)
    said = done.stdout + done.stderr
    assert done.returncode == (1 if "check_health" in command else 2), said
    assert sentence in said
    assert "Traceback" not in said
    assert token not in said
    assert "prompts" in tables(staging)  # nothing half done


def test_a_read_only_token_is_enough_to_look(staging):
    token = staging.token(access="ro")
    done = staging.run("database_info", token=token)
    assert done.returncode == 0, done.stderr
    assert "prompts" in done.stdout
    done = staging.run("migrate", token=token)  # nothing to do
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_token_of_another_server(staging):
    token = jwt.encode(
        {"a": "rw", "exp": int(time.time()) + 60 * DAY}, Ed25519PrivateKey.generate(), "EdDSA"
    )
    done = staging.run("migrate", token=token)
    assert done.returncode == 2
    assert "rejected the token, which is not valid for this server" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_down(staging):
    done = staging.run("migrate", token=staging.token(), url="http://127.0.0.1:1")
    assert done.returncode == 2
    assert "is not responding (connection refused): check that the server is running" in done.stderr
    assert done.stderr.count("\n") == 1


def test_something_that_is_no_libsql_server(staging, tmp_path):
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        done = staging.run("migrate", token=staging.token(), url=f"http://127.0.0.1:{redis.port}")
    finally:
        redis.kill()
    assert done.returncode == 2
    assert done.stderr.startswith("Database error: ")
    assert done.stderr.count("\n") == 1


def test_a_token_is_asked_for_again_when_it_has_expired(staging):
    tokens = iter([staging.token(seconds=-HOUR), staging.token()])
    connection = driver.connect(
        staging.server.url, auth_token=lambda: next(tokens), autocommit=True
    )
    assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
    connection.close()
