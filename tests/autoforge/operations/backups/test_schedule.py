"""Backups by workers: one of them makes one when it is due, and everybody can see how old it is."""

import html
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from autoforge.background import wait_until_idle
from autoforge.health.errors import ProbeError
from autoforge.health.probes import backups as probe_backups
from autoforge.operations.backups.encryption import AGE
from autoforge.operations.backups.models import BackupRecord
from autoforge.operations.backups.newest import newest_good_backup
from autoforge.operations.backups.progress import Progress
from autoforge.operations.backups.schedule import SIGN_OF_LIFE_SECONDS, _SignsOfLife, back_up_if_due
from autoforge.operations.backups.services.records import (
    claim_backup,
    extend_claim,
    fail_backup,
    finish_backup,
)
from autoforge.operations.backups.tasks import enqueue_due_backup
from autoforge.operations.backups.verifying import verify
from core.stopping import stop_request

DAY = timedelta(days=1)


@pytest.fixture
def scheduled(settings, tmp_path):
    settings.BACKUP_TO = f"{tmp_path}/backups/"
    settings.BACKUP_EVERY_HOURS = 24
    settings.BACKUP_KEEP = 2
    settings.BACKUP_AGE_RECIPIENTS = ()
    settings.BASE_DIR = tmp_path
    return tmp_path / "backups"


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_one_when_it_is_due(scheduled):
    back_up_if_due()
    back_up_if_due()
    [path] = scheduled.iterdir()
    newest = newest_good_backup()
    assert newest is not None
    assert newest.place == str(path)
    assert newest.size_bytes == path.stat().st_size
    assert not newest.is_overdue
    assert probe_backups.probe().endswith(
        f" UTC: {path}, as large as recorded ({path.stat().st_size:,} bytes); not checked: its "
        "content (`manage.py verify_backup` checks it)"
    )
    verified = verify(path)
    assert verified.manifest.tables["backup_records"].rows == 1  # its own, which is being made
    for _number in range(3):
        BackupRecord.objects.update(started_at=timezone.now() - DAY)
        back_up_if_due()
    assert len(list(scheduled.iterdir())) == 2
    assert BackupRecord.objects.filter(status="good").count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_makes_it():
    barrier = threading.Barrier(6)
    claims = []

    def work() -> None:
        barrier.wait()
        claims.append(claim_backup(every=DAY))
        connections.close_all()

    threads = [threading.Thread(target=work) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claim is not None for claim in claims) == [False] * 5 + [True]


@pytest.mark.django_db
def test_a_worker_that_died_is_replaced():
    first = claim_backup(every=DAY)
    assert first is not None
    assert claim_backup(every=DAY) is None
    BackupRecord.objects.update(alive_until=timezone.now() - timedelta(seconds=1))
    extend_claim(first)  # it was only slow
    assert claim_backup(every=DAY) is None
    BackupRecord.objects.update(alive_until=timezone.now() - timedelta(seconds=1))
    second = claim_backup(every=DAY)
    assert second not in {None, first}
    lost = BackupRecord.objects.get(pk=first)
    assert (lost.status, lost.error) == ("failed", "Its worker has stopped.")
    fail_backup(second, error="x" * 2000)
    assert len(BackupRecord.objects.get(pk=second).error) == 1000
    third = claim_backup(every=DAY)
    BackupRecord.objects.filter(pk=first).update(started_at=timezone.now() - 91 * DAY)
    finish_backup(third, place="p", size_bytes=1)
    assert not BackupRecord.objects.filter(pk=first).exists()
    assert str(BackupRecord.objects.get(pk=third)).endswith(" good")


@pytest.mark.django_db
def test_a_long_backup_shows_that_it_is_alive(monkeypatch):
    number = claim_backup(every=DAY)
    past = timezone.now() - timedelta(seconds=1)
    BackupRecord.objects.update(alive_until=past)
    signs = _SignsOfLife(number)
    signs(Progress(stage="", done=0, total=0))
    assert BackupRecord.objects.get().alive_until == past
    signs._next -= SIGN_OF_LIFE_SECONDS
    signs(Progress(stage="", done=0, total=0))
    assert BackupRecord.objects.get().alive_until > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_recorded_and_told(scheduled, settings, caplog):
    scheduled.write_text("a file where the folder should be")
    back_up_if_due()
    record = BackupRecord.objects.get()
    assert record.status == "failed"
    assert record.error
    assert "No backup was made: " in caplog.text
    assert newest_good_backup() is None


