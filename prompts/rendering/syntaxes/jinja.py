"""Jinja: read, held against what a prompt may use, compiled, filled within limits.

Jinja's sandbox stops escapes, not exhaustion: `jinja_guard` refuses what could exhaust before
anything runs, and what only the values decide (lengths, rounds of loops) is counted while it runs.
Constant folding is off, because it would run a template's constants while it is compiled.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, cast

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.language import gettext as _
from prompts.rendering.effort import metered, spend, weigh
from prompts.rendering.problems import Problem, RenderError, SourceLocation
from prompts.rendering.syntaxes import jinja_filters, jinja_guard
from prompts.rendering.syntaxes.parsed import Parsed, Reference

__all__ = [
    "Dialect",
    "Environment",
    "count_rounds",
    "is_too_large",
    "looked_at",
    "parse",
    "parse_as",
    "split_pieces",
]

LONGEST_BITS: Final = 4096  # of a whole number; longer ones take ever longer to compute with
ROUNDS: Final = 20_000  # of all loops of one rendering
ROUND: Final = 5  # units of effort of one, besides those of its parts
# Characters of all tags; reading them takes at most about half a second.
MOST_IN_TAGS: Final = 40_000
MARK: Final = "\x00"  # stands for a carriage return; no content holds a NUL
OPENING: Final = re.compile(r"\{[{%#]")
CLOSING: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
INCLUDED: Final = "_included_%d"  # a variable that no template can name: it begins with _
LOOP_FACTS: Final = frozenset(
    {
        *("index", "index0", "revindex", "revindex0", "first", "last", "length"),
        *("depth", "depth0", "previtem", "nextitem"),
    }
)
UNFIT: Final = (RecursionError, MemoryError, SyntaxError, OverflowError)
rounds: ContextVar[list[int]] = ContextVar("rounds")


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox, without anything global, whose operators stay within limits."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def call_binop(self, context: Any, operator: str, left: object, right: object) -> object:
        """Refuse an operator that would make a text or a list of any size."""
        spend(weigh(left) + weigh(right))
        if operator == "+" and isinstance(left, str | list) and isinstance(right, str | list):
            jinja_filters.check_size(len(left) + len(right))
        elif not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(_("“%(operator)s” requires two numbers") % {"operator": operator})
        elif _is_too_long(left) or _is_too_long(right):
            raise SecurityError(_("the number is too large"))
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: object, attribute: str) -> Any:
        """Read an entry of an object, or what a loop knows of itself; a text has no attributes."""
        if isinstance(obj, LoopContext):
            if attribute in LOOP_FACTS:
                return getattr(obj, attribute)
            return self.missing(obj, attribute)  # the rest are Jinja's methods
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: Any) -> object:
        """Read an entry of an object, or a member of a list or a text by its number.

        Jinja falls back on what Python gives every value: `{{ name.title }}` of a text would
        write the method itself into the prompt.
        """
        if isinstance(obj, Undefined):
            return getattr(obj, str(argument))  # says what is undefined
        if isinstance(obj, dict):
            if isinstance(argument, str) and argument in obj:
                return obj[argument]
            return self.missing(obj, argument)
        is_index = isinstance(argument, int) and not isinstance(argument, bool)
        # [-1] is the last member, as in Jinja.
        if is_index and isinstance(obj, list | tuple | str) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.missing(obj, argument)

    def missing(self, obj: object, name: object) -> Undefined:
        """Return what stands for an entry that is not there: an error where it is used."""
        entry = "…"
        if isinstance(name, str | int | float | Undefined):  # a list could be of any size
            entry = str(name)[:100]
        problem = Problem(code=_choose_code(obj), params={"entry": entry})
        return self.undefined(obj=obj, name=name, exc=lambda _message: RenderError([problem]))  # type: ignore[arg-type]  # Jinja calls it with a sentence


def _is_too_long(number: float) -> bool:
    # A float never is: it overflows instead.
    return isinstance(number, int) and number.bit_length() > LONGEST_BITS


def _choose_code(obj: object) -> str:
    """Return the code of the problem that such a value has no entry of some name."""
    if isinstance(obj, dict):
        return "no-entry"
    if isinstance(obj, list | tuple):
        return "no-member"
    if isinstance(obj, str):
        return "no-entry-of-text"
    return "no-entry-of-value"


def count_rounds(items: Iterable[object], parts: int) -> Iterator[Any]:
    """Yield the items; all loops of a rendering together have a limit.

    Args:
        items: what the loop goes through.
        parts: of which the loop's body is made.
    """
    left = rounds.get()
    for item in items:
        spend(ROUND + parts)
        left[0] -= 1
        if left[0] < 0:
            raise RenderError([Problem(code="too-many-rounds", params={"limit": ROUNDS})])
        yield item


def looked_at(value: object) -> Any:
    """Return a value that is going to be looked at as a whole."""
    spend(weigh(value))
    return value


def _join_texts(parts: Iterable[object]) -> str:
    texts = [jinja_filters.checked_text(part) for part in parts]
    jinja_filters.check_size(sum(map(len, texts)))
    return "".join(texts)


def _finalize(value: object) -> object:
    spend(weigh(value))
    if isinstance(value, Undefined):
        return value  # raises its own, better sentence when it is written
    return jinja_filters.checked_text(value)


ENVIRONMENT: Final = Environment(
    undefined=StrictUndefined,
    optimized=False,  # else constants are computed while a template is compiled, uncounted
    autoescape=False,  # a prompt is no HTML
    keep_trailing_newline=True,  # Jinja would drop the last line end of a content
    finalize=_finalize,
    cache_size=0,  # it caches templates of loaders, of which there are none
)
# Jinja's globals (range, lipsum, cycler …) make texts and lists of any size.
ENVIRONMENT.globals.clear()
ENVIRONMENT.filters.clear()
ENVIRONMENT.filters.update(jinja_filters.FILTERS)
ENVIRONMENT.filters.update(
    {"_rounds": count_rounds, "_texts": metered(_join_texts), "_looked_at": looked_at}
)
for _name, _test in list(ENVIRONMENT.tests.items()):
    if _name in jinja_guard.TESTS:
        ENVIRONMENT.tests[_name] = metered(cast("Callable[..., Any]", _test))
    else:
        del ENVIRONMENT.tests[_name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """A language that Jinja's parser reads."""

    environment: Environment
    """The sandbox that compiles it."""
    filters: Collection[str]
    """Names of the filters that a text may use."""
    respell: Callable[[str], str] = lambda text: text
    """Writes a text in Jinja's words; its lines stay where they are."""
    methods: Collection[str] = ()
    """Names of methods that a text may call; with any, also `range` and macros."""
    rewrite: Callable[[nodes.Template], None] = lambda _tree: None
    """Changes the tree before it is compiled."""


