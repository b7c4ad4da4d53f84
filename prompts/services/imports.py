"""Many prompts at once: all of them, or none unless asked otherwise.

Rows are checked first, without a transaction, for that takes a hundred times as long as writing
them: nobody waits for the database meanwhile. What is good is then written in one transaction,
which looks up the titles again; a dry run ends before it.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import reset_queries, transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInputError
from core.sentences import Sentence
from prompts.importing import Rejection, Row
from prompts.models import Prompt, PromptEvent, PromptVersion
from prompts.releases_cache import forget_releases
from prompts.services.events import announce
from prompts.services.import_fields import split_fields
from prompts.services.prompts import (
    EDITABLE,
    build_version,
    check_name_is_free,
    edit_prompt,
    free_names,
    new_prompt,
)
from prompts.services.webhooks import tell_of_versions

__all__ = ["ON_DUPLICATE", "ImportCounts", "ImportOptions", "import_rows"]

ON_DUPLICATE: Final = ("skip", "update", "error")
NOTHING: Final[list[object]] = []  # one for all prompts without variables and includes
Settled = tuple[str, list[object], list[object]]
SURROGATE: Final = re.compile("[\ud800-\udfff]")
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
    checking = _Checking(options, on_rejection)
    for batch in _batches(rows):
        checking.take(batch)
        reset_queries()  # with DEBUG Django keeps each statement, these with hundreds of rows
    counter = checking.counter
    if options.dry_run or _is_refused(counter, options):
        return _count(counter, options)
    writing = _Writing(options, on_rejection, checking.settled)
    with transaction.atomic():
        for batch in _batches(checking.good):
            writing.take(batch)
            reset_queries()
        counter = writing.counter
        # What the check rejected has not come to the writing.
        for name in ("rows", "rejected"):
            counter[name] += checking.counter["rejected"]
        if _is_refused(counter, options):  # somebody else wrote in between
            transaction.set_rollback(True)
    return _count(counter, options)


def _is_refused(counter: Counter[str], options: ImportOptions) -> bool:
    return counter["rejected"] > 0 and not options.partial


def _count(counter: Counter[str], options: ImportOptions) -> ImportCounts:
    refused = _is_refused(counter, options)
    if refused:
        counter = Counter(rows=counter["rows"], rejected=counter["rejected"])
    return ImportCounts(**counter, kept=not (refused or options.dry_run))


def _check_options(options: ImportOptions) -> None:
    if options.on_duplicate not in ON_DUPLICATE:
        raise InvalidInputError(
            {"on_duplicate": Sentence("import.choice", allowed=", ".join(ON_DUPLICATE))}
        )
    new_prompt(title="-", content="-", **_owner_and_status(options))


def _owner_and_status(options: ImportOptions) -> dict[str, object]:
    fields: dict[str, object] = {}
    if options.status is not None:
        fields["status"] = options.status
    if options.user_id is not None:
        fields["user_id"] = options.user_id
    return fields


def _batches(rows: Iterable[Row | Rejection]) -> Iterator[list[Row | Rejection]]:
    batch: list[Row | Rejection] = []
    characters = 0
    for row in rows:
        batch.append(row)
        if isinstance(row, Row):
            characters += len(row.content)
        if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
            yield batch
            batch = []
            characters = 0
    if batch:
        yield batch


class _Importing(ABC):
    """What becomes of rows, batch by batch; `_Checking` finds out, `_Writing` carries it out.

    Attributes:
        counter: as the fields of ImportCounts.
        known: title → the prompts in use that have it, for the batch at hand.
        own: the titles of prompts that this import made or changed.
    """

    def __init__(self, options: ImportOptions, on_rejection: Callable[[Rejection], None]) -> None:
        self.options = options
        self.on_rejection = on_rejection
        self.counter: Counter[str] = Counter()
        self.overrides = _owner_and_status(options)
        self.known: dict[str, list[Prompt]] = {}
        self.own: set[str] = set()

    @abstractmethod
    def prepare(self, row: Row, fields: dict[str, object]) -> Prompt:
        """Return the prompt that a row would be.

        Raises:
            InvalidInputError: it cannot be one.
        """

    @abstractmethod
    def create(self, prompt: Prompt) -> None:
        """Take a new prompt."""

    @abstractmethod
    def change(self, prompt: Prompt, changes: dict[str, object]) -> Prompt:
        """Return a prompt that was changed.

        Raises:
            InvalidInputError: it cannot be changed so.
        """

    def look_up(self, titles: set[str]) -> None:
        """Learn which prompts in use have the titles."""
        rows = Prompt.objects.filter(title__in=list(filter(_has_utf8, titles)))
        if not self.needs_all_fields(titles):
            rows = rows.only("title")  # contents may be megabytes
        self.known = {}
        for prompt in rows:
            self.known.setdefault(prompt.title, []).append(prompt)

    def needs_all_fields(self, titles: set[str]) -> bool:
        """Whether a prompt of one of the titles may be changed."""
        return self.options.on_duplicate == "update" or not self.own.isdisjoint(titles)

    def take(self, batch: list[Row | Rejection]) -> None:
        """Take one batch."""
        self.look_up({row.title for row in batch if isinstance(row, Row)})
        for row in batch:
            self.counter["rows"] += 1
            rejections = [row] if isinstance(row, Rejection) else self.take_row(row)
            if rejections:
                self.counter["rejected"] += 1
            for rejection in rejections:
                self.on_rejection(rejection)

    def take_row(self, row: Row) -> list[Rejection]:
        """Create, update or skip; return why not where it cannot be."""
        try:
            fields = split_fields(row) | self.overrides
            prompt = self.prepare(row, fields)
            if row.title in self.known:
                return self.take_duplicate(row, fields)
        except InvalidInputError as error:
            return _in_terms_of_the_file(row, error)
        self.create(prompt)
        self.known[row.title] = [prompt]
        self.own.add(row.title)
        self.counter["imported"] += 1
        return []

    def take_duplicate(self, row: Row, fields: dict[str, object]) -> list[Rejection]:
        """Update or skip; return why not where it cannot be."""
        count = len(self.known[row.title])
        # A later version of a prompt that came with this file is no duplicate.
        is_version = row.version is not None and row.title in self.own
        if self.options.on_duplicate == "skip" and not is_version:
            self.counter["skipped"] += 1
            return []
        if self.options.on_duplicate == "error" and not is_version:
            return [_about_title(row, _("a prompt with this title already exists"))]
        if count > 1:
            sentence = _("%(count)d prompts have this title; specify which one") % {"count": count}
            return [_about_title(row, sentence)]
        self.update(row, fields)
        return []

    def update(self, row: Row, fields: dict[str, object]) -> None:
        """Change the prompt of the row's title."""
        [prompt] = self.known[row.title]
        changes = fields | {"metadata": prompt.metadata | fields["metadata"]}
        self.own.add(row.title)
        current = {name: getattr(prompt, name) for name in changes}
        if current == changes:
            self.counter["unchanged"] += 1
            return
        self.known[row.title] = [self.change(prompt, changes)]
        self.counter["updated"] += 1


