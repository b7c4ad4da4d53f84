"""A database's token is renewed while everything runs: nothing is restarted, nothing fails.

Two stories, on real libSQL servers that ask for tokens. In the first the token is replaced in its
file and the old one expires for real, in the middle of a run, of a worker's run, of a transaction
and of requests to gunicorn. In the second all tokens are revoked by `manage.py turso`, against a
fake of Turso.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from django_hrana import driver
from hrana_support.keyed_server import KeyedServer
from tests.support.fake_models import FakeModels
from tests.support.fake_turso import FakeTurso
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]  # it has servers of its own

ROOT = Path(__file__).resolve().parents[2]
CASES = 40
AT_ONCE = 12  # cases that are answered before the token changes
# A server takes a token for 60 seconds longer than it says, which a test need not wait for.
LEEWAY_SECONDS = 60
LIFE_SECONDS = 20
RENEWED_EVERY_SECONDS = 5  # until everything has begun, however busy the machine is


class Gate:
    """Answers of a model: some at once, the others when it is opened."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_open = threading.Event()
        self.is_reached = threading.Event()
        self._lock = threading.Lock()

    def answer(self, body: dict[str, Any]) -> str:
        with self._lock:
            self.asked += 1
            number = self.asked
        if number > AT_ONCE:
            self.is_reached.set()
            self.is_open.wait(120)
        return f"answer to {body['messages'][-1]['content']}"


