"""`manage.py import_prompts FILE`: prompts from CSV, JSON, JSON Lines, YAML, XLSX, Markdown."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import transaction
from django.db.utils import DatabaseError

from core.database.explanation import explain, find_code
from core.database.outages import OutageKind, find_outage
from core.errors import InvalidInputError
from core.exit_status import (
    NO,
    NOT_ASKED,
    PERSON_NEEDED,
    STOPS,
    find_command_code,
    find_stop_status,
)
from core.tables import Limits
from core.typed_files import open_typed, read_typed
from prompts import services
from prompts.exporting import BrokenFileError, is_older, list_files, parse
from prompts.importing import (
    FORMATS,
    SUFFIXES,
    ColumnNames,
    Rejection,
    Row,
    Source,
    UnreadableError,
    read_rows,
)
from prompts.management.import_reports import JsonReport, Report, TerminalReport, TextReport
from prompts.models import Prompt

STANDARD_INPUT: Final = "-"
NONE: Final = "Nothing was imported."
MAYBE: Final = "Either all of it was imported or nothing: look before you import it again."
STOPPED: Final = f"Stopped. {NONE}"


class Command(BaseCommand):
    """Import; exit 0 all imported, 1 rows rejected, 2 the input could not be read.

    130 and 143 where Ctrl-C or SIGTERM stopped it: nothing is imported then.
    """

    help = (
        "Imports prompts from a file, all of them or none. Columns title/name/act and "
        "content/prompt/text are recognised; name, description, kind, syntax, variables, config, "
        "tags, status, user_id and metadata fill the fields of that name; all others go to "
        "metadata. "
        "Exit status: 0 all imported, 1 rows rejected, 2 the input could not be read."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "file",
            metavar="FILE",
            help="the file, or a directory written by export_prompts; - is standard input",
        )
        parser.add_argument("--format", choices=FORMATS, help="default: from the file name")
        parser.add_argument("--title-column", metavar="C", help="the column with the title")
        parser.add_argument("--content-column", metavar="C", help="the column with the content")
        parser.add_argument("--status", choices=Prompt.Status.values, help="default: draft")
        parser.add_argument("--user-id", metavar="U", help="the owner's ID")
        parser.add_argument(
            "--on-duplicate",
            choices=services.ON_DUPLICATE,
            default="skip",
            help="what to do if a prompt with this title already exists (default: skip)",
        )
        parser.add_argument(
            "--partial", action="store_true", help="import valid rows even if others are rejected"
        )
        parser.add_argument("--dry-run", action="store_true", help="validate without saving")
        parser.add_argument("--output", choices=("text", "json"), default="text")

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Import, say what became of the rows, and exit."""
        if Path(options["file"]).is_dir():
            self._import_directory(Path(options["file"]), options)
            return
        report = self._make_report(options)
        try:
            options["format"] = options["format"] or _format_of(options["file"])
            counts = _import(options, report)
        except (UnreadableError, InvalidInputError) as error:
            sentence = _say(error, options["file"])
            report.fail(error.code, sentence, NOT_ASKED)
            raise CommandError(sentence, returncode=NOT_ASKED) from error
        except DatabaseError as error:
            outage = find_outage(error)
            is_unknown = outage is not None and outage.kind is OutageKind.OUTCOME_UNKNOWN
            sentence = f"{explain(error) or error}. {MAYBE if is_unknown else NONE}"
            report.fail(find_code(error), sentence, PERSON_NEEDED if is_unknown else NOT_ASKED)
            raise  # manage.py says it, as for every command
        except STOPS as stop:
            status = find_stop_status(stop)
            report.fail(find_command_code(status), STOPPED, status)
            raise CommandError(STOPPED, returncode=status) from None
        report.finish(counts)
        if counts.rejected:
            sys.exit(NO)

    def _import_directory(self, folder: Path, options: dict[str, Any]) -> None:
        """Take over a directory that `export_prompts` wrote: every version, label and field."""
        try:
            counts = _restore(folder, dry_run=options["dry_run"])
        except (BrokenFileError, InvalidInputError, OSError) as error:
            sentence = f"{error}. Nothing was imported."
            raise CommandError(sentence, returncode=NOT_ASKED) from error
        if options["output"] == "json":
            self.stdout.write(json.dumps({**counts, "kept": not options["dry_run"]}))
            return
        parts = [f"{count:,} {name}" for name, count in counts.items()]
        summary = ", ".join(parts)
        if options["dry_run"]:
            summary += " (dry run: nothing saved)"
        self.stdout.write(f"{summary}.")

    def _make_report(self, options: dict[str, object]) -> Report:
        chosen: type[Report] = TextReport
        if options["output"] == "json":
            chosen = JsonReport
        elif self.stderr.isatty():
            chosen = TerminalReport
        return chosen(self.stdout, self.stderr, self.style, options)


