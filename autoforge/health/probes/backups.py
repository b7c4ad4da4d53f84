"""Is the newest good backup young enough, and is it still there? Only where a worker makes them."""

from datetime import timedelta
from typing import Final

from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError
from django.utils import timezone

from autoforge.health.errors import ProbeError
from autoforge.operations.backups.newest import (
    LATE,
    NewestBackup,
    find_last_error,
    list_good_backups,
    scheduled_every,
)
from autoforge.operations.backups.presence import (
    AGAIN,
    CONTENT,
    Presence,
    check_place,
    find_present,
)
from autoforge.operations.backups.storage import default_target, is_s3
from core.database.outages import database_file

LOOKED_AT: Final = 3  # records, until one has its file
WORKER: Final = "Check that a worker is running (`manage.py run_huey`), and look into its log."
PLACE: Final = "Correct BACKUP_TO, or free space and give the worker's user write access there."


def probe() -> str:
    """Return how old the newest good backup is, where it is, and what was not checked.

    Raises:
        ProbeError: it is older than twice the time between two, its file is gone or another one,
            or the next one cannot be written.
    """
    every = scheduled_every()
    if every is None:
        return "no backups are scheduled (BACKUP_TO and BACKUP_EVERY_HOURS)"
    try:
        records = list_good_backups(LOOKED_AT)
        error = find_last_error()
        waited = _find_age_of_table()
    except DatabaseError as problem:
        raise ProbeError(
            f"the record of backups cannot be read: {problem}", "Run `manage.py migrate_safely`."
        ) from problem
    presence = find_present(records)
    _check_ours(presence)
    _check_next(presence.newest)
    hint = f"The last attempt failed: {error}" if error else WORKER
    if not records:
        if waited > LATE * every:
            raise ProbeError("there is no good backup", hint)
        return "there is no backup yet; a worker makes the first one"
    _check_age(presence.newest, every, hint)
    return _describe(presence)


def _check_ours(presence: Presence) -> None:
    """Check that none is missing where workers put them; a person may move those made by hand."""
    target = default_target()
    for missing in presence.missing:
        if missing.record.place.startswith(target) or presence.newest is None:
            raise ProbeError(
                f"the backup of {missing.record.made_at:%Y-%m-%d %H:%M} UTC is recorded as good, "
                f"and {missing.problem}",
                AGAIN,
            )


def _check_next(newest: NewestBackup | None) -> None:
    # A backup is made of a copy of the database, and takes its own size beside that.
    file = database_file()
    needed = newest.size_bytes if newest is not None else 0
    if file is not None and file.exists():
        needed += file.stat().st_size
    problem = check_place(default_target(), needed)
    if problem:
        raise ProbeError(f"the next backup cannot be written: {problem}", PLACE)


def _check_age(newest: NewestBackup | None, every: timedelta, hint: str) -> None:
    if newest is not None and newest.is_overdue:
        hours = int(every / timedelta(hours=1))
        raise ProbeError(
            f"the newest good backup is of {newest.made_at:%Y-%m-%d %H:%M} UTC, and one is made "
            f"every {hours} h",
            hint,
        )


def _describe(presence: Presence) -> str:
    newest = presence.newest
    if newest is None:  # `_check_ours` has said which
        return ""
    unchecked = CONTENT
    if is_s3(default_target()):
        unchecked += f", and whether {default_target()} can be written to"
    text = (
        f"the newest good backup is of {newest.made_at:%Y-%m-%d %H:%M} UTC: {newest.place}, as "
        f"large as recorded ({newest.size_bytes:,} bytes); not checked: {unchecked}"
    )
    if presence.missing:
        problems = "; ".join(missing.problem for missing in presence.missing)
        return f"{text}; newer, and made by hand: {problems}\n{AGAIN}"
    return text


def _find_age_of_table() -> timedelta:
    """Return how long the record of backups is there: before, there could be none."""
    row = MigrationRecorder.Migration.objects.filter(app="backups").order_by("applied").first()
    return timedelta(0) if row is None else timezone.now() - row.applied
