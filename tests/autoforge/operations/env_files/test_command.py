"""`manage.py env`, as it is typed: what it prints, what it writes and its exit status."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from autoforge.environment.files import parse_variables
from autoforge.operations.env_files import command

ROOT = Path(__file__).resolve().parents[4]


def run(*arguments: object, cwd: Path = ROOT, **process: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "env", *map(str, arguments)],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "APP_ENV": "nonsense"} | process,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_from_nothing_to_a_checked_file(tmp_path):
    values, output = tmp_path / ".env.staging.secrets", tmp_path / ".env"
    made = run("secrets", "staging", "--output", values)
    assert (made.returncode, made.stderr) == (0, "")
    refused = run("render", "staging", "--values", values, "--output", output)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        ".env.staging cannot be filled: empty or not set: STAGING_ALLOWED_HOSTS, "
        "STAGING_TURSO_DATABASE_URL, STAGING_TURSO_AUTH_TOKEN.\n"
    )
    assert not output.exists()
    process = {
        "STAGING_ALLOWED_HOSTS": "a.example.com",
        "STAGING_TURSO_DATABASE_URL": "libsql://a.turso.io",
        "STAGING_TURSO_AUTH_TOKEN": "eyJ0",
        "STAGING_REDIS_HOST": "redis",
    }
    rendered = run("render", "staging", "--values", values, "--output", output, **process)
    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert output.stat().st_mode & 0o777 == 0o600
    checked = run("check", "staging", "--file", output)
    assert (checked.returncode, checked.stdout) == (0, f"{output} is fit for staging.\n")
    secret = parse_variables(values.read_text())["STAGING_SECRET_KEY"]
    shown = made.stdout + rendered.stdout + checked.stdout
    assert secret not in shown
    assert "eyJ0" not in shown
    assert run("diff", "staging", "--file", output).returncode == 0


@pytest.fixture
def env(tmp_path, monkeypatch):
    """Return a function that runs `env` in a folder of its own: status, output, errors."""
    monkeypatch.setattr(command, "find_root", lambda: tmp_path)
    parser = command.argparse.ArgumentParser()
    command.add_arguments(parser)

    def run_here(*arguments: object) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        options = vars(parser.parse_args([str(argument) for argument in arguments]))
        return command.run(options, out, err), out.getvalue(), err.getvalue()

    return run_here


def test_init(env, tmp_path):
    path = tmp_path / ".env.local"
    done = (0, f"Wrote {path} with new secrets, readable by you alone.\n", "")
    assert env("init", "local") == done
    before = path.read_text()
    refused = (1, "", f"{path} exists; use --replace to write a new one.\n")
    assert env("init", "local") == refused
    assert path.read_text() == before
    assert env("init", "local", "--replace") == done
    assert path.read_text() != before
    template = tmp_path / ".env.staging"
    status, out, _err = env("init", "staging")
    assert (status, out) == (
        0,
        f"Wrote {template}: placeholders alone, to be committed. "
        "`manage.py env secrets staging` makes its secrets.\n",
    )
    assert template.read_text() == (ROOT / ".env.staging").read_text()
    assert template.stat().st_mode & 0o777 == 0o644
    assert env("init", "staging")[0] == 1
    assert env("check", "staging", "--template") == (0, ".env.staging is fit for staging.\n", "")
    assert env("check", "staging", "--file", template)[0] == 0


def test_check(env, tmp_path):
    path = tmp_path / ".env"
    status, out, err = env("check", "production", "--format", "json")
    sentence = (
        f"There is no {path}; `manage.py env render production` writes one, and --file names "
        "another."
    )
    error = {"code": "env.unusable", "message": sentence, "exit_status": 2}
    assert (status, json.loads(out), err) == (2, {"error": error}, sentence + "\n")
    assert env("check", "local")[2] == (
        f"There is no {path}.local; `manage.py env init local` writes one, and --file names "
        "another.\n"
    )
    assert env("check", "local", "--template")[0] == 2
    path.write_text("APP_ENV=production\nREDIS_PORT=1\n")
    path.chmod(0o600)
    status, out, err = env("check", "production")
    assert (status, out.splitlines()[-1], err) == (
        1,
        ".env is not fit for production: 3 problems.",
        "",
    )
    report = json.loads(env("check", "production", "--format", "json")[1])
    assert (report["environment"], report["file"]) == ("production", ".env")
    names = [(problem["name"], problem["code"], problem["line"]) for problem in report["problems"]]
    assert names == [
        ("ALLOWED_HOSTS", "missing", None),
        ("SECRET_KEY", "missing", None),
        ("TURSO_DATABASE_URL", "missing", None),
    ]
    local = tmp_path / ".env.local"
    local.write_text("REDIS_PORT=1\n")
    local.chmod(0o600)
    assert env("check", "local") == (
        0,
        ".env.local:1: warning: REDIS_PORT has no effect: neither REDIS_URL nor REDIS_HOST is "
        "set.\n.env.local is fit for local.\n",
        "",
    )
    local.write_text("PORT=x\n")
    assert env("check", "local")[1].endswith(".env.local is not fit for local: 1 problem.\n")
    local.write_bytes(b"A=\xff")
    assert env("check", "local")[0] == 2


def test_render_and_secrets_name_files_that_are_not_there(env, tmp_path):
    missing = tmp_path / "missing"
    sentence = f"There is no {missing}; correct the path.\n"
    assert env("render", "staging", "--values", missing) == (2, "", sentence)
    assert env("render", "staging", "--template", missing) == (2, "", sentence)
    assert env("secrets", "staging", "--output", missing / "x")[0] == 2
    assert env("secrets", "staging", "--rotate", "OPENAI_API_KEY")[0] == 1


@pytest.mark.parametrize("name", [".env.staging", ".env.production", ".env.example"])
def test_no_secret_goes_where_a_committed_file_is(env, tmp_path, name):
    path = tmp_path / name
    before = path.read_bytes() if path.exists() else None
    sentence = f"{name} is committed and contains no secrets; choose another file with --output.\n"
    assert env("secrets", "staging", "--output", path) == (1, "", sentence)
    assert env("render", "staging", "--output", path) == (1, "", sentence)
    assert (path.read_bytes() if path.exists() else None) == before


def test_secrets_in_json_are_names(env, tmp_path):
    report = json.loads(env("secrets", "production", "--format", "json")[1])
    values = parse_variables((tmp_path / ".env.production.secrets").read_text())
    assert "PROD_SECRET_KEY" in report["generated"]
    assert values["PROD_SECRET_KEY"] not in json.dumps(report)
    _status, out, _err = env("secrets", "production", "--rotate", "SECRET_KEY")
    assert "made anew: PROD_SECRET_KEY\n" in out


FILE = """\
APP_ENV=staging
SECRET_KEY=one
PORT=9000
QUEUE=redis
REDIS_URL=redis://:hidden@r/0
TURSO_STAGING_DATABASE_URL=libsql://s
COLOUR=blue
"""
OTHER = """\
PROD_SECRET_KEY=two
PROD_PORT=8000
PROD_REDIS_URL=redis://:other@r/0
PROD_TURSO_DATABASE_URL=libsql://p
PROD_TURSO_AUTH_TOKEN=token
PROD_CLERK_PUBLIC_KEY=pk_live_x
"""
DIFFERENCES = [
    (
        (),
        "ALLOWED_HOSTS is only in the template\nTURSO_AUTH_TOKEN is only in the template\n"
        "COLOUR is only in .env\n",
    ),
    (
        ("production",),
        "APP_ENV is only in .env: 'staging'\n"
        "PORT is '9000' in .env and '8000' in .env.production.secrets\n"
        "SECRET_KEY differs\n"
        "TURSO_DATABASE_URL is 'libsql://s' in .env and 'libsql://p' in .env.production.secrets\n"
        "TURSO_AUTH_TOKEN is only in .env.production.secrets\n"
        "REDIS_URL differs\n"
        "QUEUE is only in .env: 'redis'\n"
        "CLERK_PUBLIC_KEY is only in .env.production.secrets\n"
        "COLOUR is only in .env\n",
    ),
    (
        ("table",),
        "APP_ENV is 'staging' in .env and 'local' in the table\n"
        "PORT is '9000' in .env and '8000' in the table\n"
        "SECRET_KEY is only in .env\n"
        "TURSO_DATABASE_URL is only in .env: 'libsql://s'\n"
        "REDIS_URL is only in .env: 'redis://r/0'\n"
        "QUEUE is only in .env: 'redis'\n"
        "COLOUR is only in .env\n",
    ),
]


@pytest.mark.parametrize(("arguments", "lines"), DIFFERENCES, ids=["template", "other", "table"])
def test_diff(env, tmp_path, arguments, lines):
    (tmp_path / ".env").write_text(FILE)
    (tmp_path / ".env.production.secrets").write_text(OTHER)
    assert env("diff", "staging", *arguments) == (1, lines, "")
    report = json.loads(env("diff", "staging", *arguments, "--format", "json")[1])
    assert report["left"] == ".env"
    shown = json.dumps(report)
    assert not [secret for secret in ("one", "two", "hidden", 'token"') if f'"{secret}' in shown]


def test_diff_of_files_and_of_what_is_not_there(env, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("STAGING_PORT=1\nEMPTY=\n")
    second.write_text("PORT=1\n")
    same = (0, f"a and {second} do not differ.\n", "")
    assert env("diff", "staging", second, "--file", first) == same
    assert env("diff", "staging")[0] == 2
    assert env("diff", "local")[0] == 2
    assert env("diff", "local", "template", "--file", first)[0] == 2
    assert env("diff", "staging", tmp_path / "c", "--file", first)[2] == (
        f"There is no {tmp_path / 'c'}; correct the path.\n"
    )
    (tmp_path / ".env.local").write_text("CLERK_PUBLISHABLE_KEY=pk_test_a\n")
    assert env("diff", "local") == (1, "CLERK_PUBLIC_KEY is only in .env.local\n", "")


def test_djangos_own_way_in_is_the_same(env, tmp_path):
    out = io.StringIO()
    call_command("env", "init", "local", stdout=out)
    assert out.getvalue() == (
        f"Wrote {tmp_path / '.env.local'} with new secrets, readable by you alone.\n"
    )
    with pytest.raises(SystemExit) as ending:
        call_command("env", "init", "local", stdout=out, stderr=out)
    assert ending.value.code == 1


def test_wrong_usage_ends_with_two():
    done = run("check", "stage")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'stage'" in done.stderr
    assert run("render", "local").returncode == 2
    assert run().returncode == 2


def test_an_installed_copy_works_in_the_folder_where_one_stands(monkeypatch, tmp_path):
    assert command.find_root() == ROOT
    monkeypatch.setattr(command, "PACKAGE", tmp_path)
    (tmp_path / "resources").mkdir()
    assert command.find_root() == Path.cwd()
