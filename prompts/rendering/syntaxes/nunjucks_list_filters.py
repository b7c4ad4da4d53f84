"""Nunjucks' filters that sort, select, group and split lists."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.syntaxes.nunjucks_arguments import (
    MISSING,
    get_entry,
    list_members,
    read_width,
)
from prompts.rendering.syntaxes.nunjucks_values import (
    as_number,
    as_text,
    as_word,
    compare,
    is_plain_number,
    is_same,
    is_true,
    present,
)

__all__ = [
    "batch",
    "dictsort",
    "groupby",
    "list_",
    "make_edge",
    "make_select",
    "reverse",
    "selectattr",
    "slice_",
    "sort",
]

# What JavaScript takes for an index of an object: no sign, no leading zero.
INDEX: Final = re.compile(r"0|[1-9]\d{0,8}")


def list_(value: object) -> list[object]:
    """Return a list of what a value has: the pairs of an object, the characters of a text."""
    value = present(value)
    if not isinstance(value, dict):
        return list_members(value)
    pairs: list[object] = []
    for key, entry in value.items():
        pairs.append({"key": key, "value": entry})
    return pairs


def make_edge(index: int) -> Callable[[object], object]:
    """Return the filter that takes the first member (index 0) or the last (-1)."""

    def edge(value: object) -> object:
        value = present(value)
        if not value or not isinstance(value, str | list | tuple):
            return None
        return value[index]

    return edge


def reverse(value: object) -> object:
    """Return a text or a list backwards."""
    if isinstance(value, str):
        return value[::-1]
    return list_members(value)[::-1]


def sort(
    items: object,
    reverse: object = False,
    case_sensitive: object = False,
    attribute: object = None,
) -> list[object]:
    """Return a list in order, by an attribute of its members where one is named."""

    def key(member: Any) -> Any:
        value = _get_entry_below(member, attribute) if is_true(attribute) else member
        if isinstance(value, str) and not is_true(case_sensitive):
            return value.lower()
        return value

    return sorted(list_members(items), key=cmp_to_key(_order_by(key)), reverse=is_true(reverse))


def dictsort(value: object, cased: object = False, by: object = "key") -> list[list[object]]:
    """Return the pairs of an object in the order of their keys or values."""
    value = present(value)
    if not isinstance(value, dict):
        raise SecurityError(_("dictsort requires an object"))
    if not isinstance(by, str) or by not in {"key", "value"}:
        raise SecurityError(_("dictsort can only sort by key or by value"))
    index = 1 if by == "value" else 0

    def key(pair: list[Any]) -> Any:
        part = pair[index]
        # Upper case here and lower case in `sort`, as in Nunjucks: "_" sorts differently.
        if isinstance(part, str) and not is_true(cased):
            return part.upper()
        return part

    pairs = [[name, entry] for name, entry in value.items()]
    return sorted(pairs, key=cmp_to_key(_order_by(key)))


def _order_by(key: Callable[[Any], Any]) -> Callable[[object, object], int]:
    def order(left: object, right: object) -> int:
        # JavaScript may find neither above the other (a text and a number): these stay as they are.
        left, right = key(left), key(right)
        return compare(left, "gt", right) - compare(left, "lt", right)

    return order


def _get_entry_below(value: object, name: object) -> object:
    """Return the entry of a name with dots."""
    for part in as_text(name).split("."):
        value = get_entry(value, part)
    return value


def _is_divisible(value: object, divisor: object) -> bool:
    number = as_number(divisor)
    # A remainder by zero is NaN in JavaScript, which equals nothing, and an error in Python.
    return is_true(number) and math.fmod(as_number(value), number) == 0


TESTS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "truthy": lambda value, _other: is_true(value),
    "falsy": lambda value, _other: not is_true(value),
    "defined": lambda value, _other: not isinstance(value, Undefined),
    "undefined": lambda value, _other: isinstance(value, Undefined),
    "string": lambda value, _other: isinstance(value, str),
    "number": lambda value, _other: is_plain_number(value),
    # Not %: of -3 JavaScript's remainder is -1, so that -3 is not odd there.
    "odd": lambda value, _other: math.fmod(as_number(value), 2) == 1,
    "even": lambda value, _other: math.fmod(as_number(value), 2) == 0,
    "divisibleby": _is_divisible,
    "eq": is_same,
    "ne": lambda value, other: not is_same(value, other),
    "gt": lambda value, other: compare(value, "gt", other),
    "ge": lambda value, other: compare(value, "gteq", other),
    "lt": lambda value, other: compare(value, "lt", other),
    "le": lambda value, other: compare(value, "lteq", other),
}


def make_select(*, expected: bool) -> Callable[..., list[object]]:
    """Return the filter that takes the members that pass a test, or those that do not."""

    def select(items: object, name: object = "truthy", argument: object = MISSING) -> list[object]:
        test = TESTS.get(as_text(name))
        if test is None:
            known = ", ".join(TESTS)
            raise SecurityError(_("available tests: %(allowed)s") % {"allowed": known})
        return [member for member in list_members(items) if test(member, argument) == expected]

    return select


def selectattr(items: object, name: object, *, expected: bool) -> list[object]:
    """Return the members of which an attribute is true, or is not."""
    members = []
    for member in list_members(items):
        if is_true(get_entry(member, name)) == expected:
            members.append(member)
    return members


def groupby(items: object, name: object) -> dict[str, list[object]]:
    """Return lists of members by the value of an attribute."""
    groups: dict[str, list[object]] = {}
    for member in list_members(items):
        group = as_word(_get_entry_below(member, name))
        groups.setdefault(group, []).append(member)
    # An object of JavaScript lists its indexes first, in their order, whenever they were set.
    indexes = sorted(filter(INDEX.fullmatch, groups), key=int)
    ordered = {index: groups[index] for index in indexes}
    return ordered | groups


def batch(items: object, count: object, fill: object = None) -> list[list[object]]:
    """Return a list cut into lists of so many members, the last one filled up."""
    members = list_members(items)
    width = read_width(count, 0)
    if not is_true(as_number(count)):
        width = len(members)  # all in one: Nunjucks never reaches a count of 0 or NaN
    step = max(1, width)
    rows = [members[start : start + step] for start in range(0, len(members), step)]
    if rows and is_true(fill):
        rows[-1] += [fill] * (read_width(count, 0) - len(rows[-1]))
    return rows


def slice_(value: object, count: object, fill: object = None) -> list[object]:
    """Return so many parts of a list or a text, the first ones longer where it does not divide."""
    members = value if isinstance(value, str) else list_members(value)
    parts = read_width(count, 0)
    if not parts:
        return []
    size, longer = divmod(len(members), parts)
    result: list[object] = []
    start = 0
    for number in range(parts):
        is_longer = number < longer
        end = start + size + is_longer
        part = members[start:end]
        if isinstance(part, list) and is_true(fill) and not is_longer:
            part = [*part, fill]
        result.append(part)
        start = end
    return result
