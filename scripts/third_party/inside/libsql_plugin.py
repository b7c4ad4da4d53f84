"""A pytest plugin inside of a suite: our database for it, and a record of each test's outcome.

Started by `third_party.execution` in the suite's own folder and virtual environment; knows nothing
of AutoForge.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db.utils import ConnectionHandler

# What a suite says about a database that is not about where it is.
KEPT = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE")
KEPT_FOR_TESTS = ("DEPENDENCIES", "MIGRATE", "MIRROR", "SERIALIZE")
REASON_LENGTH = 300


def _replace(alias: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a suite's database as one of ours, which no other alias has."""
    test = entry.get("TEST") or {}
    tests = {name: test[name] for name in KEPT_FOR_TESTS if name in test}
    replaced = {name: entry[name] for name in KEPT if name in entry}
    if os.environ["THIRD_PARTY_BACKEND"] == "sqlite":
        return {
            **replaced,
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "TEST": tests,
        }
    return {
        **replaced,
        "ENGINE": "django_hrana",
        "NAME": f"{os.environ['THIRD_PARTY_URL']}?namespace={alias}",
        "TEST": {**tests, "ADMIN_URL": os.environ["THIRD_PARTY_ADMIN_URL"]},
    }


_configure = ConnectionHandler.configure_settings


def _configure_ours(self: ConnectionHandler, databases: dict[str, Any] | None) -> dict[str, Any]:
    """Replace the databases of whatever settings the suite has, when Django first reads them."""
    entries = settings.DATABASES if databases is None else databases
    for alias, entry in entries.items():
        replaced = _replace(alias, entry)
        entry.clear()  # in place: a suite may look into its settings
        entry.update(replaced)
    return _configure(self, entries)


ConnectionHandler.configure_settings = _configure_ours  # type: ignore[method-assign]  # that is the purpose


def _write(**row: object) -> None:
    # Opened for each line: what has been said is on the disk, whatever happens next.
    with Path(os.environ["THIRD_PARTY_RECORD"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _first_line(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0][:REASON_LENGTH] if lines else ""


def pytest_collection_finish() -> None:
    """Run the system checks, where Django's own test runner would."""
    if os.environ.get("THIRD_PARTY_CHECKS") == "1":
        run_checks()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write the outcome of a phase of a test; the worst of them is the test's."""
    expected = hasattr(report, "wasxfail")
    if report.failed:
        _write(id=report.nodeid, outcome="failed", reason=_first_line(report))
    elif report.skipped and expected:
        _write(id=report.nodeid, outcome="expected failure", reason=report.wasxfail)
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _write(id=report.nodeid, outcome="skipped", reason=str(reason)[:REASON_LENGTH])
    elif report.when == "call":
        _write(id=report.nodeid, outcome="unexpected success" if expected else "passed")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write that a file could not be read, or is skipped whole."""
    if report.failed:
        _write(id=report.nodeid, outcome="failed", reason=_first_line(report))
    elif report.skipped:
        _write(id=report.nodeid, outcome="skipped", reason="the whole file")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write that nothing is missing."""
    _write(finished=session.testscollected)
