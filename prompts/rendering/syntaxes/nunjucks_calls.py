"""What may be called in Nunjucks: methods of texts, lists and numbers as in JavaScript, and range.

Nothing here is a method of Python: each name of METHODS is a function of ours, which copies, and
makes no text and no list beyond the limits. Macros are Jinja's own (`nunjucks.Environment.call`).
"""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from inspect import signature
from typing import Any, Final

from jinja2.exceptions import SecurityError

from core.language import gettext as _
from prompts.rendering.syntaxes.jinja_filters import check_size
from prompts.rendering.syntaxes.nunjucks_arguments import MISSING, list_members
from prompts.rendering.syntaxes.nunjucks_values import (
    BLANKS,
    as_number,
    as_text,
    as_word,
    is_plain_number,
    is_same,
    present,
)

__all__ = ["METHODS", "call_method", "count_range"]

MOST_COUNTED: Final = 10_000
"""Members of a range."""
MOST_DIGITS: Final = 100
"""Behind the point, as in JavaScript."""


def call_method(value: object, name: str, *arguments: object) -> Any:
    """Return what a method makes of a value.

    Raises:
        SecurityError: a value of its kind has no such method.
    """
    kind = _find_kind(value)
    method = METHODS_OF.get(kind, {}).get(name)
    if method is None:
        what = KINDS.get(kind, kind)
        sentence = _("%(what)s has no method “%(name)s” that can be called here")
        raise SecurityError(sentence % {"what": what, "name": name})
    # What is too much is left out, as JavaScript does.
    return method(value, *arguments[: LARGEST_ARITY.get(method)])


KINDS: Final = {"text": "a string", "list": "a list", "number": "a number"}


def _find_kind(value: object) -> str:
    value = present(value)
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "list"
    if is_plain_number(value):
        return "number"
    return "an undefined value" if value is None else "this value"


def count_range(start: object, stop: object = MISSING, step: object = MISSING) -> list[float]:
    """Return numbers as Nunjucks' `range` counts them: range(3) is 0, 1, 2.

    Raises:
        SecurityError: there are too many.
    """
    first, last = (0, start) if stop is MISSING else (start, stop)
    low, high = as_number(first), as_number(last)
    width = 1 if step is MISSING else as_number(step) or 1
    count = (high - low) / width
    if not math.isfinite(count):
        return []
    if count > MOST_COUNTED:
        sentence = _("a range has at most %(most)s members")
        raise SecurityError(sentence % {"most": f"{MOST_COUNTED:,}"})
    return [low + index * width for index in range(max(0, math.ceil(count)))]


# --- positions


def _whole(value: object, default: float = 0) -> float:
    """Return a position: a whole number, towards zero; NaN is 0."""
    if value is MISSING:
        return default
    number = as_number(value)
    if math.isnan(number):
        return 0
    return number if math.isinf(number) else math.trunc(number)


def _bounded(position: float, length: int) -> int:
    return int(min(max(position, 0), length))


def _from_end(position: float, length: int) -> int:
    """Return a position that counts from the end where it is below 0."""
    return _bounded(position + length if position < 0 else position, length)


def _slice(value: Any, start: object = MISSING, end: object = MISSING) -> Any:
    length = len(value)
    return value[_from_end(_whole(start), length) : _from_end(_whole(end, length), length)]


def _at(value: Any, index: object = MISSING) -> Any:
    position = _whole(index)
    position = position + len(value) if position < 0 else position
    return value[int(position)] if 0 <= position < len(value) else MISSING


# --- texts


def _sized(text: str) -> str:
    check_size(len(text))
    return text


def _substring(text: str, start: object = MISSING, end: object = MISSING) -> str:
    length = len(text)
    first, last = sorted((_bounded(_whole(start), length), _bounded(_whole(end, length), length)))
    return text[first:last]


def _substr(text: str, start: object = MISSING, count: object = MISSING) -> str:
    first = _from_end(_whole(start), len(text))
    return text[first : first + _bounded(_whole(count, len(text)), len(text))]


def _char_at(text: str, index: object = MISSING) -> str:
    position = _whole(index)
    return text[int(position)] if 0 <= position < len(text) else ""


def _index_in_text(text: str, part: object = MISSING, start: object = MISSING) -> int:
    return text.find(as_word(part), _bounded(_whole(start), len(text)))


def _last_index_in_text(text: str, part: object = MISSING) -> int:
    return text.rfind(as_word(part))


def _includes_text(text: str, part: object = MISSING, start: object = MISSING) -> bool:
    return as_word(part) in text[_bounded(_whole(start), len(text)) :]


def _starts_with(text: str, part: object = MISSING, start: object = MISSING) -> bool:
    return text.startswith(as_word(part), _bounded(_whole(start), len(text)))


def _ends_with(text: str, part: object = MISSING, end: object = MISSING) -> bool:
    return text[: _bounded(_whole(end, len(text)), len(text))].endswith(as_word(part))


