"""Actions on many rows of a list: done in chunks, counted, and never cut in silence.

A browser sends which rows are selected, or that all of a filtered list are. The keys are written
down once, before anything is done; then chunk after chunk is a transaction of its own. What does
not fit into one request goes on in the next: the page sends itself again (`bulk.js`), and without
JavaScript a button does. An action
is in `actions`, its pages are in `pages`; this module goes through the rows.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet, RestrictedError
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from core.errors import ApplicationError

if TYPE_CHECKING:
    from core.bulk.actions import BulkAction

__all__ = [
    "CHUNK",
    "MOST_ROWS",
    "REFUSALS",
    "BulkResult",
    "Job",
    "advance",
    "as_data",
    "change_each",
    "find_rows",
    "select_keys",
    "split_trash",
]

MOST_ROWS: Final = 10_000
CHUNK: Final = 100  # rows of one transaction: others wait no longer for the database than that
SLICE_SECONDS: Final = 8.0  # of one request; a worker is killed after 60
KEPT_SECONDS: Final = 24 * 3600  # how long a job can be gone on with
NAMED: Final = 10  # failures that are named; the rest is counted

RowT = TypeVar("RowT")
TrashableT = TypeVar("TrashableT", bound="Trashable")

Failure = tuple[str, str]
"""What a row is called, and why it was left as it is."""


class Trashable(Protocol):
    """A row that can be in the trash."""

    @property
    def deleted_at(self) -> datetime | None:
        """When it went there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkResult:
    """What became of a chunk; rows that are in neither had nothing to change."""

    changed: int = 0
    """How many rows are other than before."""
    failures: Sequence[Failure] = ()
    """The rows that were refused."""


@dataclass(kw_only=True, slots=True)
class Job:
    """An action on its way through the selected rows; all of it can be JSON."""

    owner: str
    """The key of the user who started it."""
    model: str
    """The rows' model, as app_label.ModelName."""
    action: str
    """The action's name."""
    keys: list[object]
    """The rows' keys, as text."""
    values: dict[str, list[str]] = field(default_factory=dict)
    """What was typed into the action's form."""
    back: str = ""
    """The list that it came from."""
    position: int = 0
    """How many rows have been looked at."""
    changed: int = 0
    """How many of these were changed."""
    failed: int = 0
    """How many were refused."""
    failures: list[Failure] = field(default_factory=list)
    """The first of those that were refused."""

    @property
    def is_done(self) -> bool:
        """Whether every row has been looked at."""
        return self.position >= len(self.keys)

    def add(self, outcome: BulkResult, rows: int) -> None:
        """Count what became of the next `rows` rows."""
        self.position += rows
        self.changed += outcome.changed
        self.failed += len(outcome.failures)
        room = NAMED - len(self.failures)
        self.failures += outcome.failures[:room]

    def save(self, token: str | None = None) -> str:
        """Keep the job; return the token it is found by.

        A session of its own in the database: whichever worker gets the next request finds it,
        and `clearsessions` removes what nobody went on with.
        """
        store = SessionStore(session_key=token)
        store.update({name: getattr(self, name) for name in self.__slots__})
        store.set_expiry(KEPT_SECONDS)
        if token is None:
            store.create()
        store.save()
        return str(store.session_key)

    @classmethod
    def load(cls, token: str) -> "Job | None":
        """Return the job of a token, None where there is none."""
        stored = SessionStore(session_key=token).load()
        if "keys" not in stored:
            return None
        values = {name: stored[name] for name in cls.__slots__}
        values["failures"] = [tuple(failure) for failure in values["failures"]]  # JSON has lists
        return cls(**values)

    @staticmethod
    def forget(token: str) -> None:
        """Remove what was kept of a job."""
        SessionStore(session_key=token).delete()


def select_keys(queryset: QuerySet[Any]) -> list[object]:
    """Return the keys of the selected rows in the list's order.

    Raises:
        ApplicationError: there are too many.
    """
    keys = [str(key) for key in queryset.values_list("pk", flat=True)[: MOST_ROWS + 1]]
    if len(keys) > MOST_ROWS:
        count = f"{queryset.count():,}"
        raise ApplicationError("bulk.too-many", count=count, most=f"{MOST_ROWS:,}")
    return list(dict.fromkeys(keys))  # a filter over a join names a row several times


def find_rows(admin: Any, keys: Iterable[Any]) -> QuerySet[Any]:
    """Return the rows of these keys that are still there, deleted ones included.

    Without what the list's query brings along: the keys come from that query.
    """
    model = admin.model
    manager = getattr(model, "all_objects", model._default_manager)
    rows: QuerySet[Any] = manager.filter(pk__in=list(keys))
    return rows


def advance(
    job: Job, action: "BulkAction", admin: object, request: HttpRequest, token: str | None = None
) -> Job | None:
    """Go through the rows until all are done or the request has lasted long enough.

    Each chunk is a transaction with the count of what it did, so that a request that dies or is
    sent twice does nothing twice.

    Returns:
        The job as it is now; None where another request has ended it meanwhile.
    """
    until = time.monotonic() + SLICE_SECONDS
    while not job.is_done:
        with transaction.atomic():
            # Read inside of the transaction: another request may have done this chunk meanwhile.
            stored = Job.load(token) if token else job
            if stored is None:
                return None
            job = stored
            chunk = job.keys[job.position : job.position + CHUNK]
            if chunk:
                form = action.build_form(as_data(job.values), admin, request)
                values: dict[str, Any] = {}
                if form is not None and form.is_valid():
                    values = form.cleaned_data
                outcome = action.run(admin, request, find_rows(admin, chunk), values)
                job.add(outcome, len(chunk))
            if token:
                job.save(token)
        if time.monotonic() >= until:
            break
    return job


def as_data(values: dict[str, list[str]]) -> QueryDict:
    """Return what was typed as a form takes it."""
    data = QueryDict(mutable=True)
    for name, texts in values.items():
        data.setlist(name, texts)
    return data


REFUSALS: Final = (
    ApplicationError,
    ValidationError,
    ProtectedError,
    RestrictedError,
    IntegrityError,
)


def change_each(rows: Iterable[RowT], change: Callable[[RowT], object]) -> BulkResult:
    """Change every row by itself; one that is refused stops none of the others.

    Args:
        rows: the rows.
        change: changes one; returns whether there was anything to change.
    """
    changed = 0
    failures: list[Failure] = []
    for row in rows:
        try:
            # A savepoint: after an error the rows before are still to be committed.
            with transaction.atomic():
                if change(row):
                    changed += 1
        except REFUSALS as error:
            failures.append((str(row), explain(error)))
    return BulkResult(changed=changed, failures=failures)


def explain(error: Exception) -> str:
    """Return why a row was refused, as a sentence."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, ProtectedError | RestrictedError):
        return _("other rows depend on it")
    if isinstance(error, IntegrityError):
        return _("the database rejected it: another row depends on it, or it would violate a rule")
    return str(error)


def split_trash(rows: Iterable[TrashableT]) -> tuple[list[TrashableT], list[Failure]]:
    """Return the rows that are in use, and a failure for each that is in the trash."""
    in_use = []
    failures = []
    for row in rows:
        if row.deleted_at is None:
            in_use.append(row)
        else:
            failures.append((str(row), _("it is in the trash; restore it first")))
    return in_use, failures
