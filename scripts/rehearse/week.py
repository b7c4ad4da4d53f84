"""The week's events, in order: each is done as an operator does it, and checked from outside."""

import contextlib
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Final

from rehearse.guide import read_boxes
from rehearse.installation import Installation, RehearsalError
from rehearse.rows import Rows, read_rows, tell_difference
from rehearse.servers import CountingModel, open_redis
from rehearse.traffic import Traffic
from tests.support.fake_turso import FakeTurso

__all__ = ["Week"]

DATABASE: Final = "autoforge-staging"
# TLS ends at a proxy in front, which is not part of this.
BEHIND_PROXY: Final = {"Host": "localhost", "X-Forwarded-Proto": "https"}
CASES: Final = 120
CONCURRENCY: Final = 4
LONG: Final = 20  # times each case: a run that would take minutes
SOME: Final = 12  # answers, after which a run is in its middle
READY_SECONDS: Final = 60
RUN_SECONDS: Final = 120
CLIENTS: Final = 4  # while the next release takes over
RUN: Final = re.compile(r"^Run (\S+)", re.MULTILINE)
SUITE: Final = "Rehearsal"
PROMPT: Final = "rehearsal/question"
OPEN: Final = {"queued", "running", "pending"}


class Week:
    """One installation, and what happened to it so far."""

    def __init__(self, installation: Installation, turso: FakeTurso, model: CountingModel) -> None:
        """Nothing has happened yet."""
        self.installation = installation
        self.turso = turso
        self.model = model
        self.boxes = read_boxes()
        self.values = installation.shared / "staging.secrets"
        self.key = ""
        self.rows: Rows = {}
        self._runs = 0
        self._stack = contextlib.ExitStack()

    def close(self) -> None:
        """End what the week has started."""
        self._stack.close()

    def events(self) -> Sequence[Callable[[], str]]:
        """Return what happens, in order; each returns what was seen."""
        return (
            self.unpack,
            self.create_database,
            self.render_env_file,
            self.migrate,
            self.serve,
            self.import_content,
            self.rotate_tokens_in_a_run,
            self.stop_worker_in_a_run,
            self.cancel_a_run,
            self.look_around,
            self.back_up,
            self.lose_the_database,
            self.replace_the_database,
            self.deploy_under_load,
        )

    # Setting up

    def unpack(self) -> str:
        """Unpack the release of today and the one of tomorrow."""
        for version in ("1.0.0", "2.0.0"):
            self.installation.unpack(version)
        self.installation.switch("1.0.0")
        return "two releases are unpacked"

    def create_database(self) -> str:
        """Make a database at Turso with a token of 90 days, and the secrets."""
        (self.installation.shared / "platform-token").write_text(self.turso.token)
        self._follow("create-database", ORGANIZATION=self.turso.organization)
        created = json.loads((self.installation.shared / "database.json").read_text())
        self._follow("make-secrets")
        redis_url = self._stack.enter_context(
            open_redis(self.installation.folder, self._read_value("REDIS_PASSWORD"))
        )
        for name, value in {
            "ALLOWED_HOSTS": "localhost",
            "MODEL_ALLOWED_NETWORKS": "loopback",
            "OPENAI_COMPATIBLE_BASE_URL": f"{self.model.url}/v1",
            "PORT": str(self.installation.port),
            "QUEUE": "redis",
            "REDIS_URL": redis_url,
            "TURSO_AUTH_TOKEN": created["token"]["token"],
            "TURSO_DATABASE_URL": created["url"],
        }.items():
            self._set_value(name, value)
        return "a database is made at (a fake of) Turso, and secrets"

    def render_env_file(self) -> str:
        """Fill the committed template, and check what came out."""
        self._follow("render-env-file")
        return ".env.staging is rendered and checked"

    def migrate(self) -> str:
        """Migrate the empty database safely."""
        (self.installation.shared / "backups").mkdir()
        self._follow("migrate")
        return "the database is migrated, and is what models and migrations say"

    def serve(self) -> str:
        """Start the web server and a worker, and look at them."""
        self._start()
        password = secrets.token_urlsafe()
        self._follow("first-look", ADMIN="admin", DJANGO_SUPERUSER_PASSWORD=password)
        # One of our own, without a limit: while the next release takes over, clients ask a lot.
        output = self.installation.manage(
            "api_key", "create", "week", "--role", "Administrator", "--requests-per-minute", "0"
        )
        self.key = output.strip().splitlines()[-1]
        return "web and worker are ready, and everything is well"

    # Events

    def import_content(self) -> str:
        """Import a prompt and a suite."""
        shared = self.installation.shared
        prompt = {
            "title": "Question",
            "name": PROMPT,
            "content": "Question {{x}}",
            "syntax": "mustache",
            "variables": [{"name": "x", "type": "text"}],
        }
        (shared / "prompts.json").write_text(json.dumps([prompt]), encoding="utf-8")
        self.installation.manage("import_prompts", str(shared / "prompts.json"))
        tests = []
        for number in range(CASES):
            assertion = {"type": "contains", "value": f"answer to Question {number}"}
            tests.append({"vars": {"x": f"{number}"}, "assert": [assertion]})
        (shared / "suite.json").write_text(json.dumps(tests), encoding="utf-8")
        self.installation.manage("import_suite", str(shared / "suite.json"), "--name", SUITE)
        return f"a prompt and {CASES} cases are imported"

    def rotate_tokens_in_a_run(self) -> str:
        """Renew the database's token while a run is at work, then end all tokens."""
        before = dict(self.model.counts())
        run = self._start_run()
        self._wait_for_answers(before, SOME)
        self._follow("rotate-token")
        self._wait_for_answers(before, 2 * SOME)
        self._follow("revoke-token")
        self._expect_complete(run, before)
        return "tokens were renewed and revoked in a run, which lost and repeated nothing"

    def stop_worker_in_a_run(self) -> str:
        """End the worker while a run is at work; the next one goes on."""
        before = dict(self.model.counts())
        run = self._start_run()
        self._wait_for_answers(before, SOME)
        seconds = self.installation.stop("worker")
        self._start_worker()
        self._expect_complete(run, before)
        return f"a worker ended in a run within {seconds:.1f} s; nothing was paid twice"

    def cancel_a_run(self) -> str:
        """Cancel a run that is at work."""
        before = dict(self.model.counts())
        run = self._start_run(repeats=LONG)
        self._wait_for_answers(before, SOME)
        self._follow("cancel-a-run", RUN=run)
        if self._status(run) != "cancelled":
            raise RehearsalError(f"Run {run} is {self._status(run)}, not cancelled.")
        return "a run was cancelled"

    def look_around(self) -> str:
        """Do what is done every day."""
        self._follow("every-day")
        self._follow("rotate-key")
        return "runs, usage and old rows were looked at, and a key was made anew"

    def back_up(self) -> str:
        """Back the database up, check the backup, try it, and copy the database."""
        self.rows = self._read_rows()
        self._follow("back-up")
        self._follow("try-a-backup")
        token_file = self.installation.shared / "token"
        token_file.write_text(self.turso.databases[DATABASE].mint(access="ro", seconds=60))
        self._follow("copy", DATABASE_URL=self._database_url, TOKEN_FILE=str(token_file))
        count = sum(map(len, self.rows.values()))
        return f"{len(self.rows)} tables with {count} rows are backed up, tried and copied"

    def lose_the_database(self) -> str:
        """Delete the database with all that is in it, and restore it."""
        self.installation.stop("worker")
        self.installation.stop("web")
        self._follow("lose-the-database")
        self._expect_same_rows()
        return "the database was deleted and restored; every row of every table is equal"

    def replace_the_database(self) -> str:
        """Restore over the database in use, then take a migration back and apply it again."""
        self._follow("replace-the-database", DATABASE_NAME="localhost")
        self._expect_same_rows()
        self._follow("step-back")
        self._start()
        return "the database was replaced in one step, and a migration went back and forth"

    def deploy_under_load(self) -> str:
        """Let the next release take over while clients ask."""
        key = {"Authorization": f"Bearer {self.key}"}
        questions = [("/health/live", BEHIND_PROXY), ("/api/v1/me", BEHIND_PROXY | key)]
        with Traffic(self.installation.port, questions * CLIENTS) as traffic:
            time.sleep(1)
            self.installation.switch("2.0.0")
            self._follow("new-release")
            time.sleep(1)
        if traffic.faults:
            raise RehearsalError(f"The deployment was noticed: {dict(traffic.faults)}.")
        self._expect_version("2.0.0")
        return f"the next release took over; {traffic.answers} of {traffic.answers} answered"

    # What they share

    def _follow(self, name: str, **more: str) -> str:
        """Type what a box of the guide says; return what was printed."""
        lines = self.boxes.pop(name)
        return self.installation.type(lines, TURSO_API_URL=self.turso.url, **more)

    def _start(self) -> None:
        """Start web and worker, and wait until they are ready."""
        self.installation.start("web", "scripts/serve_web.py", WEB_CONCURRENCY="2")
        self._start_worker()
        self._wait_until_ready()

    def _expect_same_rows(self) -> None:
        differences = tell_difference(self.rows, self._read_rows())
        if differences:
            raise RehearsalError(f"The restored database is another one: {'; '.join(differences)}.")

    @property
    def _database_url(self) -> str:
        return f"http://{self.turso.databases[DATABASE].hostname}"

    def _set_value(self, name: str, value: str) -> None:
        """Fill a line of the values file in, as a person does."""
        text = self.values.read_text(encoding="utf-8")
        line = re.compile(rf"^STAGING_{name}=.*$", re.MULTILINE)
        filled, count = line.subn(lambda _: f"STAGING_{name}={value}", text)
        if count != 1:
            raise RehearsalError(f"The values file has {count} lines for STAGING_{name}.")
        self.values.write_text(filled, encoding="utf-8")

    def _read_value(self, name: str) -> str:
        text = self.values.read_text(encoding="utf-8")
        match = re.search(rf"^STAGING_{name}=(.+)$", text, re.MULTILINE)
        if match is None:
            raise RehearsalError(f"The values file has no STAGING_{name}.")
        return match[1]

    def _read_rows(self) -> Rows:
        token = self.turso.databases[DATABASE].mint(access="ro", seconds=60)
        return read_rows(self._database_url, token)

    def _start_worker(self) -> None:
        self.installation.start("worker", "manage.py", "run_huey", "--workers", "2")

    def _expect_version(self, version: str) -> None:
        document = self._get("/api/openapi.json")
        if document["info"]["version"] != version:
            raise RehearsalError(f"{document['info']['version']} answers, not {version}.")

    def _start_run(self, *, repeats: int = 1) -> str:
        """Start a run in the background that asks each case so often; return its ID."""
        self._runs += 1
        output = self.installation.manage(
            "evaluate",
            "--suite",
            SUITE,
            "--prompt",
            PROMPT,
            "--provider",
            f"openai-compatible:model-{self._runs}",
            "--repeat",
            str(repeats),
            "--no-cache",
            "--background",
        )
        match = RUN.search(output)
        if match is None:
            raise RehearsalError(f"No run was started: {output}")
        return match[1]

    def _wait_for_answers(self, before: dict[str, int], count: int) -> None:
        """Wait until the model was asked so many times more."""
        target = sum(before.values()) + count

        def is_there() -> bool:
            return sum(self.model.counts().values()) >= target

        self._wait(is_there, RUN_SECONDS, f"The model was not asked {count} times")

    def _expect_complete(self, run: str, before: dict[str, int]) -> None:
        """Wait for a run's end; every case passed, and was paid once."""
        self._wait(lambda: self._status(run) not in OPEN, RUN_SECONDS, f"Run {run} did not end")
        details = self._get(f"/api/v1/runs/{run}")
        passed = details["progress"]["passed"]
        if details["status"] != "completed" or passed != CASES:
            raise RehearsalError(
                f"Run {run} ended as {details['status']} with {passed} of {CASES} passed: {details}"
            )
        counts = self.model.counts()
        for number in range(CASES):
            question = f"Question {number}"
            paid = counts.get(question, 0) - before.get(question, 0)
            if paid != 1:
                raise RehearsalError(f"{question} was paid {paid} times in run {run}.")

    def _status(self, run: str) -> str:
        return str(self._get(f"/api/v1/runs/{run}")["status"])

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.installation.port}{path}",
            headers=BEHIND_PROXY | {"Authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise RehearsalError(f"GET {path} answered {error.code}: {said}") from error

    def _wait_until_ready(self) -> None:
        def is_ready() -> bool:
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.installation.port}/health/ready", headers=BEHIND_PROXY
            )
            try:
                with urllib.request.urlopen(request, timeout=30):  # noqa: S310 (loopback)
                    return True
            except OSError:
                return False

        self._wait(is_ready, READY_SECONDS, "The web server did not become ready")

    def _wait(self, is_done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline:
                logs = self.installation.read_log("web") + self.installation.read_log("worker")
                raise RehearsalError(f"{otherwise} within {seconds:g} s: {logs}")
            time.sleep(0.1)