JINJA: Final = Dialect(environment=ENVIRONMENT, filters=frozenset(jinja_filters.FILTERS))


def parse(text: str) -> Parsed:
    """Read the text and refuse what a prompt may not use; nothing of it runs."""
    return parse_as(text, JINJA)


def parse_as(text: str, dialect: Dialect) -> Parsed:
    """Do the same for another dialect."""
    if is_too_large(text):
        return _refused(jinja_guard.too_deep())
    source = _hide_returns(dialect.respell(text))
    try:
        tree = dialect.environment.parse(source)
    except TemplateSyntaxError as error:
        location = SourceLocation(line=error.lineno)
        reason = (error.message or "").rstrip(".").replace(MARK, " ")
        return _refused(Problem(code="jinja-syntax", params={"reason": reason}, place=location))
    except (*UNFIT, ValueError):  # ValueError: Python reads no integer of more than 4,300 digits
        return _refused(jinja_guard.too_deep())
    report = jinja_guard.inspect(tree, text, dialect.filters, dialect.methods)
    if report.problems:
        return Parsed(
            fill=_never, uses=report.uses, references=report.references, problems=report.problems
        )
    dialect.rewrite(tree)
    names = _rewrite(tree)
    try:
        code = dialect.environment.compile(tree)
    except UNFIT:  # what Jinja cannot compile, it could not look through for its variables either
        return _refused(jinja_guard.too_deep())
    template = Template.from_code(dialect.environment, code, {})

    def fill(values: Mapping[str, object], included: Mapping[str, str]) -> str:
        texts = {name: included[reference] for name, reference in names.items()}
        return _fill(template, {**values, **texts})

    return Parsed(fill=fill, uses=report.uses, references=report.references)


