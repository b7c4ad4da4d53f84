"""The system checks, each made to speak by what it is about."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from autoforge import checks


def ids(found) -> list[str]:
    assert all(message.hint for message in found)
    return [message.id for message in found]


def token(**claims) -> str:
    return jwt.encode(claims, "k" * 32)


def soon(days: int) -> float:
    return (datetime.now(UTC) + timedelta(days=days)).timestamp()


@pytest.mark.parametrize(
    ("auth_token", "expected"),
    [
        (None, []),
        ("not-a-jwt", []),
        (token(exp=soon(30)), []),
        (token(exp=soon(13)), ["autoforge.W001"]),
        (token(exp=soon(-1)), ["autoforge.E001"]),
        (token(exp="never"), []),
        (token(exp=1e30), []),
        (token(a="ro"), ["autoforge.W002"]),
        (token(a="rw"), []),
        (token(p={"ro": {"ns": ["a"]}}), ["autoforge.W002"]),
        (token(p={"rw": {"ns": ["a"]}}), []),
        (token(a="ro", exp=soon(1)), ["autoforge.W001", "autoforge.W002"]),
    ],
)
def test_tokens(settings, monkeypatch, auth_token, expected):
    options = {"auth_token": auth_token} if auth_token else {}
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    found = checks.check_token()
    assert ids(found) == expected
    assert auth_token is None or auth_token not in str(found)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_files_of_secrets(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    secret = tmp_path / ".env.local"
    secret.write_text("SECRET_KEY=x\n")
    secret.chmod(0o644)
    assert ids(checks.check_env_files()) == ["autoforge.W003"]
    secret.chmod(0o600)
    assert checks.check_env_files() == []
    git(tmp_path, "init", "-q")
    assert checks.check_env_files() == []
    git(tmp_path, "add", "-f", ".env.local")
    assert ids(checks.check_env_files()) == ["autoforge.E002"]


def test_templates_hold_placeholders_alone(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    template = tmp_path / ".env.production"
    template.write_text("# comment\nSECRET_KEY=${PROD_SECRET_KEY}\n")
    assert checks.check_env_files() == []
    template.write_text("SECRET_KEY=abc\n")
    assert ids(checks.check_env_files()) == ["autoforge.E002"]


@pytest.mark.parametrize(
    ("app_env", "changes", "expected"),
    [
        ("local", {"ALLOWED_HOSTS": ["*"]}, []),
        ("staging", {"ALLOWED_HOSTS": ["*"]}, []),
        ("production", {"ALLOWED_HOSTS": ["a.io"]}, []),
        ("production", {"ALLOWED_HOSTS": ["*"]}, ["autoforge.E003"]),
        ("production", {"CSRF_TRUSTED_ORIGINS": ["http://a.io"]}, ["autoforge.E004"]),
        ("production", {"CLERK_SECRET_KEY": "sk_test_a"}, ["autoforge.W005"]),
        ("production", {"CLERK_SECRET_KEY": "sk_live_a"}, []),
    ],
)
def test_production(settings, app_env, changes, expected):
    settings.APP_ENV = app_env
    for name, value in changes.items():
        setattr(settings, name, value)
    assert ids(checks.check_origins()) == expected


@pytest.mark.parametrize(
    ("key", "parties", "expected"),
    [
        (None, (), []),
        ("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", ("https://a.io",), []),
        ("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", (), ["autoforge.W010"]),
        ("pk_live_public", ("https://a.io",), ["autoforge.W009"]),
        ("pk_live_public", (), ["autoforge.W009", "autoforge.W010"]),
    ],
)
def test_sign_in_with_clerk(settings, key, parties, expected):
    settings.CLERK_PUBLIC_KEY = key
    settings.CLERK_AUTHORIZED_PARTIES = parties
    assert ids(checks.check_clerk()) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cors_origins": ("https://a.io",)}, []),
        ({"cors_origins": ("http://a.io",)}, ["autoforge.E004"]),
        ({"cors_origins": ("*",)}, ["autoforge.E004"]),
        ({"redis_url": "redis://cache.example.com/0"}, []),
        ({"redis_url": "redis://localhost:6379/0"}, ["autoforge.W004"]),
        ({"redis_url": "redis://:hush@127.0.0.2/0"}, ["autoforge.W004"]),
    ],
)
def test_production_services(settings, changes, expected):
    settings.APP_ENV = "production"
    settings.ALLOWED_HOSTS = ["a.io"]
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, **changes)
    found = checks.check_origins()
    assert ids(found) == expected
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"missing_file": Path("/gone")}, ["autoforge.W006"]),
        ({"unknown": ("REDSI_URL", "XYZ")}, ["autoforge.W007", "autoforge.W007"]),
        ({"notes": ("X has no effect.",)}, ["autoforge.W008"]),
    ],
)
def test_variables(settings, changes, expected):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, **changes)
    found = checks.check_variables()
    assert ids(found) == expected
    assert "unknown" not in changes or found[0].hint == "Did you mean REDIS_URL?"


def test_the_folder_of_the_database(settings, monkeypatch, tmp_path):
    entry = settings.DATABASES["default"]
    monkeypatch.setitem(entry, "ENGINE", "core.sqlite")
    monkeypatch.setitem(entry, "NAME", str(tmp_path / "db.sqlite3"))
    assert checks.check_data_folder() == []
    monkeypatch.setitem(entry, "NAME", str(tmp_path / "none" / "db.sqlite3"))
    assert ids(checks.check_data_folder()) == ["autoforge.E005"]
    monkeypatch.setitem(entry, "NAME", ":memory:")
    assert checks.check_data_folder() == []
