"""`manage.py export_prompts TARGET`: a file of prompts, or a directory of Markdown for git."""

import argparse
import json
import sys
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db.models import Q, QuerySet

from core.atomic_file import replacing
from core.exit_status import NOT_ASKED
from core.sentences import with_period
from prompts import services
from prompts.exporting import WRITERS, Archived, TooLongError, is_ours, list_files, serialise
from prompts.models import Prompt

STANDARD_OUTPUT: Final = "-"
ATTRIBUTES: Final = b"# Contents are kept to the byte.\n*.md -text\n"


class Command(BaseCommand):
    """Export; exit 0 exported, 2 could not write."""

    help = (
        "Exports prompts: to a file (.csv .json .jsonl .yaml .xlsx) the newest version of each, "
        "to a directory every version as Markdown with front matter, which import_prompts reads "
        "back. Unchanged files are not rewritten. Exit status: 0 exported, 2 failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "target", metavar="TARGET", help="a directory or a file; - is standard output"
        )
        parser.add_argument("--format", choices=tuple(WRITERS), help="default: from the file name")
        parser.add_argument(
            "--prompt",
            action="append",
            metavar="NAME",
            help="export only this prompt; can be repeated",
        )
        parser.add_argument(
            "--status", choices=Prompt.Status.values, help="export only prompts with this status"
        )
        parser.add_argument(
            "--prune", action="store_true", help="delete files of prompts that no longer exist"
        )
        parser.add_argument("--output", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Export and say how much."""
        target = options["target"]
        chosen = options["format"] or _format_of(target)
        rows = _choose(options)
        try:
            if chosen is None:
                # Closed here, not when it is collected: the database may be gone by then.
                with closing(services.archive_rows(rows)) as archived:
                    counts = _to_directory(Path(target), archived, prune=options["prune"])
            else:
                counts = {"prompts": _to_file(target, chosen, rows)}
        except BrokenPipeError:  # of standard output, whose reader has seen enough
            raise
        except OSError as error:
            raise CommandError(
                f"{target} cannot be written: {error.strerror}.", returncode=NOT_ASKED
            ) from error
        except TooLongError as error:
            raise CommandError(with_period(error), returncode=NOT_ASKED) from error
        self._report(target, counts, options["output"])

    def _report(self, target: str, counts: dict[str, int], form: str) -> None:
        out = self.stderr if target == STANDARD_OUTPUT else self.stdout
        if form == "json":
            out.write(json.dumps({"target": target, **counts}))
            return
        parts = [f"{count:,} {name}" for name, count in counts.items()]
        summary = ", ".join(parts)
        out.write(f"Exported to {target}: {summary}.")


def _choose(options: dict[str, Any]) -> QuerySet[Prompt]:
    rows = Prompt.objects.order_by("name")
    if options["status"]:
        rows = rows.filter(status=options["status"])
    names = options["prompt"]
    if names:
        rows = rows.filter(Q(name__in=names) | Q(title__in=names))
        known: set[str] = set()
        for row in rows.values_list("name", "title"):
            known.update(row)
        for name in names:
            if name not in known:
                raise CommandError(f"There is no prompt “{name}”.", returncode=NOT_ASKED)
    return rows


def _format_of(target: str) -> str | None:
    """Return the format of a file by its name, None for a directory."""
    suffix = Path(target).suffix.lower().removeprefix(".")
    suffix = {"yml": "yaml", "ndjson": "jsonl"}.get(suffix, suffix)
    if suffix in WRITERS and not Path(target).is_dir():
        return suffix
    if target == STANDARD_OUTPUT:
        raise CommandError("Specify the format with --format.", returncode=NOT_ASKED)
    return None


def _to_file(target: str, chosen: str, rows: QuerySet[Prompt]) -> int:
    count = 0

    def counted() -> Generator[dict[str, object], None, None]:
        nonlocal count
        with closing(services.list_records(rows)) as records:
            for record in records:
                count += 1
                yield record

    if target == STANDARD_OUTPUT:
        WRITERS[chosen](counted(), sys.stdout.buffer)
        return count
    path = Path(target)
    with replacing(path) as stream, closing(counted()) as records:
        WRITERS[chosen](records, stream)
    return count


def _to_directory(folder: Path, rows: Iterable[Archived], *, prune: bool) -> dict[str, int]:
    if folder.exists() and not folder.is_dir():
        suffixes = ", ".join(f".{name}" for name in WRITERS)
        raise CommandError(
            f"{folder} is a file; specify a directory, or a file that ends in {suffixes}.",
            returncode=NOT_ASKED,
        )
    written = unchanged = prompts = 0
    keep: set[Path] = set()
    for row in rows:
        prompts += 1
        for name, raw in serialise(row).items():
            if _write(folder / name, raw):
                written += 1
            else:
                unchanged += 1
            keep.add(folder / name)
    _write(folder / ".gitattributes", ATTRIBUTES)
    removed = _prune(folder, keep) if prune else 0
    return {"prompts": prompts, "written": written, "unchanged": unchanged, "removed": removed}


def _write(path: Path, raw: bytes) -> bool:
    """Write a file unless it says just that already; return whether it was written."""
    # git and build tools look at a file's time first.
    if path.is_file() and path.read_bytes() == raw:
        return False
    with replacing(path) as stream:
        stream.write(raw)
    return True


def _prune(folder: Path, keep: set[Path]) -> int:
    """Remove files of our form that no prompt has any more."""
    removed = 0
    for path in list_files(folder):
        if path not in keep and is_ours(path):
            path.unlink()
            removed += 1
            # The folder of a name goes with its last file, and so do those above it.
            for above in path.relative_to(folder).parents[:-1]:
                if not any((folder / above).iterdir()):
                    (folder / above).rmdir()
    return removed
