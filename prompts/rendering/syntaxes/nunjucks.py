"""Nunjucks, as promptfoo fills prompts: Jinja's parser and sandbox, JavaScript's meaning of values.

What is not defined is empty; texts and numbers compare and add as JavaScript does; an empty list is
true; objects are written as [object Object] (`dump` writes JSON). What may be called is in
`nunjucks_calls`, besides macros. Where the sandbox knows less than Nunjucks (regular expressions,
other calls), a sentence says so.

Kept instead of the real one in QuickJS, which no limit of time stops: docs/decisions/0016.
"""

import json
import math
import operator as operators
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeGuard

from jinja2 import ChainableUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.utils import Namespace

from core.language import gettext as _
from prompts.rendering.effort import metered, spend, weigh, within_limits
from prompts.rendering.problems import Problem, RenderError
from prompts.rendering.syntaxes import jinja, jinja_filters
from prompts.rendering.syntaxes.nunjucks_arguments import list_members
from prompts.rendering.syntaxes.nunjucks_calls import METHODS, call_method, count_range
from prompts.rendering.syntaxes.nunjucks_filters import FILTERS
from prompts.rendering.syntaxes.nunjucks_tree import STRICT, mark_strict, rewrite_tree
from prompts.rendering.syntaxes.nunjucks_values import (
    add,
    as_json,
    as_number,
    as_text,
    as_word,
    compare,
    is_same,
    is_true,
)
from prompts.rendering.syntaxes.parsed import Fill, Parsed, Reference, Use, fill_data_whole

__all__ = ["UNDEFINED", "fill_text", "fill_values", "parse", "parse_json", "parse_value"]

