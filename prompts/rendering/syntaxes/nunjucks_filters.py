"""Nunjucks' filters, by its documentation; those that could grow a text look at its size first."""

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.effort import metered
from prompts.rendering.syntaxes.jinja_filters import check_size
from prompts.rendering.syntaxes.nunjucks_values import (
    as_json,
    as_number,
    as_text,
    compare,
    is_true,
    present,
)
from prompts.rendering.values import size_of

__all__ = ["FILTERS"]

WIDEST: Final = 1000
ELLIPSIS: Final = "..."
TAG_OR_COMMENT: Final = re.compile(r"<!--|</?[a-zA-Z]")


def _text(apply: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: apply(_given_text(value))


def _given_text(value: Any) -> str:
    """Return a text; nothing is an empty one, and of anything else these filters make nothing."""
    value = present(value)
    if value is None or value is False:
        return ""
    if not isinstance(value, str):
        raise SecurityError(_("this filter is for a text; write | string before it"))
    return value


def _given_list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise SecurityError(_("this filter is for a list"))
    return list(value)


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def _title(text: str) -> str:
    return " ".join(map(_capitalize, text.split(" ")))


def _escape(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;").replace("`", "&#96;")


def _entry(value: Any, name: Any) -> Any:
    """Return what stands under a dotted name, None where nothing does."""
    for part in str(name).split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _default(value: Any, other: Any = "", falsy: Any = None) -> Any:
    if is_true(falsy):
        return value if is_true(value) else other
    return other if isinstance(value, Undefined) else value


def _list(value: Any) -> list[Any]:
    value = present(value)
    if isinstance(value, dict):
        return [{"key": key, "value": one} for key, one in value.items()]
    return list(value) if isinstance(value, str | list | tuple) else []


def _members(value: Any) -> list[Any]:
    value = present(value)
    return list(value) if isinstance(value, str | list | tuple) else []


def _length(value: Any) -> int:
    value = present(value)
    if isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, list | tuple | dict) else 0


def _dump(value: Any, indent: Any = None) -> str:
    if isinstance(value, Undefined):
        return ""
    check_size(size_of(present(value)))
    if indent is not None and (not isinstance(indent, int) or not 0 <= indent <= 10):
        raise SecurityError(_("dump takes an indent of 0 to 10"))
    return as_json(value, indent or None)


def _join(items: Any, between: Any = "", name: Any = None) -> str:
    texts = [as_text(one if name is None else _entry(one, name)) for one in _given_list(items)]
    mark = as_text(between)
    check_size(sum(map(len, texts)) + len(mark) * len(texts))
    return mark.join(texts)


def _replace(value: Any, old: Any, new: Any = "", most: Any = -1) -> str:
    text, old, new = as_text(value), as_text(old), as_text(new)
    count = int(as_number(most)) if present(most) is not None else -1
    times = text.count(old) if count < 0 else min(count, text.count(old))
    check_size(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _indent(value: Any, width: Any = 4, first: Any = False) -> str:  # noqa: FBT002 (as Nunjucks has it)
    width = _within(width)
    lines = _given_text(value).split("\n")
    check_size(sum(map(len, lines)) + width * len(lines))
    margin = " " * width
    return "\n".join(
        line if not number and not is_true(first) else margin + line
        for number, line in enumerate(lines)
    )


def _within(width: Any) -> int:
    if not isinstance(width, int) or not 0 <= width <= WIDEST:
        raise SecurityError(
            _("a width is a whole number from 0 to %(widest)s") % {"widest": WIDEST}
        )
    return width


def _center(value: Any, width: Any = 80) -> str:
    text = as_text(value)
    room = max(0, _within(width) - len(text))
    # Nunjucks repeats a blank while it is below half of the room, less one where that is odd.
    left, right = math.ceil(room / 2 - room % 2), math.ceil(room / 2)
    return " " * left + text + " " * right


def _truncate(value: Any, length: Any = 255, cut: Any = False, end: Any = None) -> str:  # noqa: FBT002 (as above)
    text, length = _given_text(value), int(as_number(length))
    if len(text) <= length:
        return text
    kept = text[:length]
    if not is_true(cut):
        space = text.rfind(" ", 0, length + 1)
        kept = text[: space if space != -1 else length]
    return kept + (ELLIPSIS if present(end) is None else as_text(end))


def _round(value: Any, digits: Any = 0, method: Any = None) -> Any:
    factor = 10 ** max(-20, min(20, int(as_number(digits))))
    scaled = as_number(value) * factor
    if not math.isfinite(scaled):
        return scaled
    kind = {"ceil": math.ceil, "floor": math.floor}.get(str(method))
    whole = kind(scaled) if kind else math.floor(scaled + 0.5)
    return whole / factor


def _int(value: Any, other: Any = None, base: Any = 10) -> Any:  # noqa: ARG001 (Nunjucks' place for it)
    found = re.match(r"\s*[-+]?\d+", as_text(value))
    return int(found[0]) if found else other


def _float(value: Any, other: Any = None) -> Any:
    found = re.match(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", as_text(value))
    return float(found[0]) if found else other


def _sum(items: Any, name: Any = None, start: Any = 0) -> Any:
    numbers = [one if present(name) is None else _entry(one, name) for one in _given_list(items)]
    return sum(map(as_number, numbers), as_number(start))


def _sort(items: Any, down: Any = False, cased: Any = False, name: Any = None) -> list[Any]:  # noqa: FBT002 (as above)
    def key(one: Any) -> Any:
        found = one if present(name) is None else _entry(one, name)
        return found.lower() if isinstance(found, str) and not is_true(cased) else found

    def order(left: Any, right: Any) -> int:
        return compare(key(left), "gt", key(right)) - compare(key(left), "lt", key(right))

    return sorted(_given_list(items), key=cmp_to_key(order), reverse=is_true(down))


def _pairs(value: Any, cased: Any = False, by: Any = "key") -> list[list[Any]]:  # noqa: FBT002 (as above)
    value = present(value)
    if not isinstance(value, dict):
        raise SecurityError(_("dictsort is for an object"))
    place = 1 if by == "value" else 0

    def key(pair: list[Any]) -> str:
        text = as_text(pair[place])
        return text if is_true(cased) else text.upper()

    return sorted(([name, one] for name, one in value.items()), key=key)


def _kept(items: Any, name: Any, *, wanted: bool) -> list[Any]:
    return [one for one in _members(items) if is_true(_entry(one, name)) == wanted]


def _groups(items: Any, name: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in _members(items):
        found.setdefault(as_text(_entry(one, name)), []).append(one)
    return found


def _batch(items: Any, count: Any, fill: Any = None) -> list[list[Any]]:
    members, width = _members(items), max(1, _within(count))
    rows = [members[place : place + width] for place in range(0, len(members), width)]
    if rows and present(fill) is not None:
        rows[-1] += [fill] * (width - len(rows[-1]))
    return rows


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else _members(value)[::-1]


def _striptags(value: Any, keep: Any = False) -> str:  # noqa: FBT002 (as above)
    text = _without_tags(_given_text(value)).strip()
    return text if is_true(keep) else re.sub(r"\s+", " ", text)


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


def _urlencode(value: Any) -> str:
    value = present(value)
    if isinstance(value, dict):
        return "&".join(f"{_quoted(key)}={_quoted(one)}" for key, one in value.items())
    return _quoted(value)


def _quoted(value: Any) -> str:
    return quote(as_text(value), safe="!'()*-._~")


def _load(value: Any) -> Any:
    try:
        return json.loads(as_text(value))
    except (ValueError, RecursionError):
        raise SecurityError(_("load is for a text that is JSON")) from None


def _edge(place: int) -> Callable[[Any], Any]:
    def edge(value: Any) -> Any:
        value = present(value)
        return value[place] if isinstance(value, str | list | tuple) and value else None

    return edge


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
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
    "reject": lambda items: [one for one in _members(items) if not is_true(one)],
    "rejectattr": lambda items, name: _kept(items, name, wanted=False),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "safe": as_text,
    "select": lambda items: [one for one in _members(items) if is_true(one)],
    "selectattr": lambda items, name: _kept(items, name, wanted=True),
    "sort": _sort,
    "string": as_text,
    "striptags": _striptags,
    "sum": _sum,
    "title": _text(_title),
    "trim": _text(str.strip),
    "truncate": _truncate,
    "upper": _text(str.upper),
    "urlencode": _urlencode,
    "wordcount": lambda value: len(re.findall(r"[A-Za-z0-9_]+", _given_text(value))) or None,
}
# What they look at of their value is the same however large it is.
AT_ONCE: Final = frozenset({"d", "default", "first", "last"})
ORDERING: Final = {"dictsort": 10, "groupby": 10, "sort": 200}
FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    name: apply if name in AT_ONCE else metered(apply, ORDERING.get(name, 1))
    for name, apply in _FILTERS.items()
}
