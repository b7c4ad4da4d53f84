"""What a Jinja template may be made of: everything else is refused before anything runs."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from jinja2 import meta, nodes
from jinja2.exceptions import TemplateSyntaxError

from prompts.rendering.problems import Problem, SourceLocation, nearest
from prompts.rendering.syntaxes.jinja_types import collect_hints
from prompts.rendering.syntaxes.parsed import MOST_PROBLEMS, MOST_VARIABLES, Reference, Use

__all__ = ["LONGEST_TAG", "MOST_TAGS", "TESTS", "Report", "inspect", "too_deep"]

DEEPEST: Final = 60  # levels of nodes
MOST_NODES: Final = 8_000  # each is a step of the code that Jinja writes and Python compiles
MOST_TAGS: Final = 1_000
LONGEST_TAG: Final = 4_000  # characters
LOOPS_DEEP: Final = 2
TESTS: Final = (
    *("boolean", "defined", "divisibleby", "eq", "even", "false", "float", "ge", "gt", "in"),
    *("integer", "iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd"),
    *("sequence", "string", "true", "undefined", "upper", "==", "!=", ">", ">=", "<", "<="),
)
ALLOWED: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter),
    *(nodes.Test, nodes.If, nodes.CondExpr, nodes.For, nodes.Assign, nodes.Include),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Getattr, nodes.Getitem),
    *(nodes.Slice, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv),
    *(nodes.Mod, nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
    *(nodes.Keyword, nodes.Scope),  # a scope has no line: what stands in it is looked at
)
CALLED: Final = (nodes.Call, nodes.Pow, nodes.Macro)
FUNCTION: Final = "range"
CONTAINERS: Final = (nodes.List, nodes.Tuple, nodes.Dict)
TEXTS: Final = (*CONTAINERS, nodes.Concat, nodes.TemplateData)
CONSTRUCTS: Final = {
    "Call": "a call",
    "Pow": "**",
    "Macro": "{% macro %}",
    "CallBlock": "{% call %}",
    "FilterBlock": "{% filter %}",
    "AssignBlock": "{% set %} with a block",
    "With": "{% with %}",
    "Import": "{% import %}",
    "FromImport": "{% from %}",
    "Extends": "{% extends %}",
    "Block": "{% block %}",
    "NSRef": "a namespace",
    "ScopedEvalContextModifier": "{% autoescape %}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a tree reads and what is wrong with it."""

    uses: tuple[Use, ...] = ()
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()


def too_deep() -> Problem:
    """Return the problem of a template that is too deep or too large."""
    return Problem(
        code="jinja-depth", params={"limit": DEEPEST, "tags": MOST_TAGS, "length": LONGEST_TAG}
    )


def inspect(
    tree: nodes.Template, text: str, filters: Collection[str], methods: Collection[str] = ()
) -> Report:
    """Hold every node against what is allowed.

    Args:
        tree: the template.
        text: its source.
        filters: names of the filters.
        methods: names of methods that may be called; with any, so may `range` and macros.
    """
    lines = text.split("\n")  # as Jinja counts them: it is shown no carriage returns
    problems: list[Problem] = []
    references: list[Reference] = []
    first_line: dict[str, int] = {}
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    # What is inside of a refused node is looked at too: people fix all problems in one go.
    for count, (node, depth, loops) in enumerate(_walk(tree), start=1):
        if len(problems) >= MOST_PROBLEMS:
            break
        if depth > DEEPEST or count > MOST_NODES:
            return Report(problems=(*problems, too_deep()))
        view = _View(lines=lines, filters=filters, loops=loops, methods=methods, macros=macros)
        problem = _fault(node, view)
        if problem is not None:
            problems.append(problem)
        elif isinstance(node, nodes.Include):
            location = view.at(node, "include")
            text_of_name = cast("str", _constant(node.template))  # `_include` refuses others
            references.append(cast("Reference", Reference.read(text_of_name, location)))
        elif isinstance(node, nodes.Name) and node.ctx == "load":
            first_line.setdefault(node.name, node.lineno)
    if problems:
        return Report(problems=tuple(problems))
    return _with_uses(tree, lines, first_line, tuple(references))


def _with_uses(
    tree: nodes.Template,
    lines: list[str],
    first_line: dict[str, int],
    references: tuple[Reference, ...],
) -> Report:
    try:
        names = _undeclared(tree)
    except TemplateSyntaxError as error:
        location = SourceLocation(line=error.lineno)
        params = {"reason": (error.message or "").rstrip(".")}
        return Report(problems=(Problem(code="jinja-syntax", params=params, place=location),))
    if len(names) > MOST_VARIABLES:
        many = Problem(code="too-many-variables", params={"limit": MOST_VARIABLES})
        return Report(problems=(many,))
    hints = collect_hints(tree)
    uses = []
    for name in names:
        location = _locate(first_line.get(name, 1), lines, name)
        uses.append(Use(name=name, place=location, hints=hints.get(name, frozenset())))
    # In the text's order, whatever order Jinja's set of names has.
    uses.sort(key=lambda use: (use.place.line or 0, use.place.column or 0, use.name))
    return Report(uses=tuple(uses), references=references)


def _undeclared(tree: nodes.Template) -> set[str]:
    """Return the names that a tree reads and does not set, as `meta.find_undeclared_variables`.

    That one folds constants: it would run the filters of a template while it is read, and of a
    chain of filters each with all before it.
    """
    generator = meta.TrackingCodeGenerator(tree.environment)  # type: ignore[arg-type]  # the parser's
    generator.optimizer = None
    generator.visit(tree)
    return generator.undeclared_identifiers


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Yield each node with its depth and the number of loops around it, in the text's order."""
    todo = [(tree, 1, 0)]
    while todo:
        node, depth, loops = todo.pop()
        yield node, depth, loops
        inner = loops + isinstance(node, nodes.For)
        children = [(child, depth + 1, inner) for child in node.iter_child_nodes()]
        todo.extend(reversed(children))  # the last one comes out first


