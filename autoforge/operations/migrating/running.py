"""A run: lock, backup, migrations one by one, checks; and what happens where one fails.

Whoever is killed leaves the database as it was before or after a whole number of migrations, or,
within a migration that is not atomic, a note in the journal with which the next run restores the
backup before it goes on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.apps import apps as installed
from django.conf import settings
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.keeping import back_up_to
from autoforge.operations.migrating import runs
from autoforge.operations.migrating.applying import Applier, describe_error, read_current_schema
from autoforge.operations.migrating.earlier import list_earlier
from autoforge.operations.migrating.errors import (
    AttentionError,
    ConsentError,
    HeldError,
    RefusedError,
    StepFailedError,
)
from autoforge.operations.migrating.preparing import (
    Prepared,
    Target,
    check_obstacles,
    list_all_conflicts,
    prepare,
)
from autoforge.operations.migrating.reports import Report, StepReport, how_to_restore
from autoforge.operations.migrating.restoring import check_identities, restore
from autoforge.operations.migrating.state import read_facts
from autoforge.operations.migrating.steps import build_state
from autoforge.operations.migrating.verifying import (
    check_integrity,
    check_references,
    count_rows,
)
from core.database.outages import OutageKind, find_outage
from core.database.schemas import compare_schemas

__all__ = ["Request", "find_unrestorable", "migrate"]

POLL_SECONDS: Final = 1.0
ATTEMPTS: Final = 3
MAX_LISTED: Final = 3
FOLDER: Final = Path("data", "backups")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What somebody wants."""

    target: Target
    """Where to go."""
    is_agreed: bool = False
    """Whether data may be lost."""
    ask: Callable[[Prepared], bool] | None = None
    """Asks a person whether data may be lost; None where nobody is there."""
    with_backup: bool = True
    """Whether a backup is made before."""
    backup_to: Path | None = None
    """A folder or a new file for it; None: `data/backups`."""
    identities: tuple[Path, ...] = ()
    """Files of age identities, which open the backup if it has to be restored."""
    restores_by_hand: bool = False
    """Whether somebody has agreed that a backup may be one that cannot be opened here."""
    take_over: bool = False
    """Whether the lock is taken from whoever holds it."""
    wait_seconds: float = 0.0
    """How long to wait for another runner."""


def migrate(request: Request, report: Report, *, tell: Callable[[str], None]) -> None:
    """Migrate the database.

    Args:
        request: what somebody wants.
        report: is filled, also where an error is raised.
        tell: told what happens, for people.

    Raises:
        DatabaseError: it does not answer, and nothing was begun.
        RefusedError: nothing was changed.
        StepFailedError: a migration failed; the ones before it are applied, it is not.
        AttentionError: the database may not be as it should.
    """
    deadline = time.monotonic() + request.wait_seconds
    connection.prepare_database()  # a new SQLite file is made by whoever migrates
    is_done = False
    while not is_done:
        is_done = _attempt(request, report, deadline, tell)


def _attempt(
    request: Request, report: Report, deadline: float, tell: Callable[[str], None]
) -> bool:
    """Make a plan and carry it out; return False where the database has changed meanwhile."""
    # Read anew: the signal before a migration adds operations to it.
    loader = MigrationLoader(None)
    prepared = prepare(loader, request.target)
    report.plan = prepared
    before = runs.read_open() if prepared.facts.has_runs else None
    if before is not None and not (before.is_abandoned or request.take_over):
        if prepared.steps:
            _wait(before, deadline, tell)
            return False
        before = None  # it only ends
    if before is not None and before.unfinished:
        _restore_left(before, request, report, tell)
        return False
    if not prepared.steps and before is None:
        report.outcome = "nothing to do"
        report.message = "All migrations are applied."
        return True
    _tell_earlier(prepared, request, report, tell)
    prepared = check_obstacles(loader, prepared)
    report.plan = prepared
    _check_request(prepared, request)
    try:
        return _run(loader, prepared, request, report, tell)
    except HeldError:
        if time.monotonic() >= deadline:
            raise
        return False


# --- before


