"""What is read when Prometheus asks: true, in one statement, and in time whatever is away."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from huey import SqliteHuey
from prometheus_client.core import GaugeMetricFamily

from autoforge.metrics import readings
from autoforge.metrics.database_state import DatabaseState, _list_migrations, read_database
from autoforge.metrics.readings import Reader
from autoforge.operations.backups.models import BackupRecord
from core.database.applied import read_migrations
from core.events.models import WebhookDelivery, WebhookEndpoint
from evaluations.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def read(families) -> dict[tuple, float]:
    return {
        (sample.name.removeprefix("autoforge_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_an_empty_site_has_nothing_under_way():
    state = read_database()
    assert state == DatabaseState(open_runs={"pending": 0, "running": 0})


def test_the_state_is_read_in_one_statement():
    read_database()  # the connection is open
    with CaptureQueriesContext(connection) as queries:
        read_database()
    assert len(queries) == 1


def test_runs_and_deliveries_are_counted_with_the_age_of_the_oldest():
    now = timezone.now()
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    for number in range(3):
        pending = Run.objects.create(name=str(number))
        Run.objects.filter(pk=pending.pk).update(created_at=now - number * hour)
    Run.objects.create(status="running", worker="x", worker_until=now + hour)
    Run.objects.create(status="running", worker="y", worker_until=now - minute)
    Run.objects.create(status="completed", worker="z", worker_until=now - hour)
    deleted = Run.objects.create(status="running", worker="y", worker_until=now - minute)
    deleted.delete()
    on = WebhookEndpoint.objects.create(name="on", url="https://example.com")
    off = WebhookEndpoint.objects.create(name="off", url="https://example.com", enabled=False)
    for endpoint, status, age in (
        (on, "pending", minute),
        (on, "pending", 2 * minute),
        (on, "failed", hour),
        (on, "delivered", hour),
        (off, "pending", hour),
    ):
        row = WebhookDelivery.objects.create(
            endpoint=endpoint, status=status, event_type="x", body="{}"
        )
        WebhookDelivery.objects.filter(pk=row.pk).update(created_at=now - age)
    state = read_database()
    assert state.open_runs == {"pending": 3, "running": 2}
    assert state.abandoned_runs == 1
    assert state.oldest_pending_run_seconds == pytest.approx(7200, abs=30)
    assert state.pending_deliveries == 2
    assert state.oldest_delivery_seconds == pytest.approx(120, abs=30)


def test_migrations_are_those_that_django_finds():
    migrations = read_migrations()
    assert _list_migrations() == {*migrations.applied, *migrations.pending}


def test_a_migration_that_is_not_applied_is_pending():
    MigrationRecorder(connection).record_unapplied("prompts", "0001_initial")
    try:
        assert read_database().pending_migrations == 1
    finally:
        MigrationRecorder(connection).record_applied("prompts", "0001_initial")


@pytest.mark.once
def test_a_database_of_an_earlier_version_answers_with_its_migrations(tmp_path):
    with connected_to(tmp_path / "new.sqlite3") as path:
        path.touch()  # an empty database: no table at all
        assert read_database().pending_migrations == len(_list_migrations())


@pytest.mark.once
def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with connected_to(tmp_path / "none.sqlite3") as path:
        assert read_database() is None
        assert not path.exists()


@pytest.mark.once
def test_a_database_that_is_none_is_away(tmp_path):
    with connected_to(tmp_path / "text.sqlite3") as path:
        path.write_text("no database at all, and long enough to look like one" * 100)
        assert read_database() is None
        assert read(readings._read_database()) == {("database_up",): 0.0}


class connected_to:  # noqa: N801 (a context)
    """Another SQLite file, for this thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        connection.close()
        self.before = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = str(self.path)
        return self.path

    def __exit__(self, *_error: object) -> None:
        connection.close()
        connection.settings_dict["NAME"] = self.before


def test_the_queue_tells_its_depth(settings, tmp_path):
    huey = SqliteHuey(filename=str(tmp_path / "queue.sqlite3"), immediate=False)
    task = huey.task()(len)
    settings.HUEY = huey
    task("a")
    task("b")
    task.schedule(("c",), delay=3600)
    huey.add_schedule(huey.dequeue())
    values = read(readings.read_queue())
    assert values["queue_up",] == 1
    assert values["queue_tasks", "pending"] + values["queue_tasks", "scheduled"] == 3


