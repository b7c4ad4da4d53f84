"""Where an answer is scored: here where that is surely cheap, else in a process that ends.

    cost of the scorer ≤ CHEAP ──▶ here, and given up when it takes longer than was thought
                       > CHEAP ──▶ a worker of `core.bounded`, killed at its limits

A cost is an upper bound in microseconds, and as easily found as the length of a text. What no
length bounds (a schema, an expression) asks `check_effort` as it goes.
"""

import pickle
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Final

from core import bounded
from core.language import gettext as _
from core.sentences import Sentence
from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, estimate_length
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["CHEAP", "TooExpensiveError", "check_effort", "check_within", "is_here", "score_within"]

CHEAP: Final = 20_000
"""Microseconds that nobody notices, who shares the process."""
SECONDS_HERE: Final = 0.03
MODULE: Final = "evaluations.engine.scorers.in_worker"
PLUGINS_MODULE: Final = "evaluations.engine.scorers.plugins_in_worker"
WORTH_COUNTING: Final = 0.001  # seconds; a large file may well have very many of less
KEPT: Final = 1000  # expensive assertions whose check is remembered
_checked: dict[bytes, tuple[str, ...]] = {}
_until: ContextVar[float | None] = ContextVar("_until", default=None)


class TooExpensiveError(Exception):
    """It takes longer than was thought: it is done again, in a worker."""


@contextmanager
def _little_effort() -> Iterator[None]:
    started = time.thread_time()
    token = _until.set(started + SECONDS_HERE)
    try:
        yield
    finally:
        _until.reset(token)
        took = time.thread_time() - started
        if took > WORTH_COUNTING:
            bounded.use_up(took)


def check_effort() -> None:
    """Give up here what takes too long; in a worker its own limits do.

    Raises:
        TooExpensiveError: it has taken longer than it may here.
    """
    until = _until.get()
    if until is not None and time.thread_time() > until:
        raise TooExpensiveError


def is_here() -> bool:
    """Whether others share this process: then nothing may take long."""
    return _until.get() is not None


async def score_within(
    scorer: Scorer, assertion: Assertion, answer: Answer, context: Context
) -> AssertionResult:
    """Return what a scorer says, within limits of time and memory.

    Raises:
        ScoringError: the answer cannot be scored, or not within the limits.
    """
    if scorer.cost(assertion, answer, context) <= CHEAP:
        try:
            with _little_effort():
                return scorer.score(assertion, answer, context)  # type: ignore[misc]  # the caller's: it has one
        except TooExpensiveError:
            pass
    known = {"expected": context.expected, "provider_config": dict(context.provider_config)}
    try:
        result = await bounded.call_async(f"{_module(scorer)}:score", assertion, answer, known)
    except RecursionError:
        raise ScoringError("scorer.too-deep", type=assertion.type) from None
    except bounded.BoundedError as error:
        raise ScoringError("scorer.effort", type=assertion.type, error=error) from error
    if isinstance(result, str):
        raise ScoringError(Sentence.verbatim(result))
    passed, score, reason = result
    return AssertionResult(passed=passed, score=score, reason=reason)


def check_within(scorer: Scorer, assertion: Assertion) -> Iterable[str]:
    """Return what is wrong with an assertion, one sentence each; within the same limits."""
    if estimate_length(assertion.value) <= CHEAP:
        try:
            bounded.check_allowance()
            with _little_effort():
                return list(scorer.check(assertion))
        except TooExpensiveError:
            pass
        except bounded.BoundedError as error:
            return _cannot_be_read(error)
    # A case is read more often than once, and of one suite many cases have the same assertion.
    # Its name and weight are no part of what is checked.
    checked = (assertion.type, assertion.value, assertion.threshold, dict(assertion.config))
    try:
        key = sha256(pickle.dumps(checked)).digest()
    except RecursionError:
        return (_("the value is nested too deeply"),)
    if key not in _checked:
        try:
            problems = tuple(bounded.call(f"{_module(scorer)}:check", assertion))
        except bounded.BoundedError as error:
            return _cannot_be_read(error)  # at another time it may be
        if len(_checked) >= KEPT:
            _checked.clear()
        _checked[key] = problems
    return _checked[key]


def _module(scorer: Scorer) -> str:
    """Return what a worker imports: code of packages only where it is needed."""
    return PLUGINS_MODULE if scorer.package else MODULE


def _cannot_be_read(error: bounded.BoundedError) -> tuple[str]:
    return (_("the value cannot be used: reading it %(error)s") % {"error": error},)