class _Checking(_Importing):
    """Checks rows without writing.

    Attributes:
        good: the rows that can go in.
        settled: what the check found for each of them: its name, variables and includes.
    """

    def __init__(self, options: ImportOptions, on_rejection: Callable[[Rejection], None]) -> None:
        super().__init__(options, on_rejection)
        self.good: list[Row] = []
        self.settled: list[Settled] = []
        self.changed: dict[str, list[Prompt]] = {}
        self._last: Settled = ("", [], [])

    def look_up(self, titles: set[str]) -> None:
        """Learn it, as if the earlier batches had been written."""
        super().look_up(titles)
        for title in titles & self.changed.keys():
            self.known[title] = self.changed[title]

    def take_row(self, row: Row) -> list[Rejection]:
        """Keep a good row for the writing."""
        rejections = super().take_row(row)
        if not rejections:
            self.good.append(row)
            self.settled.append(self._last)
            if row.title in self.own:
                self.changed[row.title] = self.known[row.title]
        return rejections

    def prepare(self, row: Row, fields: dict[str, object]) -> Prompt:
        """Check it."""
        prompt = new_prompt(**fields)
        self._last = (prompt.name, prompt.variables or NOTHING, prompt.includes or NOTHING)
        return prompt

    def create(self, prompt: Prompt) -> None:
        """Nothing more is to be done."""

    def change(self, prompt: Prompt, changes: dict[str, object]) -> Prompt:
        """Check what it would be."""
        before = {name: getattr(prompt, name) for name in EDITABLE}
        changed = new_prompt(id=prompt.pk, **before | changes)
        if changed.name != prompt.name:
            check_name_is_free(changed)
        return changed


class _Writing(_Importing):
    """Writes rows that were checked."""

    def __init__(
        self,
        options: ImportOptions,
        on_rejection: Callable[[Rejection], None],
        settled: Iterable[Settled],
    ) -> None:
        super().__init__(options, on_rejection)
        self._settled = iter(settled)
        self._new: list[Prompt] = []

    def take(self, batch: list[Row | Rejection]) -> None:
        """Write one batch."""
        super().take(batch)
        self._flush()

    def prepare(self, row: Row, fields: dict[str, object]) -> Prompt:
        """Build it of what was checked."""
        name, variables, includes = next(self._settled)
        fields = fields | {"name": name, "variables": variables, "includes": includes}
        return Prompt(**fields)

    def create(self, prompt: Prompt) -> None:
        """Insert it with its batch."""
        self._new.append(prompt)

    def change(self, prompt: Prompt, changes: dict[str, Any]) -> Prompt:
        """Write it."""
        self._flush()  # the prompt may be one of this batch
        return edit_prompt(prompt_id=prompt.pk, author=self.options.author, **changes)

    def _flush(self) -> None:
        """Insert the new prompts and their versions."""
        if not self._new:
            return
        names = free_names([prompt.name for prompt in self._new])
        for prompt, name in zip(self._new, names, strict=True):
            prompt.name = name
        Prompt.objects.bulk_create(self._new)
        versions = [build_version(prompt, author=self.options.author) for prompt in self._new]
        PromptVersion.objects.bulk_create(versions)
        tell_of_versions(versions, actor=self.options.author)
        if self.options.status not in {None, Prompt.Status.DRAFT}:
            announce(
                self._new,
                kind=PromptEvent.Kind.STATUS,
                actor=self.options.author,
                after=str(self.options.status),
            )
        forget_releases()
        self._new = []


def _has_utf8(text: str) -> bool:
    # Half a surrogate pair has none, and no database can be asked for it.
    return SURROGATE.search(text) is None


def _in_terms_of_the_file(row: Row, error: InvalidInputError) -> list[Rejection]:
    columns = {"title": row.title_column, "content": row.content_column}
    # The title first, then the content: by these a person knows the row.
    names = sorted(error.messages, key=lambda name: (name != "title", name != "content"))
    rejections = []
    for name in names:
        column = columns.get(name, name)
        rejections.append(row.reject(column, error.messages[name]))
    return rejections


def _about_title(row: Row, reason: str) -> Rejection:
    return row.reject(row.title_column, f"“{row.title}”: {reason}")
