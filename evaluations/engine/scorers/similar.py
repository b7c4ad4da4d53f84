"""similar, similar:dot, similar:euclidean: nearness in meaning, by embeddings."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.numbers import finite
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.judge import find_provider
from evaluations.engine.types import Answer, Assertion, AssertionResult, Vector

__all__ = ["SCORERS"]

DEFAULT: Final = 0.75

Measure = Callable[[Vector, Vector], float]


def _dot(one: Vector, other: Vector) -> float:
    if len(one) != len(other):
        raise ScoringError("embedding.dimensions", left=len(one), right=len(other))
    return math.fsum(left * right for left, right in zip(one, other, strict=True))


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    if not lengths:
        raise ScoringError("embedding.zero")
    return _dot(one, other) / lengths


def _distance(one: Vector, other: Vector) -> float:
    _dot(one, other)  # the same number of dimensions
    return math.dist(one, other)


def _measured(measure: Measure, one: Vector, other: Vector) -> float:
    try:
        found = finite(measure(one, other))
    except (OverflowError, ValueError):  # of fsum: too large on the way, or infinite both ways
        found = None
    if found is None:
        raise ScoringError("embedding.too-large")
    return found


def _texts(assertion: Assertion, context: Context) -> list[str]:
    value = assertion.value if assertion.value not in (None, "") else context.expected
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, str) and one for one in found):
        raise ScoringError("scorer.texts", type=assertion.type)
    return found


def _check(assertion: Assertion) -> Iterable[str]:
    values = assertion.value if isinstance(assertion.value, list) else [assertion.value]
    if not all(isinstance(one, str | None) for one in values):
        yield "the value is a text or a list of texts"


async def _ask(
    assertion: Assertion,
    answer: Answer,
    context: Context,
    *,
    measure: Measure,
    nearer: str,
    title: str,
) -> AssertionResult:
    wanted = _texts(assertion, context)
    if context.services is None:
        raise ScoringError("scorer.no-embeddings", type=assertion.type)
    vectors = await context.services.embed(
        [answer.text, *wanted], provider=find_provider(assertion)
    )
    found = [_measured(measure, vectors[0], other) for other in vectors[1:]]
    lower = nearer == "lower"
    best = min(found) if lower else max(found)
    limit = DEFAULT if assertion.threshold is None else assertion.threshold
    passed = best <= limit if lower else best >= limit
    score = 1 / (1 + best) if lower else min(1.0, max(0.0, best))
    sign = "≤" if lower else "≥"
    reason = f"{title} {best:.4f}, needed {sign} {limit:g}"
    return AssertionResult(passed=passed, score=score, reason=reason)


MEASURES: Final[tuple[tuple[str, Measure, str, str], ...]] = (
    ("similar", _cosine, "higher", "cosine"),
    ("similar:dot", _dot, "higher", "dot product"),
    ("similar:euclidean", _distance, "lower", "distance"),
)
SCORERS: Final = tuple(
    Scorer(
        name=name,
        title=f"near in meaning: {title}",
        ask=partial(_ask, measure=measure, nearer=nearer, title=title),
        check=_check,
        normalisation="none; embeddings are compared",
        direction=nearer,
        default_threshold=DEFAULT,
        decides_by_threshold=True,
        graded=True,
        needs=frozenset({"embeddings"}),
        calls=1,
    )
    for name, measure, nearer, title in MEASURES
)
