"""The deployment's files say the same as the code, and what they call is there."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from autoforge.environment import VARIABLES, load
from autoforge.environment.variables import READ_BY_COMPOSE
from autoforge.operations.env_files.generating import list_outdated
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PLACEHOLDER = re.compile(r"^([A-Z0-9_]+)=\$\{([A-Z0-9_]+)\}$", re.MULTILINE)
DEPLOYED = [("staging", "STAGING"), ("production", "PROD")]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_example_names_every_variable_with_its_comment(tmp_path):
    text = read(".env.example")
    assert re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE) == [
        v.name for v in VARIABLES
    ]
    for variable in VARIABLES:
        assert re.search(
            rf"^# {re.escape(variable.description)}\n(# )?{variable.name}=", text, re.MULTILINE
        )
    (tmp_path / ".env.local").write_text(text, encoding="utf-8")
    environment = load({}, tmp_path)
    assert (environment.app_env, environment.unknown, environment.notes) == ("local", (), ())


def test_what_names_every_variable_is_up_to_date():
    outdated = [path.relative_to(ROOT) for path, _text in list_outdated(ROOT)]
    assert not outdated, "run `make env-files`"


def test_what_the_compose_files_read_is_known():
    names = set()
    for path in ROOT.glob("docker-compose*.yml"):
        names |= set(re.findall(r"\$\{([A-Z0-9_]+)", path.read_text(encoding="utf-8")))
    known = {variable.name for variable in VARIABLES}
    known |= {f"{variable.name}_FILE" for variable in VARIABLES if variable.takes_file}
    of_compose_itself = {name for name in READ_BY_COMPOSE if name.startswith("COMPOSE_")}
    assert names - known == READ_BY_COMPOSE - of_compose_itself


def test_the_guide_names_every_variable():
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", read("docs/environment.md"), re.MULTILINE)
    assert rows[: len(VARIABLES)] == [variable.name for variable in VARIABLES]


@pytest.mark.parametrize(("app_env", "prefix"), DEPLOYED)
def test_a_template_holds_placeholders_for_what_counts_there(app_env, prefix):
    text = read(f".env.{app_env}")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = PLACEHOLDER.findall(text)
    assert len(pairs) == len(lines)
    assert [name for name, _ in pairs] == [v.name for v in VARIABLES if app_env in v.environments]
    for name, place in pairs:
        assert place == f"{prefix}_{name.replace('TURSO_STAGING_', 'TURSO_')}"


def read_deployment():
    return yaml.safe_load(read(".github/workflows/deploy.yml"))["jobs"]["deploy"]["steps"]


@pytest.mark.parametrize(("app_env", "prefix"), DEPLOYED)
def test_the_workflow_gives_each_placeholder_its_value(app_env, prefix):
    steps = read_deployment()
    condition = f"inputs.environment == '{app_env}'"
    [render] = [
        step
        for step in steps
        if "env render" in step.get("run", "") and step.get("if") == condition
    ]
    assert f"env render {app_env}" in render["run"]
    places = [place for _, place in PLACEHOLDER.findall(read(f".env.{app_env}"))]
    assert list(render["env"]) == places
    assert render["env"].pop(f"{prefix}_APP_ENV") == app_env
    for place, value in render["env"].items():
        assert value in {f"${{{{ secrets.{place} }}}}", f"${{{{ vars.{place} }}}}"}
    variables = {v.name: v for v in VARIABLES}
    for name, place in PLACEHOLDER.findall(read(f".env.{app_env}")):
        if variables[name].secret:
            assert render["env"][place].startswith("${{ secrets.")
    others = [step for step in steps if step.get("if", condition) == condition]
    order = [step.get("run", "") for step in others]
    kinds = (
        *("env render", "check --deploy", "docker build", "scripts/deployment deploy"),
        *("scripts/smoke.py", "scripts/deployment rollback"),
    )
    found = [next(n for n, run in enumerate(order) if kind in run) for kind in kinds]
    assert found == sorted(found)


@pytest.mark.parametrize(("app_env", "prefix"), DEPLOYED)
def test_no_step_of_one_environment_reads_what_is_the_others(app_env, prefix):
    [other] = {name for _, name in DEPLOYED} - {prefix}
    steps = [step for step in read_deployment() if app_env in step.get("if", "")]
    assert len(steps) == 2
    for step in steps:
        assert f"{other}_" not in json.dumps(step)
        # A value that is missing stays missing: nothing else takes its place.
        assert "||" not in json.dumps(step["env"])


def test_what_a_deployment_asks_for_is_given():
    text = read("scripts/deployment/__main__.py")
    asked = set(re.findall(r'"((?:DEPLOY|SITE|REGISTRY)_[A-Z_]+)"', text))
    asked -= {"DEPLOY_RETRY_SECONDS"}  # of tests
    for step in read_deployment():
        if "scripts/deployment" in step.get("run", ""):
            assert asked <= set(step["env"])


def test_production_is_deployed_by_tags_in_its_environment():
    expected = {
        "production": {"push": {"tags": ["v*"]}},
        "staging": {"push": {"branches": ["develop"]}},
    }
    for app_env, on in expected.items():
        workflow = yaml.safe_load(read(f".github/workflows/deploy-{app_env}.yml"))
        assert workflow[True] == on  # YAML 1.1 reads "on" as true
        [job] = workflow["jobs"].values()
        assert job["uses"] == "./.github/workflows/deploy.yml"
        assert job["with"] == {"environment": app_env}
    shared = yaml.safe_load(read(".github/workflows/deploy.yml"))
    assert shared["jobs"]["deploy"]["environment"] == "${{ inputs.environment }}"
    assert shared["jobs"]["deploy"]["needs"] == "test"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_modest_and_keep_secrets_off_command_lines(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for use in re.findall(r"uses: (.*)", text):
        pinned = r"[\w-]+/[\w-]+(/\w+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+"
        assert re.fullmatch(pinned, use) or use == "./.github/workflows/deploy.yml"
    for job in workflow["jobs"].values():
        if "uses" in job:
            continue
        assert job["timeout-minutes"] <= 40
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            for script in re.findall(r"(?:scripts|\.ci)/[\w.]+", step.get("run", "")):
                assert (ROOT / script).exists()


def test_the_dockerfile_is_sound():
    text = read("Dockerfile")
    instructions = re.findall(r"^([A-Z]+) ", text, re.MULTILINE)
    known = {
        *("FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "EXPOSE"),
        *("HEALTHCHECK", "CMD"),
    }
    assert set(instructions) <= known
    assert instructions.count("FROM") == 2
    bases = re.findall(r"^FROM \S+:\d[\w.-]+@sha256:[0-9a-f]{64}( AS \w+)?$", text, re.MULTILINE)
    assert len(bases) == 2
    assert ":latest" not in text
    assert text.index("USER 10001:10001") < text.index('CMD ["python", "scripts/serve_web.py"]')
    assert "--require-hashes" in text
    for script in re.findall(r"scripts/\w+\.py", text):
        assert (ROOT / script).is_file()
    assert {".env", ".git", ".env.*"} <= set(read(".dockerignore").split())


def test_git_keeps_rendered_files_out():
    done = subprocess.run(
        ["git", "check-ignore", ".env", ".env.local", "data/x.db", "staticfiles/x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.split()) == 4


# --- Serving --------------------------------------------------------------------------------------


def test_gunicorn_refuses_a_wrong_environment_in_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "autoforge.wsgi"],
        cwd=ROOT,
        env=os.environ | {"PORT": str(free_port()), "APP_ENV": "production"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if "Configuration error" in line]
    assert "SECRET_KEY is not set" in line
    assert "Traceback" not in done.stderr


def test_host_port_and_app_env_may_stand_in_the_file(tmp_path, migrated_file):
    """gunicorn, the container's health check and the settings read the same file."""
    shutil.copy(migrated_file, tmp_path / "db.sqlite3")
    port = free_port()
    file = tmp_path / "staging.env"
    file.write_text(
        "APP_ENV=staging\n"
        f"SECRET_KEY={''.join(f'{n:02x}' for n in range(40))}\n"
        "ALLOWED_HOSTS=.example.com,shop.example.com\n"
        f"DATABASE_URL=sqlite:///{tmp_path}/db.sqlite3\n"
        f"HOST=0.0.0.0\nPORT={port}\n"
    )
    file.chmod(0o600)
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(file), "WEB_CONCURRENCY": "1"}
    ask = [sys.executable, "scripts/ask_health.py"]
    early = subprocess.run(
        ask, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (early.returncode, early.stderr.split(":")[0]) == (1, f"no answer on port {port}")
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "autoforge.wsgi"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait(port)
        assert subprocess.run(ask, cwd=ROOT, env=environment, check=False).returncode == 0
    finally:
        server.terminate()
        log = server.communicate(timeout=30)[1]
    events = [json.loads(line)["event"] for line in log.splitlines()]  # JSON: it is not local
    assert f"Listening at: http://0.0.0.0:{port}" in "\n".join(events)


def test_the_health_check_says_that_the_environment_is_wrong():
    done = subprocess.run(
        [sys.executable, "scripts/ask_health.py"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Configuration error: PORT is 'x' (from the environment): it mu")


def test_gunicorn_serves_production_with_static_files(tmp_path, migrated_file):
    shutil.copy(migrated_file, tmp_path / "db.sqlite3")
    port = free_port()
    environment = os.environ | {
        "APP_ENV": "production",
        "SECRET_KEY": "".join(f"{n:02x}" for n in range(40)),
        "ALLOWED_HOSTS": "shop.example.com",
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests' own
    subprocess.run(
        [sys.executable, "scripts/collect_static.py"], cwd=ROOT, check=True, capture_output=True
    )
    check = ["check", "--deploy", "--fail-level=WARNING"]
    subprocess.run([sys.executable, "manage.py", *check], cwd=ROOT, env=environment, check=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "autoforge.wsgi"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait(port)
        asked = subprocess.run(
            [sys.executable, "scripts/ask_health.py"], cwd=ROOT, env=environment, check=False
        )
        assert asked.returncode == 0
        headers = {"Host": "shop.example.com", "X-Forwarded-Proto": "https"}
        page = get(port, "/admin/login/", headers)
        style = re.search(r'href="(/static/[^"]+\.css)"', page)[1]
        assert re.search(r"\.[0-9a-f]{12}\.css", style)
        assert get(port, style, headers)
    finally:
        server.terminate()
        log = server.communicate(timeout=30)[1]
    events = [json.loads(line) for line in log.splitlines()]
    requests = [event for event in events if event["event"] == "request_finished"]
    assert requests
    assert all(event["request_id"] for event in requests)


def wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(port)


def get(port: int, path: str, headers: dict[str, str]) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read().decode()