CALL: Final = 20  # units of effort of one call of a macro, besides what it does
EXACT: Final = 2**53  # whole numbers below are the same in both languages
MOST_PARSED: Final = 512  # texts whose parse is kept: a suite asks for the same few again and again
# One that does not end goes to the end: from each mark in it, it would be looked for again.
QUOTED: Final = re.compile(r"(\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z))")
# Jinja's parser has no elseif, no verbatim and no ===: they are written as what it has.
SPELLINGS: Final = (
    (re.compile(r"^(\{%[-+]?\s*)elseif\b"), r"\1elif"),
    (re.compile(r"^(\{%[-+]?\s*)(end)?verbatim\b"), r"\1\2raw"),
    (re.compile(r"===|!=="), lambda match: f"{match[0][:2]} {STRICT} =="),
)
RAW: Final = re.compile(r"\{%\s*raw\s*%\}")
END_OF_RAW: Final = re.compile(r"\{%\s*endraw\s*%\}")
UNDEFINED: Final = ChainableUndefined()
"""What a variable is that has no value; null is one."""
TAG: Final = re.compile(r"\{[{%#]")
READS: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*)|\{%-?\s*(?:if|for\s+\w+\s+in)\s+([A-Za-z_]\w*)")


class Environment(jinja.Environment):
    """The sandbox with JavaScript's operators."""

    intercepted_binops = jinja.Environment.intercepted_binops | {"**"}
    # Jinja computes both signs by itself unless they are named here.
    intercepted_unops = frozenset({"+", "-"})

    def parse(
        self, source: str, name: str | None = None, filename: str | None = None
    ) -> nodes.Template:
        """Read a text; the key of an object is a text, with quotes or without."""
        tree = super().parse(source, name, filename)
        for pair in tree.find_all(nodes.Pair):
            # Jinja reads {name: 1} as Python does, where name is a variable.
            if isinstance(pair.key, nodes.Name):
                pair.key = nodes.Const(pair.key.name, lineno=pair.lineno)
        for comparison in tree.find_all(nodes.Compare):
            comparison.ops = list(mark_strict(comparison.ops))
        return tree

    def call_binop(self, context: object, operator: str, left: object, right: object) -> Any:
        """Compute as JavaScript does; nothing can grow beyond the limits."""
        spend(weigh(left) + weigh(right))
        if operator == "+":
            result = add(left, right)
        else:
            result = _compute(operator, as_number(left), as_number(right))
        if isinstance(result, str):
            jinja_filters.check_size(len(result))
        # Python's integers grow without end, and with them the time that each operation takes.
        elif isinstance(result, int) and result.bit_length() > jinja.LONGEST_BITS:
            return math.inf
        return result

    def call_unop(self, context: object, operator: str, arg: object) -> Any:
        """Take a sign as JavaScript does: of a text that is a number too."""
        number = as_number(arg)
        return -number if operator == "-" else number

    def call(self, context: Context, obj: object, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, and nothing else; what it has no names for is left out, as there.

        Raises:
            SecurityError: it is no macro.
        """
        if not isinstance(obj, Macro):
            raise SecurityError(_("this cannot be called"))
        spend(CALL + sum(map(weigh, args)))
        named = {name: value for name, value in kwargs.items() if name in obj.arguments}
        return super().call(context, obj, *args[: len(obj.arguments)], **named)

    def getattr(self, obj: object, attribute: str) -> Any:
        """Read an entry of an object, or the length of a text or a list."""
        if isinstance(obj, Namespace):
            return getattr(obj, attribute)  # a name of `_share_names`
        if not isinstance(obj, LoopContext):
            return self.getitem(obj, attribute)
        if attribute not in jinja.LOOP_FACTS:
            return self.undefined()
        return getattr(obj, attribute)

    def getitem(self, obj: object, argument: object) -> Any:
        """Read an entry; what is not there is not defined, and so on below it."""
        missing = self.undefined()
        if isinstance(obj, dict):
            return obj.get(as_text(argument), missing)
        if not isinstance(obj, str | list | tuple):
            return missing
        if argument == "length":
            return FILTERS["length"](obj)
        index = as_number(argument)
        # JavaScript counts no members from the end: [-1] is a name that no list has.
        if isinstance(index, int) and 0 <= index < len(obj):
            return obj[index]
        return missing


def _compute(operator: str, left: float, right: float) -> float:
    simple = SIMPLE.get(operator)
    if simple is not None:
        return simple(left, right)
    if not right:
        # Division by zero is a number in JavaScript: 1 / 0 is Infinity, 0 / 0 and 1 % 0 are NaN.
        if operator == "%" or not left:
            return math.nan
        return math.copysign(math.inf, left)
    if operator == "%":
        # With the sign of the left side, where Python's % has the right's.
        return math.fmod(left, right)
    quotient = left / right
    return math.floor(quotient) if operator == "//" else quotient


def _raise_to(base: float, exponent: float) -> float:
    try:
        power = math.pow(base, exponent)
    except OverflowError:
        is_negative = base < 0 and exponent % 2 == 1
        return -math.inf if is_negative else math.inf
    except ValueError:  # 0 to a negative power, and a root of what is negative
        return math.inf if base == 0 else math.nan
    if abs(base) == 1 and not math.isfinite(exponent):
        return math.nan  # 1 in Python
    is_whole = power.is_integer() and abs(power) < EXACT
    return int(power) if is_whole else power


SIMPLE: Final[Mapping[str, Callable[[float, float], float]]] = {
    "-": operators.sub,
    "*": operators.mul,
    "**": _raise_to,
}
"""Operators of numbers that need no other look at them."""


def _finalize(value: object) -> str:
    spend(weigh(value))
    text = as_text(value)
    jinja_filters.check_size(len(text))
    return text


def _members(value: object, names: int) -> list[Any]:
    """Return what a loop over a value goes through, with so many names for each member."""
    members = list_members(value)
    if isinstance(value, dict) and names > 1:  # Nunjucks goes through an object only by pairs
        members = list(value.items())
    if names == 1:
        return members
    unpacked = []
    for member in members:
        # As JavaScript unpacks: what is missing is null, what is too much is left out.
        parts = list_members(member) + [None] * names
        unpacked.append(parts[:names])
    return unpacked


def _concatenate(parts: Any) -> str:
    texts = [as_word(part) for part in parts]
    jinja_filters.check_size(sum(map(len, texts)))
    return "".join(texts)


class _Box:
    """A value that is as true as in JavaScript while Python's `and` and `or` look at it."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return is_true(self.value)


def _box(value: object) -> Any:
    # Few values differ (an empty list, NaN): the others need no object around them.
    return value if bool(value) == is_true(value) else _Box(value)


def _unbox(value: object) -> Any:
    return value.value if isinstance(value, _Box) else value


def _compare_types(left: object, operator: str, right: object) -> bool:
    # undefined === null is false: what is not defined is the same only as what is not either.
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        same = isinstance(left, Undefined) and isinstance(right, Undefined)
    else:
        same = is_same(left, right)
    return same == (operator == "eq")


def _environment() -> Environment:
    environment = Environment(
        undefined=ChainableUndefined,
        optimized=False,  # else Jinja computes constants by itself, as Python and uncounted
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_finalize,
        cache_size=0,  # it caches templates of loaders, of which there are none
    )
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update(FILTERS)
    environment.filters.update(
        {
            "_rounds": jinja.count_rounds,
            "_texts": metered(_concatenate),
            "_members": metered(_members),
            "_true": is_true,
            "_box": _box,
            "_unbox": _unbox,
            "_shared_names": Namespace,
            "_compare": metered(compare),
            "_compare_types": metered(_compare_types),
            "_looked_at": jinja.looked_at,
            "_method": metered(call_method),
            "_range": metered(count_range),
        }
    )
    environment.tests = jinja.ENVIRONMENT.tests
    return environment


def parse(text: str) -> Parsed:
    """Read a prompt; one in which something is opened and never closed is taken as it stands."""
    if _has_open_tag(text) and not _has_raw(text):
        return Parsed(fill=lambda _values, _included: text)
    return parse_value(text)


def _has_open_tag(text: str) -> bool:
    """Whether something opens and no %, } or # follows it before a line ends: no template, then.

    From one tag that is open to the next such sign or end everything is read once.
    """
    for sign, mark in (("{%", "%"), ("{{", "}"), ("{#", "#")):
        start = text.find(sign)
        while start >= 0:
            closing = text.find(mark, start + 2)
            if closing < 0 or text.find("\n", start + 2, closing) >= 0:
                return True
            start = text.find(sign, closing - 1)  # whose % may be that of the next {%
    return False


def _has_raw(text: str) -> bool:
    """Whether {% raw %} stands in the text, and {% endraw %} somewhere after it."""
    opening = RAW.search(text)
    return opening is not None and END_OF_RAW.search(text, opening.end()) is not None


@lru_cache(maxsize=MOST_PARSED)
def parse_value(text: str) -> Parsed:
    """Read the text of an assertion or of a value."""
    return jinja.parse_as(text, NUNJUCKS)


def _respell(text: str) -> str:
    """Return the text with Nunjucks' words in Jinja's spelling."""
    pieces = []
    for piece, is_tag in jinja.split_pieces(text):
        spelling = _respell_tag(piece) if is_tag else piece
        pieces.append(spelling)
    return "".join(pieces)


def _respell_tag(tag: str) -> str:
    parts = QUOTED.split(tag)
    for index in range(0, len(parts), 2):  # every other one is a text in quotes, which stays
        for pattern, spelling in SPELLINGS:
            parts[index] = pattern.sub(spelling, parts[index])
    return "".join(parts)


NUNJUCKS: Final = jinja.Dialect(
    environment=_environment(),
    filters=frozenset(FILTERS),
    methods=METHODS,
    respell=_respell,
    rewrite=rewrite_tree,
)


def parse_json(text: str) -> Parsed:
    """Read a prompt that is JSON: each text in it is filled by itself, so it stays JSON."""
    document = json.loads(text)
    templates: dict[str, Parsed] = {}
    fillers: dict[str, Fill] = {}
    for part in filter(TAG.search, _find_strings(document)):
        templates[part] = parse_value(part)
        fillers[part] = fill_data_whole(part, templates[part].fill)

    def fill(values: Mapping[str, object], included: Mapping[str, str]) -> str:
        filled = _change_strings(
            document, lambda part: fillers[part](values, included) if part in fillers else part
        )
        return as_json(filled, indent=2)  # promptfoo writes two blanks as well

    uses: dict[str, Use] = {}
    references: list[Reference] = []
    problems: list[Problem] = []
    for template in templates.values():
        for use in template.uses:
            uses.setdefault(use.name, use)  # where a name is read first is what people are shown
        references += template.references
        problems += template.problems
    return Parsed(
        fill=fill,
        uses=tuple(uses.values()),
        references=tuple(references),
        problems=tuple(problems),
    )


def _change_strings(value: object, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _change_strings(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_change_strings(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _find_strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _find_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _find_strings(inner)


def fill_values(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values in which those that are templates themselves are filled with the others.

    One that reads what is not there stays as it is.

    Raises:
        RenderError: one cannot be read, or not be filled.

    Examples:
        >>> fill_free_values({"name": "Aiko", "greeting": "Dear {{ name }}"})
        {'name': 'Aiko', 'greeting': 'Dear Aiko'}
    """
    if not any(map(_is_template, values.values())):
        return dict(values)
    return within_limits(lambda: fill_values_here(values), "fill_values", dict(values))


def fill_values_here(values: Mapping[str, object]) -> dict[str, Any]:
    """Do the same in this process, whatever it takes."""
    filled = dict(values)
    for name, value in values.items():
        if _is_template(value) and _has_all_it_reads(value, values):
            filled[name] = _fill_alone(parse(value), values)
    return filled


def _is_template(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and TAG.search(value) is not None


def _has_all_it_reads(text: str, values: Mapping[str, object]) -> bool:
    for match in READS.finditer(text):
        # Each tag reads one name: in {{ … }} the first group has it, in an if or a for the second.
        name = match[1] or match[2]
        if values.get(name) is None:
            return False
    return True


def _fill_alone(parsed: Parsed, values: Mapping[str, object]) -> str:
    """Fill a text that belongs to no prompt: there is nothing that it could include."""
    if parsed.problems:
        raise RenderError(parsed.problems)
    missing = []
    for reference in parsed.references:
        params = {"reference": str(reference)}
        missing.append(Problem(code="include-missing", params=params, place=reference.place))
    if missing:
        raise RenderError(missing)
    return parsed.fill(values, {})


def fill_text(text: str, values: Mapping[str, object]) -> str:
    """Return a text with its tags filled, such as the value of an assertion.

    Raises:
        RenderError: it cannot be read, or not be filled with these values.

    Examples:
        >>> fill_text("at most {{ limit }} words", {"limit": 20})
        'at most 20 words'
    """
    if not TAG.search(text):
        return text
    return within_limits(lambda: fill_text_here(text, values), "fill_text", text, dict(values))


def fill_text_here(text: str, values: Mapping[str, object]) -> str:
    """Do the same in this process, whatever it takes."""
    return _fill_alone(parse_value(text), values)