def _fill(template: Template, values: dict[str, object]) -> str:
    token = rounds.set([ROUNDS])
    pieces = []
    size = 0
    try:
        # Not render(): what is too long is to end while it is written, not afterwards.
        for piece in template.root_render_func(template.new_context(values)):
            size += len(piece)
            jinja_filters.check_size(size)
            pieces.append(piece)
    except UndefinedError as error:
        raise _cannot(error.message or "something is missing") from None
    except (TemplateError, SecurityError) as error:
        raise _cannot(error.message or type(error).__name__) from None
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        if isinstance(error, RenderError):  # is a ValueError too, and says it better
            raise
        raise _cannot(str(error)) from None
    except UNFIT:
        raise _cannot("nested too deeply") from None
    finally:
        rounds.reset(token)
    return "".join(pieces)


def _cannot(reason: str) -> RenderError:
    return RenderError([Problem(code="render", params={"reason": reason.rstrip(".")[:300]})])


def _never(_values: Mapping[str, object], _included: Mapping[str, str]) -> str:
    raise RenderError([Problem(code="render", params={"reason": "it has problems"})])


def _refused(*problems: Problem) -> Parsed:
    return Parsed(fill=_never, problems=problems)


def split_pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a text in turn, and whether each is a tag."""
    end = 0
    while opening := OPENING.search(text, end):
        yield text[end : opening.start()], False
        closing = text.find(CLOSING[opening[0]], opening.end())
        end = closing + 2 if closing >= 0 else len(text)
        yield text[opening.start() : end], True
    yield text[end:], False


def is_too_large(text: str) -> bool:
    """Whether reading the tags would take long, before Jinja reads them."""
    tags = []
    for piece, is_tag in split_pieces(text):
        if is_tag and not piece.startswith("{#"):  # a comment is skipped in one step
            tags.append(len(piece))
    if len(tags) > jinja_guard.MOST_TAGS or sum(tags) > MOST_IN_TAGS:
        return True
    return max(tags, default=0) > jinja_guard.LONGEST_TAG


def _hide_returns(text: str) -> str:
    """Keep carriage returns out of Jinja's sight, which would make line feeds of them."""
    pieces = []
    for piece, is_tag in split_pieces(text):
        substitute = " " if is_tag else MARK
        pieces.append(piece.replace("\r", substitute))
    return "".join(pieces)


def _rewrite(tree: nodes.Template) -> dict[str, str]:
    """Put our counting in and the includes' variables; return variable → reference."""
    for data in tree.find_all(nodes.TemplateData):
        data.data = data.data.replace(MARK, "\r")
    for loop in list(tree.find_all(nodes.For)):
        parts = sum(1 for _part in loop.find_all(nodes.Node))
        loop.iter = _filtered(cast("nodes.Expr", loop.iter), "_rounds", parts)
    for comparison in list(tree.find_all(nodes.Compare)):
        comparison.expr = _filtered(comparison.expr, "_looked_at")
        for operand in comparison.ops:
            operand.expr = _filtered(operand.expr, "_looked_at")
    for item in list(tree.find_all(nodes.Getitem)):
        # A slice copies; one member costs the same of a list of any length.
        if isinstance(item.arg, nodes.Slice):
            item.node = _filtered(item.node, "_looked_at")
    included: dict[str, str] = {}
    _replace(tree, included)
    return included


def _filtered(node: nodes.Expr, name: str, *arguments: int) -> nodes.Filter:
    constants: list[nodes.Expr] = [nodes.Const(value, lineno=node.lineno) for value in arguments]
    return nodes.Filter(node, name, constants, [], None, None, lineno=node.lineno)


def _replace(node: nodes.Node, included: dict[str, str]) -> None:
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_replaced(item, included) for item in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _replaced(value, included))


def _replaced(node: object, included: dict[str, str]) -> object:
    if not isinstance(node, nodes.Node):
        return node
    _replace(node, included)
    if isinstance(node, nodes.Concat):
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_texts")
    if isinstance(node, nodes.Include):
        name = INCLUDED % len(included)
        template = cast("nodes.Const", node.template)  # the guard lets nothing else through
        included[name] = str(Reference.read(template.value, SourceLocation()))
        return nodes.Output([nodes.Name(name, "load", lineno=node.lineno)], lineno=node.lineno)
    return node
