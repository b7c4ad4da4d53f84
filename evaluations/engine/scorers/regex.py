r"""regex: a JavaScript regular expression found in the answer, run by a JavaScript engine.

Python's expressions mean other things here and there (\d, $, lookbehind, named groups), so an
engine of that language decides. Pattern and text go in as data; nothing of them is run as code.
"""

import threading
from functools import lru_cache
from typing import Any, Final

from core.sentences import CodedError, Sentence
from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer
from evaluations.engine.scorers.effort import TooExpensiveError, is_here
from evaluations.engine.scorers.javascript import one_text, shortened
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS", "InvalidPatternError", "search"]

SECONDS: Final = 0.7
"""Of one expression in one text; a worker would be killed a little later."""
SECONDS_HERE: Final = 0.02
LONGEST_HERE: Final = 500  # characters of an expression: the engine compiles it uninterrupted
BYTES: Final = 64 * 1024 * 1024
PROGRAM: Final = """
var compiled = new Map();
function search(pattern, text, flags) {
  var key = flags + "/" + pattern;
  var found = compiled.get(key);
  if (found === undefined) {
    try { found = new RegExp(pattern, flags); } catch (error) { found = error.message; }
    if (compiled.size > 500) compiled.clear();
    compiled.set(key, found);
  }
  if (typeof found === "string") return found;
  return found.test(text);
}
"""
_engines = threading.local()
"""An engine for each limit of time, of each thread: it belongs to the thread that made it."""


class InvalidPatternError(CodedError, ValueError):
    """The pattern is no regular expression of JavaScript."""


def _find_engine(seconds: float) -> Any:
    """Return the function `search` of PROGRAM, which gives up after so many seconds."""
    engines = _engines.__dict__
    name = f"within {seconds:g} s"
    if name not in engines:
        import quickjs  # only where an expression is used

        context = quickjs.Context()
        context.set_memory_limit(BYTES)
        context.set_time_limit(seconds)
        context.eval(PROGRAM)
        engines[name] = context.get("search"), context
    search_function, _context = engines[name]
    return search_function


def search(pattern: str, text: str, *, flags: str = "") -> bool:
    """Whether the expression is found in the text.

    Args:
        pattern: the expression.
        text: where it is looked for; half of a surrogate pair counts as a question mark.
        flags: such as u.

    Raises:
        InvalidPatternError: it is no regular expression.
        ScoringError: it takes more than its time or 64 MiB.
        TooExpensiveError: it has to be done in a worker.
    """
    here = is_here()
    if here and len(pattern) > LONGEST_HERE:
        raise TooExpensiveError
    run = _find_engine(SECONDS_HERE if here else SECONDS)
    try:
        result = run(_without_surrogates(pattern), _without_surrogates(text), flags)
    except Exception as error:  # the engine raises nothing more specific
        _engines.__dict__.clear()
        if here:
            raise TooExpensiveError from error
        raise ScoringError(
            "scorer.regex-effort", pattern=shortened(pattern), seconds=f"{SECONDS:g}"
        ) from error
    if isinstance(result, str):
        raise InvalidPatternError(Sentence.verbatim(result))
    return bool(result)


def _without_surrogates(text: str) -> str:
    # The engine takes UTF-8, which has no form for half of a surrogate pair.
    return text.encode("utf-8", "replace").decode()


def _check(assertion: Assertion) -> list[str]:
    return list(_problems(one_text(assertion)))


@lru_cache(maxsize=1000)
def _problems(pattern: str) -> tuple[str, ...]:
    try:
        search(pattern, "")
    except InvalidPatternError as error:
        return (f"is not a valid JavaScript regular expression: {error}",)
    except ScoringError as error:
        return (str(error),)
    return ()


def _score(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    pattern = one_text(assertion)
    try:
        matches = search(pattern, answer.text)
    except InvalidPatternError as error:
        # As in promptfoo it fails whether or not it is negated.
        return AssertionResult(
            passed=False, score=0.0, reason=f"the regular expression is not valid: {error}"
        )
    passed = matches is not assertion.negated
    verb = "matches" if matches else "does not match"
    return AssertionResult(
        passed=passed, score=float(passed), reason=f"the answer {verb} “{shortened(pattern)}”"
    )


SCORERS: Final = (
    Scorer(
        name="regex",
        title="matches a regular expression",
        score=_score,
        check=_check,
        handles_negation=True,
        normalisation="none; ECMAScript, searched without flags",
    ),
)
