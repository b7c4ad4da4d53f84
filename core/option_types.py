"""Types of options of commands: what a word means, or one sentence about why it means nothing.

argparse says "invalid _read_days value" of a function that raises ValueError, with the function's
own name, and "invalid int value" of Python's types. These raise its ArgumentTypeError instead, so
that it says what is allowed. Plain Python: some commands run without Django.
"""

import argparse
import math
from collections.abc import Callable
from typing import Final

__all__ = ["key_and_value", "number", "number_or_all", "shorten", "whole_number"]

LONGEST_SHOWN: Final = 40


def whole_number(*, least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return a type for `add_argument(type=…)` that takes whole numbers.

    Args:
        least: the smallest one; None: any.
        most: the largest one; None: any.
    """
    allowed = f"must be a whole number{_describe_range(least, most)}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{allowed}, not {shorten(text)}") from None
        if not _is_within(value, least, most):
            raise argparse.ArgumentTypeError(f"{allowed}, not {shorten(text)}")
        return value

    return read


def key_and_value(text: str) -> tuple[str, str]:
    """Return what stands before and after the first equals sign, for `add_argument(type=…)`.

    Raises:
        argparse.ArgumentTypeError: there is none, or nothing before it.

    >>> key_and_value("url=https://a.example/?b=c")
    ('url', 'https://a.example/?b=c')
    """
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"must be written NAME=VALUE, not {shorten(text)}")
    return key, value


def number_or_all(*, least: int) -> Callable[[str], int | None]:
    """Return a type for `add_argument(type=…)` that takes whole numbers and "all", which is None.

    Args:
        least: the smallest number.
    """

    def read(text: str) -> int | None:
        if text == "all":
            return None
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            allowed = f'must be a whole number of at least {least}, or "all"'
            raise argparse.ArgumentTypeError(f"{allowed}, not {shorten(text)}")
        return value

    return read


def number(
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    excludes_least: bool = False,
) -> Callable[[str], float]:
    """Return a type for `add_argument(type=…)` that takes numbers; "nan" and "inf" are none.

    Args:
        least: the smallest one; None: any.
        most: the largest one; None: any.
        unit: what is counted, such as seconds.
        excludes_least: whether the smallest one itself is not allowed.
    """
    what = f"a number of {unit}" if unit else "a number"
    allowed = f"must be {what}{_describe_range(least, most, excludes_least=excludes_least)}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        is_excluded = excludes_least and value == least
        if not math.isfinite(value) or is_excluded or not _is_within(value, least, most):
            raise argparse.ArgumentTypeError(f"{allowed}, not {shorten(text)}")
        return value

    return read


def shorten(text: str) -> str:
    """Return what somebody typed, in quotes, and of something long its beginning."""
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}…"


def _is_within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _describe_range(
    least: float | None, most: float | None, *, excludes_least: bool = False
) -> str:
    if least is not None and most is not None:
        start = "above" if excludes_least else "from"
        joint = "and at most" if excludes_least else "to"
        return f" {start} {least:g} {joint} {most:g}"
    if least is not None:
        return f" above {least:g}" if excludes_least else f" of at least {least:g}"
    return f" of at most {most:g}" if most is not None else ""
