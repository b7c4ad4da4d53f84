"""Nunjucks' filters, by its documentation; those that could grow a text look at its size first."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from itertools import takewhile
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.effort import metered
from prompts.rendering.syntaxes.jinja_filters import check_size
from prompts.rendering.syntaxes.nunjucks_arguments import (
    MISSING,
    WIDEST,
    get_entry,
    list_members,
    read_width,
    require_list,
    require_text,
)
from prompts.rendering.syntaxes.nunjucks_list_filters import (
    batch,
    dictsort,
    groupby,
    list_,
    make_edge,
    make_select,
    reverse,
    selectattr,
    slice_,
    sort,
)
from prompts.rendering.syntaxes.nunjucks_values import (
    BLANKS,
    add,
    as_json,
    as_number,
    as_text,
    as_word,
    is_number,
    is_plain_number,
    is_true,
    present,
)
from prompts.rendering.values import estimate_size

__all__ = ["FILTERS"]

ELLIPSIS: Final = "..."
MOST_BLANKS: Final = 10  # of an indent of `dump`, as JSON.stringify has it
# Nunjucks' own expression for tags, which ends a name at a word's end.
TAG_OR_COMMENT: Final = re.compile(r"<!--|</?[a-zA-Z][a-zA-Z0-9]*(?![a-zA-Z0-9_])")
END_OF_LINE: Final = re.compile(r"(\r\n|\r|\n)")
FLOAT: Final = re.compile(r"[-+]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
MOST_DIGITS: Final = 1000  # of a number that is read: the time grows with their square
SIGNS: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\\": "&#92;"}
)


def _text(apply: Callable[[str], object]) -> Callable[[object], object]:
    return lambda value: apply(require_text(value))


def _capitalize(text: str) -> str:
    # Not str.capitalize: it writes a ligature in title case, JavaScript in upper case.
    return text[:1].upper() + text[1:].lower()


def _title(text: str) -> str:
    return " ".join(map(_capitalize, text.split(" ")))


def _escape(text: str) -> str:
    return text.translate(SIGNS)


def _default(value: object, other: object = "", falsy: object = None) -> object:
    is_missing = isinstance(value, Undefined)
    if is_true(falsy):
        is_missing = not is_true(value)
    return other if is_missing else value


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
    members = require_list(items)
    if is_true(name):
        members = [get_entry(member, name) for member in members]
    texts = [as_text(member) for member in members]
    separator = as_text(between) if is_true(between) else ""
    check_size(_count_characters(texts) + len(separator) * len(texts))
    return separator.join(texts)


def _count_characters(texts: list[str]) -> int:
    return sum(map(len, texts))


def _replace(value: object, old: object, new: object = MISSING, most: object = MISSING) -> object:
    if not _is_text_or_number(value) or not _is_text_or_number(old):
        return value  # as Nunjucks does
    text, old, new = as_text(value), as_text(old), as_word(new)
    # Nunjucks sets a new text around each character in place of an empty one, whatever the limit.
    count = _read_most_times(most) if old else -1
    times = text.count(old)
    if count >= 0:
        times = min(count, times)
    check_size(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _is_text_or_number(value: object) -> bool:
    return isinstance(value, str) or is_plain_number(value)


def _read_most_times(most: object) -> int:
    """Return how often to replace; -1, which is what Nunjucks takes without a number, is always."""
    times = -1 if isinstance(most, Undefined) else as_number(most)
    if times == -1:
        return -1
    if not times > 0:  # also for NaN, which no count of Nunjucks' is below
        return 0
    # No text is as long; Infinity has no ceiling.
    return math.ceil(min(times, WIDEST**3))


def _indent(value: object, width: object = 4, first: object = False) -> str:
    width = read_width(width, 4)
    text = require_text(value)
    lines = text.split("\n")
    check_size(_count_characters(lines) + width * len(lines))
    if not text:
        return ""
    margin = " " * width
    indented = [margin + line for line in lines]
    if not is_true(first):
        indented[0] = lines[0]
    return "\n".join(indented)


def _center(value: object, width: object = 80) -> str:
    text = require_text(value)
    room = max(0, read_width(width, 80) - len(text))
    # Nunjucks repeats a blank while it is below half of the room, less one where that is odd.
    left = " " * math.ceil(room / 2 - room % 2)
    right = " " * math.ceil(room / 2)
    return f"{left}{text}{right}"


def _truncate(value: object, length: object = 255, cut: object = False, end: object = None) -> str:
    text = require_text(value)
    ellipsis = ELLIPSIS if present(end) is None else as_text(end)
    number = as_number(length)
    if not is_true(number):
        number = 255  # what Nunjucks takes for 0 and NaN
    length = int(max(0, min(number, len(text))))  # a finite one: int() refuses Infinity
    if len(text) <= length:
        return text
    if not is_true(cut):
        # At the last blank, so that no word is cut; a text without one is.
        blank = text.rfind(" ", 0, length + 1)
        if blank != -1:
            length = blank
    return text[:length] + ellipsis


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
    number = as_number(base)
    base = int(number) if is_true(number) else 10
    if not 2 <= base <= len(DIGITS):
        return default
    text = as_text(value).strip(BLANKS).lower()
    is_negative = text.startswith("-")
    if text.startswith(("-", "+")):
        text = text[1:]
    if base == 16:  # parseInt takes 0x for no other base that is named
        text = text.removeprefix("0x")
    # As parseInt: what stands behind the digits does not count.
    digits = "".join(takewhile(DIGITS[:base].__contains__, text))
    if not digits:
        return default
    # JavaScript's numbers end at 309 digits; Python by itself refuses to read 4,300.
    number = int(digits, base) if len(digits) <= MOST_DIGITS else math.inf
    return -number if is_negative else number


def _float(value: object, default: object = MISSING) -> object:
    # As parseFloat: it reads as far as there is a number, and knows no inf or 1_000 as Python does.
    match = FLOAT.match(as_text(value).strip(BLANKS))
    if match is None:
        return default
    return float(match[0].replace("Infinity", "inf"))


def _sum(items: object, name: object = None, start: object = 0) -> object:
    members = require_list(items)
    if is_true(name):
        members = [get_entry(member, name) for member in members]
    if isinstance(start, Undefined):
        start = 0
    return add(start, _total(members))


def _total(values: Iterable[object]) -> object:
    """Return what `add` makes of all, begun with 0; texts are joined once, not one by one."""
    total: float = 0
    texts: list[str] = []
    for value in values:
        if not texts and is_number(value):
            total = total + as_number(value)
            continue
        if not texts:
            # From the first text on, + writes what it gets, also the number that it has so far.
            texts.append(as_text(total))
        texts.append(as_word(value))
    check_size(_count_characters(texts))
    return "".join(texts) if texts else total


def _striptags(value: object, keep: object = False) -> str:
    text = _without_tags(require_text(value)).strip(BLANKS)
    if not is_true(keep):
        return re.sub(f"[{BLANKS}]+", " ", text)
    # Line by line: an expression for blanks at the ends of lines would look at each blank again.
    lines = []
    for line in END_OF_LINE.split(text):
        trimmed = line.strip(" ")
        lines.append(re.sub(" +", " ", trimmed))
    text = "".join(lines).replace("\r\n", "\n")
    return re.sub("\n\n\n+", "\n\n", text)


def _without_tags(text: str) -> str:
    """Return a text without its tags and comments, read once from its beginning to its end."""
    pieces = []
    end = 0
    ends = {"<!--": "-->", "<": ">"}
    for opening in TAG_OR_COMMENT.finditer(text):
        start = opening.start()
        if start < end:
            continue  # within the comment or the tag before
        mark = "<!--" if opening[0] == "<!--" else "<"
        if mark not in ends:
            continue
        closing = text.find(ends[mark], opening.end())
        if closing < 0:
            # Nor after any later one: looking again for each would take the square of the time.
            del ends[mark]
            continue
        pieces.append(text[end:start])
        end = closing + len(ends[mark])
    pieces.append(text[end:])
    return "".join(pieces)


def _urlencode(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    pairs: Iterable[object] = list_members(value)
    if isinstance(value, dict):
        pairs = value.items()
    fields = []
    for pair in pairs:
        name, entry, *_rest = [
            *list_members(pair),
            MISSING,
            MISSING,
        ]  # `undefined`, where it is short
        fields.append(f"{_quoted(name)}={_quoted(entry)}")
    return "&".join(fields)


def _quoted(value: object) -> str:
    # The characters that encodeURIComponent leaves alone; Python's quote leaves fewer.
    return quote(as_word(value), safe="!'()*-._~")


def _load(value: object) -> object:
    try:
        return json.loads(as_text(value))
    except (ValueError, RecursionError):
        raise SecurityError(_("load requires a string that contains JSON")) from None


def _count_words(value: object) -> int | None:
    words = re.findall(r"[A-Za-z0-9_]+", require_text(value))  # \w of JavaScript: ASCII alone
    return len(words) or None  # Nunjucks returns null for no words


_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "abs": lambda value: abs(as_number(value)),
    "batch": batch,
    "capitalize": _text(_capitalize),
    "center": _center,
    "d": _default,
    "default": _default,
    "dictsort": dictsort,
    "dump": _dump,
    "e": lambda value: _escape(as_text(value)),
    "escape": lambda value: _escape(as_text(value)),
    "first": make_edge(0),
    "float": _float,
    "forceescape": lambda value: _escape(as_text(value)),
    "groupby": groupby,
    "indent": _indent,
    "int": _int,
    "join": _join,
    "last": make_edge(-1),
    "length": _length,
    "list": list_,
    "load": _load,
    "lower": _text(str.lower),
    "nl2br": _text(lambda text: re.sub(r"\r\n|\n", "<br />\n", text)),
    "reject": make_select(expected=False),
    "rejectattr": lambda items, name: selectattr(items, name, expected=False),
    "replace": _replace,
    "reverse": reverse,
    "round": _round,
    "safe": as_text,
    "select": make_select(expected=True),
    "selectattr": lambda items, name: selectattr(items, name, expected=True),
    "slice": slice_,
    "sort": sort,
    "string": as_text,
    "striptags": _striptags,
    "sum": _sum,
    "title": _text(_title),
    "trim": _text(lambda text: text.strip(BLANKS)),
    "truncate": _truncate,
    "upper": _text(str.upper),
    "urlencode": _urlencode,
    "wordcount": _count_words,
}


def _lenient(apply: Callable[..., object]) -> Callable[..., object]:
    """Return a filter that takes too few arguments, or too many, as JavaScript does."""
    parameters = signature(apply).parameters
    required = 0
    for parameter in parameters.values():
        if parameter.default is Parameter.empty:
            required += 1

    def call(*args: Any, **kwargs: object) -> Any:
        known = {name: value for name, value in kwargs.items() if name in parameters}
        padding = [MISSING] * (required - len(args))
        return apply(*args[: len(parameters)], *padding, **known)

    return call


# What they look at of their value is the same however large it is.
AT_ONCE: Final = frozenset({"d", "default", "first", "last"})
# A member is compared with several others, and each comparison is Python code of ours.
ORDERING: Final = {"dictsort": 200, "groupby": 10, "sort": 200}


def _build_filters() -> dict[str, Callable[..., object]]:
    filters = {}
    for name, apply in _FILTERS.items():
        lenient = _lenient(apply)
        if name not in AT_ONCE:
            lenient = metered(lenient, ORDERING.get(name, 1))
        filters[name] = lenient
    return filters


FILTERS: Final[Mapping[str, Callable[..., object]]] = _build_filters()
