"""contains and its kin: texts within the answer; with an i in front both are lower-cased."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, one_text, shortened, split_values
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

Fold = Callable[[str], str]


def _one_value(assertion: Assertion) -> Sequence[Any]:
    value = assertion.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and value):
        raise ScoringError("scorer.text-or-number", type=assertion.type)
    return (value,)


def _missing(assertion: Assertion, answer: Answer, fold: Fold) -> tuple[list[str], int]:
    take = split_values if assertion.type.endswith(("-any", "-all")) else _one_value
    wanted = [as_text(value) for value in take(assertion)]
    text = fold(answer.text)
    return [value for value in wanted if fold(value) not in text], len(wanted)


def _contains(
    assertion: Assertion, answer: Answer, _context: Context, *, fold: Fold, enough: bool
) -> AssertionResult:
    missing, wanted = _missing(assertion, answer, fold)
    passed = len(missing) < wanted if enough else not missing
    listed = ", ".join(f"“{shortened(value, 60)}”" for value in missing)
    reason = f"the answer does not contain {listed}" if missing else "the answer contains all"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


def _starts_with(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    value = one_text(assertion)
    passed = answer.text.startswith(value)
    said = "begins" if passed else "does not begin"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {said} with “{shortened(value)}”"
    )


FOLDS: Final = (("", str, "none"), ("i", str.lower, "both are lower-cased"))
TITLES: Final = (
    ("contains", False, "contains the value"),
    ("contains-any", True, "contains one of the values"),
    ("contains-all", False, "contains all values"),
)
SCORERS: Final = (
    *(
        Scorer(
            name=f"{prefix}{name}",
            title=title,
            score=partial(_contains, fold=fold, enough=enough),
            normalisation=said,
        )
        for prefix, fold, said in FOLDS
        for name, enough, title in TITLES
    ),
    Scorer(name="starts-with", title="begins with the value", score=_starts_with),
)
