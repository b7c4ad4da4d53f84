"""scripts/run.py: the first launch, the second, and every refusal before anything is written."""

import errno
import http.cookiejar
import os
import re
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.launch.conftest import run_python, without_root_rights
from tests.support.ports import free_port

PASSWORD = re.compile(r"the password (\S+)$", re.MULTILINE)
NO_SUCH_ADDRESS = os.strerror(errno.EADDRNOTAVAIL)
READY = "Press Ctrl-C to stop"


class Launch:
    """A launch that runs; `output` is what it has said."""

    def __init__(self, project: Path, environ: dict[str, str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "scripts/run.py"],
            cwd=project,
            env=environ | {"PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            umask=0,
            # A run in the background of a script ignores SIGINT, and hands that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
        )

    def wait(self, words: str = READY, timeout_seconds: float = 60) -> None:
        deadline = time.monotonic() + timeout_seconds
        pipe = self.process.stdout.fileno()
        while words not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([pipe], [], [], 0.1)[0]:
                read = os.read(pipe, 65536).decode()
                assert read, self.output
                self.output += read

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.output += self.process.communicate(timeout=20)[0].decode()
        return self.process.returncode


@pytest.fixture
def launch(project, clean_environ):
    """Return a function that launches the project and waits until it serves."""
    launches: list[Launch] = []

    def start(**variables: str) -> Launch:
        launches.append(Launch(project, clean_environ | variables, free_port()))
        launches[-1].wait()
        return launches[-1]

    yield start
    for one in launches:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def migrated(project, migrated_file):
    """Give the project its tables: the launch need not make them where it is not about that."""
    shutil.copy(migrated_file, project / "data" / "autoforge_dev.db")


def dump(project: Path) -> list[str]:
    """Return every row of every table as SQL."""
    connection = sqlite3.connect(project / "data" / "autoforge_dev.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def log_in(url: str, password: str) -> str:
    """Log in as admin like a browser; return the page that comes then."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    form = browser.open(f"{url}admin/login/?next=/admin/prompts/prompt/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form).group(1)
    fields = {
        "csrfmiddlewaretoken": token,
        "username": "admin",
        "password": password,
        "next": "/admin/",
    }
    data = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(
        f"{url}admin/login/", data=data, headers={"Referer": f"{url}admin/login/"}
    )
    return browser.open(request).read().decode()


def test_the_first_launch_sets_up_and_the_second_changes_nothing(project, launch):
    first = launch()
    password = PASSWORD.search(first.output).group(1)
    assert first.url in first.output
    assert "11 prompts, 3 templates" in first.output
    assert len(password.replace("-", "")) == 20
    assert not re.search("[lIoO01]", password)
    assert "/admin/logout/" in log_in(first.url, password)
    assert first.stop() == 0
    assert first.output.endswith(f"{READY}\n\n\nStopped.\n")  # no request in between
    assert first.output.count(password) == 1

    file = project / ".env.local"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE))
    assert set(values) == {"SECRET_KEY", "JWT_SECRET_KEY"}
    assert len(values["SECRET_KEY"]) >= 50
    assert len(set(values.values())) == 2
    assert not [value for value in values.values() if value in first.output]

    # The database is one whole file again: a copy of it is a copy of everything.
    log = project / "data" / "autoforge_dev.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    rows, content = dump(project), file.read_bytes()
    second = launch()
    assert PASSWORD.search(second.output) is None
    assert "with the password shown on the first run" in second.output
    assert "manage.py changepassword admin" in second.output
    assert second.stop(signal.SIGINT) == 0
    assert "Traceback" not in second.output
    assert (dump(project), file.read_bytes()) == (rows, content)


def test_a_database_with_prompts_and_nobody_gets_an_admin_and_no_demo(
    project, migrated, launch, clean_environ
):
    (project / "one.csv").write_text("title,content\nMine,Hello {{ name }}\n")
    done = run_python(project, clean_environ, "manage.py", "import_prompts", "one.csv")
    assert done.returncode == 0, done.stderr
    started = launch()
    assert PASSWORD.search(started.output)
    assert "Demo" not in started.output
    assert sum('INSERT INTO "prompts"' in row and "Mine" in row for row in dump(project)) == 1


def test_requests_are_shown_where_the_level_is_asked_for(migrated, launch):
    started = launch(LOG_LEVEL="INFO")
    urllib.request.urlopen(f"{started.url}admin/login/?token=planted").close()
    started.wait("path=/admin/login/")
    assert "planted" not in started.output


def test_redis_that_is_down_is_said_and_pages_work(migrated, launch):
    started = launch(REDIS_URL=f"redis://:hidden-word@127.0.0.1:{free_port()}/0")
    assert "Redis is configured but not responding; pages work without it" in started.output
    assert "hidden-word" not in started.output
    with urllib.request.urlopen(f"{started.url}admin/login/") as page:
        assert page.status == 200


def test_a_port_in_use_is_refused_before_anything_is_written(project, clean_environ):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for host in ("127.0.0.1", "0.0.0.0"):
            environ = clean_environ | {"PORT": str(port), "HOST": host}
            refused = run_python(project, environ, "scripts/run.py")
            assert (refused.returncode, refused.stdout) == (1, "")
            assert refused.stderr == (
                f"Port {port} is in use by another program. Stop that program, or choose another "
                f"port, for example: make run PORT={port + 1 if port < 65535 else port - 1}\n"
            )
    assert not (project / ".env.local").exists()
    assert not list((project / "data").iterdir())


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"APP_ENV": "production"},
            (
                "make run is for development, but APP_ENV is 'production'. Unset APP_ENV, or "
                "deploy with gunicorn as described in docs/deployment.md."
            ),
        ),
        (
            {"APP_ENV": "prod"},
            (
                "Configuration error: APP_ENV is 'prod' (from the environment): it must be local, "
                "staging or production; set APP_ENV=local."
            ),
        ),
        (
            {"DATABASE_URL": "sqlite:///words.db"},
            (
                "{project}/words.db is not a SQLite database. Move it away, or set another file "
                "in DATABASE_URL."
            ),
        ),
        (
            {"DATABASE_URL": "sqlite://:memory:"},
            (
                "DATABASE_URL is sqlite://:memory:, so every request would get an empty "
                "database. Use a file, such as sqlite:///./data/autoforge_dev.db."
            ),
        ),
        (
            {"DATABASE_URL": "sqlite:////no/such/folder/a.db"},
            (
                "The database file is /no/such/folder/a.db, but the folder /no/such/folder does "
                "not exist. Create it with mkdir -p /no/such/folder, or correct DATABASE_URL."
            ),
        ),
        (
            {"HOST": "192.0.2.1"},
            (
                "HOST is '192.0.2.1', which is not an address of this machine "
                f"({NO_SUCH_ADDRESS}); use 127.0.0.1, or 0.0.0.0 for all addresses."
            ),
        ),
        (
            {"HOST": "no-such-name.invalid"},
            "HOST is 'no-such-name.invalid', which cannot be resolved to an address; use "
            "127.0.0.1.",
        ),
    ],
)
def test_what_cannot_work_is_one_sentence_and_nothing_is_written(
    project, clean_environ, variables, sentence
):
    (project / "words.db").write_text("these are words " * 100)
    environ = clean_environ | {"PORT": str(free_port())} | variables
    refused = run_python(project, environ, "scripts/run.py")
    expected = sentence.replace("{project}", str(project))
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"{expected}\n")
    assert not (project / ".env.local").exists()
    assert not list((project / "data").iterdir())


def test_a_deployments_file_is_not_run_on_a_laptop(project, clean_environ):
    key = secrets.token_urlsafe(50)
    file = project / ".env"
    file.write_text(f"APP_ENV=staging\nSECRET_KEY={key}\nDATABASE_URL=sqlite:///a.db\n")
    refused = run_python(project, clean_environ, "scripts/run.py")
    file.unlink()  # the folder is that of all tests here
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        "make run is for development, but APP_ENV is 'staging'. Set APP_ENV=local, or remove .env, "
        "or deploy with gunicorn as described in docs/deployment.md.\n",
    )
    assert not (project / ".env.local").exists()


def test_a_data_folder_without_permission_is_one_sentence(project, clean_environ):
    (project / "data").chmod(0o555)
    refused = subprocess.run(
        without_root_rights([sys.executable, "scripts/run.py"]),
        cwd=project,
        env=clean_environ | {"PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr) == (
        1,
        (
            f"No permission to write to {project}/data, which the database needs. Change its "
            "owner or permissions, or set another file in DATABASE_URL.\n"
        ),
    )
    assert not (project / ".env.local").exists()
