"""Named scores: what the assertions that share a `metric` say together, of an answer and a column.

As in promptfoo, an answer's is the mean by weight; a column's is the same over all of its answers,
and derived metrics are worked out of the column's sums, with `__count` for the number of answers.
One thing is not as there: an assertion of weight 0 is out of the case's score and counts as 1 here,
since recording is what it is for; promptfoo 0.123.1 makes it 0, whatever the answer is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.expressions import evaluate
from evaluations.stored import Component, DerivedMetric, NamedScore

__all__ = ["add_scores", "derive_metrics", "find_changes", "mean_scores", "name_scores"]

COUNT: Final = "__count"
NONE: Final = NamedScore()


def name_scores(components: Iterable[Component]) -> dict[str, NamedScore]:
    """Return the sums of one answer by metric; members of a set count with the set's weight."""
    sums: dict[str, NamedScore] = {}
    for component in components:
        if component.error:
            continue
        weight = _find_weight(component)
        metric = str(component.assertion.get("metric") or "")
        if metric:
            one = NamedScore(total=component.score * weight, weight=weight, count=1)
            sums[metric] = _add(sums.get(metric, NONE), one)
        for name, inner in name_scores(component.components or ()).items():
            if name != metric:  # a set that is called as its members is counted once
                scaled = NamedScore(
                    total=inner.total * weight, weight=inner.weight * weight, count=inner.count
                )
                sums[name] = _add(sums.get(name, NONE), scaled)
    return sums


def _find_weight(component: Component) -> float:
    weight = component.assertion.get("weight", 1.0)
    return float(weight) or 1.0 if isinstance(weight, int | float) else 1.0


def _add(first: NamedScore, second: NamedScore) -> NamedScore:
    return NamedScore(
        total=first.total + second.total,
        weight=first.weight + second.weight,
        count=first.count + second.count,
    )


def add_scores(answers: Iterable[Iterable[Component]]) -> dict[str, NamedScore]:
    """Return the sums of a column, in the order in which its metrics come up."""
    sums: dict[str, NamedScore] = {}
    for components in answers:
        for name, score in name_scores(components).items():
            sums[name] = _add(sums.get(name, NONE), score)
    return sums


def mean_scores(sums: Mapping[str, NamedScore]) -> dict[str, float]:
    """Return metric → mean by weight, from 0 to 1."""
    return {name: score.mean for name, score in sums.items()}


def derive_metrics(
    metrics: Sequence[DerivedMetric], sums: Mapping[str, NamedScore], answers: int
) -> dict[str, float | None]:
    """Return derived metric → value; None where it cannot be worked out, such as of 0 / 0.

    Args:
        metrics: in their order: a later one may use an earlier one.
        sums: of the column.
        answers: how many it has.
    """
    values = {name: score.total for name, score in sums.items()}
    values[COUNT] = float(answers)
    derived: dict[str, float | None] = {}
    for metric in metrics:
        try:
            value = evaluate(metric.value, values)
        except SuiteError:
            value = None  # a name that no assertion of this run feeds
        derived[metric.name] = value
        values[metric.name] = 0.0 if value is None else value
    return derived


def find_changes(
    old: Mapping[str, float | None], new: Mapping[str, float | None]
) -> dict[str, tuple[float | None, float | None]]:
    """Return metric → its value in the old and in the new column, None where one has none."""
    return {name: (old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])}
