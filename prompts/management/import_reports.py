"""What `import_prompts` says: rejections while it runs, then what became of the rows.

Texts go to people (rejections to standard error), JSON to programs (one object to standard output).
"""

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any, Final

from django.core.management.base import OutputWrapper
from django.core.management.color import Style
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from core.exit_status import describe_error
from prompts.importing import Rejection, Row, Source
from prompts.services import ImportCounts

__all__ = ["JsonReport", "Report", "TerminalReport", "TextReport"]

SPOOL_BYTES: Final = 1024 * 1024  # of rejections in memory; more of them wait in a file
ROWS_A_STEP: Final = 100  # of the progress bar


class Report(ABC):
    """Hears of every row and says what there is to say."""

    def __init__(
        self, out: OutputWrapper, err: OutputWrapper, style: Style, options: Mapping[str, Any]
    ) -> None:
        self.out = out
        self.err = err
        self.style = style
        self.options = options
        self.columns: dict[str, str] = {}
        self.said_of_file = False

    @contextmanager
    def watch(self, source: Source) -> Iterator[None]:
        """Be told what there is to read while it is read."""
        yield

    def row(self, row: Row | Rejection) -> Row | Rejection:
        """Hear of a row that was read; return it."""
        if not self.columns and isinstance(row, Row):
            self.columns = {"title": row.title_column, "content": row.content_column}
        return row

    @abstractmethod
    def note(self, sentence: str) -> None:
        """Hear of something that was read otherwise than it stands in the file."""

    @abstractmethod
    def reject(self, rejection: Rejection) -> None:
        """Hear of a row that cannot go in."""

    @abstractmethod
    def finish(self, counts: ImportCounts) -> None:
        """Say what became of the rows."""

    @abstractmethod
    def fail(self, code: str, sentence: str, status: int) -> None:
        """Hear why nothing was imported.

        Args:
            code: for programs.
            sentence: for people.
            status: what the command exits with.
        """


class TextReport(Report):
    """Lines for people."""

    def note(self, sentence: str) -> None:
        """Say it at once."""
        self.err.write(f"Note: {sentence}")

    def reject(self, rejection: Rejection) -> None:
        """Say it at once."""
        self.err.write(str(rejection), self.style.ERROR)

    def fail(self, code: str, sentence: str, status: int) -> None:
        """Say nothing: the command does, on standard error."""

    def finish(self, counts: ImportCounts) -> None:
        """Say it in one line."""
        rows = "1 row" if counts.rows == 1 else f"{counts.rows} rows"
        style = self.style.ERROR if counts.rejected else self.style.SUCCESS
        if counts.rejected and not self.options["partial"]:
            would = "would be" if self.options["dry_run"] else "was"
            were = "was" if counts.rejected == 1 else "were"
            text = (
                f"Nothing {would} imported: {counts.rejected} of {rows} {were} rejected. "
                "Fix the file, or import the other rows with --partial."
            )
        else:
            text = f"{self._numbers(counts)} (of {rows}) from {self.options['file']}."
        # A file's name need not be UTF-8, and the import is done already.
        self.out.write(text.encode("utf-8", "backslashreplace").decode(), style)

    def _numbers(self, counts: ImportCounts) -> str:
        verb = "Would import" if self.options["dry_run"] else "Imported"
        parts = [f"{verb} {counts.imported}"]
        if self.options["on_duplicate"] == "update" or counts.updated:
            parts.append(f"updated {counts.updated}, unchanged {counts.unchanged}")
        parts.append(f"skipped {counts.skipped}, rejected {counts.rejected}")
        return ", ".join(parts)


class TerminalReport(TextReport):
    """Lines for people, above a bar that shows how far the import is."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.console = Console(stderr=True, no_color=self.options["no_color"] or None)
        self.progress = Progress(
            TextColumn("Importing {task.fields[rows]:,} rows"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self.rows = 0

    @contextmanager
    def watch(self, source: Source) -> Iterator[None]:
        """Show the bar."""
        self.source = source
        self.task = self.progress.add_task("import", total=None, rows=0)
        with self.progress:
            yield

    def row(self, row: Row | Rejection) -> Row | Rejection:
        """Move the bar."""
        self.rows += 1
        if self.rows % ROWS_A_STEP == 0 and self.source.table is not None:
            total = len(self.source.table)
            self.progress.update(self.task, completed=self.rows, total=total, rows=self.rows)
        return super().row(row)

    def note(self, sentence: str) -> None:
        """Say it above the bar."""
        self.console.print(Text(f"Note: {sentence}"), soft_wrap=True)

    def reject(self, rejection: Rejection) -> None:
        """Say it above the bar."""
        self.console.print(Text(str(rejection), style="bold red"), soft_wrap=True)


class JsonReport(Report):
    """One object for programs, whatever happens."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.notes: list[str] = []
        self.rejections: IO[str] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed when it is printed)
            SPOOL_BYTES, mode="w+", encoding="utf-8", newline="\n"
        )

    def note(self, sentence: str) -> None:
        """Keep it for the end."""
        self.notes.append(sentence)

    def reject(self, rejection: Rejection) -> None:
        """Keep it for the end, in a file where there are many."""
        self.rejections.write(_as_json(asdict(rejection)) + "\n")

    def finish(self, counts: ImportCounts) -> None:
        """Print the object."""
        self._print(asdict(counts), None)

    def fail(self, code: str, sentence: str, status: int) -> None:
        """Print the object with its error."""
        self._print(asdict(ImportCounts(kept=False)), describe_error(code, sentence, status))

    def _print(self, counts: dict[str, Any], error: dict[str, object] | None) -> None:
        # Written by hand, member by member: the rejections may be more than fit into memory.
        facts = counts | {
            "file": self.options["file"],
            "format": self.options["format"],
            "dry_run": self.options["dry_run"],
            "columns": self.columns or None,
            "notes": self.notes,
            "error": error,
        }
        self.out.write("{\n", ending="")
        for name, value in facts.items():
            self.out.write(f"  {_as_json(name)}: {_as_json(value)},\n", ending="")
        self.out.write('  "rejections": [', ending="")
        comma = ""
        self.rejections.seek(0)
        for line in self.rejections:
            self.out.write(f"{comma}\n    {line.rstrip()}", ending="")
            comma = ","
        self.rejections.close()
        end = "\n  ]\n}" if comma else "]\n}"
        self.out.write(end)


def _as_json(value: object) -> str:
    # Half a surrogate pair, as a bad name of a column may hold, has no UTF-8: \udXXX is valid JSON.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
