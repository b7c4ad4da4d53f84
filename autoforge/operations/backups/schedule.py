"""Backups by a worker, one of all, when one is due: BACKUP_TO, BACKUP_EVERY_HOURS, BACKUP_KEEP."""

import logging
import time
from typing import Final

from django.conf import settings

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.keeping import back_up_to
from autoforge.operations.backups.newest import scheduled_every
from autoforge.operations.backups.progress import Progress
from autoforge.operations.backups.services.records import (
    claim_backup,
    extend_claim,
    fail_backup,
    finish_backup,
)
from autoforge.operations.backups.storage import default_target
from core.stopping import StopAskedError, give_way

__all__ = ["back_up_if_due"]

logger = logging.getLogger(__name__)
SIGN_OF_LIFE_SECONDS: Final = 60.0


def back_up_if_due() -> None:
    """Make a backup if one is due and no other worker is at it; a failure is a line in the log.

    The worker comes back every quarter of an hour, so that a failed one is soon tried again.
    """
    every = scheduled_every()
    if every is None:
        return
    number = claim_backup(every=every)
    if number is None:
        return
    try:
        kept = back_up_to(
            default_target(),
            keep=settings.BACKUP_KEEP,
            recipients=settings.BACKUP_AGE_RECIPIENTS,
            on_progress=_SignsOfLife(number),
        )
    except StopAskedError:
        fail_backup(number, error="the worker was asked to stop")
        logger.info("The backup waits for the next worker: this one is stopping")
        return
    except BackupError as error:
        fail_backup(number, error=str(error))
        logger.error("No backup was made: %s", error)  # noqa: TRY400 (a sentence, no traceback)
        return
    finish_backup(number, place=kept.place, size_bytes=kept.size_bytes)
    logger.info("A backup was made: %s (%s bytes)", kept.place, f"{kept.size_bytes:,}")


class _SignsOfLife:
    """Tells the other workers once a minute that this one is at it; ends it with the process."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._next = time.monotonic() + SIGN_OF_LIFE_SECONDS

    def __call__(self, _progress: Progress) -> None:
        give_way()
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SIGN_OF_LIFE_SECONDS
            extend_claim(self._number)
