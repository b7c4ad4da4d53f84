"""exact, f1, numeric: answers to questions with one right answer."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.numbers import finite
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.javascript import as_text, shortened
from evaluations.engine.scorers.rouge import f_measure
from evaluations.engine.scorers.thresholds import at_least, find_threshold
from evaluations.engine.scorers.tokenizing import tokenize
from evaluations.engine.types import Answer, Assertion, AssertionResult, Direction

__all__ = ["SCORERS"]

ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
NUMBER: Final = re.compile(r"[-+−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
F1_THRESHOLD: Final = 0.5
EXACT_SETTINGS: Final = ("trim", "ignore_case", "unicode")
NUMERIC_SETTINGS: Final = ("absolute", "relative")


def _read_references(assertion: Assertion, context: Context) -> list[str]:
    """Return the right answers: the value, else the case's expected answer.

    Raises:
        ScoringError: the value is neither a text or number, nor a list of them.
    """
    value = context.expected if assertion.value is None else assertion.value
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(item, dict | list) for item in values):
        raise ScoringError("scorer.texts", type=assertion.type)
    return [as_text(item) for item in values]


def _check_settings(assertion: Assertion, known: tuple[str, ...]) -> list[str]:
    unknown = [name for name in assertion.config if name not in known]
    allowed = ", ".join(known)
    return [f"unknown setting “{name}”; allowed settings: {allowed}" for name in unknown]


def _check_exact(assertion: Assertion) -> Iterable[str]:
    return _check_settings(assertion, EXACT_SETTINGS)


def _exact(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    references = _read_references(assertion, context)
    text = _fold(answer.text, assertion.config)
    passed = text in [_fold(reference, assertion.config) for reference in references]
    verb = "is" if passed else "is not"
    return AssertionResult(
        passed=passed,
        score=float(passed),
        reason=f"the answer {verb} “{shortened(references[0])}”",
    )


def _fold(text: str, settings: Mapping[str, object]) -> str:
    if settings.get("unicode", True):
        # Full-width letters and digits, as Japanese keyboards write them, equal the usual ones.
        text = unicodedata.normalize("NFKC", text)
    if settings.get("ignore_case", False):
        text = text.casefold()
    if settings.get("trim", True):
        text = text.strip()
    return text


def _f1(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    words = Counter(tokenize(_normalise(answer.text), assertion))
    scores = []
    for reference in _read_references(assertion, context):
        expected = Counter(tokenize(_normalise(reference), assertion))
        if not words and not expected:
            # SQuAD 2.0's evaluate-v2.0.py: two empty texts agree.
            scores.append(1.0)
        else:
            common = (words & expected).total()
            scores.append(f_measure(common, words.total(), expected.total()))
    best = max(scores)
    return at_least(f"token F1 {best:.4f}", best, find_threshold(assertion, F1_THRESHOLD))


def _normalise(text: str) -> str:
    # Rajpurkar et al. 2016 (SQuAD): lower case, no punctuation, no articles. A mark becomes a space
    # where their program drops it, so that “东京，大阪” stays two words.
    text = unicodedata.normalize("NFKC", text).lower()
    characters = [" " if _is_punctuation(character) else character for character in text]
    return ARTICLES.sub(" ", "".join(characters))


def _is_punctuation(character: str) -> bool:
    # ASCII's own list has signs that are no punctuation in Unicode, such as $ and +.
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def last_number(text: str) -> float | None:
    """Return the last number of a text; full-width digits and commas in thousands count."""
    numbers = NUMBER.findall(unicodedata.normalize("NFKC", text))
    if not numbers:
        return None
    # Python's float() reads neither the comma nor the minus sign of typography (U+2212).
    return float(numbers[-1].replace(",", "").replace("−", "-"))


def _read_tolerance(assertion: Assertion, name: str) -> float:
    value = finite(assertion.config.get(name, 0.0))
    if value is None or value < 0:
        raise ScoringError("scorer.tolerance", name=name)
    return value


def _check_numeric(assertion: Assertion) -> Iterable[str]:
    try:
        for name in NUMERIC_SETTINGS:
            _read_tolerance(assertion, name)
    except ScoringError as error:
        return [str(error)]
    return _check_settings(assertion, NUMERIC_SETTINGS)


def _numeric(assertion: Assertion, answer: Answer, context: Context) -> AssertionResult:
    expected = last_number(_read_references(assertion, context)[0])
    if expected is None:
        raise ScoringError("scorer.numeric")
    number = last_number(answer.text)
    if number is None:
        return AssertionResult(passed=False, score=0.0, reason="the answer contains no number")
    # The wider of both counts: a relative tolerance alone would allow nothing around 0.
    # math.isclose does the same, but it measures from the larger of the two numbers.
    absolute = _read_tolerance(assertion, "absolute")
    relative = _read_tolerance(assertion, "relative") * abs(expected)
    tolerance = max(absolute, relative)
    passed = abs(number - expected) <= tolerance
    return AssertionResult(
        passed=passed,
        score=float(passed),
        reason=f"the last number is {number:g}; expected {expected:g} ± {tolerance:g}",
    )


SCORERS: Final = (
    Scorer(
        name="exact",
        title="the expected answer, white space at its ends aside",
        score=_exact,
        check=_check_exact,
        normalisation="NFKC, trimmed; letter case as config ignore_case says",
    ),
    Scorer(
        name="f1",
        title="words of the expected answer (SQuAD F1)",
        score=_f1,
        normalisation="NFKC, lower-cased, no punctuation, no articles; words of any script",
        direction=Direction.HIGHER,
        default_threshold=F1_THRESHOLD,
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
