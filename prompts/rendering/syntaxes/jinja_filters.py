"""The filters that a prompt may use; those that could grow a text look at its size first."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, cast

from jinja2 import Undefined
from jinja2 import filters as jinja
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.effort import metered
from prompts.rendering.problems import Problem, RenderError
from prompts.rendering.syntaxes.parsed import OUTPUT_LIMIT
from prompts.rendering.values import as_json, as_text, estimate_size

__all__ = ["FILTERS", "check_size", "checked_text"]

WIDEST: Final = 100  # columns of an indent
MOST_DIGITS: Final = 20  # of a rounded number: 10 to the power of more takes its time


def check_size(size: int) -> None:
    """Refuse a text that would be too long.

    Raises:
        RenderError: it would be longer than the limit.
    """
    if size > OUTPUT_LIMIT:
        raise RenderError([Problem(code="output-size", params={"limit": OUTPUT_LIMIT})])


def checked_text(value: object) -> str:
    """Return a value as a text shows it.

    Raises:
        RenderError: it would be longer than the limit.
    """
    if isinstance(value, list | dict | tuple):
        check_size(estimate_size(value))
    elif value is not None and not isinstance(value, str | int | float | Undefined):
        raise RenderError([Problem(code="no-text")])  # not <LoopContext …> into a prompt
    return as_text(value)


def _round(value: Any, precision: int = 0, method: str = "common") -> object:
    if not isinstance(precision, int) or abs(precision) > MOST_DIGITS:
        raise SecurityError(
            _("round supports at most %(most_digits)s digits") % {"most_digits": MOST_DIGITS}
        )
    return jinja.do_round(value, precision, cast("Any", method))  # Jinja checks the method itself


def _replace(value: object, old: str, new: str, count: int = -1) -> str:
    text, old, new = checked_text(value), checked_text(old), checked_text(new)
    times = text.count(old)
    if count >= 0:  # as of str.replace, a negative one is no limit
        times = min(count, times)
    check_size(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _join(items: Any, between: str = "") -> str:
    texts = [checked_text(item) for item in items]
    separator = checked_text(between)
    check_size(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _indent(value: object, width: int = 4, first: bool = False, blank: bool = False) -> str:
    if not isinstance(width, int) or not 0 <= width <= WIDEST:
        raise SecurityError(_("indent must be 0 to %(widest)s columns") % {"widest": WIDEST})
    text = checked_text(value)
    check_size(len(text) + width * (text.count("\n") + 1))
    margin = " " * width
    lines = text.split("\n")
    for number, line in enumerate(lines):
        is_skipped = number == 0 and not first
        if not is_skipped and (blank or line.strip()):
            lines[number] = margin + line
    return "\n".join(lines)


def _tojson(value: object, indent: int | None = None) -> str:
    check_size(estimate_size(value))
    if indent is not None and not 0 <= indent <= WIDEST:
        raise SecurityError(_("the indent of tojson must be 0 to %(widest)s") % {"widest": WIDEST})
    return as_json(value, indent)


def _truncate(value: object, length: int = 255, end: str = "…") -> str:
    text = checked_text(value)
    if len(text) <= length:
        return text
    end_of_text = max(length - len(end), 0)
    return text[:end_of_text] + end


def _sum(items: Any) -> object:
    numbers = [item for item in items if isinstance(item, int | float)]
    return sum(numbers)


def _text(apply: Callable[[str], object]) -> Callable[[object], object]:
    return lambda value: apply(checked_text(value))


def _listed(apply: Callable[..., Any]) -> Callable[..., object]:
    """Return a filter of Jinja's whose iterator is a list: it can be counted, indexed, written."""

    @wraps(apply)  # keeps what Jinja has written on it: that it takes the context
    def listed(*args: object, **kwargs: Any) -> object:
        result = apply(*args, **kwargs)
        if isinstance(result, str):
            return result
        return list(result)

    return listed


_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "abs": abs,
    "capitalize": _text(str.capitalize),
    "count": len,
    "d": jinja.do_default,
    "default": jinja.do_default,
    "dictsort": jinja.do_dictsort,
    "first": jinja.do_first,
    "float": jinja.do_float,
    "indent": _indent,
    "int": jinja.do_int,
    "items": _listed(jinja.do_items),
    "join": _join,
    "last": jinja.do_last,
    "length": len,
    "list": list,
    "lower": _text(str.lower),
    "max": jinja.do_max,
    "min": jinja.do_min,
    "reject": _listed(jinja.do_reject),
    "rejectattr": _listed(jinja.do_rejectattr),
    "replace": _replace,
    "reverse": _listed(jinja.do_reverse),
    "round": _round,
    "select": _listed(jinja.do_select),
    "selectattr": _listed(jinja.do_selectattr),
    "sort": jinja.do_sort,
    "string": _text(str),
    "sum": _sum,
    "title": _text(str.title),
    "tojson": _tojson,
    "trim": _text(str.strip),
    "truncate": _truncate,
    "unique": _listed(jinja.do_unique),
    "upper": _text(str.upper),
    "wordcount": _text(lambda text: len(text.split())),
}
# What they look at of their value is the same however large it is.
AT_ONCE: Final = frozenset({"count", "d", "default", "first", "last", "length"})
ORDERING: Final = dict.fromkeys(("dictsort", "max", "min", "sort", "unique"), 10)


def _build_filters() -> dict[str, Callable[..., object]]:
    filters = {}
    for name, apply in _FILTERS.items():
        filters[name] = apply
        if name not in AT_ONCE:
            filters[name] = metered(apply, ORDERING.get(name, 1))
    return filters


FILTERS: Final[Mapping[str, Callable[..., object]]] = _build_filters()
