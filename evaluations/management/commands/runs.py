"""`manage.py runs`: which runs there are, what one does now, and cancelling it."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.utils import timezone
from django.utils.timezone import localtime

from core.exit_status import NO, NOT_ASKED
from core.option_types import whole_number
from evaluations.leases import describe_worker
from evaluations.management.refusals import refusals
from evaluations.models import Run
from evaluations.selectors.progress import RunProgress, build_progress
from evaluations.selectors.runs import count_errors, find_run, is_free, list_runs
from evaluations.services.runs import cancel_run

LONGEST_LIST: Final = 1000
LOOK_SECONDS: Final = 0.5
ID_LENGTH: Final = 8


class Command(BaseCommand):
    """List runs, show one, cancel some; exit 0 done, 1 not cancelled, 2 wrong input."""

    help = (
        "Lists the runs of evaluations, shows how far one is and who works on it, or cancels "
        "runs. Exit status: 0 done, 1 a run could not be cancelled (it has ended, or its worker "
        "has not stopped within --wait), 2 wrong usage, or no such run."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add a subcommand for each of them."""
        commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
        listing = commands.add_parser("list", help="list runs, the newest first")
        listing.add_argument(
            "--status",
            action="append",
            choices=Run.Status.values,
            help="only runs with this status; can be repeated",
        )
        listing.add_argument("--suite", default="", metavar="NAME", help="only runs of this suite")
        listing.add_argument(
            "--prompt", default="", metavar="NAME", help="only runs that ask this prompt"
        )
        listing.add_argument(
            "--limit",
            type=whole_number(),
            default=20,
            metavar="N",
            help=f"so many at most, 1 to {LONGEST_LIST} (default: 20)",
        )
        showing = commands.add_parser("show", help="show progress, cost, errors and the worker")
        showing.add_argument("run", metavar="ID", help="ID, or its first eight characters")
        for command in (listing, showing):
            command.add_argument(
                "--format", choices=("text", "json"), default="text", help="default: text"
            )
        cancelling = commands.add_parser("cancel", help="cancel runs")
        cancelling.add_argument("run", nargs="+", metavar="ID", help="ID, or its first characters")
        cancelling.add_argument(
            "--wait",
            type=whole_number(),
            default=0,
            metavar="SECONDS",
            help="wait until their workers have stopped, so many seconds at most (default: 0)",
        )

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        """Do it."""
        with refusals():
            if options["what"] == "list":
                self._list(options)
            elif options["what"] == "show":
                self._show(find_run(options["run"]), options["format"])
            else:
                self._cancel([find_run(text) for text in options["run"]], options["wait"])

    def _list(self, options: dict[str, Any]) -> None:
        limit = options["limit"]
        if not 1 <= limit <= LONGEST_LIST:
            raise CommandError(
                f"--limit must be an integer from 1 to {LONGEST_LIST}", returncode=NOT_ASKED
            )
        rows = list_runs(
            statuses=options["status"], suite=options["suite"], prompt=options["prompt"]
        )
        runs = list(rows[: limit + 1])  # one more: it tells whether there are more
        items = [_build_item(run) for run in runs[:limit]]
        if options["format"] == "json":
            self.stdout.write(json.dumps(items, ensure_ascii=False, indent=2))
            return
        for item in items:
            self.stdout.write(_describe_item(item))
        if len(runs) > limit:
            self.stderr.write(f"There are more; --limit {limit} are shown.")
        elif not runs:
            self.stderr.write("No runs match.")

    def _show(self, run: Run, how: str) -> None:
        progress = build_progress(run)
        details = _build_details(run, progress)
        if how == "json":
            self.stdout.write(json.dumps(details, ensure_ascii=False, indent=2))
            return
        for line in _describe(run, progress, details):
            self.stdout.write(line)

    def _cancel(self, runs: Sequence[Run], wait_seconds: int) -> None:
        ended = [run for run in runs if not run.is_open]
        asked = []
        for run in runs:
            if not run.is_open:
                self.stdout.write(f"{_short(run)} has ended already: {run.status}")
                continue
            current = cancel_run(run.pk)
            if current.is_open:
                asked.append(current)
                self.stdout.write(f"{_short(run)}: its worker was asked ({_say_worker(current)})")
            else:
                self.stdout.write(f"{_short(run)} was cancelled")
        still_open = self._wait(asked, wait_seconds) if wait_seconds > 0 else []
        if ended or still_open:
            self.stdout.flush()
            sys.exit(NO)

    def _wait(self, runs: Sequence[Run], seconds: float) -> list[Run]:
        """Return the runs whose workers have not stopped in time."""
        deadline = time.monotonic() + seconds
        waiting = list(runs)
        while waiting and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            for run in tuple(waiting):
                current = cancel_run(run.pk)  # also where its worker has died meanwhile
                if not current.is_open:
                    waiting.remove(run)
                    self.stdout.write(f"{_short(run)} has ended: {current.status}")
        for run in waiting:
            self.stdout.write(f"{_short(run)} is still running after {seconds:g} s")
        return waiting