@dataclass(frozen=True, kw_only=True, slots=True)
class _View:
    """What a rule needs to know besides the node."""

    lines: list[str]
    filters: Collection[str]
    loops: int
    methods: Collection[str]
    macros: Collection[str]

    def at(self, node: nodes.Node, word: str) -> SourceLocation:
        return _locate(node.lineno, self.lines, word)

    def refuse(self, node: nodes.Node, construct: str) -> Problem:
        params = {"construct": construct}
        return Problem(code="jinja-refused", params=params, place=self.at(node, ""))


def _fault(node: nodes.Node, view: _View) -> Problem | None:
    if view.methods and isinstance(node, CALLED):
        return _call(node, view)
    if not isinstance(node, ALLOWED):
        kind = type(node).__name__
        return view.refuse(node, CONSTRUCTS.get(kind, kind))
    rule = RULES.get(type(node))
    if rule is None:
        return None
    return rule(node, view)


def _call(node: nodes.Node, view: _View) -> Problem | None:
    """Return what is wrong with a call, where some are allowed; with ** and a macro nothing is."""
    if isinstance(node, nodes.Macro):
        return _closed(node, node.name, view)
    if not isinstance(node, nodes.Call):
        return None
    called = node.node
    name = called.attr if isinstance(called, nodes.Getattr) else getattr(called, "name", "")
    known = view.methods if isinstance(called, nodes.Getattr) else {*view.macros, FUNCTION}
    has_names = name in view.macros
    is_plain = not (node.dyn_args or node.dyn_kwargs or (node.kwargs and not has_names))
    if name in known and is_plain:
        return None
    params = {"construct": f"a call of {name}" if name else CONSTRUCTS["Call"]}
    return Problem(code="jinja-refused", params=params, place=view.at(node, name))


def _filter(node: nodes.Filter, view: _View) -> Problem | None:
    return _unknown("jinja-filter", node, view.filters, view)


def _test(node: nodes.Test, view: _View) -> Problem | None:
    return _unknown("jinja-test", node, TESTS, view)


def _unknown(
    code: str, node: nodes.Filter | nodes.Test, known: Collection[str], view: _View
) -> Problem | None:
    if node.name in known:
        return None
    words = sorted(filter(str.isalpha, known))  # without the tests ==, < …, that nobody mistypes
    near = nearest(node.name, words)
    if near:
        code = f"{code}-near"
    params = {"name": node.name, "near": near, "allowed": ", ".join(words)}
    return Problem(code=code, params=params, place=view.at(node, node.name))


def _attribute(node: nodes.Getattr, view: _View) -> Problem | None:
    return _closed(node, node.attr, view)


def _item(node: nodes.Getitem, view: _View) -> Problem | None:
    return _closed(node, _constant(node.arg), view)


def _name(node: nodes.Name, view: _View) -> Problem | None:
    return _closed(node, node.name, view)


def _closed(node: nodes.Node, name: object, view: _View) -> Problem | None:
    # Names with _ lead from any value to its class and on, and to names of ours.
    if not isinstance(name, str) or not name.startswith("_"):
        return None
    return Problem(code="jinja-attribute", params={"name": name}, place=view.at(node, name))


def _product(node: nodes.Mul | nodes.Mod, view: _View) -> Problem | None:
    # "x" * 10**9 is a text of a gigabyte, and "%1000000000d" % 1 another.
    if _is_text(node.left) or _is_text(node.right):
        return view.refuse(node, f"{node.operator} on a string or a list")
    return None


def _loop(node: nodes.For, view: _View) -> Problem | None:
    if node.recursive:
        return view.refuse(node, "a recursive loop")
    if view.loops >= LOOPS_DEEP:
        return Problem(code="jinja-loops", place=view.at(node, "for"))
    return None


def _assignment(node: nodes.Assign, view: _View) -> Problem | None:
    if not isinstance(node.target, nodes.Name):
        return view.refuse(node, "{% set %} of more than one name")
    # A list of a list of …, each twice the last, would be written out when it is shown.
    is_container = isinstance(node.node, CONTAINERS)
    if is_container or next(node.node.find_all(CONTAINERS), None):
        return view.refuse(node, "{% set %} with a list or an object")
    return None


def _include(node: nodes.Include, view: _View) -> Problem | None:
    text = _constant(node.template)
    is_reference = isinstance(text, str) and Reference.read(text, SourceLocation()) is not None
    if node.ignore_missing or not is_reference:
        return Problem(code="include-form", place=view.at(node, "include"))
    return None


RULES: Final[Mapping[type, Callable[[Any, _View], Problem | None]]] = {
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.Name: _name,
    nodes.Mul: _product,
    nodes.Mod: _product,
    nodes.For: _loop,
    nodes.Assign: _assignment,
    nodes.Include: _include,
}


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, TEXTS) or isinstance(_constant(node), str)


def _constant(node: nodes.Node | None) -> object:
    return node.value if isinstance(node, nodes.Const) else None


def _locate(lineno: int, lines: list[str], word: str) -> SourceLocation:
    """Return the line and, where the word stands inside of a tag there, its column."""
    if not 1 <= lineno <= len(lines):
        return SourceLocation(line=lineno)
    line = lines[lineno - 1]
    opening = re.search(r"\{[{%]", line)
    start = opening.start() if opening else 0
    match = opening
    if word:
        match = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search(line, start)
    if match is None:
        return SourceLocation(line=lineno)  # the word stands on another line of its tag
    return SourceLocation(line=lineno, column=match.start() + 1)
