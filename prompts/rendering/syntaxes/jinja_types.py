"""Which types a Jinja text takes its variables to be: what it does with each of them says so.

A loop says list, an entry that is read says object (a JSON value), a sum says number. Nothing here
decides whether a text is right: it is for proposals to whoever declares the variables.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jinja2 import nodes

__all__ = ["TYPE_OF_HINT", "collect_hints"]

TYPE_OF_HINT: Final = {
    "object": "json",
    "loop": "list",
    "number": "number",
    "boolean": "boolean",
    "text": "text",
    "member": "list",
    "count": "list",
}
"""A hint and the type that it speaks for, the most certain first.

`member` (a number in brackets, a part of it) and `count` (its length, `in`) hold for texts as well:
they come after `text`, which is said where a variable is written by itself.
"""

OF_LISTS: Final = frozenset(
    {
        *("first", "join", "last", "list", "max", "min", "reject", "rejectattr", "select"),
        *("selectattr", "sort", "sum", "unique"),
    }
)
OF_TEXTS: Final = frozenset(
    {
        *("capitalize", "indent", "lower", "replace", "title", "trim", "truncate", "upper"),
        "wordcount",
    }
)
HINT_OF_FILTER: Final = {
    **dict.fromkeys(OF_LISTS, "loop"),
    **dict.fromkeys(OF_TEXTS, "text"),
    **dict.fromkeys(("dictsort", "items"), "object"),
    **dict.fromkeys(("abs", "round"), "number"),
    **dict.fromkeys(("count", "length", "reverse"), "count"),
}
THROUGH: Final = frozenset({"d", "default"})  # filters that give back what they are given
KEEP_LISTS: Final = frozenset(
    {*THROUGH, "list", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"}
)
HINT_OF_TEST: Final = {
    **dict.fromkeys(("divisibleby", "even", "float", "integer", "number", "odd"), "number"),
    **dict.fromkeys(("boolean", "false", "true"), "boolean"),
    **dict.fromkeys(("lower", "string", "upper"), "text"),
    **dict.fromkeys(("iterable", "sequence"), "loop"),
    "mapping": "object",
}
ARITHMETIC: Final = (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Add)
ORDERS: Final = frozenset({"gt", "gteq", "lt", "lteq", "eq", "ne"})
Names = dict[str, str]
"""A name of the text → the variable that it stands for; empty for what a loop gives."""


def collect_hints(tree: nodes.Template) -> dict[str, frozenset[str]]:
    """Return what the text says of each variable: its name → keys of `TYPE_OF_HINT`."""
    hints: dict[str, set[str]] = {}
    for name, hint in _walk(tree, {}):
        hints.setdefault(name, set()).add(hint)
    return {name: frozenset(of_name) for name, of_name in hints.items()}


def _walk(node: nodes.Node, names: Names) -> Iterator[tuple[str, str]]:
    """Yield a variable and a hint for every use below `node`; assignments change `names`."""
    if isinstance(node, nodes.For):
        yield from _walk_loop(node, names)
        return
    yield from _read(node, names)
    for child in node.iter_child_nodes():
        yield from _walk(child, names)
    if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
        names[node.target.name] = _variable(node.node, names, THROUGH)


def _walk_loop(loop: nodes.For, names: Names) -> Iterator[tuple[str, str]]:
    source = _variable(loop.iter, names, KEEP_LISTS)
    if source:
        yield source, "loop"
    yield from _walk(loop.iter, names)
    targets = {name.name: "" for name in loop.target.find_all(nodes.Name)}
    if isinstance(loop.target, nodes.Name):
        targets[loop.target.name] = ""
    inner = {**names, **targets, "loop": ""}
    for child in loop.body:
        yield from _walk(child, inner)
    if loop.test:
        yield from _walk(loop.test, inner)
    for child in loop.else_:  # runs where there was no round: it does not see the loop's names
        yield from _walk(child, names)


def _read(node: nodes.Node, names: Names) -> Iterator[tuple[str, str]]:
    """Yield what one node says of the variables right below it."""
    read = READERS.get(type(node))
    if read is None:
        return
    for operand, hint in read(node):
        variable = _variable(operand, names, THROUGH)
        if variable and hint:
            yield variable, hint


def _written(node: nodes.Output | nodes.Concat) -> Iterator[tuple[nodes.Node, str]]:
    for child in node.nodes:
        yield child, "text"


def _entry(node: nodes.Getattr | nodes.Getitem) -> Iterator[tuple[nodes.Node, str]]:
    if isinstance(node, nodes.Getattr):
        yield node.node, "object"
        return
    is_name = isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)
    yield node.node, "object" if is_name else "member"


def _filtered(node: nodes.Filter) -> Iterator[tuple[nodes.Node, str]]:
    if node.node is not None:
        yield node.node, HINT_OF_FILTER.get(node.name, "")


def _tested(node: nodes.Test) -> Iterator[tuple[nodes.Node, str]]:
    yield node.node, HINT_OF_TEST.get(node.name, "")


def _computed(node: nodes.BinExpr) -> Iterator[tuple[nodes.Node, str]]:
    sides = (node.left, node.right)
    if isinstance(node, nodes.Add) and not _is_number(*sides):
        return  # + joins texts and lists as well
    for side in sides:
        yield side, "number"


def _compared(node: nodes.Compare) -> Iterator[tuple[nodes.Node, str]]:
    left: nodes.Node = node.expr
    for operand in node.ops:
        right = operand.expr
        if operand.op in ORDERS and _is_number(left, right):
            yield left, "number"
            yield right, "number"
        elif operand.op in ORDERS and _is_boolean(left, right):
            yield left, "boolean"
            yield right, "boolean"
        elif operand.op in ("in", "notin"):
            yield right, "count"
        left = right


def _constants(sides: tuple[nodes.Node, ...]) -> list[object]:
    return [side.value for side in sides if isinstance(side, nodes.Const)]


def _is_number(*sides: nodes.Node) -> bool:
    """Whether one of the sides is a number that stands in the text."""
    for value in _constants(sides):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return True
    return False


def _is_boolean(*sides: nodes.Node) -> bool:
    """Whether one of the sides is true or false, in so many words."""
    return any(isinstance(value, bool) for value in _constants(sides))


def _variable(node: nodes.Node | None, names: Names, through: frozenset[str]) -> str:
    """Return the variable that an expression gives, empty where it is something else."""
    while isinstance(node, nodes.Filter) and node.name in through:
        node = node.node
    if not isinstance(node, nodes.Name):
        return ""
    return names.get(node.name, node.name)


READERS: Final[Mapping[type, Callable[[Any], Iterator[tuple[nodes.Node, str]]]]] = {
    nodes.Output: _written,
    nodes.Concat: _written,
    nodes.Getattr: _entry,
    nodes.Getitem: _entry,
    nodes.Filter: _filtered,
    nodes.Test: _tested,
    nodes.Compare: _compared,
    **dict.fromkeys(ARITHMETIC, _computed),
}