@pytest.mark.django_db(transaction=True)
def test_it_is_a_task_of_the_queue(scheduled, settings):
    enqueue_due_backup()
    wait_until_idle(60)
    [path] = scheduled.iterdir()
    assert newest_good_backup().place == str(path)
    enqueue_due_backup()
    wait_until_idle(60)
    assert [path] == list(scheduled.iterdir())
    assert "autoforge.operations.backups.tasks.enqueue_due_backup" in settings.PERIODIC_TASKS


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_asked_to_stop_leaves_it_to_the_next_one(scheduled):
    stop_request.ask()
    try:
        back_up_if_due()
    finally:
        stop_request.forget()
    assert BackupRecord.objects.get().error == "the worker was asked to stop"
    assert not list(scheduled.glob("*"))
    back_up_if_due()
    assert newest_good_backup() is not None


@pytest.mark.django_db
def test_without_a_schedule_nothing_is_done(settings):
    settings.BACKUP_TO, settings.BACKUP_EVERY_HOURS = None, 24
    back_up_if_due()
    enqueue_due_backup()
    assert not BackupRecord.objects.exists()
    assert probe_backups.probe() == "no backups are scheduled (BACKUP_TO and BACKUP_EVERY_HOURS)"


@pytest.mark.django_db
def test_what_health_says(scheduled):
    assert probe_backups.probe() == "there is no backup yet; a worker makes the first one"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_migrations SET applied = '2020-01-01 00:00:00' WHERE app = 'backups'"
        )
    with pytest.raises(ProbeError, match="there is no good backup") as refusal:
        probe_backups.probe()
    assert "run_huey" in refusal.value.hint
    number = claim_backup(every=DAY)
    scheduled.mkdir()
    (scheduled / "p").write_bytes(AGE)
    finish_backup(number, place=f"{scheduled}/p", size_bytes=len(AGE))
    BackupRecord.objects.update(started_at=timezone.now() - 3 * DAY)
    fail_backup(claim_backup(every=DAY), error="The disk is full.")
    with pytest.raises(ProbeError, match="and one is made every 24 h") as refusal:
        probe_backups.probe()
    assert refusal.value.hint == "The last attempt failed: The disk is full."


def read_dashboard(client, language: str = "en") -> str:
    page = client.get("/admin/", headers={"accept-language": language}).content.decode()
    return html.unescape(page).replace("\xa0", " ")


OVERDUE = "The newest good backup was made 3 days ago: the next one is overdue."


@pytest.mark.django_db
def test_what_the_dashboard_says(scheduled, settings, admin_client):
    page = read_dashboard(admin_client)
    assert "none yet" in page
    assert "overdue" not in page  # the worker has not had its time yet
    number = claim_backup(every=DAY)
    finish_backup(number, place="p", size_bytes=1)
    BackupRecord.objects.update(started_at=timezone.now() - timedelta(hours=3, minutes=1))
    page = read_dashboard(admin_client)
    assert "3 hours ago" in page
    assert "overdue" not in page
    BackupRecord.objects.update(started_at=timezone.now() - timedelta(days=3, minutes=1))
    page = read_dashboard(admin_client)
    assert "3 days ago, overdue" in page
    assert f"{OVERDUE} See why with manage.py check_health --probe backups." in page
    page = read_dashboard(admin_client, "ja")
    assert "3日前（遅れています）" in page
    assert "manage.py check_health --probe backups で原因を確認してください。" in page
    settings.BACKUP_TO = None  # by hand only: nothing can be overdue
    page = read_dashboard(admin_client)
    assert "3 days ago" in page
    assert "overdue" not in page
    BackupRecord.objects.all().delete()
    assert "Newest backup" not in read_dashboard(admin_client)
