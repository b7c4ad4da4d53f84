"""AutoForge with LIBSQL_REPLICA on a real server: pages come from the copy, all else does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from launch.sqld import Server

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.once

# In a process of its own, whose settings have the replica.
PROGRAM = """
import json, sys, time
import django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from autoforge.health.probes import replica
from core.access.secrets import make_key
from prompts.models import Prompt

def count(ask):
    "Return how many requests the server got for it."
    before = connection.connection.round_trips if connection.connection else 0
    ask()
    connection.ensure_connection()
    return connection.connection.round_trips - before

key = {"Authorization": "Bearer " + make_key()}
client = Client()
client.force_login(User.objects.create_superuser("root", password="long-enough-1"))
page = "/admin/prompts/prompt/"
deadline = time.monotonic() + 60
seen = []
while time.monotonic() < deadline:
    seen.append(count(lambda: client.get(page)))
    if seen[-1] == 0:
        break
    time.sleep(0.1)
found = {
    "page": seen[-1],
    "first page": seen[0],
    "api": count(lambda: client.get("/api/v1/prompts", headers=key)),
    "command": count(lambda: list(Prompt.objects.all()[:1])),
    "probe": replica.probe(),
}
groups = "/admin/auth/group/"
response = client.post(groups + "add/", {"name": "A new one", "_save": "Save"})
found["status"] = response.status_code
found["cookie"] = "hrana_written" in client.cookies
found["seen at once"] = b"A new one" in client.get(groups).content
print(json.dumps(found))
"""


def run(*command: str, url: str, place: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "packages/django-hrana/src")]),
        "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        "APP_ENV": "local",
        "ALLOWED_HOSTS": "testserver",
        "ENV_FILE": str(ROOT / "tests" / "test.env"),
        "DATABASE_URL": url,
        "LIBSQL_REPLICA": str(place),
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pages_come_from_the_copy(tmp_path):
    place = tmp_path / "replica.db"
    with Server(tmp_path / "sqld", idle_seconds=600) as server:
        run("manage.py", "migrate", "--verbosity=0", url=server.url, place=place)
        found = json.loads(run("-c", PROGRAM, url=server.url, place=place).splitlines()[-1])
        doctor = run("manage.py", "check_health", "--probe=replica", url=server.url, place=place)
    assert found["page"] == 0
    assert found["first page"] > 0
    assert found["api"] > 0
    assert found["command"] == 1
    assert "as the server was" in found["probe"]
    assert found["status"] == 302
    assert found["cookie"]
    assert found["seen at once"]
    assert "s ago" in doctor
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("replica.db-*")} == {0o600}