def _restore(folder: Path, *, dry_run: bool) -> dict[str, int]:
    files: dict[str, bytes] = {}
    for path in list_files(folder):
        name = path.relative_to(folder).as_posix()
        files[name] = _read_inside(path, folder)
    with_older = {name.rpartition(".versions/")[0] for name in files if is_older(name)}
    rows = []
    for name in sorted(files):
        if is_older(name):
            continue  # `parse` reads it with its prompt
        # Other Markdown may lie beside ours: ours has front matter, or older versions.
        if files[name].startswith(b"---\n") or name.removesuffix(".md") in with_older:
            rows.append(parse(name, files))
    if not rows:
        raise BrokenFileError("import.folder-empty", folder=folder)
    with transaction.atomic():
        counts = services.restore_archive(rows)
        transaction.set_rollback(dry_run)
    return dict(counts)


def _read_inside(path: Path, folder: Path) -> bytes:
    try:
        return read_typed(path, most_bytes=Limits().size_bytes, border=folder)
    except UnreadableError as error:
        raise BrokenFileError("import.unreadable", path=path, error=error) from error


def _import(options: dict[str, Any], report: Report) -> services.ImportCounts:
    names = ColumnNames(title=options["title_column"], content=options["content_column"])
    import_options = services.ImportOptions(
        status=options["status"],
        user_id=options["user_id"],
        on_duplicate=options["on_duplicate"],
        partial=options["partial"],
        dry_run=options["dry_run"],
    )
    with _opened(options["file"]) as stream:
        source = Source(stream)
        rows = read_rows(options["format"], source, names)
        reported = _noted(map(report.row, rows), source, report)
        with report.watch(source):
            return services.import_rows(reported, import_options, report.reject)


def _noted(
    rows: Iterator[Row | Rejection], source: Source, report: Report
) -> Iterator[Row | Rejection]:
    """Yield the rows; before the first of them say what is to be said of the file."""
    for row in rows:
        if source.table is not None and not report.said_of_file:
            report.said_of_file = True
            for note in source.table.notes:
                report.note(str(note))
        yield row


def _say(error: UnreadableError | InvalidInputError, name: str) -> str:
    if isinstance(error, UnreadableError):
        if name == STANDARD_INPUT:
            name = "standard input"
        return f"{name} cannot be read: {error}. Nothing was imported."
    options = {}
    for field in error.problems:
        option = field.replace("_", "-")
        options[field] = f"--{option}"
    sentence = str(error.renamed(options)).rstrip(".")
    return f"{sentence}. Nothing was imported."


def _format_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if name != STANDARD_INPUT and suffix in SUFFIXES:
        return SUFFIXES[suffix]
    why = "its format is unknown"
    if name != STANDARD_INPUT:
        suffixes = ", ".join(SUFFIXES)
        why = f"its name does not end in {suffixes}"
    raise UnreadableError("import.format", why=why, formats="|".join(FORMATS))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == STANDARD_INPUT:
        if sys.stdin is None:  # closed, as by `<&-`
            raise UnreadableError("it is closed")
        yield sys.stdin.buffer
        return
    with open_typed(Path(name)) as stream:
        yield stream
