"""The doctor in this process, on the database of the tests: SQLite, or a libSQL server."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from autoforge.doctor import command
from core.events.models import WebhookDelivery, WebhookEndpoint
from evaluations.models import ModelProfile, Run

pytestmark = pytest.mark.django_db(transaction=True)

# What depends on the machine that tests run on is left to test_bad_days.py.
CHECKS = [
    "settings",
    "files",
    "disk",
    "static",
    "token",
    "database",
    "clock",
    "migrations",
    "schema",
    "write",
    "integrity",
    "cache",
    "queue",
    "roles",
    "accounts",
    "models",
    "providers",
    "webhooks",
    "backups",
    "unfinished",
    "leftovers",
]


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Let the doctor's impatience with servers end with the test."""
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {
        **connections.settings["default"]["OPTIONS"]
    })  # fmt: skip


def examine(capsys, *checks):
    arguments = ["--format", "json", "--deep", "--online"]
    for check in checks or CHECKS:
        arguments += ["--only", check]
    status = command.main(arguments, "doctor")
    report = json.loads(capsys.readouterr().out)
    assert (report["status"] == "healthy") == (status == 0)
    return report["findings"]


def find(findings, check):
    return [(row["state"], row["text"]) for row in findings if row["check"] == check]


def test_a_good_day(owner, capsys):
    call_command("sync_roles", stdout=StringIO())
    findings = examine(capsys)
    assert [row for row in findings if row["state"] not in ("ok", "warning")] == []
    assert {row["check"] for row in findings} >= set(CHECKS)


def test_a_bad_day(capsys):
    call_command("sync_roles", stdout=StringIO())
    Group.objects.get(name="Viewer").permissions.clear()
    old = timezone.now() - timedelta(days=1)
    endpoint = WebhookEndpoint.objects.create(
        name="a", url="https://example.com", failing_since=old, secret="s"
    )
    WebhookEndpoint.objects.create(
        name="b", url="https://example.com", enabled=False, disabled_reason="Gone.", secret="s"
    )
    WebhookDelivery.objects.create(
        endpoint=endpoint, event_type="a", body="{}", next_attempt_at=old
    )
    ModelProfile.objects.create(name="Fast", provider="openai", model="gpt-5-mini")
    ModelProfile.objects.create(name="Echo", provider="echo")
    run = Run.objects.create(settings={"background": True})
    Run.objects.filter(pk=run.pk).update(updated_at=old)
    Run.objects.create(deleted_at=old, message="being deleted for good")

    findings = examine(capsys)
    states = {row["check"]: row["state"] for row in findings}
    assert states["roles"] == states["models"] == states["queue"] == "problem"
    assert states["accounts"] == states["leftovers"] == "warning"
    assert states["providers"] == "not checked"
    assert [state for state, _text in find(findings, "webhooks")] == [
        "warning", "warning", "problem",
    ]  # fmt: skip
    assert find(findings, "queue")[0][1].startswith("1 run has waited for the server since ")


def test_people_read_it_in_colour_on_a_terminal(owner, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    command.main(["--only", "database"], "doctor")
    out = capsys.readouterr().out
    assert "\033[32mok         \033[0m  database" in out
    command.main(["--only", "database", "--no-color"], "doctor")
    assert "\033" not in capsys.readouterr().out
