"""The team's integration tests of Redis: ping, set, get, delete, expiry, and pages without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import django, json, time
django.setup()
from django.core.cache import cache
out = {}
cache.set("integration", "値", timeout=0.2)
out["get"] = cache.get("integration")
time.sleep(0.3)
out["expired"] = cache.get("integration")
cache.set("integration", "again")
cache.delete("integration")
out["deleted"] = cache.get("integration")
cache.set("left", 1)
from django.test import Client
out["page"] = Client(headers={"host": "localhost"}).get("/admin/login/").status_code
print(json.dumps(out))
"""


def run(url: str, tmp_path: Path) -> dict:
    environment = os.environ | {
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_redis_ping(redis_server):
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_redis_set_get_delete_with_expiry(redis_server, tmp_path):
    out = run(redis_server.url, tmp_path)
    assert out == {"get": "値", "expired": None, "deleted": None, "page": 200}
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.keys("*") == [b"autoforge:local:1:left"]
        assert 3500 < client.ttl("autoforge:local:1:left") <= 3600


def test_pages_work_without_the_redis_that_is_configured(redis_server, tmp_path):
    redis_server.kill()
    out = run(redis_server.url, tmp_path)
    assert out == {"get": None, "expired": None, "deleted": None, "page": 200}