def _wait(before: runs.RunRow, deadline: float, tell: Callable[[str], None]) -> None:
    """Wait until another runner has ended, or has said nothing for too long.

    Raises:
        HeldError: it has not given the lock back in time.
    """
    if time.monotonic() < deadline:
        tell(f"Waiting: {before}.")
    row: runs.RunRow | None = before
    while row is not None and not row.is_abandoned:
        if time.monotonic() >= deadline:
            raise HeldError(runs.describe_holder(row))
        time.sleep(POLL_SECONDS)
        row = runs.read_open()


def _tell_earlier(
    prepared: Prepared, request: Request, report: Report, tell: Callable[[str], None]
) -> None:
    """Say once what runs before this one have left."""
    if report.earlier:
        return
    report.earlier = list_earlier(prepared.facts, take_over=request.take_over)
    for earlier in report.earlier:
        tell(f"{earlier} This run goes on from there.")


def _check_request(prepared: Prepared, request: Request) -> None:
    if prepared.not_atomic and not request.with_backup and not prepared.is_first:
        raise RefusedError(
            f"{', '.join(prepared.not_atomic)} cannot be undone by the database if it fails: leave "
            "out --no-backup."
        )
    problem = find_unrestorable(
        prepared, request.identities, restores_by_hand=request.restores_by_hand
    )
    if problem:
        raise RefusedError(f"{problem} Nothing was changed.")
    if not prepared.needs_consent or request.is_agreed:
        return
    losses = [f"{step} {loss}" for step, loss in prepared.needs_consent]
    if request.ask is None:
        raise ConsentError(
            f"Data would be lost: {'; '.join(losses)}. Look at it with --plan; if that is wanted, "
            "add --yes."
        )
    if not request.ask(prepared):
        raise ConsentError("Not agreed: nothing was changed.")


def find_unrestorable(
    prepared: Prepared, identities: Sequence[Path], *, restores_by_hand: bool = False
) -> str:
    """Return why a migration that the database cannot undo could not be undone by its backup.

    Backups are encrypted where BACKUP_AGE_RECIPIENTS says so, and who makes one cannot read it.

    Args:
        prepared: the plan.
        identities: files of age identities.
        restores_by_hand: whether somebody has agreed to restore it where the identity is.
    """
    recipients = settings.BACKUP_AGE_RECIPIENTS
    if not prepared.not_atomic or not recipients or (restores_by_hand and not identities):
        return ""
    names = ", ".join(prepared.not_atomic)
    if not identities:
        return (
            f"{names} cannot be undone by the database if it fails, and the backup that would be "
            "restored then is encrypted (BACKUP_AGE_RECIPIENTS) and cannot be opened here: add "
            "--identity FILE, or --restore-by-hand if you will restore it yourself."
        )
    try:
        check_identities(recipients, identities)
    except (BackupError, OSError) as error:
        return (
            f"{names} cannot be undone by the database if it fails, and --identity does not open "
            f"what is encrypted for BACKUP_AGE_RECIPIENTS: {str(error).rstrip('.')}."
        )
    return ""


def _restore_left(
    before: runs.RunRow, request: Request, report: Report, tell: Callable[[str], None]
) -> None:
    """Undo what a dead run has left half done."""
    report.earlier = list_earlier(read_facts(), take_over=True)
    for earlier in report.earlier:
        tell(str(earlier))
    number, _before = runs.acquire([], take_over=True)
    tell(f"Restoring {before.backup}: {before.unfinished} was left half done.")
    try:
        restore(
            before.backup,
            f"{before.unfinished} was left half done",
            identities=request.identities,
        )
    except AttentionError:
        runs.stop(number, "needs attention")  # the note stays, for the next run
        raise
    # The journal is that of the backup again, with the run that died.
    number, _before = runs.acquire([], take_over=True)
    runs.stop(number, "restored")
    report.warnings.append(
        f"{before.unfinished} was left half done by {before.holder_name}; the backup "
        f"{before.backup} was restored first, and what was written since then is lost."
    )


# --- the run


