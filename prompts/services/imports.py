"""Many prompts at once, in one transaction: all of them, or none unless asked otherwise."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import reset_queries, transaction

from autoforge.core.errors import InvalidInputError
from prompts.importing import Rejection, Row
from prompts.models import Prompt, PromptVersion
from prompts.services.prompts import build_version, edit_prompt, new_prompt

__all__ = ["ON_DUPLICATE", "ImportCounts", "ImportOptions", "import_rows"]

ON_DUPLICATE: Final = ("skip", "update", "error")
BATCH = 500  # rows; two inserts and one look-up each


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """How rows go in."""

    status: str | None = None
    """Status of what is imported; None: draft, and kept on update."""
    user_id: str | None = None
    """Owner of what is imported; None: nobody, and kept on update."""
    on_duplicate: str = "skip"
    """What a row does whose title a prompt already has: "skip", "update" or "error"."""
    partial: bool = False
    """Whether good rows go in although others are rejected."""
    dry_run: bool = False
    """Whether everything is tried and nothing kept."""
    author: str = "import"
    """Who the versions say wrote them."""


@dataclass(kw_only=True, slots=True)
class ImportCounts:
    """What became of the rows."""

    rows: int = 0
    """Rows read."""
    imported: int = 0
    """New prompts."""
    updated: int = 0
    """Prompts that changed."""
    unchanged: int = 0
    """Prompts that were to be updated and say the same already."""
    skipped: int = 0
    """Rows left out because a prompt has their title."""
    rejected: int = 0
    """Rows that could not go in."""
    kept: bool = True
    """Whether the database keeps what was written."""


@transaction.atomic
def import_rows(
    rows: Iterable[Row | Rejection],
    options: ImportOptions,
    on_rejection: Callable[[Rejection], None],
) -> ImportCounts:
    """Write the rows; tell `on_rejection` of each that cannot go in, in the file's order.

    Nothing is kept where a row is rejected and `partial` is off, or on a dry run.
    """
    run = _Run(options, on_rejection)
    for batch in _batches(rows):
        run.take(batch)
        reset_queries()  # with DEBUG Django keeps each statement, these with hundreds of rows
    if options.dry_run or (run.counts.rejected and not options.partial):
        transaction.set_rollback(True)
        run.counts.kept = False
    return run.counts


def _batches(rows: Iterable[Row | Rejection]) -> Iterator[list[Row | Rejection]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


class _Run:
    """One import: its counts, and the batch that is not written yet."""

    def __init__(self, options: ImportOptions, on_rejection: Callable[[Rejection], None]) -> None:
        self.options = options
        self.on_rejection = on_rejection
        self.counts = ImportCounts()
        self.known: dict[str, list[UUID]] = {}
        self.new: list[Prompt] = []

    def take(self, batch: list[Row | Rejection]) -> None:
        """Write one batch."""
        titles = {row.title for row in batch if isinstance(row, Row)}
        self.known = {}
        for title, key in Prompt.objects.filter(title__in=storable(titles)).values_list(
            "title", "pk"
        ):
            self.known.setdefault(title, []).append(key)
        for row in batch:
            self.counts.rows += 1
            if isinstance(row, Rejection):
                self.reject(row)
            else:
                self.take_row(row)
        self.flush()

    def take_row(self, row: Row) -> None:
        """Create, update, skip or reject."""
        try:
            if row.title in self.known:
                self.take_duplicate(row)
            else:
                self.create(row)
        except InvalidInputError as error:
            for name, reason in error.messages.items():
                column = {"title": row.title_column, "content": row.content_column}.get(name, name)
                self.on_rejection(Rejection(line=row.line, column=column, reason=reason))
            self.counts.rejected += 1

    def create(self, row: Row) -> None:
        prompt = new_prompt(
            title=row.title,
            content=row.content,
            metadata=row.metadata,
            status=self.options.status or Prompt.Status.DRAFT,
            user_id=self.options.user_id or "",
        )
        self.new.append(prompt)
        self.known[row.title] = [prompt.pk]
        self.counts.imported += 1

    def take_duplicate(self, row: Row) -> None:
        if self.options.on_duplicate == "skip":
            self.counts.skipped += 1
        elif self.options.on_duplicate == "error":
            self.reject(_about_title(row, "a prompt has this title already"))
        elif len(self.known[row.title]) > 1:
            count = len(self.known[row.title])
            self.reject(_about_title(row, f"{count} prompts have this title; which is meant?"))
        else:
            self.update(row)

    def update(self, row: Row) -> None:
        self.flush()  # the prompt may be one of this batch
        prompt = Prompt.objects.get(pk=self.known[row.title][0])
        changes: dict[str, Any] = {
            "content": row.content,
            "metadata": prompt.metadata | row.metadata,
        }
        if self.options.status:
            changes["status"] = self.options.status
        if self.options.user_id is not None:
            changes["user_id"] = self.options.user_id
        if all(getattr(prompt, name) == value for name, value in changes.items()):
            self.counts.unchanged += 1
            return
        edit_prompt(prompt_id=prompt.pk, author=self.options.author, **changes)
        self.counts.updated += 1

    def reject(self, rejection: Rejection) -> None:
        self.counts.rejected += 1
        self.on_rejection(rejection)

    def flush(self) -> None:
        Prompt.objects.bulk_create(self.new)
        PromptVersion.objects.bulk_create(
            [build_version(prompt, author=self.options.author) for prompt in self.new]
        )
        self.new = []


def storable(titles: Iterable[str]) -> list[str]:
    """Return the titles that a database can be asked for: those that have a UTF-8."""
    return [title for title in titles if _has_utf8(title)]


def _has_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _about_title(row: Row, reason: str) -> Rejection:
    return Rejection(line=row.line, column=row.title_column, reason=f"“{row.title}”: {reason}")
