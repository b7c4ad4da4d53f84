"""What filling a template may take here, and how more is taken elsewhere.

Every filter, operator, comparison and round of a loop spends units in proportion to what it looks
at (a unit is at most about 100 ns). A template that spends more than LITTLE is filled again from
its beginning in a worker of `core.bounded`, which ends at its limits: what is small never
pays for a process, and what is not cannot keep others waiting.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, TypeVar

from core import bounded
from prompts.rendering.problems import (
    ContractError,
    Problem,
    RenderError,
    SourceLocation,
    TemplateError,
    ValuesError,
)

__all__ = [
    "LITTLE",
    "TooMuchEffortError",
    "is_counted",
    "metered",
    "spend",
    "weigh",
    "within_limits",
]

ResultT = TypeVar("ResultT")

LITTLE: Final = 100_000
SECONDS_OF_UNIT: Final = 1e-7
CHARACTERS: Final = 32
"""Characters of a text that a unit pays for: most of what is done to texts is done in C."""
MODULE: Final = "prompts.rendering.in_worker"
_left: ContextVar[list[float] | None] = ContextVar("_left", default=None)


class TooMuchEffortError(Exception):
    """It takes more than it may here."""


@contextmanager
def _little() -> Iterator[None]:
    left: list[float] = [LITTLE]
    token = _left.set(left)
    try:
        yield
    finally:
        _left.reset(token)
        bounded.use_up((LITTLE - left[0]) * SECONDS_OF_UNIT)


def is_counted() -> bool:
    """Whether what is done now is counted already."""
    return _left.get() is not None


def spend(units: float) -> None:
    """Count units.

    Raises:
        TooMuchEffortError: there are none left.
    """
    left = _left.get()
    if left is None:
        return
    left[0] -= units
    if left[0] < 0:
        raise TooMuchEffortError


def weigh(value: object) -> float:
    """Return the units of looking at all of a value; of one that is too large only that it is."""
    if isinstance(value, str):
        return 1 + len(value) / CHARACTERS
    if not isinstance(value, list | tuple | dict):
        return 1
    units = 0.0
    waiting: list[object] = [value]
    while waiting and units <= LITTLE:
        part = waiting.pop()
        units += 1
        if isinstance(part, str):
            units += len(part) / CHARACTERS
        elif isinstance(part, dict):
            units += len(part)
            waiting += part.values()
        elif isinstance(part, list | tuple):
            if len(part) > LITTLE:
                return units + len(part)
            waiting += part
    return units


def metered(apply: Callable[..., object], factor: float = 1) -> Callable[..., Any]:
    """Return a filter or a test that spends what its values and its result weigh.

    Args:
        apply: the filter.
        factor: how much more it does with each part than look at it.
    """

    @wraps(apply)  # keeps what Jinja has written on it: that it takes the context
    def spending(*args: object, **kwargs: object) -> object:
        if _left.get() is None:
            return apply(*args, **kwargs)
        spend(factor * sum(map(weigh, args)) + sum(map(weigh, kwargs.values())))
        result = apply(*args, **kwargs)
        spend(weigh(result))
        return result

    return spending


def within_limits(here: Callable[[], ResultT], elsewhere: str, *arguments: object) -> ResultT | Any:
    """Return what `here` returns, or what a worker does where that takes too much.

    Args:
        here: does it in this process; it spends units.
        elsewhere: the function of `in_worker` that does the same.
        *arguments: what that one gets.

    Raises:
        TemplateError: it cannot be done, or not within the limits.
    """
    if is_counted():
        return here()
    try:
        bounded.check_allowance()
        with _little():
            return here()
    except TooMuchEffortError:
        pass
    except bounded.BoundedError as error:
        raise RenderError([_limit(error)]) from error
    try:
        kind, result = bounded.call(f"{MODULE}:{elsewhere}", *arguments)
    except bounded.BoundedError as error:
        raise RenderError([_limit(error)]) from error
    except RecursionError:  # it cannot even be sent
        deep = Problem(code="render", params={"reason": "nested too deeply"})
        raise RenderError([deep]) from None
    if kind == "done":
        return result
    problems = []
    for code, params, location in result:
        place = SourceLocation(**location)
        problems.append(Problem(code=code, params=params, place=place))
    raise ERRORS[kind](problems)


ERRORS: Final[dict[str, type[TemplateError]]] = {
    error.__name__: error for error in (ContractError, ValuesError, RenderError)
}
LIMITS: Final = (
    (bounded.TookTooLongError, "limit-time"),
    (bounded.TooMuchMemoryError, "limit-memory"),
    (bounded.BusyError, "limit-busy"),
)


def _limit(error: bounded.BoundedError) -> Problem:
    params = {"seconds": bounded.SECONDS, "megabytes": bounded.MEGABYTES}
    for error_class, code in LIMITS:
        if isinstance(error, error_class):
            return Problem(code=code, params=params)
    return Problem(code="limit-ended", params=params)
