"""exact, f1, numeric: answers to questions with one right answer."""

import re
import string
import unicodedata
from collections import Counter
from typing import Any, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.numbers import finite
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, shortened
from evaluations.engine.scorers.rouge import f_measure
from evaluations.engine.scorers.tokenizing import tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
NUMBER: Final = re.compile(r"[-+−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
F1_ENOUGH: Final = 0.5
EXACT_SETTINGS: Final = ("trim", "ignore_case", "unicode")
NUMERIC_SETTINGS: Final = ("absolute", "relative")


def _references(assertion: Assertion, context: Context) -> list[str]:
    value = context.expected if assertion.value is None else assertion.value
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(one, dict | list) for one in values):
        raise ScoringError("scorer.texts", type=assertion.type)
    return [as_text(one) for one in values]


def _fold(text: str, settings: Any) -> str:
    if settings.get("unicode", True):
        text = unicodedata.normalize("NFKC", text)
    if settings.get("ignore_case", False):
        text = text.casefold()
    return text.strip() if settings.get("trim", True) else text


def _exact(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    wanted = _references(assertion, context)
    found = _fold(answer.text, assertion.config)
    passed = any(found == _fold(text, assertion.config) for text in wanted)
    said = "is" if passed else "is not"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {said} “{shortened(wanted[0])}”"
    )


def _unknown(assertion: Assertion, known: tuple[str, ...]) -> list[str]:
    return [
        f"there is no setting “{name}”; there are {', '.join(known)}"
        for name in assertion.config
        if name not in known
    ]


def _squad(text: str) -> str:
    # Rajpurkar et al. 2016: lower case, no punctuation, no articles.
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(" " if _is_mark(one) else one for one in text)
    return ARTICLES.sub(" ", text)


def _is_mark(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _f1(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    candidate = Counter(tokenize(_squad(answer.text), assertion))
    scores = []
    for text in _references(assertion, context):
        words = Counter(tokenize(_squad(text), assertion))
        common = (candidate & words).total()
        both_empty = not candidate and not words
        scores.append(1.0 if both_empty else f_measure(common, candidate.total(), words.total()))
    limit = F1_ENOUGH if assertion.threshold is None else assertion.threshold
    reason = f"F1 of the words is {max(scores):.4f}, {limit:g} is enough"
    return AssertionResult(passed=max(scores) >= limit, score=max(scores), reason=reason)


def last_number(text: str) -> float | None:
    """Return the last number of a text; full-width digits and commas in thousands count."""
    found = NUMBER.findall(unicodedata.normalize("NFKC", text))
    return float(found[-1].replace(",", "").replace("−", "-")) if found else None


def _tolerance(assertion: Assertion, name: str) -> float:
    value = finite(assertion.config.get(name, 0.0))
    if value is None or value < 0:
        raise ScoringError("scorer.tolerance", name=name)
    return value


def _check_numeric(assertion: Assertion) -> list[str]:
    try:
        for name in NUMERIC_SETTINGS:
            _tolerance(assertion, name)
    except ScoringError as error:
        return [str(error)]
    return _unknown(assertion, NUMERIC_SETTINGS)


def _numeric(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    wanted = last_number(_references(assertion, context)[0])
    if wanted is None:
        raise ScoringError("scorer.numeric")
    found = last_number(answer.text)
    if found is None:
        return AssertionResult(passed=False, score=0.0, reason="the answer holds no number")
    allowed = max(
        _tolerance(assertion, "absolute"), _tolerance(assertion, "relative") * abs(wanted)
    )
    passed = abs(found - wanted) <= allowed
    reason = f"the last number is {found:g}, {wanted:g} ± {allowed:g} was asked for"
    return AssertionResult(passed=passed, score=float(passed), reason=reason)


SCORERS: Final = (
    Scorer(
        name="exact",
        title="the expected answer, white space at its ends aside",
        score=_exact,
        check=lambda assertion: _unknown(assertion, EXACT_SETTINGS),
        normalisation="NFKC, trimmed; letter case as config ignore_case says",
    ),
    Scorer(
        name="f1",
        title="words of the expected answer (SQuAD F1)",
        score=_f1,
        normalisation="NFKC, lower-cased, no punctuation, no articles; words of any script",
        direction="higher",
        default_threshold=F1_ENOUGH,
        decides_by_threshold=True,
        graded=True,
    ),
    Scorer(
        name="numeric",
        title="the expected number, within a tolerance",
        score=_numeric,
        check=_check_numeric,
        normalisation="the last number of the answer; config absolute and relative",
    ),
)
