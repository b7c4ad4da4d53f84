"""`manage.py import_prompts FILE`: prompts from CSV, JSON, JSON Lines or YAML."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from prompts import services
from prompts.importing import (
    FORMATS,
    READERS,
    SUFFIXES,
    ColumnNames,
    Rejection,
    Row,
    Source,
    UnreadableError,
)
from prompts.models import Prompt

REJECTED, COULD_NOT_READ, INTERRUPTED = 1, 2, 130


class Command(BaseCommand):
    """Import; exit 0 all imported, 1 rows rejected, 2 could not read."""

    help = (
        "Imports prompts from a file, all of them or none. Columns title/name/act and "
        "content/prompt/text are recognised, all others go to metadata. "
        "Exit status: 0 all imported, 1 rows rejected, 2 could not read."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("file", metavar="FILE", help="the file; - is standard input")
        parser.add_argument("--format", choices=FORMATS, help="by the file's name if not given")
        parser.add_argument("--title-column", metavar="C", help="the column of the title")
        parser.add_argument("--content-column", metavar="C", help="the column of the content")
        parser.add_argument("--status", choices=Prompt.Status.values, help="draft if not given")
        parser.add_argument("--user-id", metavar="U", help="the owner's ID")
        parser.add_argument(
            "--on-duplicate",
            choices=services.ON_DUPLICATE,
            default="skip",
            help="what a row does whose title a prompt already has (default: skip)",
        )
        parser.add_argument(
            "--partial", action="store_true", help="import the good rows although some are bad"
        )
        parser.add_argument("--dry-run", action="store_true", help="try everything, keep nothing")
        parser.add_argument("--output", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's signature)
        """Import, say what became of the rows, and exit."""
        name = options["file"]
        file_format = options["format"] or _format_of(name)
        rejections: list[Rejection] = []
        as_json = options["output"] == "json"
        try:
            with _opened(name) as stream:
                counts = self._import(
                    stream, file_format, options, rejections.append if as_json else self._reject
                )
        except UnreadableError as error:
            raise _unreadable(f"{name} cannot be read: {error}. Nothing was imported.") from error
        except OSError as error:
            raise _unreadable(f"{name} cannot be read: {error.strerror}.") from error
        except DatabaseError as error:
            raise _unreadable(
                f"The database does not take the import: {error}. Nothing was imported; "
                "run `manage.py migrate` and `manage.py check_health`."
            ) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing was imported.", returncode=INTERRUPTED) from None
        if as_json:
            self._print_json(counts, rejections, options, file_format)
        else:
            self._print_text(counts, options)
        self.stdout.flush()
        if counts.rejected:
            sys.exit(REJECTED)

    def _import(
        self, stream: BinaryIO, file_format: str, options: dict[str, Any], on_rejection: Any
    ) -> services.ImportCounts:
        source = Source(stream)
        names = ColumnNames(title=options["title_column"], content=options["content_column"])
        rows = READERS[file_format](source, names)
        show = options["output"] == "text" and sys.stderr.isatty()
        return services.import_rows(
            _with_progress(rows, source, stream) if show else rows,
            services.ImportOptions(
                status=options["status"],
                user_id=options["user_id"],
                on_duplicate=options["on_duplicate"],
                partial=options["partial"],
                dry_run=options["dry_run"],
            ),
            on_rejection,
        )

    def _reject(self, rejection: Rejection) -> None:
        self.stderr.write(self.style.ERROR(str(rejection)))

    def _print_text(self, counts: services.ImportCounts, options: dict[str, Any]) -> None:
        parts = [f"{'would import' if options['dry_run'] else 'imported'} {counts.imported}"]
        if options["on_duplicate"] == "update":
            parts.append(f"updated {counts.updated}, unchanged {counts.unchanged}")
        parts.append(f"skipped {counts.skipped}, rejected {counts.rejected}")
        if counts.rejected and not options["partial"]:
            text = (
                f"Nothing was imported: {counts.rejected} of {counts.rows} rows were rejected. "
                "Mend them, or import the others with --partial."
            )
            self.stdout.write(self.style.ERROR(text))
        else:
            text = ", ".join(parts)
            line = f"{text[0].upper()}{text[1:]} (of {counts.rows} rows) from {options['file']}."
            self.stdout.write(self.style.SUCCESS(line))

    def _print_json(
        self,
        counts: services.ImportCounts,
        rejections: list[Rejection],
        options: dict[str, Any],
        file_format: str,
    ) -> None:
        numbers = asdict(counts)
        if not counts.kept and not options["dry_run"]:
            numbers |= dict.fromkeys(("imported", "updated", "unchanged", "skipped"), 0)
        result = numbers | {
            "file": options["file"],
            "format": file_format,
            "dry_run": options["dry_run"],
            "rejections": [asdict(rejection) for rejection in rejections],
        }
        self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2))


def _unreadable(text: str) -> CommandError:
    return CommandError(text, returncode=COULD_NOT_READ)


def _format_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if name == "-" or suffix not in SUFFIXES:
        raise _unreadable(
            f"The format of {'standard input' if name == '-' else name} is not known: "
            f"name it with --format {'|'.join(FORMATS)}."
        )
    return SUFFIXES[suffix]


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as stream:
        yield stream


def _with_progress(
    rows: Iterable[Row | Rejection], source: Source, stream: BinaryIO
) -> Iterator[Row | Rejection]:
    total = Path(stream.name).stat().st_size if isinstance(stream.name, str) else None
    columns = (
        TextColumn("Importing"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("import", total=total)
        for row in rows:
            progress.update(task, completed=source.consumed)
            yield row
