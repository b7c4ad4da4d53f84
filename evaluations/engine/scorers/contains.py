"""contains and its kin: texts within the answer; with an i in front both are lower-cased."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, one_text, shortened, split_values
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

Fold = Callable[[str], str]


def _contains(
    assertion: Assertion, answer: Answer, _context: Context, *, fold: Fold
) -> AssertionResult:
    value = assertion.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and value):
        raise ScoringError("scorer.text-or-number", type=assertion.type)
    substring = as_text(value)
    passed = fold(substring) in fold(answer.text)
    verb = "contains" if passed else "does not contain"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {verb} {_quoted([substring])}"
    )


def _contains_any(
    assertion: Assertion, answer: Answer, _context: Context, *, fold: Fold
) -> AssertionResult:
    values = [as_text(value) for value in split_values(assertion)]
    text = fold(answer.text)
    present = [value for value in values if fold(value) in text]
    if present:
        reason = f"the answer contains {_quoted(present)}"
    elif values:
        reason = f"the answer contains none of {_quoted(values)}"
    else:
        reason = "the list of values is empty"
    return AssertionResult(passed=bool(present), score=float(bool(present)), reason=reason)


def _contains_all(
    assertion: Assertion, answer: Answer, _context: Context, *, fold: Fold
) -> AssertionResult:
    values = [as_text(value) for value in split_values(assertion)]
    text = fold(answer.text)
    missing = [value for value in values if fold(value) not in text]
    if missing:
        reason = f"the answer does not contain {_quoted(missing)}"
    else:
        reason = "the answer contains all values"
    return AssertionResult(passed=not missing, score=float(not missing), reason=reason)


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"“{shortened(value, 60)}”" for value in values)


def _starts_with(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    value = one_text(assertion)
    passed = answer.text.startswith(value)
    verb = "begins" if passed else "does not begin"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {verb} with “{shortened(value)}”"
    )


FOLDS: Final = (("", str, "none"), ("i", str.lower, "both are lower-cased"))
TYPES: Final = (
    ("contains", _contains, "contains the value"),
    ("contains-any", _contains_any, "contains one of the values"),
    ("contains-all", _contains_all, "contains all values"),
)
SCORERS: Final = (
    *(
        Scorer(
            name=f"{prefix}{name}",
            title=title,
            score=partial(score, fold=fold),
            normalisation=normalisation,
        )
        for prefix, fold, normalisation in FOLDS
        for name, score, title in TYPES
    ),
    Scorer(name="starts-with", title="begins with the value", score=_starts_with),
)
