"""Who makes a backup now, and how it ended.

One transaction decides: it takes the write lock with its first statement, on SQLite and on libSQL,
so that of several workers only one finds that a backup is due.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from autoforge.operations.backups.models import BackupRecord

__all__ = ["claim_backup", "extend_claim", "fail_backup", "finish_backup", "record_backup"]

ALIVE: Final = timedelta(minutes=5)
"""How long a worker that says nothing is believed to be at it."""
KEPT: Final = timedelta(days=90)
"""How long attempts are listed; the newest good one always is."""
Status = BackupRecord.Status


def claim_backup(*, every: timedelta) -> int | None:
    """Take on the backup that is due; return the number of the attempt, None if none is due.

    Args:
        every: how long after the last good one the next is due.
    """
    now = timezone.now()
    with transaction.atomic():
        records = BackupRecord.objects.select_for_update()
        if records.filter(status=Status.RUNNING, alive_until__gt=now).exists():
            return None
        if records.filter(status=Status.GOOD, started_at__gt=now - every).exists():
            return None
        lost = records.filter(status=Status.RUNNING)
        lost.update(status=Status.FAILED, finished_at=now, error="Its worker has stopped.")
        record = BackupRecord.objects.create(started_at=now, alive_until=now + ALIVE)
        return record.pk


def extend_claim(number: int) -> None:
    """Say that the worker is still at it."""
    running = BackupRecord.objects.filter(pk=number, status=Status.RUNNING)
    running.update(alive_until=timezone.now() + ALIVE)


def finish_backup(number: int, *, place: str, size_bytes: int) -> None:
    """Record that it is written and verified; forget attempts of long ago."""
    now = timezone.now()
    BackupRecord.objects.filter(pk=number).update(
        status=Status.GOOD, finished_at=now, place=place, size_bytes=size_bytes
    )
    # This one is good, and newer than all that go.
    BackupRecord.objects.filter(started_at__lt=now - KEPT).delete()


def fail_backup(number: int, *, error: str) -> None:
    """Record why there is none."""
    limit = BackupRecord._meta.get_field("error").max_length
    BackupRecord.objects.filter(pk=number).update(
        status=Status.FAILED, finished_at=timezone.now(), error=error[:limit]
    )


def record_backup(*, started_at: datetime, place: str, size_bytes: int) -> None:
    """Record a good backup that a person has made."""
    now = timezone.now()
    BackupRecord.objects.create(
        status=Status.GOOD,
        started_at=started_at,
        alive_until=now,
        finished_at=now,
        place=place,
        size_bytes=size_bytes,
    )
