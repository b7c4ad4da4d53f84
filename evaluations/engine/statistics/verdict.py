"""A comparison as one sentence: which of the catalogue's, and the figures in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.sentences import Sentence
from evaluations.engine.statistics.comparison import Comparison
from evaluations.engine.statistics.intervals import Interval
from evaluations.engine.statistics.power import FEWEST_FLIPS

__all__ = ["ALPHA", "Verdict", "deciding_p", "judge_comparison"]

ALPHA: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a comparison comes to."""

    code: str
    """That of its sentence in the catalogue, without `verdict.`; stored, and in JSON reports."""
    params: Mapping[str, str | int | float | None]
    """The sentence's parameters: texts and counts."""

    @property
    def better(self) -> bool:
        """Whether the new one is shown to be better."""
        return self.code in ("better", "score-better")

    @property
    def worse(self) -> bool:
        """Whether the new one is shown to be worse."""
        return self.code in ("worse", "score-worse")

    def __str__(self) -> str:
        return str(Sentence(f"verdict.{self.code}", **self.params))


def judge_comparison(
    comparison: Comparison, *, old: str, new: str, p_value: float | None = None
) -> Verdict:
    """Return the verdict.

    The pass rates decide. Where so few cases changed that they cannot show anything, the scores
    decide instead: one test either way, so 5 % stays 5 %.

    Args:
        comparison: the two runs.
        old: what the old one is called.
        new: what the new one is called.
        p_value: `deciding_p` after a correction for several comparisons.
    """
    if p_value is None:
        p_value = deciding_p(comparison)
    return Verdict(
        code=_choose_code(comparison, p_value),
        params={"old": old, "new": new, **_format_figures(comparison, p_value)},
    )


def deciding_p(comparison: Comparison) -> float | None:
    """Return the p-value of the one test that decides, None where nothing was paired."""
    return comparison.score_p_value if _scores_decide(comparison) else comparison.p_value


def _scores_decide(comparison: Comparison) -> bool:
    return comparison.changed < FEWEST_FLIPS


def _choose_code(comparison: Comparison, p_value: float | None) -> str:
    if not comparison.pairs or p_value is None:
        return "nothing"
    by_score = _scores_decide(comparison)
    difference = comparison.score_difference if by_score else comparison.difference
    if p_value <= ALPHA and difference:
        if by_score:
            return "score-better" if difference > 0 else "score-worse"
        return "better" if difference > 0 else "worse"
    return "too-few" if comparison.smallest_difference is None else "same"


def _format_figures(comparison: Comparison, deciding: float | None) -> dict[str, str | int]:
    rate_p, score_p = deciding, comparison.score_p_value
    if _scores_decide(comparison):
        rate_p, score_p = comparison.p_value, deciding
    low, high = _format_interval(comparison.interval)
    score_low, score_high = _format_interval(comparison.score_interval)
    smallest = comparison.smallest_difference
    return {
        "difference": _format_points(comparison.difference),
        "low": low,
        "high": high,
        "p": format_p_value(rate_p),
        "score": _format_points(comparison.score_difference),
        "score_low": score_low,
        "score_high": score_high,
        "score_p": format_p_value(score_p),
        "fixed": len(comparison.fixed),
        "broken": len(comparison.broken),
        "pairs": comparison.pairs,
        "smallest": "–" if smallest is None else f"{100 * smallest:.1f}",
    }


def _format_interval(interval: Interval | None) -> tuple[str, str]:
    if interval is None:
        return "–", "–"
    return _format_points(interval.low), _format_points(interval.high)


def _format_points(difference: float | None) -> str:
    """Return a difference of rates in percentage points, with its sign."""
    if difference is None:
        return "–"
    text = f"{100 * difference:+.1f}"
    if float(text) == 0:
        return "0.0"  # not +0.0, and not −0.0 of what was rounded
    return text.replace("-", "−")


def format_p_value(value: float | None) -> str:
    """Return a p-value as people write it."""
    if value is None:
        return "–"
    # Three decimals, as the APA's manual asks for (7th edition, 6.36).
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
