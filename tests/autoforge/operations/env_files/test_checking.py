"""Wrong env files, and the exact sentence that each gets: file, line, what is wrong, what to do."""

import json
import os
import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import yaml

from autoforge.operations.env_files.checking import check_file
from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.tracking import is_tracked

ROOT = Path(__file__).resolve().parents[4]
KEY = "Vq3nL8xT0aJd5Rw7Zk1Yb9Hs2Gf6Pm4Uc-EoXi_tBvNqDlKyAzWjM"
OTHER_KEY = "h4Tz9KpW2vXs7Bn1Qd6Lf3Rj8Yc5Gm0A"
MAKE = "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'` generates one"
NO_LINE = (
    "this line is not valid: a line must be NAME=value, a comment that starts with #, or empty."
)
# What a good file of staging says; the cases change or add one line.
GOOD = {
    "APP_ENV": "staging",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "staging.example.com",
    "TURSO_STAGING_DATABASE_URL": "libsql://af-acme.aws-ap-northeast-1.turso.io",
    "TURSO_STAGING_AUTH_TOKEN": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
}


def read_cases() -> list[dict]:
    """Return the cases of the table, their names filled in."""
    path = ROOT / "tests" / "data" / "wrong_env_files.yaml"
    cases = yaml.safe_load(path.read_text(encoding="utf-8"))
    for case in cases:
        case["set"] = {name: text and fill_in(text) for name, text in case["set"].items()}
        case["says"] = [fill_in(sentence) for sentence in case["says"]]
    return cases


def fill_in(text: str) -> str:
    for name, value in (("MAKE", MAKE), ("KEY", KEY), ("OTHER_KEY", OTHER_KEY)):
        text = text.replace(f"{{{name}}}", value)
    return text


CASES = read_cases()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def check(path: Path, app_env: str = "staging") -> list[str]:
    # With the project's own folder as the root, these keys would be published ones: in this file.
    return [str(problem) for problem in check_file(path, app_env, path.parent, path.name)]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_wrong_file_gets_its_sentences(tmp_path, case):
    lines = {name: text for name, text in (GOOD | case["set"]).items() if text is not None}
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    assert check(write(tmp_path / ".env", text)) == case["says"]


def test_the_table_has_forty_wrong_files():
    assert sum(bool(case["says"]) for case in CASES) >= 40


def test_a_good_file_has_no_problem(tmp_path):
    text = "".join(f"export {name}='{value}'\n" for name, value in GOOD.items())
    assert check(write(tmp_path / ".env", text)) == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "PORT=1\nnonsense\n\n# c\nHOST localhost\n",
            [
                ".env.local:2: " + NO_LINE,
                ".env.local:5: " + NO_LINE,
            ],
        ),
        (
            "PORT=1\nHOST=a\nPORT=2\n",
            [
                ".env.local:3: PORT is set on line 1 already, and only the last one counts; "
                "remove one of the lines."
            ],
        ),
        (
            "APP_ENV=staging\n",
            [
                ".env.local:1: APP_ENV is 'staging', but this file is checked for local; set "
                "APP_ENV=local, or check it with `manage.py env check staging`."
            ],
        ),
        (
            "SECRET_KEY=changeme\n",
            [
                ".env.local:1: SECRET_KEY is **** (8 characters) (from .env.local): it is a "
                "placeholder that was not replaced; set SECRET_KEY to 50 or more random characters."
            ],
        ),
        (
            "SECRET_KEY=abc\n",
            [
                ".env.local:1: SECRET_KEY is **** (3 characters): it is too short; "
                "`manage.py env secrets local --rotate SECRET_KEY` makes a new one."
            ],
        ),
        ("\ufeffAPP_NAME=Our $5 shop\n", []),
    ],
    ids=range(6),
)
def test_a_laptops_file(tmp_path, text, sentences):
    assert check(write(tmp_path / ".env.local", text), "local") == sentences


def test_a_file_that_others_may_read_or_git_keeps(tmp_path):
    path = write(tmp_path / ".env", "".join(f"{name}={value}\n" for name, value in GOOD.items()))
    path.chmod(0o640)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert not is_tracked(path)
    subprocess.run(["git", "-C", str(tmp_path), "add", ".env"], check=True)
    assert check(path) == [
        ".env: others than its owner may read or write it (mode 640); run `chmod 600 .env`.",
        ".env: it is tracked by git; run `git rm --cached .env`, and replace every secret that was "
        "in it.",
    ]


