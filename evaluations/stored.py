"""What the tables keep as JSON, as values with types.

    evaluations.target        Target           the model that is asked, without its key
    evaluations.summary       Summary          a column's figures, and how it compares
    evaluation_runs.settings  RunSettings      judge, embeddings, and what did not fit
    evaluation_runs.estimate  StoredEstimate   what the run was expected to take
    test_results.components   Component        what one assertion said of an answer
    test_results.details      AnswerDetails    what makes the same answer again
    gate_events.changes       Change           a field of a gate before and after

Reading is lenient about what is absent: rows of older versions lack keys, which then have their
defaults. It is strict about what is there: a value of another type is a `StoredJSONError` that
names the value. An unknown key is ignored, so that a version may add one while an older one still
reads; it stays in the row, since no row is written back from what was read of it.

A key that changes its meaning needs a higher `VERSION` of its struct. Version 1 is not written: it
is what a row without a version has. A row of a higher version than ours is refused.

What a result holds is read of a value, or of its text where a query casts it to one: of many rows
that is faster, since nothing is made between the text and the struct.

Which rows are read and written is left to selectors and services.
"""

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Self, TypeVar

import msgspec

from core.errors import ApplicationError
from core.json import JSONObject
from evaluations.engine.types import CacheTokens

__all__ = [
    "AnswerDetails",
    "Change",
    "Component",
    "DerivedMetric",
    "GateValue",
    "Interval",
    "NamedScore",
    "Parameter",
    "RunSettings",
    "StoredComparison",
    "StoredEstimate",
    "StoredJSONError",
    "StoredMisfit",
    "Summary",
    "Target",
    "TargetLimits",
    "changes_as_json",
    "components_as_json",
    "read_changes",
    "read_components",
]

T = TypeVar("T")

Interval = tuple[float, float]
"""The lower and the upper bound."""
Parameter = str | int | float | None
"""What a sentence is filled with."""
GateValue = str | int | float | None
"""A field of a gate: a name or a rate."""

VERSION_KEY: Final = "version"


class StoredJSONError(ApplicationError):
    """A row holds JSON that this version cannot read."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An object that a table keeps; its class says the oldest and the newest form of it."""

    VERSION: ClassVar[int] = 1
    """Higher where a key has another meaning than before."""

    @classmethod
    def read(cls, stored: object) -> Self:
        """Return what a row keeps.

        Raises:
            StoredJSONError: a value has another type, or a newer version wrote it.
        """
        if isinstance(stored, Mapping) and VERSION_KEY in stored:
            _check_version(cls, stored[VERSION_KEY])
        return _convert(stored, cls, cls.__name__)

    def as_json(self) -> JSONObject:
        """Return the object that a row keeps."""
        document: JSONObject = msgspec.to_builtins(self)
        if self.VERSION > 1:
            document[VERSION_KEY] = self.VERSION
        return document


def _check_version(kind: type[Document], version: object) -> None:
    if not isinstance(version, int) or version > kind.VERSION:
        raise StoredJSONError("stored.newer", kind=kind.__name__, version=version)


