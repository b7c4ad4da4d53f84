"""`manage.py data_retention`: what is older than it is kept, and deleting it."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.operations.retention.ages import GROUPS, AgeError, read_ages
from autoforge.operations.retention.kinds import Finding, Kind, list_kinds
from core.exit_status import NOT_ASKED, STOPS, find_stop_status
from core.management.progress_bar import ProgressBar
from core.option_types import whole_number

# Whoever reads the plan sees what each group is; the keys are in the JSON.
REASONS: Final = {
    "open": "not finished",
    "resumable": "can be resumed, and would be paid for again",
    "gate": "a release gate needs it",
    "label": "the newest run of a labelled version",
    "rated": "rated by people",
    "baseline": "the baseline of a run that stays",
    "in-runs": "columns of runs that stay",
}
KIBIBYTE: Final = 1024


class Command(BaseCommand):
    """Show the plan, or carry it out; exit 0 done, 2 refused or no database, 130 interrupted."""

    help = (
        "Shows what is older than it is kept: runs, answers, records, webhook deliveries, logs and "
        "the trash. With --apply, deletes it. What a release gate, a label, a baseline or a "
        "rating needs is always kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--plan", action="store_true", help="show what would be deleted (the default)"
        )
        action.add_argument("--apply", action="store_true", help="delete it")
        for group in GROUPS:
            parser.add_argument(
                f"--{group}",
                type=whole_number(),
                metavar="DAYS",
                help=f"how many days {HELP[group]} are kept, instead of what the environment says",
            )
        parser.add_argument(
            "--only", choices=GROUPS, action="append", help="look at this group alone; repeatable"
        )
        parser.add_argument(
            "--format", choices=("text", "json"), default="text", help="default: text"
        )

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Find what is old enough, delete it if asked to, and say what was done."""
        try:
            ages = read_ages({group: options[group] for group in GROUPS})
        except AgeError as error:
            raise CommandError(f"{error}. Nothing was deleted.", returncode=NOT_ASKED) from error
        kinds = _choose(list_kinds(ages), options["only"])
        findings = {kind.name: kind.find() for kind in kinds if kind.age.days is not None}
        deleted: dict[str, int] = {}
        if options["apply"]:
            self._delete(kinds, findings, deleted)
        if options["format"] == "json":
            report = _as_json(kinds, findings, deleted, applied=options["apply"])
            self.stdout.write(json.dumps(report, indent=2))
            return
        for kind in kinds:
            self.stdout.write(_describe(kind, findings.get(kind.name)))
        self.stdout.write(_conclude(findings, deleted, applied=options["apply"]))

    def _delete(
        self, kinds: Iterable[Kind], findings: dict[str, Finding], deleted: dict[str, int]
    ) -> None:
        try:
            with ProgressBar(self.stderr) as bar:
                for kind in kinds:
                    if kind.age.days is None:
                        continue
                    deleted[kind.name] = 0
                    report = _make_report(bar, kind.name, findings[kind.name].rows, deleted)
                    deleted[kind.name] = kind.remove(report)
        except STOPS as stop:
            count = sum(deleted.values())
            raise CommandError(
                f"Interrupted after {count} rows; run it again to go on.",
                returncode=find_stop_status(stop),
            ) from stop


def _make_report(
    bar: ProgressBar, name: str, total: int, deleted: dict[str, int]
) -> Callable[[int], None]:
    """Return what counts and shows deleted rows of a kind."""

    def report(count: int) -> None:
        deleted[name] += count
        bar.update(name, deleted[name], total)

    return report


HELP: Final = {
    "runs": "runs",
    "results": "the answers of completed runs (the runs and their figures stay)",
    "records": "records of calls",
    "deliveries": "webhook deliveries",
    "logs": "the admin's log and logins",
    "trash": "deleted prompts, templates, suites, evaluations and runs",
}
# Each kind belongs to one of the groups; what ends by itself belongs to the logs.
GROUP_OF: Final = {"runs": "runs", "results": "results", "deliveries": "deliveries"}


def _choose(kinds: list[Kind], groups: list[str] | None) -> list[Kind]:
    if not groups:
        return kinds
    return [kind for kind in kinds if _find_group(kind.name) in groups]


def _find_group(name: str) -> str:
    for group in ("records", "trash"):
        if name.startswith(f"{group}-"):
            return group
    return GROUP_OF.get(name, "logs")


def _describe(kind: Kind, finding: Finding | None) -> str:
    """Return what there is of a kind: one line, and one more for what stays."""
    if finding is None:
        return f"{kind.name}: {kind.age}"
    text = f"{kind.name}: {finding.rows:,} {kind.age}"
    if finding.oldest is not None:
        text += f", the oldest of {finding.oldest:%Y-%m-%d}"
    if finding.along:
        text += f", with {finding.along:,} answers"
    if finding.size:
        text += f", about {_format_size(finding.size)}"
    for reason, count in sorted(finding.kept.items()):
        text += f"\n  kept: {count:,} ({REASONS[reason]})"
    return text


def _format_size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < KIBIBYTE:
            return f"{size:,.0f} {unit}"
        size /= KIBIBYTE
    return f"{size:,.1f} GiB"


def _conclude(findings: dict[str, Finding], deleted: dict[str, int], *, applied: bool) -> str:
    if applied:
        return f"{sum(deleted.values()):,} deleted."
    count = sum(finding.rows for finding in findings.values())
    if not count:
        return "Nothing is old enough to be deleted."
    return f"Nothing was deleted; --apply deletes {count:,}."


def _as_json(
    kinds: Iterable[Kind], findings: dict[str, Finding], deleted: dict[str, int], *, applied: bool
) -> dict[str, object]:
    rows = []
    for kind in kinds:
        finding = findings.get(kind.name, Finding())
        oldest = finding.oldest
        row: dict[str, object] = {
            "kind": kind.name,
            "days": kind.age.days,
            "source": kind.age.source,
            "rows": finding.rows,
            "oldest": None if oldest is None else oldest.isoformat(),
            "bytes": finding.size,
            "along": finding.along,
            "kept": dict(finding.kept),
        }
        if applied:
            row["deleted"] = deleted.get(kind.name, 0)
        rows.append(row)
    return {"applied": applied, "kinds": rows}
