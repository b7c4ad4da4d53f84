"""Nunjucks' filters, by its documentation; those that could grow a text look at its size first."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from inspect import Parameter, signature
from itertools import takewhile
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.effort import metered
from prompts.rendering.syntaxes.jinja_filters import check_size
from prompts.rendering.syntaxes.nunjucks_values import (
    BLANKS,
    add,
    as_json,
    as_number,
    as_text,
    as_word,
    compare,
    is_number,
    is_same,
    is_true,
    present,
)
from prompts.rendering.values import estimate_size

__all__ = ["FILTERS"]

WIDEST: Final = 1000  # of an indent or a padding, which grow a text for nothing
ELLIPSIS: Final = "..."
MOST_BLANKS: Final = 10  # of an indent of `dump`, as JSON.stringify has it
MISSING: Final = Undefined()
TAG_OR_COMMENT: Final = re.compile(r"<!--|</?[a-zA-Z][a-zA-Z0-9]*(?![a-zA-Z0-9_])")
END_OF_LINE: Final = re.compile(r"(\r\n|\r|\n)")
WHOLE: Final = re.compile(r"0|[1-9]\d{0,8}")
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
MOST_DIGITS: Final = 1000  # of a number that is read: the time grows with their square
SIGNS: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\\": "&#92;"}
)


def _text(apply: Callable[[str], object]) -> Callable[[object], object]:
    return lambda value: apply(_require_text(value))


def _require_text(value: object) -> str:
    """Return a text; nothing is an empty one, and of anything else these filters make nothing."""
    value = present(value)
    if value is None or value is False:
        return ""
    if not isinstance(value, str):
        raise SecurityError(_("this filter is for a text; write | string before it"))
    return value


def _require_list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise SecurityError(_("this filter is for a list"))
    return list(value)


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def _title(text: str) -> str:
    return " ".join(map(_capitalize, text.split(" ")))


def _escape(text: str) -> str:
    return text.translate(SIGNS)


def _entry(value: object, name: object) -> Any:
    """Return what stands under a name, undefined where nothing does."""
    return value.get(as_text(name), MISSING) if isinstance(value, dict) else MISSING


def _entry_below(value: object, name: object) -> object:
    """Return what stands under a name with dots."""
    for part in as_text(name).split("."):
        value = _entry(value, part)
    return value


def _default(value: object, other: object = "", falsy: object = None) -> object:
    if is_true(falsy):
        return value if is_true(value) else other
    return other if isinstance(value, Undefined) else value


def _list(value: object) -> list[object]:
    value = present(value)
    if isinstance(value, dict):
        return [{"key": key, "value": entry} for key, entry in value.items()]
    return _members(value)


def _members(value: object) -> list[object]:
    value = present(value)
    return list(value) if isinstance(value, str | list | tuple) else []


def _length(value: object) -> int | None:
    value = present(value)
    if isinstance(value, str):
        # JavaScript counts units of UTF-16: an emoji is two.
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, list | tuple | dict):
        return len(value)
    if value is None or value is False:
        return 0
    return None


def _dump(value: object, indent: object = None) -> str:
    if isinstance(value, Undefined):
        return ""
    check_size(estimate_size(present(value)))
    return as_json(value, _margin(indent))


def _margin(indent: object) -> str | None:
    """Return what `dump` sets before each level, None for all in one line."""
    if isinstance(indent, str):
        return indent[:MOST_BLANKS] or None
    if isinstance(indent, bool) or not isinstance(indent, int | float) or indent < 1:
        return None
    return " " * int(min(indent, MOST_BLANKS))


def _join(items: object, between: object = "", name: object = None) -> str:
    members = _require_list(items)
    if is_true(name):
        members = [_entry(member, name) for member in members]
    texts = list(map(as_text, members))
    mark = as_text(between) if is_true(between) else ""
    check_size(sum(map(len, texts)) + len(mark) * len(texts))
    return mark.join(texts)


def _replace(value: object, old: object, new: object = MISSING, most: object = MISSING) -> object:
    is_text = isinstance(value, str) or _is_plain_number(value)
    if not is_text or not (isinstance(old, str) or _is_plain_number(old)):
        return value
    text, old, new = as_text(value), as_text(old), as_word(new)
    count = _most_times(most) if old else -1
    times = text.count(old) if count < 0 else min(count, text.count(old))
    check_size(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _is_plain_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _most_times(most: object) -> int:
    """Return how often to replace; -1, which is what Nunjucks takes without a number, is always."""
    times = -1 if isinstance(most, Undefined) else as_number(most)
    if times == -1:
        return -1
    return math.ceil(min(times, WIDEST**3)) if times > 0 else 0


def _indent(value: object, width: object = 4, first: object = False) -> str:
    width = _within(width, 4)
    text = _require_text(value)
    lines = text.split("\n")
    check_size(sum(map(len, lines)) + width * len(lines))
    if not text:
        return ""
    margin = " " * width
    indented = [margin + line for line in lines]
    if not is_true(first):
        indented[0] = lines[0]
    return "\n".join(indented)


def _within(width: object, usual: int) -> int:
    """Return a width, the usual one for 0 or nothing, 0 for what is no number."""
    number = as_number(width) if is_true(width) else usual
    if number > WIDEST:
        raise SecurityError(
            _("a width must be an integer from 0 to %(widest)s") % {"widest": WIDEST}
        )
    return math.ceil(number) if number > 0 else 0


def _center(value: object, width: object = 80) -> str:
    text = _require_text(value)
    room = max(0, _within(width, 80) - len(text))
    # Nunjucks repeats a blank while it is below half of the room, less one where that is odd.
    left, right = math.ceil(room / 2 - room % 2), math.ceil(room / 2)
    return " " * left + text + " " * right


def _truncate(value: object, length: object = 255, cut: object = False, end: object = None) -> str:
    text = _require_text(value)
    number = as_number(length)
    length = int(max(0, min(number, len(text)))) if is_true(number) else 255
    if len(text) <= length:
        return text
    if not is_true(cut):
        # At the last blank, so that no word is cut; a text without one is.
        blank = text.rfind(" ", 0, length + 1)
        if blank != -1:
            length = blank
    return text[:length] + (ELLIPSIS if present(end) is None else as_text(end))


def _round(value: object, digits: object = 0, method: object = None) -> object:
    places = as_number(digits)
    exponent = int(places) if is_true(places) else 0
    # A float has 17 digits: beyond twenty places nothing would change but the time it takes.
    factor = 10 ** max(-20, min(20, exponent))
    scaled = as_number(value) * factor
    if not math.isfinite(scaled):
        return scaled
    if method == "ceil":
        return math.ceil(scaled) / factor
    if method == "floor":
        return math.floor(scaled) / factor
    return math.floor(scaled + 0.5) / factor  # as Math.round: halves go up, also below zero


def _int(value: object, default: object = MISSING, base: object = 10) -> object:
    base = int(as_number(base)) if is_true(as_number(base)) else 10
    if not 2 <= base <= len(DIGITS):
        return default
    text = as_text(value).strip(BLANKS).lower()
    sign = "-" if text.startswith("-") else ""
    if text.startswith(("-", "+")):
        text = text[1:]
    if base == 16:
        text = text.removeprefix("0x")
    # As parseInt: what stands behind the digits does not count.
    digits = "".join(takewhile(DIGITS[:base].__contains__, text))
    if not digits:
        return default
    if len(digits) > MOST_DIGITS:  # Python refuses to read them
        return -math.inf if sign else math.inf
    return int(sign + digits, base)


def _float(value: object, default: object = MISSING) -> object:
    text = as_text(value).strip(BLANKS)
    match = re.match(r"[-+]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", text, re.ASCII)
    return float(match[0].replace("Infinity", "inf")) if match else default


def _sum(items: object, name: object = None, start: object = 0) -> object:
    members = _require_list(items)
    if is_true(name):
        members = [_entry(member, name) for member in members]
    return add(0 if isinstance(start, Undefined) else start, _total(members))


def _total(values: Iterable[object]) -> object:
    """Return what `add` makes of all, begun with 0; texts are joined once, not one by one."""
    total: float = 0
    texts: list[str] = []
    for value in values:
        if not texts and is_number(value):
            total = total + as_number(value)
            continue
        if not texts:
            texts.append(as_text(total))
        texts.append(as_word(value))
    check_size(sum(map(len, texts)))
    return "".join(texts) if texts else total


def _sort(
    items: object,
    reverse: object = False,
    case_sensitive: object = False,
    attribute: object = None,
) -> list[object]:
    def key(member: Any) -> Any:
        value = _entry_below(member, attribute) if is_true(attribute) else member
        if isinstance(value, str) and not is_true(case_sensitive):
            return value.lower()
        return value

    return sorted(_members(items), key=cmp_to_key(_ordered(key)), reverse=is_true(reverse))


def _ordered(key: Callable[[Any], Any]) -> Callable[[object, object], int]:
    def order(left: object, right: object) -> int:
        left, right = key(left), key(right)
        return compare(left, "gt", right) - compare(left, "lt", right)

    return order


def _pairs(value: object, cased: object = False, by: object = "key") -> list[list[object]]:
    value = present(value)
    if not isinstance(value, dict):
        raise SecurityError(_("dictsort is for an object"))
    if not isinstance(by, str) or by not in {"key", "value"}:
        raise SecurityError(_("dictsort sorts by key or by value"))
    index = 1 if by == "value" else 0

    def key(pair: list[Any]) -> Any:
        part = pair[index]
        if isinstance(part, str) and not is_true(cased):
            return part.upper()
        return part

    pairs = [[name, entry] for name, entry in value.items()]
    return sorted(pairs, key=cmp_to_key(_ordered(key)))


def _select(*, expected: bool) -> Callable[..., list[object]]:
    """Return the filter that keeps what passes a test, or what does not."""

    def keep(items: object, name: object = "truthy", argument: object = MISSING) -> list[object]:
        test = TESTS.get(as_text(name))
        if test is None:
            known = ", ".join(TESTS)
            raise SecurityError(_("there are the tests %(allowed)s") % {"allowed": known})
        return [member for member in _members(items) if test(member, argument) == expected]

    return keep


TESTS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "truthy": lambda value, _other: is_true(value),
    "falsy": lambda value, _other: not is_true(value),
    "defined": lambda value, _other: not isinstance(value, Undefined),
    "undefined": lambda value, _other: isinstance(value, Undefined),
    "string": lambda value, _other: isinstance(value, str),
    "number": lambda value, _other: _is_plain_number(value),
    "odd": lambda value, _other: math.fmod(as_number(value), 2) == 1,
    "even": lambda value, _other: math.fmod(as_number(value), 2) == 0,
    "divisibleby": lambda value, other: (
        is_true(as_number(other)) and math.fmod(as_number(value), as_number(other)) == 0
    ),
    "eq": is_same,
    "ne": lambda value, other: not is_same(value, other),
    "gt": lambda value, other: compare(value, "gt", other),
    "ge": lambda value, other: compare(value, "gteq", other),
    "lt": lambda value, other: compare(value, "lt", other),
    "le": lambda value, other: compare(value, "lteq", other),
}


def _select_by(items: object, name: object, *, expected: bool) -> list[object]:
    return [member for member in _members(items) if is_true(_entry(member, name)) == expected]


def _groups(items: object, name: object) -> dict[str, list[object]]:
    groups: dict[str, list[object]] = {}
    for member in _members(items):
        groups.setdefault(as_word(_entry_below(member, name)), []).append(member)
    # JavaScript's objects have whole numbers first, in their order.
    numbers = sorted((key for key in groups if WHOLE.fullmatch(key)), key=int)
    return {key: groups[key] for key in [*numbers, *groups]}


def _batch(items: object, count: object, fill: object = None) -> list[list[object]]:
    members = _members(items)
    number = as_number(count)
    width = _within(count, 0) if is_true(number) else max(1, len(members))
    rows = [members[start : start + width] for start in range(0, len(members), max(1, width))]
    if rows and is_true(fill):
        rows[-1] += [fill] * (_within(count, 0) - len(rows[-1]))
    return rows


def _slice(items: object, count: object, fill: object = None) -> list[object]:
    """Return so many parts of a list or a text, the first ones longer where it does not divide."""
    members = items if isinstance(items, str) else _members(items)
    parts = _within(count, 0)
    each, longer = divmod(len(members), parts) if parts else (0, 0)
    result: list[object] = []
    start = 0
    for number in range(parts):
        end = start + each + (number < longer)
        part = members[start:end]
        if isinstance(part, list) and is_true(fill) and number >= longer:
            part = [*part, fill]
        result.append(part)
        start = end
    return result


def _reverse(value: object) -> object:
    return value[::-1] if isinstance(value, str) else _members(value)[::-1]


def _striptags(value: object, keep: object = False) -> str:
    text = _without_tags(_require_text(value)).strip(BLANKS)
    if not is_true(keep):
        return re.sub(f"[{BLANKS}]+", " ", text)
    # Line by line: an expression for blanks at the ends of lines would look at each blank again.
    lines = [re.sub(" +", " ", line.strip(" ")) for line in END_OF_LINE.split(text)]
    return re.sub("\n\n\n+", "\n\n", "".join(lines).replace("\r\n", "\n"))


def _without_tags(text: str) -> str:
    """Return a text without its tags and comments, read once from its beginning to its end."""
    pieces, end = [], 0
    ends = {"<!--": "-->", "<": ">"}
    for opening in TAG_OR_COMMENT.finditer(text):
        start = opening.start()
        if start < end:
            continue  # within the comment or the tag before
        mark = "<!--" if opening[0] == "<!--" else "<"
        closing = text.find(ends[mark], opening.end()) if ends[mark] else -1
        if closing < 0:
            ends[mark] = ""  # and none after any later one
            continue
        pieces.append(text[end:start])
        end = closing + len(ends[mark])
    return "".join((*pieces, text[end:]))


def _urlencode(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    pairs: Iterable[object] = value.items() if isinstance(value, dict) else _members(value)
    fields = []
    for pair in pairs:
        name, entry, *_rest = [*_members(pair), MISSING, MISSING]  # `undefined`, where it is short
        fields.append(f"{_quoted(name)}={_quoted(entry)}")
    return "&".join(fields)


def _quoted(value: object) -> str:
    return quote(as_word(value), safe="!'()*-._~")


def _load(value: object) -> object:
    try:
        return json.loads(as_text(value))
    except (ValueError, RecursionError):
        raise SecurityError(_("load is for a text that is JSON")) from None


def _edge(index: int) -> Callable[[object], object]:
    def edge(value: object) -> object:
        value = present(value)
        return value[index] if isinstance(value, str | list | tuple) and value else None

    return edge


_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "abs": lambda value: abs(as_number(value)),
    "batch": _batch,
    "capitalize": _text(_capitalize),
    "center": _center,
    "d": _default,
    "default": _default,
    "dictsort": _pairs,
    "dump": _dump,
    "e": lambda value: _escape(as_text(value)),
    "escape": lambda value: _escape(as_text(value)),
    "first": _edge(0),
    "float": _float,
    "forceescape": lambda value: _escape(as_text(value)),
    "groupby": _groups,
    "indent": _indent,
    "int": _int,
    "join": _join,
    "last": _edge(-1),
    "length": _length,
    "list": _list,
    "load": _load,
    "lower": _text(str.lower),
    "nl2br": _text(lambda text: re.sub(r"\r\n|\n", "<br />\n", text)),
    "reject": _select(expected=False),
    "rejectattr": lambda items, name: _select_by(items, name, expected=False),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "safe": as_text,
    "select": _select(expected=True),
    "selectattr": lambda items, name: _select_by(items, name, expected=True),
    "slice": _slice,
    "sort": _sort,
    "string": as_text,
    "striptags": _striptags,
    "sum": _sum,
    "title": _text(_title),
    "trim": _text(lambda text: text.strip(BLANKS)),
    "truncate": _truncate,
    "upper": _text(str.upper),
    "urlencode": _urlencode,
    "wordcount": lambda value: len(re.findall(r"[A-Za-z0-9_]+", _require_text(value))) or None,
}


def _lenient(apply: Callable[..., object]) -> Callable[..., object]:
    """Return a filter that takes too few arguments, or too many, as JavaScript does."""
    parameters = signature(apply).parameters
    needed = sum(parameter.default is Parameter.empty for parameter in parameters.values())

    def call(*args: Any, **kwargs: object) -> Any:
        known = {name: value for name, value in kwargs.items() if name in parameters}
        padding = [MISSING] * (needed - len(args))
        return apply(*args[: len(parameters)], *padding, **known)

    return call


# What they look at of their value is the same however large it is.
AT_ONCE: Final = frozenset({"d", "default", "first", "last"})
ORDERING: Final = {"dictsort": 200, "groupby": 10, "sort": 200}
FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    name: apply if name in AT_ONCE else metered(apply, ORDERING.get(name, 1))
    for name, apply in zip(_FILTERS, map(_lenient, _FILTERS.values()), strict=True)
}
