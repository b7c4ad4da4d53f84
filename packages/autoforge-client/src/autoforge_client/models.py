"""What the server answers, as values; members that are not listed here are left out."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from autoforge_client.filling import fill

__all__ = [
    "Caller", "Diff", "DiffRow", "LabelItem", "Message", "Prompt", "PromptSummary", "Rendered",
    "Result", "Run", "RunColumn", "RunEstimate", "RunPreview", "RunProgress", "VersionSummary",
]  # fmt: skip

Message = dict[str, Any]  # {"role": …, "content": …}, or {"type": "placeholder", "name": …}


# fmt: off
# A table of members, with one empty line between two classes.
class VersionSummary(Struct, frozen=True, kw_only=True):
    """A version in a list."""
    version: int = 0  # from 1; 0 for a fallback
    kind: str = "text"  # or chat
    syntax: str = "plain"  # or mustache, jinja
    labels: list[str] = []
    content_hash: str = ""
    author: str = ""
    change_note: str = ""
    created_at: datetime | None = None

class Prompt(VersionSummary, frozen=True, kw_only=True):
    """A version of a prompt."""
    name: str
    content: str | list[Message]
    variables: list[dict[str, Any]] = []  # name, type, required, default, … of each
    config: dict[str, Any] = {}  # model, parameters and tools that the text is meant for
    includes: list[dict[str, Any]] = []
    tags: list[str] = []
    etag: str = ""  # for `edit_prompt(if_match=…)`, where the label is `latest`
    is_fallback: bool = False

    @property
    def text(self) -> str:
        """The text; empty for a chat."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def messages(self) -> list[Message]:
        """The messages; for a text, a single one of the user."""
        if isinstance(self.content, str):
            return [{"role": "user", "content": self.content}]
        return self.content

    def compile(self, **variables: object) -> str | list[Message]:
        """Fill in values without the server; a CompileError says where only `render` can."""
        filled: str | list[Message] = fill(self, variables)
        return filled

class Rendered(Struct, frozen=True):
    """A prompt with the values inserted by the server."""
    name: str
    version: int
    text: str
    messages: list[Message]
    config: dict[str, Any]

class PromptSummary(Struct, frozen=True):
    """A prompt in a list."""
    name: str
    title: str
    kind: str
    status: str
    tags: list[str]
    labels: dict[str, int]  # label → number of the version that it stands at
    newest_version: int
    updated_at: datetime

class LabelItem(Struct, frozen=True):
    """Where a label stands; `latest` moves by itself, at no time."""
    label: str
    version: int
    updated_at: datetime | None = None

class DiffRow(Struct, frozen=True):
    """A line of a comparison: same, changed, removed, added, gap or cut."""
    kind: str
    left_line: int = 0
    left: str = ""
    right_line: int = 0
    right: str = ""

class Diff(Struct, frozen=True):
    """What changed between two versions."""
    changed: list[str]  # which of content, kind, syntax, variables, config and includes
    content: list[DiffRow]
    variables: list[DiffRow]
    config: list[DiffRow]

class Caller(Struct, frozen=True):
    """Who a key is."""
    name: str
    role: str

class RunEstimate(Struct, frozen=True):
    """What a run will probably take."""
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None  # None where a price is not known

class RunPreview(Struct, frozen=True):
    """What a run would ask, and what does not fit."""
    cases: int
    columns: list[str]
    estimate: RunEstimate
    misfits: list[dict[str, str]]

class RunProgress(Struct, frozen=True):
    """How far a run is."""
    planned: int
    done: int
    passed: int
    failed: int
    errors: int
    cost: float  # US dollars
    active: bool  # whether more is to come

class RunColumn(Struct, frozen=True):
    """A prompt's version asked of a model."""
    label: str
    score: float | None
    summary: dict[str, Any]  # once the run has ended: pass rate, errors, cost, latency

class Run(Struct, frozen=True):
    """A run: pending, running, completed, stopped, cancelled or failed."""
    id: str
    name: str
    status: str
    message: str  # why it stopped or failed
    columns: list[RunColumn]
    progress: RunProgress
    etag: str = ""

class Result(Struct, frozen=True):
    """An answer of a run: its state is pass, fail, error or unchecked."""
    case: str
    column: str
    state: str
    score: float | None
    output: str  # the first 2,000 characters
    error: str
