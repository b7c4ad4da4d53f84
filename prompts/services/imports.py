"""Many prompts at once, in one transaction: all of them, or none unless asked otherwise."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import reset_queries, transaction
from django.utils.translation import gettext as _

from autoforge.core.errors import InvalidInputError
from prompts.importing import Rejection, Row
from prompts.models import Prompt, PromptEvent, PromptVersion
from prompts.releases_cache import forget_releases
from prompts.services.events import announce
from prompts.services.fields_of_rows import split_fields
from prompts.services.prompts import build_version, edit_prompt, free_names, new_prompt

__all__ = ["ON_DUPLICATE", "ImportCounts", "ImportOptions", "import_rows"]

ON_DUPLICATE: Final = ("skip", "update", "error")
BATCH_ROWS: Final = 500  # a look-up and two inserts each
BATCH_CHARACTERS: Final = 8 * 1024 * 1024  # so that long contents do not pile up


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCounts:
    """What became of the rows: each is in one of the five counts that follow the first.

    Where a rejected row keeps everything out, the good rows are in none of them.
    """

    rows: int = 0
    """Rows read."""
    imported: int = 0
    """New prompts."""
    updated: int = 0
    """Prompts that changed."""
    unchanged: int = 0
    """Rows of prompts that were to be updated and say the same already."""
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

    Nothing is kept where a row is rejected and `partial` is off, or on a dry run. A dry run counts
    what would have been kept.

    Raises:
        InvalidInputError: an option is wrong; its name is the field's.
    """
    _check_options(options)
    run = _Run(options, on_rejection)
    for batch in _batches(rows):
        run.take(batch)
        reset_queries()  # with DEBUG Django keeps each statement, these with hundreds of rows
    refused = run.counter["rejected"] > 0 and not options.partial
    if refused or options.dry_run:
        transaction.set_rollback(True)
    if refused:
        run.counter = Counter({name: run.counter[name] for name in ("rows", "rejected")})
    return ImportCounts(**run.counter, kept=not (refused or options.dry_run))


def _check_options(options: ImportOptions) -> None:
    if options.on_duplicate not in ON_DUPLICATE:
        raise InvalidInputError(
            {"on_duplicate": _("must be one of %(allowed)s") % {"allowed": ", ".join(ON_DUPLICATE)}}
        )
    new_prompt(title="-", content="-", **_owner_and_status(options))


def _owner_and_status(options: ImportOptions) -> dict[str, Any]:
    given = {"status": options.status, "user_id": options.user_id}
    return {name: value for name, value in given.items() if value is not None}


def _batches(rows: Iterable[Row | Rejection]) -> Iterator[list[Row | Rejection]]:
    batch: list[Row | Rejection] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.content) if isinstance(row, Row) else 0
        if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Run:
    """One import: its counts, and the batch that is not written yet."""

    def __init__(self, options: ImportOptions, on_rejection: Callable[[Rejection], None]) -> None:
        self.options = options
        self.on_rejection = on_rejection
        self.counter: Counter[str] = Counter()
        self.given = _owner_and_status(options)
        self.known: dict[str, list[Prompt]] = {}
        self.new: list[Prompt] = []

    def take(self, batch: list[Row | Rejection]) -> None:
        """Write one batch."""
        self.look_up({row.title for row in batch if isinstance(row, Row)})
        for row in batch:
            self.counter["rows"] += 1
            rejections = [row] if isinstance(row, Rejection) else self.take_row(row)
            self.counter["rejected"] += bool(rejections)
            for rejection in rejections:
                self.on_rejection(rejection)
        self.flush()

    def look_up(self, titles: set[str]) -> None:
        """Learn which prompts in use have the titles, those of earlier batches among them."""
        found = Prompt.objects.filter(title__in=[title for title in titles if _has_utf8(title)])
        if self.options.on_duplicate != "update":
            found = found.only("title")
        self.known = {}
        for prompt in found:
            self.known.setdefault(prompt.title, []).append(prompt)

    def take_row(self, row: Row) -> list[Rejection]:
        """Create, update or skip; return why not where it cannot be."""
        try:
            fields = split_fields(row) | self.given
            prompt = new_prompt(**fields)
        except InvalidInputError as error:
            return _in_terms_of_the_file(row, error)
        if row.title in self.known:
            return self.take_duplicate(row, fields)
        self.new.append(prompt)
        self.known[row.title] = [prompt]
        self.counter["imported"] += 1
        return []

    def take_duplicate(self, row: Row, fields: dict[str, Any]) -> list[Rejection]:
        """Update or skip; return why not where it cannot be."""
        count = len(self.known[row.title])
        if self.options.on_duplicate == "skip":
            self.counter["skipped"] += 1
            return []
        if self.options.on_duplicate == "error":
            return [_about_title(row, _("a prompt has this title already"))]
        if count > 1:
            sentence = _("%(count)d prompts have this title; which is meant?") % {"count": count}
            return [_about_title(row, sentence)]
        return self.update(row, fields)

    def update(self, row: Row, fields: dict[str, Any]) -> list[Rejection]:
        """Change the prompt of the row's title; return why not where it cannot be."""
        [prompt] = self.known[row.title]
        changes = fields | {"metadata": prompt.metadata | fields["metadata"]}
        if all(getattr(prompt, name) == value for name, value in changes.items()):
            self.counter["unchanged"] += 1
            return []
        self.flush()  # the prompt may be one of this batch
        try:
            prompt = edit_prompt(prompt_id=prompt.pk, author=self.options.author, **changes)
        except InvalidInputError as error:
            return _in_terms_of_the_file(row, error)
        self.known[row.title] = [prompt]
        self.counter["updated"] += 1
        return []

    def flush(self) -> None:
        """Insert the new prompts and their versions."""
        if not self.new:
            return
        for prompt, name in zip(self.new, free_names(p.name for p in self.new), strict=True):
            prompt.name = name
        Prompt.objects.bulk_create(self.new)
        PromptVersion.objects.bulk_create(
            [build_version(prompt, author=self.options.author) for prompt in self.new]
        )
        if self.options.status not in {None, Prompt.Status.DRAFT}:
            announce(
                self.new,
                kind=PromptEvent.Kind.STATUS,
                actor=self.options.author,
                after=str(self.options.status),
            )
        forget_releases()
        self.new = []


def _has_utf8(text: str) -> bool:
    # Half a surrogate pair has none, and no database can be asked for it.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _in_terms_of_the_file(row: Row, error: InvalidInputError) -> list[Rejection]:
    columns = {"title": row.title_column, "content": row.content_column}
    return [
        Rejection(line=row.line, column=columns.get(name, name), reason=reason)
        for name, reason in sorted(error.messages.items(), key=_title_first)
    ]


def _title_first(item: tuple[str, str]) -> tuple[bool, bool]:
    return item[0] != "title", item[0] != "content"


def _about_title(row: Row, reason: str) -> Rejection:
    return Rejection(line=row.line, column=row.title_column, reason=f"“{row.title}”: {reason}")
