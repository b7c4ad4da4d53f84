"""Traces of whole processes: off nothing is loaded, at its end a process sends what is left."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fake_collector import FakeCollector, Reply
from tests.support.fake_models import FakeModels
from tests.support.gunicorn_server import GunicornServer

pytestmark = pytest.mark.once  # each process has a SQLite file of its own

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = """
import sys, threading, time
from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import Case
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run

spec = ProviderSpec(
    kind="openai-compatible", model="m", base_url="{url}/v1", limits=Limits(concurrency=20)
)
cases = [(None, Case(name=str(n), variables={{"x": n}})) for n in range({count})]
run = create_run(Plan(columns=[PlannedColumn(spec=spec, text="Say {{{{x}}}}")]), cases)
began = time.monotonic()
run = execute_run(run.pk)
seconds = time.monotonic() - began
assert run.status == "completed", run.message
loaded = [name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf"))]
threads = [thread.name for thread in threading.enumerate() if "traces" in thread.name]
ours = sorted(name for name in sys.modules if name.startswith("autoforge.tracing"))
print(len(loaded), threads, ours, seconds)
"""


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


@pytest.fixture
def collector():
    with closing(FakeCollector()) as server:
        yield server


@pytest.fixture
def database(tmp_path, migrated_file):
    path = tmp_path / "db.sqlite3"
    shutil.copy(migrated_file, path)
    return {"DATABASE_URL": f"sqlite:///{path}"}


def run_process(script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", script],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_without_settings_nothing_is_loaded_and_nothing_runs(fake, database):
    done = run_process(RUN.format(url=fake.url, count=3), database)
    assert done.stdout.startswith(
        "0 [] ['autoforge.tracing', 'autoforge.tracing.destinations'] "
    ), done.stdout


def test_a_process_that_calls_nobody_starts_no_thread(collector):
    script = (
        "import sys, threading; print('opentelemetry.proto' in sys.modules, "
        "[t.name for t in threading.enumerate() if 'traces' in t.name])"
    )
    done = run_process(script, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    assert done.stdout == "False []\n"
    assert collector.requests == []


def test_a_process_sends_a_thousand_calls_before_it_ends(collector, fake, database):
    variables = database | {
        "LANGFUSE_BASE_URL": collector.url,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "LANGFUSE_SECRET_KEY": "sk-lf-1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/otel",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20key",
        "OTEL_SERVICE_NAME": "prompts",
    }
    run_process(RUN.format(url=fake.url, count=1000), variables)
    # Each of the two gets all calls and the run.
    assert len(collector.spans) == 2 * 1001
    assert len({span.span_id for span in collector.spans if span.parent_id}) == 2 * 1000
    assert len({span.trace_id for span in collector.spans}) == 1
    assert {span.resource["service.name"] for span in collector.spans} == {"prompts"}
    headers = dict(collector.requests)
    assert set(headers) == {"/api/public/otel/v1/traces", "/otel/v1/traces"}
    langfuse = headers["/api/public/otel/v1/traces"]
    assert langfuse["authorization"] == "Basic cGstbGYtMTpzay1sZi0x"
    assert headers["/otel/v1/traces"]["api-key"] == "a key"


def test_a_collector_that_hangs_holds_neither_the_run_nor_the_end_up(collector, fake, database):
    collector.script = [Reply(hangs=True) for _ in range(100)]
    variables = database | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    done = run_process(RUN.format(url=fake.url, count=300), variables)
    assert "the process has ended" in done.stderr
    # Of the 30 seconds and more that those requests would take.
    assert float(done.stdout.split()[-1]) < 20


def test_a_collector_that_is_away_is_told_of_in_one_sentence(fake, database):
    with closing(FakeCollector()) as gone:
        url = gone.url
    variables = database | {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
    started = time.monotonic()
    done = run_process(RUN.format(url=fake.url, count=300), variables)
    minutes = (time.monotonic() - started) // 60  # it is told once in each
    assert 1 <= done.stderr.count("Traces cannot be sent to the collector") <= 1 + minutes


def test_workers_of_a_server_that_forks_send_theirs_and_what_is_left(
    collector, migrated_file, tmp_path
):
    with closing(
        GunicornServer(
            tmp_path,
            migrated_file,
            WEB_CONCURRENCY="2",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        )
    ) as server:
        status, body = server.ask("POST", "profiles", {"name": "Echo", "provider": "echo"})
        assert status == 201, body
        for number in range(20):
            question = {"role": "user", "content": str(number)}
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/v1/chat/completions",
                data=json.dumps({"model": "profile:Echo", "messages": [question]}).encode(),
                headers={
                    "Authorization": f"Bearer {server.key}",
                    "Content-Type": "application/json",
                },
            )
            with urllib.request.urlopen(request, timeout=20) as response:
                assert response.status == 200
        # At once: the last ones still wait for others, to be sent with them.
    assert len(collector.spans) == 20
    assert {span.attributes["gen_ai.system"] for span in collector.spans} == {"echo"}
