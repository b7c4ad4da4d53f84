"""A run's page with 10,000 results: two columns of 5,000 cases, asked by a logged-in client."""

import os
import statistics
import time
from typing import Any
from uuid import uuid4

__all__ = ["show"]

CASES = 5000
RUNS = 9
NAMES = (
    "id", "evaluation_id", "run_case_id", "repeat", "request_hash", "messages", "output",
    "components", "details", "score", "passed", "finish_reason", "cached", "attempts",
    "grading_calls", "error",
)  # fmt: skip


def show(url: str, proxy: Any) -> None:
    """Print the median of a page, and its round trips (on SQLite: queries)."""
    import django

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        "DATABASE_URL": url,
        "LOG_LEVEL": "WARNING",
    }
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    call_command("migrate", verbosity=0)
    run = _fill()
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    address = f"/admin/evaluations/run/{run.pk}/change/"
    if client.get(address).status_code != 200:
        raise SystemExit("the page cannot be opened")
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        client.get(address)
        times.append(1000 * (time.perf_counter() - started))
    before = proxy.round_trips if proxy else 0
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    where = "SQLite"
    trips = len(queries)
    if proxy:
        where = "libSQL, 20 ms a round trip"
        trips = proxy.round_trips - before
    print(
        f"page of a run with {2 * CASES:,} results, {where}: {statistics.median(times):.0f} ms, "
        f"{trips} round trips (limit: 300 ms, 6)"
    )


def _fill() -> Any:
    from evaluations.engine.protocol import RunOutcome
    from evaluations.engine.providers import ProviderSpec
    from evaluations.engine.types import Case
    from evaluations.models import RunCase
    from evaluations.services.planning import Plan, PlannedColumn, create_run
    from evaluations.services.runs import finish_run
    from evaluations.services.store import insert_rows

    cases = [(None, Case(name=f"case {n}", variables={"x": n})) for n in range(CASES)]
    spec = ProviderSpec(kind="echo")
    columns = [PlannedColumn(spec=spec, text=text) for text in ("a {{x}}", "b {{x}}")]
    run = create_run(Plan(columns=columns), cases)
    keys = list(RunCase.objects.filter(run=run).order_by("position").values_list("pk", flat=True))
    for number, column in enumerate(run.evaluations.order_by("position")):
        rows = []
        for index, key in enumerate(keys):
            # Every second case passes, and the columns differ in each of them.
            score = passed = (index + number) % 2
            row = (uuid4().hex, column.pk.hex, key, 0, "", "[]", "an answer " * 30, "[]", "{}",
                   score, passed, "", 0, 1, 0, "")  # fmt: skip
            rows.append(row)
        insert_rows("test_results", NAMES, rows)
    return finish_run(run, RunOutcome(status="completed", message="", seconds=1.0))