def test_without_a_queue_there_is_nothing_to_tell(settings):
    settings.HUEY = None
    assert readings.read_queue() == []


def test_a_queue_that_is_away_is_told(settings, tmp_path):
    from huey import RedisHuey

    settings.HUEY = RedisHuey(url="redis://127.0.0.1:1/0", immediate=False)
    assert read(readings.read_queue()) == {("queue_up",): 0.0}


def test_redis_is_up_until_it_is_not(settings, redis_server):
    settings.HAS_REDIS = True
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": redis_server.url}}
    assert read(readings.read_redis()) == {("redis_up",): 1.0}
    redis_server.kill()
    assert read(readings.read_redis()) == {("redis_up",): 0.0}


def test_the_token_tells_when_it_expires(settings):
    ends = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    options = settings.DATABASES["default"]["OPTIONS"]
    before = dict(options)
    try:
        options["auth_token"] = jwt.encode({"exp": ends}, "x" * 40)
        dates = read(readings.read_dates())
        assert dates["database_token_expiry_timestamp_seconds",] == ends.timestamp()
        options["auth_token"] = jwt.encode({"a": "rw"}, "x" * 40)
        assert ("database_token_expiry_timestamp_seconds",) not in read(readings.read_dates())
    finally:
        options.clear()
        options.update(before)


def test_the_newest_good_backup_tells_when_it_was_made(settings):
    name = ("backup_newest_good_timestamp_seconds",)
    settings.BACKUP_TO = None
    assert name not in read(readings.read_state(read_database(), 0.1))
    settings.BACKUP_TO, settings.BACKUP_EVERY_HOURS = "/backups/", 24
    assert read(readings.read_state(read_database(), 0.1))[name] == 0  # an alert fires
    made = datetime(2025, 1, 2, tzinfo=UTC)
    for status, days in (("good", 0), ("good", -1), ("failed", 1), ("running", 2)):
        add_backup(status, made + timedelta(days=days))
    settings.BACKUP_TO = None
    assert read(readings.read_state(read_database(), 0.1))[name] == made.timestamp()


def add_backup(status: str, started_at: datetime) -> None:
    fields = {"status": status, "started_at": started_at, "alive_until": started_at}
    if status == "good":
        fields |= {"place": "/backups/x", "size_bytes": 1}
    if status != "running":
        fields |= {"finished_at": started_at}
    BackupRecord.objects.create(**fields)


def gauge(value: float) -> list:
    return [GaugeMetricFamily("autoforge_x", "x", value)]


def test_what_hangs_is_left_behind_and_not_asked_again(monkeypatch):
    monkeypatch.setattr(readings, "PATIENCE_SECONDS", 0.2)
    release, calls = threading.Event(), []

    def hang() -> list:
        calls.append(1)
        release.wait(30)
        return readings.read_state(DatabaseState(), 0.1)

    reader = Reader({"database": hang, "queue": lambda: gauge(1)})
    for _ in range(3):
        started = time.monotonic()
        values = read(reader.read())
        assert time.monotonic() - started < 10
        assert values == {("database_up",): 0.0, ("x",): 1.0}
        reader.forget()
    assert len(calls) == 1
    release.set()
    reader._running["database"].thread.join(20)
    assert ("migrations_pending",) in read(reader.read())
    assert len(calls) == 2


def test_scrapes_of_the_same_second_ask_once():
    calls = []

    def count() -> list:
        calls.append(1)
        return gauge(len(calls))

    reader = Reader({"database": count})
    assert [read(reader.read()) for _ in range(5)] == [{("x",): 1.0}] * 5
    reader.forget()
    assert read(reader.read()) == {("x",): 2.0}


def test_a_fault_of_ours_is_in_the_log_and_tells_that_the_part_is_away(caplog):
    def fail() -> list:
        raise ZeroDivisionError

    assert read(Reader({"redis": fail}).read()) == {("redis_up",): 0.0}
    assert "could not be read" in caplog.text