class _Item(TypedDict):
    """A run in the list."""

    id: str
    name: str
    status: str
    worker: str
    """Who works on it; empty: nobody."""
    suite: str
    columns: list[str]
    planned: int
    created_at: str
    finished_at: str | None
    message: str


class _Lease(TypedDict):
    """Who works on a run."""

    worker: str
    until: str | None
    is_held: bool


class _Error(TypedDict):
    """Errors that begin alike."""

    message: str
    count: int


class _Details(_Item):
    """A run on its own."""

    started_at: str | None
    cancel_requested: bool
    background: bool
    lease: _Lease
    progress: RunProgress
    errors: list[_Error]
    limits: dict[str, float | None]


def _build_item(run: Run) -> _Item:
    columns = sorted(run.evaluations.all(), key=lambda column: column.position)
    return {
        "id": str(run.pk),
        "name": run.name,
        "status": run.status,
        "worker": "" if is_free(run) else describe_worker(run.worker),
        "suite": run.suite.name if run.suite else "",
        "columns": [column.label for column in columns],
        "planned": run.planned,
        "created_at": run.created_at.isoformat(),
        "finished_at": _iso(run.finished_at),
        "message": run.message,
    }


def _build_details(run: Run, progress: RunProgress) -> _Details:
    cost = run.max_cost_usd
    return {
        **_build_item(run),
        "started_at": _iso(run.started_at),
        "cancel_requested": run.cancel_requested,
        "background": bool(run.settings.get("background")),
        "lease": {
            "worker": describe_worker(run.worker),
            "until": _iso(run.worker_until),
            "is_held": not is_free(run),
        },
        "progress": progress,
        "errors": [{"message": kind.message, "count": kind.count} for kind in count_errors(run.pk)],
        "limits": {
            "cost_usd": None if cost is None else float(cost),
            "calls": run.max_calls,
            "seconds": run.max_seconds,
        },
    }


def _describe_item(item: _Item) -> str:
    when = localtime(datetime.fromisoformat(item["created_at"]))
    columns = f"{len(item['columns'])} columns" if len(item["columns"]) != 1 else "1 column"
    parts = [
        f"{item['id'][:ID_LENGTH]}  {item['status']:9}  {when:%Y-%m-%d %H:%M}",
        item["name"] or "(no name)",
        columns,
        f"{item['planned']} answers planned",
    ]
    if item["status"] == Run.Status.RUNNING and not item["worker"]:
        parts.append("nobody works on it")
    return "  ".join(parts)


def _describe(run: Run, progress: RunProgress, details: _Details) -> Iterable[str]:
    yield f"{run.pk}  {run.name or '(no name)'}"
    yield f"Status: {run.status}{f' ({run.message})' if run.message else ''}"
    if run.suite is not None:
        yield f"Suite: {run.suite.name}"
    yield (
        f"Created {_when(run.created_at)}, started {_when(run.started_at)}, "
        f"finished {_when(run.finished_at)}"
    )
    yield (
        f"Answers: {progress['done']} of {progress['planned']}, {progress['passed']} passed, "
        f"{progress['failed']} failed, {progress['errors']} errors, "
        f"{progress['unchecked']} not checked, {progress['cached']} reused"
    )
    left = progress["seconds_left"] if run.is_open else None
    remaining = "" if left is None else f", about {left:.0f} s left"
    yield f"Cost: ${progress['cost']:.4f}; {progress['seconds']:.0f} s of work{remaining}"
    limits = [f"{value:g} {name}" for name, value in details["limits"].items() if value is not None]
    if limits:
        yield f"Limits: {', '.join(limits)}"
    for column in sorted(run.evaluations.all(), key=lambda row: row.position):
        counts = progress["columns"].get(str(column.pk))
        done = counts["done"] if counts else 0
        cost = counts["cost"] if counts else 0
        yield f"  {column.label}: {done} answers, ${cost:.4f}"
    for error in details["errors"]:
        yield f"  {error['count']} × {error['message']}"
    if run.is_open:
        yield f"Worker: {_say_worker(run)}"
    if run.cancel_requested and run.is_open:
        yield "It is being cancelled."
    if not run.is_open and run.status != Run.Status.COMPLETED:
        yield f"Resume with: manage.py evaluate --resume {run.pk}"


def _say_worker(run: Run) -> str:
    if is_free(run):
        whose = (
            "the next worker takes it"
            if run.settings.get("background")
            else (f"resume it with: manage.py evaluate --resume {run.pk}")
        )
        return f"none; {whose}"
    until = run.worker_until
    seconds = 0.0 if until is None else (until - timezone.now()).total_seconds()
    return f"{describe_worker(run.worker)}, lease for {max(0.0, seconds):.0f} s more"


def _short(run: Run) -> str:
    return f"Run {str(run.pk)[:ID_LENGTH]}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{localtime(moment):%Y-%m-%d %H:%M:%S}"
