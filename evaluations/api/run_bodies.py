"""What operations on runs take and give, as they stand in the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import Cursor, Limit, Search
from evaluations.services.choosing import MAX_REPEATS

__all__ = [
    "ColumnProgressRead",
    "ColumnRead",
    "EstimateRead",
    "MisfitRead",
    "PreviewRead",
    "ProgressRead",
    "ResumeBody",
    "Retried",
    "RunBody",
    "RunItem",
    "RunPage",
    "RunQuery",
    "RunRead",
    "RunStatus",
    "VerdictRead",
]

Entry = dict[str, Any]
RunStatus = Literal["pending", "running", "completed", "stopped", "cancelled", "failed"]
ModelName = Annotated[str, Meta(max_length=500)]
Dollars = Annotated[float, Meta(ge=0, le=999_999)]
Calls = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Seconds = Annotated[float, Meta(ge=0)]


class RunBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A run to be: every prompt is asked of every model, with every enabled case of the suite."""

    suite_id: UUID
    """Its enabled cases are copied as they are now."""
    prompts: Annotated[list[ModelName], Meta(min_length=1, max_length=50)]
    """Each `name`, `name@label` or `name:version`; the first is what the others are compared with.
    A name alone is its newest version."""
    models: Annotated[list[ModelName], Meta(min_length=1, max_length=50)]
    """Each a model profile's name, or a model such as `echo` or `openai:gpt-4.1-mini`."""
    name: Annotated[str, Meta(max_length=255)] = ""
    """Display name; the suite's if it is empty."""
    repeats: Annotated[int, Meta(ge=1, le=MAX_REPEATS)] = 1
    """How many times each case is run."""
    use_cache: bool = True
    """Whether the stored answer to an identical request is reused, at no cost."""
    judge: ModelName = ""
    """The model that judges, for cases that need one."""
    embeddings: ModelName = ""
    """The embedding model, for cases that compare meaning."""
    baseline_id: UUID | None = None
    """A completed run to compare the columns with; null: the first column."""
    max_cost_usd: Dollars | None = None
    """No further calls once this much is spent; null: no limit."""
    max_calls: Calls | None = None
    max_seconds: Seconds | None = None


class ResumeBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """New limits: what is missing stays, null is no limit."""

    max_cost_usd: Dollars | UnsetType | None = UNSET
    max_calls: Calls | UnsetType | None = UNSET
    max_seconds: Seconds | UnsetType | None = UNSET


class EstimateRead(Struct, kw_only=True):
    """What a run will probably take."""

    calls: int
    """Answers that have to be asked for, were nothing known."""
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """US dollars; null where a price is not known."""
    unpriced: list[str]
    """Models without a known price."""


class MisfitRead(Struct, kw_only=True):
    """Something of cases and prompts that does not fit."""

    code: str
    detail: str
    """A sentence for people."""


class PreviewRead(Struct, kw_only=True):
    """What a run will take, before it starts."""

    cases: int
    columns: list[str]
    """A prompt's version asked of a model, each."""
    estimate: EstimateRead
    smallest_difference: float | None
    """The difference of pass rates that so many cases show four times out of five."""
    misfits: list[MisfitRead]


class ColumnProgressRead(Struct, kw_only=True):
    """Answers that a column has."""

    done: int
    passed: int
    failed: int
    errors: int
    unchecked: int
    cached: int
    cost: float
    """US dollars, the judge's included."""


class ProgressRead(ColumnProgressRead, kw_only=True):
    """How far a run is."""

    status: RunStatus
    message: str
    """Why it stopped or failed."""
    planned: int
    """Answers in all."""
    rate: float | None
    """Answers per second that were asked for; null at the beginning."""
    seconds: float
    seconds_left: float | None
    active: bool
    """Whether more is to come."""
    columns: dict[str, ColumnProgressRead]
    """By the IDs of the columns."""


class VerdictRead(Struct, kw_only=True):
    """How a column compares."""

    code: str
    """Such as `better`, `worse` or `no-difference`."""
    detail: str
    """A sentence for people."""


class ColumnRead(Struct, kw_only=True):
    """A prompt's version asked of a model."""

    id: str
    label: str
    prompt: str | None
    """Name of the prompt; null: its text came from a file."""
    version: int | None
    provider: str
    model: str
    parameters: Entry
    status: RunStatus
    score: float | None
    """Weighted mean of the scores, from 0 to 1."""
    summary: Entry
    """Figures, once the run has ended: pass rate with its interval, errors, cost, latency."""
    verdict: VerdictRead | None
    """How it compares with the first column or the baseline; null where it was not compared."""


class RunItem(Struct, kw_only=True):
    """A run in a list."""

    id: str
    name: str
    status: RunStatus
    outcome: str
    """The status, or what a completed run came to: `only-errors`, `nothing-checked`, …"""
    suite_id: str | None
    planned: int
    repeats: int
    columns: list[str]
    """Labels."""
    pass_rates: list[float | None]
    """Of each column, once the run has ended."""
    started_by: str
    created_at: datetime
    finished_at: datetime | None


class RunPage(Struct, kw_only=True):
    """Some runs, the newest first."""

    items: list[RunItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class RunQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which runs."""

    search: Search = ""
    """A part of the name."""
    status: Literal["", "pending", "running", "completed", "stopped", "cancelled", "failed"] = ""
    """Only runs of this status."""
    suite_id: UUID | UnsetType = UNSET
    """Only runs of this suite."""
    prompt: Annotated[str, Meta(max_length=255)] = ""
    """Only runs that ask the prompt with this name."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class RunRead(Struct, kw_only=True):
    """A run: what it asks, how far it is, and what it found."""

    id: str
    name: str
    status: RunStatus
    outcome: str
    """The status, or what a completed run came to: `only-errors`, `nothing-checked`, …"""
    message: str
    """Why it stopped or failed."""
    suite_id: str | None
    suite: str | None
    baseline_id: str | None
    repeats: int
    use_cache: bool
    only_stored: bool
    """Whether stored answers alone are scored."""
    judge: str
    embeddings: str
    max_cost_usd: float | None
    max_calls: int | None
    max_seconds: float | None
    estimate: EstimateRead
    misfits: list[MisfitRead]
    columns: list[ColumnRead]
    progress: ProgressRead
    started_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Retried(Struct, kw_only=True):
    """What is done again."""

    retried: int
    """How many failed answers are asked for again."""
    run: RunRead
