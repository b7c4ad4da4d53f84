"""What the server answers, as values; members that this version does not know are left out."""

import json
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from autoforge_client.errors import InvalidAnswer
from autoforge_client.filling import fill

__all__ = [
    "Caller",
    "Diff",
    "DiffRow",
    "LabelItem",
    "Message",
    "Prompt",
    "PromptSummary",
    "Rendered",
    "VersionSummary",
    "read",
    "read_json",
    "read_list",
    "read_prompt",
]

Message = dict[str, Any]
"""{"role": …, "content": …}, or {"type": "placeholder", "name": …}."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A version of a prompt."""

    name: str
    version: int = 0
    """Its number, from 1; 0 for a fallback."""
    kind: str = "text"
    """`text` or `chat`."""
    syntax: str = "plain"
    """How variables are written: `plain`, `mustache` or `jinja`."""
    content: str | list[Message]
    """The text; or the messages of a chat."""
    variables: list[dict[str, Any]] = field(default_factory=list)
    """The contract: name, type, required, default, description and example of each."""
    config: dict[str, Any] = field(default_factory=dict)
    """Model, parameters, tools and response schema that the text is meant for."""
    labels: list[str] = field(default_factory=list)
    """Labels that stand at this version; the newest one also has `latest`."""
    content_hash: str = ""
    """SHA-256 of everything that determines the rendered text."""
    includes: list[dict[str, Any]] = field(default_factory=list)
    """Versions of other prompts that this one includes."""
    title: str = ""
    description: str = ""
    status: str = ""
    tags: list[str] = field(default_factory=list)
    newest_version: int = 0
    change_note: str = ""
    author: str = ""
    created_at: datetime | None = None
    """When the version was saved; None for a fallback."""
    etag: str = ""
    """Of this answer: for `edit_prompt(if_match=…)`, with the label `latest`."""
    is_fallback: bool = False
    """Whether this is the `fallback` of `get_prompt` and not the server's."""

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
        """Fill in values without asking the server.

        Only what comes out exactly as the server's own is filled: plain texts, and Mustache's
        `{{ names }}` with strings, whole numbers, booleans and None. Jinja, includes,
        placeholders, parts of messages and other values need `render`.

        Raises:
            CompileError: this needs `render`; or a value is missing, unknown or of a wrong type.
        """
        return fill(self, variables)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A prompt with the values inserted by the server."""

    name: str
    version: int
    content_hash: str
    kind: str
    text: str
    """The text; empty for a chat."""
    messages: list[Message]
    """The messages; for a text, a single one of the user."""
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSummary:
    """A prompt in a list."""

    name: str
    title: str
    description: str
    kind: str
    syntax: str
    status: str
    tags: list[str]
    labels: dict[str, int]
    """Label → number of the version it stands at."""
    newest_version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSummary:
    """A version in a list."""

    version: int
    content_hash: str
    kind: str
    syntax: str
    labels: list[str]
    author: str
    change_note: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelItem:
    """Where a label stands."""

    label: str
    version: int
    updated_at: datetime | None = None
    """When it was moved; None for `latest`, which moves by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRow:
    """One line of a comparison."""

    kind: str
    """`same`, `changed`, `removed`, `added`, `gap` (lines left out) or `cut` (the rest is)."""
    left_line: int = 0
    left: str = ""
    right_line: int = 0
    right: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """What changed between two versions."""

    name: str
    before: int
    after: int
    changed: list[str]
    """Which of content, kind, syntax, variables, config and includes differ."""
    content: list[DiffRow]
    variables: list[DiffRow]
    config: list[DiffRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who a key is."""

    name: str
    role: str


def read(kind: type[T], data: object) -> T:
    """Return a value of a kind from an answer's JSON.

    Raises:
        InvalidAnswer: it is not what this kind is made of.
    """
    if not isinstance(data, dict):
        raise _unreadable(kind, "is no object")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for member in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        name = member.name
        if name in data:
            values[name] = _convert(kind, name, hints[name], data[name])
    try:
        return kind(**values)
    except TypeError as error:  # a member is missing
        raise _unreadable(kind, str(error)) from None


def read_list(kind: type[T], data: object) -> list[T]:
    """Return the values of a JSON list.

    Raises:
        InvalidAnswer: it is no list of this kind.
    """
    if not isinstance(data, list):
        raise _unreadable(kind, "is no list")
    return [read(kind, item) for item in data]


def _convert(kind: type, name: str, hint: Any, value: object) -> object:
    options = get_args(hint) if get_origin(hint) not in (list, dict) else (hint,)
    for option in options or (hint,):
        if option is datetime and isinstance(value, str):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                continue
        if get_origin(option) is list and get_args(option) == (DiffRow,):
            return read_list(DiffRow, value)
        if type(value) is (get_origin(option) or option):
            return value
    raise _unreadable(kind, f"{name} is of a wrong type")


def _unreadable(kind: type, why: str) -> InvalidAnswer:
    detail = f"The answer is not AutoForge's: {kind.__name__} {why}. Check the address."
    return InvalidAnswer(detail, code="client.unreadable")


def read_json(content: bytes) -> Any:
    """Return the JSON of an answer.

    Raises:
        InvalidAnswer: it is none.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        detail = "The answer is no JSON. Check the address."
        raise InvalidAnswer(detail, code="client.unreadable") from None


def read_prompt(content: bytes, etag: str) -> Prompt:
    """Return the prompt of an answer.

    Raises:
        InvalidAnswer: it holds none.
    """
    return replace(read(Prompt, read_json(content)), etag=etag)
