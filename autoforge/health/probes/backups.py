"""Is the newest good backup young enough? Only where a worker makes them."""

from datetime import timedelta

from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError
from django.utils import timezone

from autoforge.health.errors import ProbeError
from autoforge.operations.backups.newest import (
    LATE,
    find_last_error,
    newest_good_backup,
    scheduled_every,
)

WORKER = "Check that a worker is running (`manage.py run_huey`), and look into its log."


def probe() -> str:
    """Return how old the newest good backup is.

    Raises:
        ProbeError: it is older than twice the time between two.
    """
    every = scheduled_every()
    if every is None:
        return "no backups are scheduled (BACKUP_TO and BACKUP_EVERY_HOURS)"
    try:
        newest = newest_good_backup()
        error = find_last_error()
        waited = _find_age_of_table()
    except DatabaseError as problem:
        raise ProbeError(
            f"the record of backups cannot be read: {problem}", "Run `manage.py migrate_safely`."
        ) from problem
    hint = f"The last attempt failed: {error}" if error else WORKER
    if newest is None:
        if waited > LATE * every:
            raise ProbeError("there is no good backup", hint)
        return "there is no backup yet; a worker makes the first one"
    if newest.is_overdue:
        hours = int(every / timedelta(hours=1))
        raise ProbeError(
            f"the newest good backup is of {newest.made_at:%Y-%m-%d %H:%M} UTC, and one is made "
            f"every {hours} h",
            hint,
        )
    return f"the newest good backup is of {newest.made_at:%Y-%m-%d %H:%M} UTC: {newest.place}"


def _find_age_of_table() -> timedelta:
    """Return how long the record of backups is there: before, there could be none."""
    row = MigrationRecorder.Migration.objects.filter(app="backups").order_by("applied").first()
    return timedelta(0) if row is None else timezone.now() - row.applied