def _run(
    loader: MigrationLoader,
    prepared: Prepared,
    request: Request,
    report: Report,
    tell: Callable[[str], None],
) -> bool:
    """Carry a plan out; return False where somebody else has migrated since it was made."""
    began = time.monotonic()
    names = [str(step) for step in prepared.steps]
    is_backwards = any(planned.rehearsed.step.is_backwards for planned in prepared.steps)
    number, _before = runs.acquire(names, is_backwards=is_backwards, take_over=request.take_over)
    try:
        with runs.Heartbeat(number) as heartbeat:
            facts = read_facts()
            if facts.applied != prepared.facts.applied:
                runs.stop(number, "superseded")
                return False
            _check_before(prepared)
            if _needs_backup(prepared, request):
                report.backup = str(_back_up(request, tell))
                runs.note_backup(number, report.backup)
            _warn(prepared, report)
            counts = count_rows(facts.schema)
            _apply(loader, prepared, request, report, number, heartbeat, tell)
            _verify(prepared, report, counts)
    except BaseException as error:
        report.seconds = time.monotonic() - began
        _end(number, _outcome(error))
        raise
    report.seconds = time.monotonic() - began
    report.outcome = "done"
    report.message = _say_done(report)
    runs.stop(number, report.outcome)
    return True


def _end(number: int, outcome: str) -> None:
    """Give the lock back, where the database answers; else it ends by itself."""
    try:
        runs.stop(number, outcome)
    except DatabaseError:
        connection.close()


def _outcome(error: BaseException) -> str:
    if isinstance(error, AttentionError):
        return "needs attention"
    if isinstance(error, RefusedError):
        return "refused"
    if isinstance(error, Exception):
        return "failed"
    return "interrupted"


def _check_before(prepared: Prepared) -> None:
    """Refuse a database that is damaged already: nobody could tell whose fault it was."""
    if prepared.is_first:
        return
    damage = check_integrity()
    if damage:
        raise RefusedError(
            f"The database is damaged ({damage}); restore the latest good backup first."
        )
    dangling = check_references()
    if dangling:
        raise RefusedError(
            f"Rows refer to rows that are not there ({dangling}); delete or mend them first."
        )


def _needs_backup(prepared: Prepared, request: Request) -> bool:
    if not (request.with_backup and prepared.steps):
        return False
    return not prepared.is_first or bool(prepared.not_atomic)


def _back_up(request: Request, tell: Callable[[str], None]) -> Path:
    """Make a backup and check it; return its file.

    Raises:
        RefusedError: that was not possible.
    """
    try:
        kept = back_up_to(
            _name_target(request.backup_to), recipients=settings.BACKUP_AGE_RECIPIENTS
        )
    except (BackupError, OSError) as error:
        raise RefusedError(
            f"No backup could be made: {str(error).rstrip('.')}. Nothing was changed."
        ) from error
    rows = sum(table.rows for table in kept.manifest.tables.values())
    secrecy = ", encrypted" if kept.is_encrypted else ""
    tell(
        f"Backup: {kept.place} ({kept.size_bytes:,} bytes, {rows:,} rows, verified{secrecy}).\n"
        f"  To go back: {how_to_restore(kept.place)}"
    )
    return Path(kept.place)


def _name_target(backup_to: Path | None) -> str:
    """Return the file or the folder of the backup: what has no ending is a folder, with a slash."""
    target = settings.BASE_DIR / FOLDER if backup_to is None else backup_to
    is_file = bool(target.suffix) and not target.is_dir()
    return str(target) if is_file else f"{target}/"


def _warn(prepared: Prepared, report: Report) -> None:
    report.warnings += prepared.notes
    conflicts = list_all_conflicts(prepared)
    if conflicts:
        report.warnings.append(
            f"The code that runs now does not fit the schema afterwards: {_shorten(conflicts)}. "
            "Restart web and workers right after this."
        )
    drift = _drift_before(prepared)
    if drift:
        report.warnings.append(
            f"The database had differences before: {_shorten(list(map(str, drift)))} (see "
            "`manage.py migration_status`)."
        )


def _shorten(texts: list[str]) -> str:
    listed = "; ".join(texts[:MAX_LISTED])
    more = len(texts) - MAX_LISTED
    return f"{listed}; and {more} more" if more > 0 else listed


def _drift_before(prepared: Prepared) -> list[Any]:
    if not prepared.steps or prepared.is_first:
        return []
    expected = prepared.steps[0].rehearsed.before
    return list(compare_schemas(expected, prepared.facts.schema))


