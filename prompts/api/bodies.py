"""What operations on prompts take and give, as they stand in the OpenAPI document."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from prompts.naming import LATEST

__all__ = [
    "Content",
    "DiffRow",
    "EditBody",
    "EventItem",
    "EventPage",
    "Kind",
    "LabelBody",
    "LabelItem",
    "LabelList",
    "MessageBody",
    "PreviewBody",
    "PromptBody",
    "PromptItem",
    "PromptPage",
    "RenderBody",
    "Rendered",
    "RollBackBody",
    "Status",
    "Syntax",
    "VersionBody",
    "VersionDiff",
    "VersionItem",
    "VersionPage",
    "VersionRead",
    "as_content",
    "as_text",
    "encode",
    "labels_of",
]

Kind = Literal["text", "chat"]
Syntax = Literal["plain", "mustache", "jinja"]
Status = Literal["draft", "active", "archived"]
Entry = dict[str, Any]
Content = str | list[Entry]
"""The text; or the entries of a chat: messages, such as {"role": "user", "content": "…"}, whose
content may be a list of parts, and placeholders, {"type": "placeholder", "name": "history"}."""
Reason = Annotated[str, Meta(max_length=500)]


def as_content(kind: str, content: str) -> Content:
    """Return a content as it goes over the wire: a chat as its messages."""
    if kind != "chat":
        return content
    messages: list[Entry] = json.loads(content)
    return messages


def as_text(content: Content) -> str:
    """Return a content as it is stored."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False, indent=2)


