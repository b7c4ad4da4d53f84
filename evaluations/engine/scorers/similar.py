"""similar (similar:cosine), similar:dot, similar:euclidean: nearness in meaning, by embeddings."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.numbers import finite
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import find_provider
from evaluations.engine.scorers.thresholds import at_least, at_most, find_threshold
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction, Vector

__all__ = ["SCORERS", "compare_cosine"]

DEFAULT_THRESHOLD: Final = 0.75  # promptfoo's, for all three measures

Measure = Callable[[Vector, Vector], float]


def _dot_product(left: Vector, right: Vector) -> float:
    _check_dimensions(left, right)
    # fsum, because a sum in another order must not decide whether a threshold is reached.
    return math.fsum(x * y for x, y in zip(left, right, strict=True))


def _cosine(left: Vector, right: Vector) -> float:
    # hypot, because the squares of large numbers overflow where the length itself does not.
    lengths = math.hypot(*left) * math.hypot(*right)
    if not lengths:
        raise ScoringError("embedding.zero")
    return _dot_product(left, right) / lengths


def _distance(left: Vector, right: Vector) -> float:
    _check_dimensions(left, right)
    return math.dist(left, right)


def _check_dimensions(left: Vector, right: Vector) -> None:
    if len(left) != len(right):
        raise ScoringError("embedding.dimensions", left=len(left), right=len(right))


def _compare(measure: Measure, left: Vector, right: Vector) -> float:
    try:
        value = finite(measure(left, right))
    except (OverflowError, ValueError):  # of fsum: too large on the way, or infinite both ways
        value = None
    if value is None:
        raise ScoringError("embedding.too-large")
    return value


def compare_cosine(left: Vector, right: Vector) -> float:
    """Return the cosine of the angle between two vectors.

    Raises:
        ScoringError: they cannot be compared.
    """
    return _compare(_cosine, left, right)


def _read_texts(assertion: Assertion, context: Context) -> list[str]:
    value = assertion.value
    if value is None or value == "":
        value = context.expected
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str) and text]
    if not texts or len(texts) < len(values):
        raise ScoringError("scorer.texts", type=assertion.type)
    return texts


def _check(assertion: Assertion) -> Iterable[str]:
    values = assertion.value if isinstance(assertion.value, list) else [assertion.value]
    if not all(isinstance(value, str | None) for value in values):
        yield "the value must be a string or a list of strings"


async def _ask(
    assertion: Assertion,
    answer: Answer,
    context: Context,
    *,
    measure: Measure,
    direction: Direction,
    title: str,
) -> AssertionResult:
    texts = _read_texts(assertion, context)
    if context.services is None:
        raise ScoringError("scorer.no-embeddings", type=assertion.type)
    # One call for all texts: services count and charge calls, not texts.
    own, *others = await context.services.embed(
        [answer.text, *texts], provider=find_provider(assertion)
    )
    measures = [_compare(measure, own, other) for other in others]
    threshold = find_threshold(assertion, DEFAULT_THRESHOLD)
    if direction == Direction.LOWER:
        nearest = min(measures)
        # A distance has no upper end: 0 becomes 1, and what is far away comes near to 0.
        score = 1 / (1 + nearest)
        return at_most(f"{title} {nearest:.4f}", nearest, threshold, score=score)
    nearest = max(measures)
    # A cosine may be negative, a dot product any number; a score is between 0 and 1.
    score = min(1.0, max(0.0, nearest))
    return at_least(f"{title} {nearest:.4f}", nearest, threshold, score=score)


MEASURES: Final[tuple[tuple[str, Measure, Direction, str], ...]] = (
    ("similar", _cosine, Direction.HIGHER, "cosine"),
    ("similar:cosine", _cosine, Direction.HIGHER, "cosine"),
    ("similar:dot", _dot_product, Direction.HIGHER, "dot product"),
    ("similar:euclidean", _distance, Direction.LOWER, "distance"),
)
SCORERS: Final = tuple(
    Scorer(
        name=name,
        title=f"near in meaning: {title}",
        ask=partial(_ask, measure=measure, direction=direction, title=title),
        check=_check,
        normalisation="none; embeddings are compared",
        direction=direction,
        default_threshold=DEFAULT_THRESHOLD,
        decides_by_threshold=True,
        graded=True,
        needs=frozenset({"embeddings"}),
        calls=1,
    )
    for name, measure, direction, title in MEASURES
)