def _split(text: str, separator: object = MISSING, most: object = MISSING) -> list[str]:
    if separator is MISSING:
        parts = [text]
    else:
        mark = as_word(separator)
        parts = text.split(mark) if mark else list(text)
    return parts if most is MISSING else parts[: _bounded(_whole(most), len(parts))]


def _repeat(text: str, count: object = MISSING) -> str:
    times = _whole(count)
    if times < 0 or math.isinf(times):
        raise SecurityError(_("a text cannot be repeated so often"))
    check_size(int(len(text) * times))
    return text * int(times)


def _pad(text: str, width: object, filling: object, *, before: bool) -> str:
    fill = " " if filling is MISSING else as_word(filling)
    missing = _whole(width) - len(text)
    if missing <= 0 or not fill:
        return text
    check_size(int(min(missing, 1e12)))
    added = (fill * (int(missing) // len(fill) + 1))[: int(missing)]
    return added + text if before else text + added


def _replace(text: str, old: object = MISSING, new: object = MISSING) -> str:
    # A function or a pattern cannot come here; "$&" and its like stay as they are.
    return _sized(text.replace(as_word(old), as_word(new), 1))


def _replace_all(text: str, old: object = MISSING, new: object = MISSING) -> str:
    check_size(len(text) + text.count(as_word(old)) * len(as_word(new)))
    return text.replace(as_word(old), as_word(new))


def _join_text(text: str, *others: object) -> str:
    return _sized(text + "".join(map(as_word, others)))


# --- lists


def _join(members: Any, separator: object = MISSING) -> str:
    mark = "," if separator is MISSING else as_word(separator)
    texts = [as_text(member) for member in members]
    check_size(sum(map(len, texts)) + len(mark) * len(texts))
    return mark.join(texts)


def _index_in_list(members: Any, searched: object = MISSING) -> int:
    for index, member in enumerate(members):
        if is_same(member, searched):
            return index
    return -1


def _includes_member(members: Any, searched: object = MISSING) -> bool:
    return _index_in_list(members, searched) >= 0


def _concat(members: Any, *others: object) -> list[object]:
    joined = list(members)
    for other in others:
        joined += list_members(other) if isinstance(other, list | tuple) else [other]
        check_size(len(joined))
    return joined


def _reverse(members: Any) -> list[object]:
    return list(reversed(members))


# --- numbers


def _to_fixed(number: Any, digits: object = MISSING) -> str:
    places = _whole(digits)
    if not 0 <= places <= MOST_DIGITS:
        raise SecurityError(_("a number is written with 0 to 100 digits behind the point"))
    if not math.isfinite(number) or abs(number) >= 1e21:
        return as_text(number)
    exact = Decimal(number).quantize(Decimal(1).scaleb(-int(places)), rounding=ROUND_HALF_UP)
    return f"{exact:f}"


Methods = Mapping[str, Callable[..., object]]
TEXT: Final[Methods] = {
    "at": _at,
    "charAt": _char_at,
    "concat": _join_text,
    "endsWith": _ends_with,
    "includes": _includes_text,
    "indexOf": _index_in_text,
    "lastIndexOf": _last_index_in_text,
    "padEnd": lambda text, width=0, fill=MISSING: _pad(text, width, fill, before=False),
    "padStart": lambda text, width=0, fill=MISSING: _pad(text, width, fill, before=True),
    "repeat": _repeat,
    "replace": _replace,
    "replaceAll": _replace_all,
    "slice": _slice,
    "split": _split,
    "startsWith": _starts_with,
    "substr": _substr,
    "substring": _substring,
    "toLowerCase": lambda text: _sized(text.lower()),
    "toString": lambda text: text,
    "toUpperCase": lambda text: _sized(text.upper()),
    "trim": lambda text: text.strip(BLANKS),
    "trimEnd": lambda text: text.rstrip(BLANKS),
    "trimStart": lambda text: text.lstrip(BLANKS),
}
LIST: Final[Methods] = {
    "at": _at,
    "concat": _concat,
    "includes": _includes_member,
    "indexOf": _index_in_list,
    "join": _join,
    "reverse": _reverse,
    "slice": lambda members, start=MISSING, end=MISSING: list(_slice(members, start, end)),
    "toString": as_text,
}
NUMBER: Final[Methods] = {"toFixed": _to_fixed, "toString": as_text}
METHODS_OF: Final[Mapping[str, Methods]] = {"text": TEXT, "list": LIST, "number": NUMBER}
ANY_NUMBER: Final = (_join_text, _concat)
LARGEST_ARITY: Final[Mapping[Callable[..., object], int]] = {
    method: len(signature(method).parameters) - 1
    for method in (*TEXT.values(), *LIST.values(), *NUMBER.values())
    if method not in ANY_NUMBER
}
"""How many arguments a method takes; of those that are not here, any number."""
METHODS: Final = frozenset({*TEXT, *LIST, *NUMBER})
"""Every name that may be called."""