class _Input(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent: a field that is not known is refused, since it would do nothing."""


class PromptBody(_Input):
    """A new prompt with its version 1."""

    content: Content
    """The text, or the messages of a chat."""
    title: str = ""
    """Display title; made of the name if it is empty."""
    name: str = ""
    """Identifier, with folders such as `support/reply`; made of the title if it is empty."""
    kind: Kind | UnsetType = UNSET
    """`text` or `chat`; taken from the content if it is missing."""
    syntax: Syntax = "plain"
    """How variables are written."""
    description: str = ""
    variables: list[Entry] = []
    """The contract: name, type, required, default, description, example of each."""
    config: Entry = {}
    """Model, parameters, tools and response schema that the text is meant for."""
    tags: list[str] = []
    metadata: Entry = {}
    user_id: str = ""
    """ID of the owner at the identity provider."""
    status: Status = "draft"
    change_note: str = ""
    labels: list[str] = []
    """Labels to put on version 1, by the caller's rights."""


class EditBody(_Input):
    """Changes to a prompt: what is missing stays; another wording becomes the next version."""

    title: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    content: Content | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    syntax: Syntax | UnsetType = UNSET
    variables: list[Entry] | UnsetType = UNSET
    config: Entry | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    metadata: Entry | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    change_note: str = ""
    expected_version: int | UnsetType = UNSET
    """The newest version when the edit began; instead of the header If-Match."""


class VersionBody(_Input):
    """The next version of a prompt: what is missing stays as it is in the newest one."""

    content: Content | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    syntax: Syntax | UnsetType = UNSET
    variables: list[Entry] | UnsetType = UNSET
    config: Entry | UnsetType = UNSET
    change_note: str = ""
    labels: list[str] = []
    """Labels to put on the new version, by the caller's rights."""


class LabelBody(_Input):
    """Where a label shall stand."""

    version: Annotated[int, Meta(ge=1)]
    """Number of the version."""
    reason: Reason = ""
    """Why; required to override checks."""
    override: bool = False
    """Move the label although a check fails, if the caller may."""


class RollBackBody(_Input):
    """Why a label goes back to where it stood before."""

    reason: Reason = ""
    """Required where the label is protected."""


class RenderBody(_Input):
    """Values for the variables of a version."""

    variables: Entry = {}
    """Name → value; for a placeholder of a chat, a list of messages with role and content."""
    label: str | UnsetType = UNSET
    """A label; `production` if neither label nor version is given."""
    version: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    """A version's number; with a label too, only if the label stands at it."""


class PreviewBody(_Input):
    """A wording that is not saved, and values for it."""

    content: Content
    kind: Kind | UnsetType = UNSET
    syntax: Syntax = "plain"
    variables: list[Entry] = []
    """The contract."""
    values: Entry = {}
    """Name → value; variables without one are filled with their example, placeholders left out."""


class MessageBody(Struct, kw_only=True):
    """A message of a chat."""

    role: str
    content: Any


class Rendered(Struct, kw_only=True):
    """A prompt with the values inserted."""

    name: str
    version: int
    content_hash: str
    kind: Kind
    text: str
    """The text; empty for a chat."""
    messages: list[Entry]
    """The messages; for a text, a single one of the user."""
    config: Entry


class VersionItem(Struct, kw_only=True):
    """A version in a list."""

    version: int
    content_hash: str
    kind: Kind
    syntax: Syntax
    labels: list[str]
    author: str
    change_note: str
    created_at: datetime


class VersionPage(Struct, kw_only=True):
    """Some versions of a prompt, the newest first."""

    items: list[VersionItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class VersionRead(Struct, kw_only=True):
    """A version of a prompt."""

    id: str
    """ID of the prompt."""
    name: str
    title: str
    description: str
    status: Status
    tags: list[str]
    metadata: Entry
    user_id: str
    version: int
    """Number of the version, from 1."""
    newest_version: int
    labels: list[str]
    """Labels that stand at this version; the newest one also has `latest`."""
    kind: Kind
    syntax: Syntax
    content: Content
    variables: list[Entry]
    config: Entry
    includes: list[Entry]
    """Versions of other prompts that were included when this one was saved."""
    content_hash: str
    """SHA-256 of everything that determines the rendered text."""
    author: str
    change_note: str
    created_at: datetime
    """When the version was saved."""


class PromptItem(Struct, kw_only=True):
    """A prompt in a list."""

    id: str
    name: str
    title: str
    description: str
    kind: Kind
    syntax: Syntax
    status: Status
    tags: list[str]
    labels: dict[str, int]
    """Label → number of the version it stands at."""
    newest_version: int
    created_at: datetime
    updated_at: datetime


class PromptPage(Struct, kw_only=True):
    """Some prompts."""

    items: list[PromptItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class LabelItem(Struct, kw_only=True):
    """Where a label stands."""

    label: str
    version: int
    updated_at: datetime | None = None
    """When it was moved; null for `latest`, which moves by itself."""


class LabelList(Struct, kw_only=True):
    """All labels of a prompt."""

    items: list[LabelItem]


class EventItem(Struct, kw_only=True):
    """One thing that happened to a prompt."""

    id: int
    kind: str
    label: str
    before: str
    after: str
    actor: str
    reason: str
    details: Entry
    created_at: datetime


class EventPage(Struct, kw_only=True):
    """Some events, the newest first."""

    items: list[EventItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class DiffRow(Struct, kw_only=True, omit_defaults=True):
    """One line of a comparison."""

    kind: Literal["same", "changed", "removed", "added", "gap", "cut"]
    """`gap`: unchanged lines are left out; `cut`: the rest is not shown."""
    left_line: int = 0
    left: str = ""
    right_line: int = 0
    right: str = ""


class VersionDiff(Struct, kw_only=True):
    """What changed between two versions."""

    name: str
    before: int
    after: int
    changed: list[str]
    """Which of content, kind, syntax, variables, config and includes differ."""
    content: list[DiffRow]
    variables: list[DiffRow]
    config: list[DiffRow]


def labels_of(labels: object, *, is_newest: bool) -> list[str]:
    """Return the labels of a version in their order; the newest one also has `latest`.

    Args:
        labels: as the database gives them: a list, its JSON, or None where there is none.
        is_newest: whether it is the newest version.
    """
    if isinstance(labels, str):
        labels = json.loads(labels)
    names = sorted(cast("list[str]", labels or []))
    if is_newest:
        names.append(LATEST)
    return names


def encode(value: Struct) -> bytes:
    """Return a body as JSON."""
    return msgspec.json.encode(value)
