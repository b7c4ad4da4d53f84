"""What a scorer is, for those that are written and those that call them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from evaluations.engine.types import (
    Answer,
    Assertion,
    AssertionResult,
    Direction,
    Message,
    Request,
    Vector,
)

__all__ = [
    "Context",
    "Scorer",
    "Services",
    "estimate_length",
    "linear_cost",
    "marks_cost",
    "no_problems",
    "product_cost",
]

MOST: Final = 1_000_000  # characters that are counted: more is just as much too much


class Services(Protocol):
    """Models that scorers may ask; each call is counted, limited and paid like any other."""

    async def judge(self, request: Request, *, provider: str) -> Answer:
        """Ask the judge; `provider` is empty for the run's own.

        Raises:
            ProviderError: there is no judge, or it did not answer.
        """

    async def embed(self, texts: Sequence[str], *, provider: str) -> list[Vector]:
        """Return a vector for each text.

        Raises:
            ProviderError: there are no embeddings, or none came.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a scorer may know besides the answer."""

    messages: tuple[Message, ...] = ()
    """Messages sent to the model."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """Values of the case."""
    expected: str = ""
    """The case's expected answer."""
    provider_config: Mapping[str, object] = field(default_factory=dict)
    """Parameters of the call, such as `tools` and `functions`."""
    services: Services | None = None
    """Models to ask, None where there are none."""
    prompt: str = ""
    """What was sent, as promptfoo's code sees it."""
    provider: str = ""
    """Who answered, for code."""
    test: Mapping[str, object] = field(default_factory=dict)
    """What code may know of the case besides its variables: description, metadata, threshold."""
    transformed: dict[object, Answer] = field(default_factory=dict)
    """What transforms have made of the answer: assertions of a case mostly share them."""


def no_problems(assertion: Assertion) -> Iterable[str]:
    """Accept every value."""
    return ()


def estimate_length(value: object) -> int:
    """Return about how many characters a value has; of one that is large only that it is."""
    length = 0
    waiting = [value]  # a list and no recursion: how deep it is nested, nobody knows yet
    while waiting and length <= MOST:
        part = waiting.pop()
        if isinstance(part, str):
            length += len(part)
        elif isinstance(part, Mapping):
            waiting += [*part, *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part
        length += 1
    return length


def linear_cost(assertion: Assertion, answer: Answer, context: Context) -> float:
    """Return a microsecond for each character of the answer and what it is compared with."""
    return len(answer.text) + estimate_length(assertion.value) + len(context.expected)


def product_cost(assertion: Assertion, answer: Answer, _context: Context) -> float:
    """Return the cost of a table of all pairs of characters, 64 of them a step."""
    length, other = len(answer.text), estimate_length(assertion.value)
    return length + other + length * other / 10_000


def marks_cost(assertion: Assertion, answer: Answer, _context: Context) -> float:
    """Return the cost of markup in which each of the tags may look through all of the text."""
    text = answer.text
    return len(text) + estimate_length(assertion.value) + text.count("<") * len(text) / 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorer:
    """One type of assertion.

    `score` or `ask` judges an answer as if the assertion was not negated, unless
    `handles_negation`; `scorers.apply` inverts. It raises ScoringError where the answer cannot be
    scored, and never lets another exception out.
    """

    name: str
    """The assertion's type."""
    title: str
    """What it checks, in a few words for people."""
    score: Callable[[Assertion, Answer, Context], AssertionResult] | None = None
    """Judges at once."""
    ask: Callable[[Assertion, Answer, Context], Awaitable[AssertionResult]] | None = None
    """Judges with the help of a model; instead of `score`."""
    check: Callable[[Assertion], Iterable[str]] = no_problems
    """Returns what is wrong with an assertion of this type, one sentence each."""
    normalisation: str = "none"
    """What is done to both texts before they are compared."""
    direction: Direction = Direction.EXACT
    """Whether more is better, less is, or only equality counts."""
    default_threshold: float | None = None
    """Where the assertion has none."""
    cost: Callable[[Assertion, Answer, Context], float] = linear_cost
    """At most how many microseconds `score` takes; where that is much it runs in a worker."""
    decides_by_threshold: bool = False
    """Whether the threshold alone decides: without one, or where every score reaches it, it cannot
    fail."""
    graded: bool = False
    """Whether its score is between 0 and 1: then negation inverts the score as well."""
    negatable: bool = True
    """Whether `not-` may stand before it."""
    handles_negation: bool = False
    """Whether `score` looks at `assertion.negated` itself."""
    needs: frozenset[str] = frozenset()
    """"judge" or "embeddings"."""
    calls: int = 0
    """How many calls of such models one answer takes."""
    asks_about_refusals: bool = False
    """Whether it scores a request that the service's filter refused; others need an answer."""
    package: str = ""
    """The package that brings it, with its version; empty for ours. Filled in by the registry."""