def _convert(stored: object, kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(stored, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        # The second: half of a surrogate pair where no text belongs; msgspec cannot name it.
        raise StoredJSONError("stored.unreadable", kind=name, error=error) from error


def _decode(text: str, decoder: msgspec.json.Decoder[T], name: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise StoredJSONError("stored.unreadable", kind=name, error=error) from error
    except msgspec.DecodeError:
        # Half of a surrogate pair, for one, is JSON to Python and to SQLite, but not to msgspec.
        return _convert(_parse(text, name), decoder.type, name)


def _parse(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoredJSONError("stored.unreadable", kind=name, error=error) from error


# --- evaluations


class TargetLimits(msgspec.Struct, frozen=True, array_like=True):
    """How hard a model may be asked; kept as a list. See `providers.Limits`."""

    concurrency: int = 4
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout_seconds: float = 60.0
    retries: int = 4


class Target(Document, frozen=True, kw_only=True):
    """The model that a column asks. See `providers.ProviderSpec`."""

    kind: str = ""
    """The provider; empty for an evaluation that belongs to no run."""
    model: str = ""
    label: str = ""
    base_url: str = ""
    parameters: JSONObject = {}
    price: tuple[str | None, ...] | None = None
    """Decimal numbers in the order of `adapters.RATES`; those at the end may be left out."""
    limits: TargetLimits | None = None
    # Unset and not written where there is nothing: most rows have neither.
    settings: JSONObject | msgspec.UnsetType = msgspec.UNSET
    problem: str | msgspec.UnsetType = msgspec.UNSET
    defaults: Sequence[str] | msgspec.UnsetType = msgspec.UNSET
    """Why it cannot be asked; unset where it can."""


class StoredComparison(msgspec.Struct, frozen=True, kw_only=True):
    """How a column compares with an older one, as it was when the run ended."""

    old: str = ""
    """The key of the older column."""
    code: str
    """That of its sentence in the catalogue, without `verdict.`."""
    params: dict[str, Parameter]
    """What its sentence is filled with."""
    difference: float | None = None
    """Of the pass rates, from -1 to 1."""
    interval: Interval | None = None
    """95 percent, of the difference."""
    p_value: float | None = None
    """Of the test that decides, after Holm's correction."""
    fixed: Sequence[str] = ()
    """Names of the first cases that pass now."""
    broken: Sequence[str] = ()
    """Names of the first cases that fail now."""


class NamedScore(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of the assertions that feed one metric. See `named_scores`."""

    total: float = 0.0
    """Of their scores, each times its weight."""
    weight: float = 0.0
    """Of their weights."""
    count: int = 0
    """How many there are."""

    @property
    def mean(self) -> float:
        """By weight, from 0 to 1."""
        return self.total / self.weight if self.weight else 0.0


class Summary(Document, frozen=True, kw_only=True):
    """A column's figures. All are None until it has ended, and where a version did not count."""

    answers: int | None = None
    """Errors and unchecked answers included."""
    cases: int | None = None
    """Different cases with at least one scored answer."""
    passed: int | None = None
    failed: int | None = None
    errors: int | None = None
    unchecked: int | None = None
    """Answers that nothing checked."""
    pass_rate: float | None = None
    """Passed among the scored, from 0 to 1; None where nothing was scored."""
    pass_interval: Interval | None = None
    """95 percent, of the pass rate."""
    mean_score: float | None = None
    """From 0 to 1, by the cases' weights."""
    score_interval: Interval | None = None
    """95 percent, of the mean score."""
    repeats: int | None = None
    """How often the most asked case was scored."""
    pass_hat_k: float | None = None
    """How probably all `repeats` answers to a case pass; None without repeats."""
    score_variance: float | None = None
    """Mean variance of the scores of one case; None without repeats."""
    smallest_difference: float | None = None
    """What a comparison on these cases finds four times out of five."""
    histogram: Sequence[int] | None = None
    """How many scores are in each tenth from 0 to 1."""
    cost_usd: float | None = None
    """None where no price is known."""
    grading_cost_usd: float | None = None
    """What judges and embeddings cost."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached: int | None = None
    """Answers that were reused."""
    latency_ms_median: float | None = None
    latency_ms_95: float | None = None
    """95 percent of the answers came within it."""
    latency_ms_box: Sequence[float] | None = None
    """Minimum, quartiles and maximum."""
    named_scores: dict[str, NamedScore] = {}
    """By metric; most columns have none."""
    derived_metrics: dict[str, float | None] = {}
    """By name; None where one could not be worked out."""
    comparison: StoredComparison | None = None
    """None for the first column, and where nothing was compared."""

    @property
    def metrics(self) -> dict[str, float | None]:
        """Means of the named scores, then the derived metrics."""
        means = {name: score.mean for name, score in self.named_scores.items()}
        return {**means, **self.derived_metrics}

    def as_json(self) -> JSONObject:
        """Return the object that a column keeps; what it has none of, it has no key for."""
        document = Document.as_json(self)
        for key in ("comparison", "named_scores", "derived_metrics"):
            if not document[key]:
                del document[key]
        return document


# --- runs


class StoredMisfit(msgspec.Struct, frozen=True, kw_only=True):
    """Something of cases and prompts that does not fit. See `fit.Misfit`."""

    code: str
    params: dict[str, Parameter] = {}


class DerivedMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a column that is worked out of its named scores."""

    name: str
    value: str
    """An expression; see `engine.expressions`."""


class RunSettings(Document, frozen=True, kw_only=True, omit_defaults=True):
    """What a run fixed when it was made; what is as usual is not written."""

    demo: bool = False
    """Whether it belongs to the demo content."""
    models: dict[str, Target] = {}
    """The models that scorers may ask, by the names that assertions use."""
    judge: str = ""
    """What is asked where an assertion names no judge."""
    embeddings: str = ""
    """The same for embeddings."""
    misfits: Sequence[StoredMisfit] = ()
    """What did not fit, the gravest first."""
    derived: Sequence[DerivedMetric] = ()
    """What is worked out of the named scores."""
    background: bool = False
    """Whether workers take it up by themselves."""
    actor: str = ""
    """Who started it, where that is no user of the admin: a key of the API."""


class StoredEstimate(Document, frozen=True, kw_only=True):
    """What a run was expected to take. See `planning.Estimate`."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where a price is not known."""
    unpriced: Sequence[str] = ()
    """Models without a known price."""


# --- results: there are many, so neither has a version of its own


class Component(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # JSON has no cycles
    """What one assertion said of an answer, and how it compared."""

    assertion: JSONObject = {}
    """As configurations hold it; see `formats.assertions`."""
    passed: bool = msgspec.field(name="pass", default=False)
    score: float = 0.0
    """From 0 to 1."""
    reason: str = ""
    """One sentence for people."""
    normalisation: str = "none"
    """What was done to both texts first."""
    direction: str = "exact"
    """One of `types.Direction`."""
    threshold: float | None = None
    """What was needed."""
    error: str | msgspec.UnsetType = msgspec.UNSET
    """Why it could not be scored; false where it was."""
    components: Sequence["Component"] | msgspec.UnsetType = msgspec.UNSET
    """Those of an assert-set; false elsewhere."""

    @property
    def type(self) -> str:
        """The assertion's type, with `not-` where it is negated."""
        return str(self.assertion.get("type", ""))


class AnswerDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an answer is besides its text; mostly nothing. See `types.Answer`."""

    data: object = None
    """What the service sent instead of a text."""
    refused: bool | None = None
    flagged: bool | None = None
    logprobs: Sequence[float | None] | None = None
    """None among them: JSON has no infinity."""
    cache_tokens: CacheTokens | None = None
    reasoning_tokens: int | None = None
    service_reason: str | None = None

    @classmethod
    def read(cls, stored: object) -> "AnswerDetails":
        """Return what a result keeps; `stored` is the object, or its text.

        Raises:
            StoredJSONError: a value has another type.
        """
        if isinstance(stored, str):
            return _decode(stored, DETAILS, cls.__name__)
        return _convert(stored, cls, cls.__name__)

    def as_json(self) -> JSONObject:
        """Return the object that a result keeps."""
        document: JSONObject = msgspec.to_builtins(self)
        return document


# Made once: msgspec works out a type each time that a decoder of it is made.
COMPONENTS: Final = msgspec.json.Decoder(list[Component])
DETAILS: Final = msgspec.json.Decoder(AnswerDetails)


def read_components(stored: object) -> list[Component]:
    """Return what a result keeps of its assertions, in their order.

    Args:
        stored: the list, or its text.

    Raises:
        StoredJSONError: a value has another type.
    """
    if isinstance(stored, str):
        return _decode(stored, COMPONENTS, Component.__name__)
    return _convert(stored, list[Component], Component.__name__)


def components_as_json(components: Sequence[Component]) -> list[JSONObject]:
    """Return the list that a result keeps."""
    document: list[JSONObject] = msgspec.to_builtins(list(components))
    return document


# --- gates


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A field of a gate before and after; kept as a list of two."""

    before: GateValue
    """None where the gate was created."""
    after: GateValue
    """None where it was deleted."""


def read_changes(stored: object) -> dict[str, Change]:
    """Return what an event keeps: field → change.

    Raises:
        StoredJSONError: a value has another type.
    """
    return _convert(stored, dict[str, Change], Change.__name__)


def changes_as_json(changes: Mapping[str, Change]) -> JSONObject:
    """Return the object that an event keeps."""
    document: JSONObject = msgspec.to_builtins(dict(changes))
    return document