def test_what_git_cannot_say_is_not_taken_as_fine(tmp_path, monkeypatch):
    path = write(tmp_path / ".env", "")
    (tmp_path / ".git").write_text("gitdir: /no/such/folder\n")
    with pytest.raises(EnvFileError, match=r"git could not be asked whether it keeps .*: fatal"):
        is_tracked(path)
    monkeypatch.setenv("PATH", "/no/such/folder")
    with pytest.raises(EnvFileError, match=r"git could not be asked .* install git, or check"):
        is_tracked(path)


def test_no_sentence_has_a_secret(tmp_path):
    marker = secrets.token_hex(4)
    lines = "".join(f"{name}=a{marker} \n" for name in ("SECRET_KEY", "OPENAI_API_KEY"))
    lines += (
        f"REDIS_URL=ftp://:{marker}@h\nTURSO_STAGING_DATABASE_URL=libsql://h?authToken={marker}\n"
    )
    lines += f"CLERK_SECRET_KEY={marker}\n{marker} is no line\nSECRET_KEE={marker}\n"
    sentences = check(write(tmp_path / ".env", lines))
    assert len(sentences) >= 7
    assert marker not in json.dumps(sentences)


def test_the_processs_own_variables_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "SECRET_KEY", KEY)
    text = "".join(f"{name}={value}\n" for name, value in GOOD.items() if name != "SECRET_KEY")
    [sentence] = check(write(tmp_path / ".env", text))
    assert sentence.startswith(".env: SECRET_KEY is not set")


def make_token(**claims: object) -> str:
    return jwt.encode(claims, OTHER_KEY, algorithm="HS256")


NOW = datetime.now(UTC)
PAST, SOON, LATER = NOW - timedelta(days=1), NOW + timedelta(days=3), NOW + timedelta(days=90)
LIVE = {
    "APP_ENV": "production",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "a.example.com",
    "TURSO_DATABASE_URL": "libsql://a.turso.io",
    "TURSO_AUTH_TOKEN": make_token(exp=LATER),
}
RENEW = "renew it with `manage.py turso token rotate`."
STARTS = [
    ({}, []),
    (
        {"TURSO_AUTH_TOKEN": make_token(exp=PAST)},
        [f".env:5: TURSO_AUTH_TOKEN expired at {PAST:%Y-%m-%d %H:%M} UTC; {RENEW}"],
    ),
    (
        {"TURSO_AUTH_TOKEN": make_token(exp=SOON, a="ro")},
        [
            f".env:5: warning: TURSO_AUTH_TOKEN expires at {SOON:%Y-%m-%d %H:%M} UTC; {RENEW}",
            ".env:5: warning: TURSO_AUTH_TOKEN is read-only: nothing can be saved; use a token "
            "with write access, unless this installation is meant to be read-only.",
        ],
    ),
    (
        {"ALLOWED_HOSTS": "a.example.com,*"},
        [".env:3: ALLOWED_HOSTS is '*': any host name is served; list the hosts."],
    ),
    (
        {"CORS_ORIGINS": "https://a.io,http://b.io"},
        [
            ".env:6: CORS_ORIGINS contains 'http://b.io' in production, which is not https; list "
            "each origin, starting with https://."
        ],
    ),
    (
        {"CLERK_PUBLISHABLE_KEY": "pk_test_abc"},
        [
            ".env:6: warning: CLERK_PUBLISHABLE_KEY is a test key in production; use the live key "
            "of the instance."
        ],
    ),
    ({"CORS_ORIGINS": "http://["}, None),
]


@pytest.mark.parametrize(("changes", "sentences"), STARTS, ids=range(len(STARTS)))
def test_what_starts_and_is_still_not_right(tmp_path, changes, sentences):
    text = "".join(f"{name}={value}\n" for name, value in (LIVE | changes).items())
    found = check(write(tmp_path / ".env", text), "production")
    if sentences is None:  # what is refused anyway is told once
        assert len(found) == 1
        assert "it must be" in found[0]
    else:
        assert found == sentences
