"""Values that the parts of the engine hand to each other. All are frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.language import gettext as _

__all__ = [
    "UNFINISHED",
    "Answer",
    "Assertion",
    "AssertionResult",
    "CacheTokens",
    "Case",
    "Delta",
    "Direction",
    "FileLocation",
    "ImportNotice",
    "Message",
    "Part",
    "Request",
    "ScoredAssertion",
    "Semantics",
    "Suite",
    "Vector",
    "identify_message",
    "parse_type",
]

# Why an answer ended that is not all the model had to say.
UNFINISHED: Final = ("length", "content_filter", "error")


class Direction(StrEnum):
    """Which scores pass: results store it, and documents name it."""

    HIGHER = "higher"
    """Those from the threshold up."""
    LOWER = "lower"
    """Those up to the threshold."""
    EXACT = "exact"
    """Only equality counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a message that is more than a text."""

    type: str
    """"text", "image" or "file"."""
    text: str = ""
    """What a text says."""
    url: str = ""
    """Where an image or a file is: https, http or data with base64."""
    name: str = ""
    """What a file is called."""
    media_type: str = ""
    """What a file is; empty: as its data says."""
    detail: str = ""
    """How closely OpenAI's models look at an image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    """"system", "user" or "assistant"; "tool" for what a tool answered."""
    content: str
    """The text; of a message of parts what people read of it, with images and files by name."""
    parts: tuple[Part, ...] = ()
    """What is sent instead, where it is more than a text."""
    tool_calls: tuple[Mapping[str, object], ...] = ()
    """The calls of tools that an assistant's message consists of, in OpenAI's form."""
    tool_call_id: str = ""
    """Of a tool's answer: the call that it answers."""
    given: Mapping[str, object] | None = None
    """The message as a file's prompt wrote it, where the fields above do not say all of it: then it
    is sent as it stands."""