def _apply(
    loader: MigrationLoader,
    prepared: Prepared,
    request: Request,
    report: Report,
    number: int,
    heartbeat: runs.Heartbeat,
    tell: Callable[[str], None],
) -> None:
    plan = [
        (each.rehearsed.step.migration, each.rehearsed.step.is_backwards) for each in prepared.steps
    ]
    _emit_pre_migrate(loader, prepared, plan)
    applier = Applier(loader, prepared.facts.applied, number=number, heartbeat=heartbeat, tell=tell)
    for position, planned in enumerate(prepared.steps, start=1):
        step = planned.rehearsed.step
        verb = "Taking back" if step.is_backwards else "Applying"
        tell(f"[{position}/{len(plan)}] {verb} {step} …")
        try:
            seconds = applier.run(planned)
        except StepFailedError as error:
            if step.is_atomic:
                raise
            _undo(number, planned, request, report, error)
        report.steps.append(
            StepReport(migration=str(step), is_backwards=step.is_backwards, seconds=seconds)
        )
        tell(f"  done in {seconds:.2f} s")
    with heartbeat.pause():
        _emit_post_migrate(loader, plan)
    runs.renew(number)


def _undo(
    number: int, planned: Any, request: Request, report: Report, error: StepFailedError
) -> None:
    """Restore the backup after a migration that is not atomic has failed."""
    restore(report.backup, str(error), identities=request.identities)
    runs.note_step(number, "")
    report.outcome = "restored"
    report.steps.clear()
    raise StepFailedError(
        f"{error}; {planned} is not atomic: the backup was restored, and the database is as it was "
        "before this run"
    ) from error


def _emit_pre_migrate(loader: MigrationLoader, prepared: Prepared, plan: list[Any]) -> None:
    state = build_state(loader, prepared.facts.applied)
    emit_pre_migrate_signal(0, False, DEFAULT_DB_ALIAS, apps=state.apps, plan=plan)  # noqa: FBT003 (Django's signature)


def _emit_post_migrate(loader: MigrationLoader, plan: list[Any]) -> None:
    """Let the apps make what goes with their models: content types, permissions."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                emit_post_migrate_signal(
                    0,
                    False,  # noqa: FBT003 (Django's signature)
                    DEFAULT_DB_ALIAS,
                    apps=installed,
                    plan=plan,
                )
                if loader.replacements:
                    MigrationExecutor(connection).check_replacements()
            return
        except DatabaseError as error:
            outage = find_outage(error)
            is_lost = outage is not None and outage.kind == OutageKind.TRANSACTION_LOST
            if not is_lost or attempt == ATTEMPTS:
                raise StepFailedError(
                    "the migrations are applied, but permissions and content types are not "
                    f"written: {describe_error(error)}; run this command again"
                ) from error


# --- after


def _verify(prepared: Prepared, report: Report, before: dict[str, int]) -> None:
    """Check the whole database once more.

    Raises:
        AttentionError: it is not as it should be.
    """
    damage = check_integrity()
    dangling = check_references()
    schema = read_current_schema()
    drift: list[str] = []
    if prepared.steps:
        known = set(_drift_before(prepared))
        expected = prepared.steps[-1].rehearsed.after
        drift = [str(each) for each in compare_schemas(expected, schema) if each not in known]
    problems = "; ".join(filter(None, [damage, dangling, *drift[:5]]))
    if problems:
        raise AttentionError(
            f"The migrations are applied, but the database is not as it should be: {problems}."
        )
    after = count_rows(schema)
    for table in before.keys() | after.keys():
        counts = before.get(table, 0), after.get(table, 0)
        if counts[0] != counts[1]:
            report.rows[table] = counts
    report.checks += [
        "integrity of all pages and indexes",
        "foreign keys of all rows",
        f"rows of {len(before)} tables before and after each migration",
        "schema equal to what the migrations make",
    ]


def _say_done(report: Report) -> str:
    count = len(report.steps)
    if not count:
        return "An earlier run had not ended; it is complete now."
    back = sum(step.is_backwards for step in report.steps)
    noun = "migration" if count == 1 else "migrations"
    verb = "taken back" if back else "applied"
    return f"{count} {noun} {verb} in {report.seconds:.1f} s."