class Installation:
    """Everything that uses one database whose token stands in an env file."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.file = folder / ".env.local"
        self.gates = {"evaluate": Gate(), "worker": Gate()}
        self.port = free_port()
        self.failures: list[str] = []
        self.requests = 0
        self.is_over = threading.Event()
        self._stack = stack
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.kill)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "APP_ENV": "local",
            "DEBUG": "false",
            "ENV_FILE": str(self.file),
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "QUEUE": "redis",
            "REDIS_URL": redis.url,
            "APP_NAME": f"renewal-{self.port}",  # the queue's
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        name = f"{Path(command[-1]).name}.log"
        log = self._stack.enter_context((self.folder / name).open("w+"))
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process.log = log
        self._stack.callback(_end, process)
        return process

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def write_config(self, name: str) -> Path:
        models = FakeModels(answer=self.gates[name].answer)
        self._stack.callback(models.close)
        provider = {
            "id": "openai-compatible:m",
            "concurrency": 4,
            "config": {"apiBaseUrl": f"{models.url}/v1"},
        }
        check = {"type": "contains", "value": "q"}
        tests = [{"vars": {"x": f"q{n}"}, "assert": [check]} for n in range(CASES)]
        path = self.folder / f"{name}.json"
        document = {"prompts": [name + " {{x}}"], "providers": [provider], "tests": tests}
        path.write_text(json.dumps(document))
        return path

    def ask_web(self) -> None:
        """Ask gunicorn for what it reads from the database, again and again."""
        while not self.is_over.wait(0.05):
            try:
                url = f"http://127.0.0.1:{self.port}/health/ready"
                with urllib.request.urlopen(url, timeout=30) as response:
                    response.read()
            except urllib.error.HTTPError as error:
                self.failures.append(f"{error.code}: {error.read()[:300]!r}")
            except OSError as error:
                self.failures.append(repr(error))
            self.requests += 1

    def wait_for_web(self, gunicorn: subprocess.Popen[str]) -> None:
        def answers() -> bool:
            assert gunicorn.poll() is None, read_log(gunicorn)
            try:
                urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/health/live", timeout=5
                ).close()
            except OSError:
                return False
            return True

        wait_for(answers)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_log(process: subprocess.Popen[str]) -> str:
    process.log.seek(0)
    return process.log.read()


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ask(url: str, token: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(driver.connect(url, auth_token=token, autocommit=True)) as connection:
        return connection.cursor().execute(sql).fetchall()


def is_refused(url: str, token: str) -> bool:
    try:
        ask(url, token, "SELECT 1")
    except driver.AccessDenied:
        return True
    return False


class Renewal(threading.Thread):
    """Writes tokens of a short life into an env file, one after the other, until it is over."""

    def __init__(self, keyed: KeyedServer, file: Path) -> None:
        super().__init__(daemon=True)
        self.keyed, self.file = keyed, file
        self.tokens: list[str] = []
        self.is_over = threading.Event()

    def write(self, seconds: float) -> None:
        self.tokens.append(self.keyed.token(seconds=seconds))
        beside = self.file.with_name("new")
        beside.write_text(f"DATABASE_URL={self.keyed.url}?authToken={self.tokens[-1]}\n")
        beside.chmod(0o600)
        beside.replace(self.file)

    def read(self) -> str:
        return self.file.read_text().strip().partition("authToken=")[2]

    def run(self) -> None:
        while not self.is_over.wait(RENEWED_EVERY_SECONDS):
            self.write(LIFE_SECONDS - LEEWAY_SECONDS)


class LongTransaction(threading.Thread):
    """A transaction that writes until it is told to commit, on a server of its own."""

    def __init__(self, url: str, source: driver.FileToken) -> None:
        super().__init__(daemon=True)
        self.url, self.source = url, source
        self.is_over = threading.Event()
        self.rows = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with closing(driver.connect(self.url, auth_token=self.source)) as connection:
                cursor = connection.cursor()
                cursor.execute("CREATE TABLE long (x INTEGER)")
                while not self.is_over.wait(0.2):
                    cursor.execute("INSERT INTO long VALUES (?)", [self.rows])
                    self.rows += 1
                connection.commit()
        except driver.Error as error:
            self.error = error


@pytest.fixture
def expired(tmp_path) -> Iterator[dict[str, Any]]:
    """Tell the first story; return what came of it."""
    folder = tmp_path
    with ExitStack() as stack:
        keyed = KeyedServer(folder)
        stack.enter_context(keyed.server)
        (folder / "other").mkdir()
        other = KeyedServer(folder / "other", key=keyed.key)
        stack.enter_context(other.server)
        place = Installation(folder, stack)
        renewal = Renewal(keyed, place.file)
        renewal.write(3600)
        migrated = place.manage("migrate", "--verbosity=0")
        assert migrated.returncode == 0, migrated.stderr
        renewal.write(LIFE_SECONDS - LEEWAY_SECONDS)
        renewal.start()
        transaction = LongTransaction(other.url, driver.FileToken(renewal.read, [place.file]))
        transaction.start()
        worker = place.start("manage.py", "run_huey", "--workers", "1", "--skip-checks")
        gunicorn = place.start("-m", "gunicorn", "autoforge.wsgi")
        queued = place.manage("evaluate", str(place.write_config("worker")), "--background")
        assert queued.returncode == 0, queued.stderr
        evaluate = place.start("manage.py", "evaluate", str(place.write_config("evaluate")))
        place.wait_for_web(gunicorn)
        asking = threading.Thread(target=place.ask_web)
        asking.start()
        for name, gate in place.gates.items():
            assert gate.is_reached.wait(60), (name, read_log(worker), read_log(evaluate))
        renewal.is_over.set()
        renewal.join()
        renewal.write(3600)
        *_, old, new = renewal.tokens
        wait_for(lambda: is_refused(keyed.url, old) and is_refused(other.url, old))
        asked, rows = place.requests, transaction.rows
        for gate in place.gates.values():
            gate.is_open.set()
        status = evaluate.wait(90)
        runs = "SELECT status FROM evaluation_runs ORDER BY created_at"
        wait_for(lambda: ask(keyed.url, new, runs) == [("completed",), ("completed",)])
        wait_for(lambda: place.requests > asked + 20 and transaction.rows > rows)
        place.is_over.set()
        transaction.is_over.set()
        transaction.join(30)
        asking.join(30)
        results = ask(
            keyed.url,
            new,
            "SELECT COUNT(*), SUM(passed), SUM(error <> '') "
            "FROM test_results GROUP BY evaluation_id",
        )
        yield {
            "place": place,
            "transaction": transaction,
            "rows": ask(other.url, new, "SELECT COUNT(*) FROM long"),
            "status": status,
            "results": results,
            "logs": {
                "evaluate": read_log(evaluate),
                "worker": read_log(worker),
                "gunicorn": read_log(gunicorn),
            },
            "tokens": renewal.tokens,
        }


def test_a_token_expires_under_everything_that_uses_it(expired):
    place, logs, transaction = expired["place"], expired["logs"], expired["transaction"]
    # The run and the worker's: every case has its answer, and none was paid for twice.
    assert expired["status"] == 0, logs["evaluate"]
    assert expired["results"] == [(CASES, CASES, 0), (CASES, CASES, 0)]
    assert [gate.asked for gate in place.gates.values()] == [CASES, CASES]
    # The web server: every request was answered.
    assert place.failures == []
    assert place.requests > 20
    # The transaction has written all of its rows.
    assert transaction.error is None
    assert expired["rows"] == [(transaction.rows,)]
    for log in logs.values():
        assert "Traceback" not in log
        assert not any(token in log for token in expired["tokens"])


def test_all_tokens_are_revoked_in_the_middle_of_a_run(tmp_path):
    with ExitStack() as stack:
        fake = FakeTurso(tmp_path / "turso")
        stack.callback(fake.close)
        place = Installation(tmp_path, stack)
        place.file.write_text("APP_ENV=local\n")
        place.environment |= {
            "TURSO_PLATFORM_TOKEN": fake.token,
            "TURSO_ORGANIZATION": fake.organization,
            "TURSO_API_URL": fake.url,
        }
        made = place.manage("turso", "create", "mine", "--location=nrt", f"--write-to={place.file}")
        assert made.returncode == 0, made.stderr
        migrated = place.manage("migrate", "--verbosity=0")
        assert migrated.returncode == 0, migrated.stderr
        gunicorn = place.start("-m", "gunicorn", "autoforge.wsgi")
        evaluate = place.start("manage.py", "evaluate", str(place.write_config("evaluate")))
        place.wait_for_web(gunicorn)
        asking = threading.Thread(target=place.ask_web)
        asking.start()
        gate = place.gates["evaluate"]
        assert gate.is_reached.wait(60), read_log(evaluate)
        tokens = fake.databases["mine"].minted
        url = f"http://{fake.databases['mine'].hostname}"
        old = tokens[-1]
        rotated = place.manage("turso", "token", "rotate")
        assert rotated.returncode == 0, rotated.stderr
        assert not is_refused(url, old)
        revoked = place.manage("turso", "token", "revoke", "--yes", "mine")
        assert revoked.returncode == 0, revoked.stderr
        assert is_refused(url, old)
        asked = place.requests
        gate.is_open.set()
        assert evaluate.wait(90) == 0, read_log(evaluate)
        wait_for(lambda: place.requests > asked + 10)
        place.is_over.set()
        asking.join(30)
        assert place.failures == []
        assert gate.asked == CASES
        said = [read_log(evaluate), read_log(gunicorn), rotated.stdout, revoked.stdout]
        assert not any(token in text for token in tokens for text in said)
        assert fake.faults == []


LOGS = """
import logging, os, pathlib
import django
django.setup()
from django.conf import settings
token = settings.DATABASES["default"]["OPTIONS"]["auth_token"]
file = pathlib.Path(os.environ["TURSO_STAGING_AUTH_TOKEN_FILE"])
first = token()
file.write_text("the-second-of-them")
assert token.replace(first, wait=False) == "the-second-of-them"
logging.getLogger("tests").warning("they are %s and %s", first, token())
"""


def test_the_log_hides_the_new_token_and_the_old_one(tmp_path):
    (tmp_path / "token").write_text("the-first-of-them")
    environment = {
        "PATH": os.environ["PATH"],
        "APP_ENV": "staging",
        "ENV_FILE": str(tmp_path / "none.env"),
        "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        "SECRET_KEY": "k" * 60,
        "ALLOWED_HOSTS": "staging.example",
        "TURSO_STAGING_DATABASE_URL": "libsql://db.example.com",
        "TURSO_STAGING_AUTH_TOKEN_FILE": str(tmp_path / "token"),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOGS],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "they are **** and ****" in done.stderr
