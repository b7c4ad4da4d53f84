"""The record of backups: a row for each attempt, which every web server and worker can read.

It is part of what is backed up. A backup holds the rows of those before it, and its own as one
that is being made: after a restoration, the newest good one is older than what was restored, and a
worker makes the next one soon.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import SerialModel

__all__ = ["BackupRecord"]


class BackupRecord(SerialModel):
    """An attempt to make a backup."""

    class Status(models.TextChoices):
        """How far it is."""

        RUNNING = "running", _("running")
        GOOD = "good", _("good")
        FAILED = "failed", _("failed")

    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status,
        default=Status.RUNNING,
        help_text=_("Whether the backup was written and verified."),
    )
    started_at = models.DateTimeField(
        _("started at"), help_text=_("The moment that the backup contains, about.")
    )
    alive_until = models.DateTimeField(
        _("alive until"),
        help_text=_("While it runs: when its worker is given up unless it says something."),
    )
    finished_at = models.DateTimeField(
        _("finished at"), null=True, help_text=_("When it was verified, or had failed.")
    )
    place = models.CharField(
        _("place"),
        max_length=1000,
        default="",
        blank=True,
        help_text=_("File, or address in S3."),
    )
    size_bytes = models.PositiveBigIntegerField(
        _("size"), default=0, help_text=_("Size of the file in bytes.")
    )
    error = models.CharField(
        _("error"),
        max_length=1000,
        default="",
        blank=True,
        help_text=_("Why it failed; empty if it did not."),
    )

    class Meta:
        db_table = "backup_records"
        verbose_name = _("backup")
        verbose_name_plural = _("backups")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "good", "failed"]),
                name="backup_records_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="running") | Q(finished_at__isnull=False),
                name="backup_records_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-started_at"], name="idx_backup_records_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.status}"
