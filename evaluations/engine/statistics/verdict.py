"""A comparison as one sentence. The sentences are English; the edge translates them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evaluations.engine.statistics.comparison import Comparison
from evaluations.engine.statistics.power import FEWEST_FLIPS

__all__ = ["ALPHA", "SENTENCES", "Verdict", "deciding_p", "judge_comparison"]

ALPHA: Final = 0.05


def gettext_noop(text: str) -> str:
    """Mark a text for translators; the edge translates it."""
    return text


SENTENCES: Final[Mapping[str, str]] = {
    "better": gettext_noop(
        "%(new)s is better than %(old)s: %(difference)s points, 95%% CI %(low)s to "
        "%(high)s, p-value %(p)s. Cases: %(fixed)d fixed, %(broken)d broken."
    ),
    "worse": gettext_noop(
        "%(new)s is worse than %(old)s: %(difference)s points, 95%% CI %(low)s to "
        "%(high)s, p-value %(p)s. Cases: %(fixed)d fixed, %(broken)d broken."
    ),
    "score-better": gettext_noop(
        "%(new)s scores higher than %(old)s: mean score %(score)s points, 95%% CI "
        "%(score_low)s to %(score_high)s, p-value %(score_p)s. Cases: %(fixed)d "
        "fixed, %(broken)d broken (p-value %(p)s)."
    ),
    "score-worse": gettext_noop(
        "%(new)s scores lower than %(old)s: mean score %(score)s points, 95%% CI "
        "%(score_low)s to %(score_high)s, p-value %(score_p)s. Cases: %(fixed)d "
        "fixed, %(broken)d broken (p-value %(p)s)."
    ),
    "same": gettext_noop(
        "No significant difference between %(new)s and %(old)s: %(difference)s "
        "points, 95%% CI %(low)s to %(high)s, p-value %(p)s. Cases: %(fixed)d "
        "fixed, %(broken)d broken; %(pairs)d can only detect %(smallest)s points "
        "or more. Add cases to detect less."
    ),
    "too-few": gettext_noop(
        "Too few cases to compare %(new)s with %(old)s: %(pairs)d were scored in "
        "both, and fewer than 6 can never show a significant difference; %(fixed)d "
        "fixed, %(broken)d broken."
    ),
    "nothing": gettext_noop("%(new)s and %(old)s cannot be compared: no case was scored in both."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a comparison comes to."""

    code: str
    """A key of SENTENCES."""
    params: Mapping[str, Any]
    """What the sentence is filled with."""

    @property
    def better(self) -> bool:
        """Whether the new one is shown to be better."""
        return self.code in ("better", "score-better")

    @property
    def worse(self) -> bool:
        """Whether the new one is shown to be worse."""
        return self.code in ("worse", "score-worse")

    def __str__(self) -> str:
        return SENTENCES[self.code] % self.params


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
    p_value = deciding_p(comparison) if p_value is None else p_value
    params = _params(comparison, p_value) | {"old": old, "new": new}
    return Verdict(code=_code(comparison, p_value), params=params)


def deciding_p(comparison: Comparison) -> float | None:
    """Return the p-value of the one test that decides, None where nothing was paired."""
    return comparison.score_p_value if _scores_decide(comparison) else comparison.p_value


def _scores_decide(comparison: Comparison) -> bool:
    return comparison.changed < FEWEST_FLIPS


def _code(comparison: Comparison, p_value: float | None) -> str:
    if not comparison.pairs or p_value is None:
        return "nothing"
    by_score = _scores_decide(comparison)
    difference = (comparison.score_difference if by_score else comparison.difference) or 0.0
    if p_value <= ALPHA and difference:
        better = "better" if difference > 0 else "worse"
        return f"score-{better}" if by_score else better
    return "too-few" if comparison.smallest_difference is None else "same"


def _params(comparison: Comparison, decided: float | None) -> dict[str, Any]:
    interval, scores = comparison.interval, comparison.score_interval
    by_score = _scores_decide(comparison)
    smallest = comparison.smallest_difference
    return {
        "difference": _points(comparison.difference),
        "low": _points(interval.low if interval else None),
        "high": _points(interval.high if interval else None),
        "p": p_text(comparison.p_value if by_score else decided),
        "score": _points(comparison.score_difference),
        "score_low": _points(scores.low if scores else None),
        "score_high": _points(scores.high if scores else None),
        "score_p": p_text(decided if by_score else comparison.score_p_value),
        "fixed": len(comparison.fixed),
        "broken": len(comparison.broken),
        "pairs": comparison.pairs,
        "smallest": "–" if smallest is None else f"{100 * smallest:.1f}",
    }


def _points(value: float | None) -> str:
    if value is None:
        return "–"
    text = f"{100 * value:+.1f}"
    return text.replace("-", "−") if float(text) else "0.0"


def p_text(value: float | None) -> str:
    """Return a p-value as people write it."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
