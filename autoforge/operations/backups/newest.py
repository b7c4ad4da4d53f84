"""How old is the newest good backup? For health, the dashboard, metrics and doctor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from autoforge.operations.backups.models import BackupRecord

__all__ = [
    "NewestBackup",
    "find_last_error",
    "is_backup_due",
    "list_good_backups",
    "newest_good_backup",
    "scheduled_every",
]

LATE: Final = 2
"""After so many times the interval a backup is overdue: one attempt may fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewestBackup:
    """A good backup, as it is recorded."""

    made_at: datetime
    """The moment that it contains, UTC."""
    place: str
    """A path on the machine of whoever made it, or s3://bucket/key."""
    size_bytes: int
    """Size of the file."""

    @property
    def age(self) -> timedelta:
        """How old it is now."""
        return timezone.now() - self.made_at

    @property
    def is_overdue(self) -> bool:
        """Whether the next one should be there; never where none are scheduled."""
        every = scheduled_every()
        return every is not None and self.age > LATE * every


def newest_good_backup() -> NewestBackup | None:
    """Return the newest good backup, by a worker or by hand; None if there is none.

    Raises:
        DatabaseError: the database does not answer, or has no such table yet.
    """
    records = list_good_backups(1)
    return records[0] if records else None


def list_good_backups(count: int) -> list[NewestBackup]:
    """Return the newest good backups, the newest first, as they are recorded.

    Raises:
        DatabaseError: the database does not answer, or has no such table yet.
    """
    good = BackupRecord.objects.filter(status=BackupRecord.Status.GOOD)
    backups = []
    for record in good.order_by("-started_at")[:count]:
        backup = NewestBackup(
            made_at=record.started_at, place=record.place, size_bytes=record.size_bytes
        )
        backups.append(backup)
    return backups


def find_last_error() -> str:
    """Return why the newest attempt failed; empty if it did not."""
    record = BackupRecord.objects.order_by("-started_at").first()
    return "" if record is None else record.error


def is_backup_due() -> bool:
    """Whether a backup is scheduled, and neither there nor being made."""
    every = scheduled_every()
    if every is None:
        return False
    now = timezone.now()
    is_good = Q(status=BackupRecord.Status.GOOD, started_at__gt=now - every)
    is_running = Q(status=BackupRecord.Status.RUNNING, alive_until__gt=now)
    return not BackupRecord.objects.filter(is_good | is_running).exists()


def scheduled_every() -> timedelta | None:
    """Return how often a worker makes a backup; None where none does."""
    if not (settings.BACKUP_TO and settings.BACKUP_EVERY_HOURS):
        return None
    return timedelta(hours=settings.BACKUP_EVERY_HOURS)