def identify_message(message: Message) -> list[object]:
    """Return what makes two messages the same, as JSON has it.

    The form is part of every stored hash and of recorded answers. Messages without parts, which are
    older, have none.
    """
    if message.given is not None:
        return [message.role, dict(message.given)]
    if message.tool_calls or message.tool_call_id:
        calls = list(message.tool_calls)
        return [message.role, message.content, calls, message.tool_call_id]
    if not message.parts:
        return [message.role, message.content]
    parts = []
    for part in message.parts:
        # As a chat stores them: what a part has not is not there.
        parts.append({name: value for name, value in asdict(part).items() if value})
    return [message.role, parts]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What exactly is sent to a model."""

    model: str
    """The model's name at its provider; empty where the provider has only one."""
    messages: tuple[Message, ...]
    """At least one, in their order."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Such as temperature, max_tokens, seed, tools; what the provider's own API calls them."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """The case's values, for a provider that fills its request with them."""
    response_schema: Mapping[str, object] | None = None
    """A JSON Schema that the answer is asked to keep, where the provider can."""
    as_json: bool = False
    """Whether any JSON object is asked for, where no schema is and the provider can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheTokens:
    """Tokens of a prompt that a service keeps, or kept, and prices apart."""

    read: int = 0
    """Read from the cache."""
    written: int = 0
    """Written to the cache; for five minutes, where the service has several times."""
    written_for_an_hour: int = 0
    """Written to the cache for an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model answered."""

    text: str
    """The answer; of a call of tools their JSON."""
    data: object = None
    """The answer as a JSON value where it is not a text, such as a list of tool calls."""
    latency_ms: int | None = None
    """From the request to the whole answer; None for an answer that was given, not measured."""
    input_tokens: int | None = None
    """Tokens of the whole prompt, those of a cache among them; None if it is not known."""
    output_tokens: int | None = None
    """Tokens of the answer, its reasoning among them; None if it is not known."""
    cache: CacheTokens | None = None
    """Which of the prompt's tokens have a price of their own; None: none of them, or unknown."""
    reasoning_tokens: int | None = None
    """Tokens of the answer that were reasoning and are not in its text; None if it is not known."""
    cost_usd: Decimal | None = None
    """What the call cost, None if it is not known."""
    finish_reason: str | None = None
    """"stop", "length", "content_filter", "tool_calls" or "error", None if it is not known.

    A word of the service that means none of them stands here as it came.
    """
    service_reason: str | None = None
    """The service's own word for it, where that is another one."""
    broken_off: str = ""
    """What the service said went wrong while it answered; then the answer is not scored."""
    cached: bool = False
    """Whether it was taken from an earlier call."""
    refused: bool = False
    """Whether the provider marked it as a refusal."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of each token's probability."""
    flagged: bool | None = None
    """Whether the provider's guardrails flagged it, None if there are none."""
    evaluated: str | None = None
    """The text that assertions see, where it is another one: promptfoo writes an answer that has
    texts and calls of tools as JSON. The gateway passes `text` on."""

    @property
    def is_whole(self) -> bool:
        """Whether it ended by itself: not cut, not filtered, not broken off."""
        return not self.broken_off and self.finish_reason not in UNFINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """What of an answer has come since the piece before, where it is streamed."""

    text: str = ""
    """More of its text."""
    refusal: str = ""
    """More of what is said instead of an answer."""
    tool_calls: tuple[Mapping[str, object], ...] = ()
    """More of the calls of tools, in OpenAI's form of a stream: `index` says of which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assertion:
    """One check of an answer."""

    type: str
    """A name in `scorers`, without `not-`; or "assert-set"."""
    negated: bool = False
    """Whether `not-` stood before the type."""
    value: object = None
    """What the answer is compared with; its kind depends on the type."""
    threshold: float | None = None
    """What the score or measure is held against; None: the type's default."""
    weight: float = 1.0
    """How much it counts; 0: recorded, never decisive."""
    metric: str = ""
    """The named metric that it feeds."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Settings of the type, such as the rubric's judge."""
    assertions: tuple["Assertion", ...] = ()
    """The members of an assert-set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One input with what is expected of the answer."""

    name: str
    """Unique in its suite."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """Values of the prompt variables, by name."""
    expected: str = ""
    """The expected answer, for comparison."""
    assertions: tuple[Assertion, ...] = ()
    """The checks; none: every answer passes with the score 1."""
    threshold: float | None = None
    """With one, the case passes where its score reaches it, whatever single checks say."""
    weight: float = 1.0
    """How much the case counts in the overall score."""
    tags: tuple[str, ...] = ()
    """Words to find it by."""
    enabled: bool = True
    """Only enabled cases are run."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Anything else that belongs to it."""
    given_answer: str | None = None
    """An answer to score instead of asking a model."""
    prefix: str = ""
    """Stands before the text of a prompt that came with a file."""
    suffix: str = ""
    """Stands after it."""
    columns: tuple[int, ...] | None = None
    """Positions of the columns that ask it; None: all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileLocation:
    """Where in a file something stands."""

    file: str = ""
    """The file's name."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1."""
    path: str = ""
    """Such as tests[3].assert[0].type."""

    def __str__(self) -> str:
        parts = [self.file] if self.file else []
        if self.line is not None:
            parts.append(_("line %(number)d") % {"number": self.line})
        if self.column is not None:
            parts.append(_("column %(number)d") % {"number": self.column})
        if self.path:
            parts.append(self.path)
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportNotice:
    """Something that was read, but perhaps not as its writer meant it."""

    message: str
    """One sentence: what was found and what became of it."""
    location: FileLocation = field(default_factory=FileLocation)
    """Where."""

    def __str__(self) -> str:
        location = str(self.location)
        return f"{location}: {self.message}" if location else self.message


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Cases with a name."""

    name: str
    description: str = ""
    cases: tuple[Case, ...] = ()
    warnings: tuple[ImportNotice, ...] = ()

    def list_variables(self) -> list[str]:
        """Return the names of all cases' variables, each once, the first case's first."""
        names: dict[str, None] = {}
        for case in self.cases:
            names |= dict.fromkeys(case.variables)
        return list(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Semantics:
    """Exactly how a scorer compares; stored with every result."""

    normalisation: str
    """What is done to both texts first, "none" where nothing is."""
    direction: Direction
    threshold: float | None = None
    """What was needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AssertionResult:
    """What one assertion says of one answer."""

    passed: bool
    """Whether the answer satisfies it."""
    score: float
    """From 0 to 1."""
    reason: str
    """One sentence for people."""
    components: tuple["ScoredAssertion", ...] = ()
    """Those of an assert-set."""
    named: Mapping[str, float] = field(default_factory=dict)
    """More measures by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredAssertion:
    """An assertion, what it says, and how it compared."""

    assertion: Assertion
    outcome: AssertionResult
    semantics: Semantics
    error: str = ""
    """Why it could not be scored; then the outcome does not count."""


def parse_type(text: str) -> tuple[str, bool]:
    """Return the base type of an assertion's type, and whether it is negated."""
    return (text[4:], True) if text.startswith("not-") else (text, False)


Vector = Sequence[float]
