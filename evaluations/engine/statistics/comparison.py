"""Two runs over the same cases, pair by pair."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluations.engine.statistics.intervals import Interval, bootstrap_mean, newcombe_paired
from evaluations.engine.statistics.paired import mcnemar_exact, sign_flip
from evaluations.engine.statistics.power import ASSUMED_DISCORDANCE, smallest_difference
from evaluations.engine.statistics.summary import Observation

__all__ = ["Comparison", "Pair", "compare"]

NO_DEVIATION: Final = 1e-12
ENOUGH_FLIPS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One case in both runs; with repeats each figure is their mean."""

    case: str
    name: str
    old_rate: float
    new_rate: float
    old_score: float
    new_score: float
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What changed from the old run to the new, over the cases that both have scored."""

    pairs: int
    """Cases that both have scored."""
    changed: int
    """Pairs whose pass rates differ."""
    only_old: int
    """Cases that the old run alone has scored."""
    only_new: int
    """Cases that the new run alone has scored."""
    old_rate: float | None
    """Pass rate of the old run over the pairs, 0 to 1."""
    new_rate: float | None
    """The same of the new one."""
    difference: float | None
    """Of the pass rates, new minus old, −1 to 1."""
    interval: Interval | None
    """Of that difference."""
    p_value: float | None
    """Of "the pass rates are the same"; None without pairs."""
    test: str
    """"mcnemar" where each case was asked once, else "sign-flip" over cases."""
    score_difference: float | None
    """Of the mean scores, new minus old."""
    score_interval: Interval | None
    """Of that difference, by bootstrap."""
    score_p_value: float | None
    """Of "the mean scores are the same", by sign flips."""
    effect_size: float | None
    """Cohen's d of the paired scores; None where nothing varies."""
    odds_ratio: float | None
    """Fixed against broken; None where none is broken."""
    fixed: tuple[Pair, ...]
    """Cases that failed and now pass."""
    broken: tuple[Pair, ...]
    """Cases that passed and now fail."""
    smallest_difference: float | None
    """What pairs like these show four times out of five."""


def compare(old: Iterable[Observation], new: Iterable[Observation]) -> Comparison:
    """Compare two runs case by case; errors are left out on both sides."""
    old_groups, new_groups = _group_by_case(old), _group_by_case(new)
    shared = [case for case in new_groups if case in old_groups]
    pairs = [_pair(case, old_groups[case], new_groups[case]) for case in shared]
    once = all(len(old_groups[case]) == len(new_groups[case]) == 1 for case in shared)
    # With repeats a case passes where at least half of its answers do.
    fixed = tuple(pair for pair in pairs if pair.old_rate < 0.5 <= pair.new_rate)
    broken = tuple(pair for pair in pairs if pair.new_rate < 0.5 <= pair.old_rate)
    rate_differences = [pair.new_rate - pair.old_rate for pair in pairs]
    score_differences = [pair.new_score - pair.old_score for pair in pairs]
    # Repeats of one case are no independent trials, and McNemar's test and Newcombe's interval
    # know nothing but passed and failed: then means of cases are compared.
    if once:
        interval = _newcombe(pairs, fixed, broken)
        p_value = mcnemar_exact(len(fixed), len(broken))
    else:
        interval = bootstrap_mean(rate_differences)
        p_value = sign_flip(rate_differences)
    return Comparison(
        pairs=len(pairs),
        changed=sum(difference != 0 for difference in rate_differences),
        only_old=len(old_groups) - len(pairs),
        only_new=len(new_groups) - len(pairs),
        old_rate=_mean([pair.old_rate for pair in pairs]),
        new_rate=_mean([pair.new_rate for pair in pairs]),
        difference=_mean(rate_differences),
        interval=interval,
        p_value=p_value if pairs else None,
        test="mcnemar" if once else "sign-flip",
        score_difference=_mean(score_differences),
        score_interval=bootstrap_mean(score_differences),
        score_p_value=sign_flip(score_differences) if pairs else None,
        effect_size=_effect_size(score_differences),
        odds_ratio=len(fixed) / len(broken) if broken else None,
        fixed=fixed,
        broken=broken,
        smallest_difference=_smallest_difference(len(pairs), len(fixed) + len(broken)),
    )


def _group_by_case(observations: Iterable[Observation]) -> Mapping[str, list[Observation]]:
    groups: dict[str, list[Observation]] = defaultdict(list)
    for row in observations:
        if row.passed is not None and row.score is not None:
            groups[row.case].append(row)
    return groups


def _pair(case: str, old: Sequence[Observation], new: Sequence[Observation]) -> Pair:
    return Pair(
        case=case,
        name=new[0].name or old[0].name or case,
        old_rate=sum(row.passed is True for row in old) / len(old),
        new_rate=sum(row.passed is True for row in new) / len(new),
        old_score=math.fsum(row.score or 0.0 for row in old) / len(old),
        new_score=math.fsum(row.score or 0.0 for row in new) / len(new),
        weight=new[0].weight,
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _newcombe(
    pairs: Sequence[Pair], fixed: Sequence[Pair], broken: Sequence[Pair]
) -> Interval | None:
    both = sum(pair.old_rate == pair.new_rate == 1 for pair in pairs)
    neither = len(pairs) - both - len(fixed) - len(broken)
    return newcombe_paired(both, len(fixed), len(broken), neither)


def _effect_size(differences: Sequence[float]) -> float | None:
    if len(differences) < 2:
        return None
    mean = math.fsum(differences) / len(differences)
    squares = math.fsum((value - mean) ** 2 for value in differences)
    deviation = math.sqrt(squares / (len(differences) - 1))  # of a sample (Bessel)
    # Equal differences leave a deviation of about 1e-17, by which nothing is divided.
    return mean / deviation if deviation > NO_DEVIATION else None


def _smallest_difference(pairs: int, flips: int) -> float | None:
    # Few flips say little about how many there could be: then the usual share is assumed.
    share = flips / pairs if flips >= ENOUGH_FLIPS else ASSUMED_DISCORDANCE
    return smallest_difference(pairs, share)
