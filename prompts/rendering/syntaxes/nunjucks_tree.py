"""What becomes of a tree of Jinja's parser, so that what Jinja compiles does as Nunjucks does.

Jinja compiles comparisons, conditions and loops into Python's own, which no environment can change:
here each becomes a call of a filter of ours (`_compare`, `_true`, `_members` …).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from jinja2 import nodes

__all__ = ["STRICT", "mark_strict", "rewrite_tree"]

STRICT: Final = "_strict"  # stands between a comparison's sides where it is === or !==
SHARED: Final = "_shared"  # a variable that no template can name: it begins with _


def mark_strict(operands: list[nodes.Operand]) -> Iterator[nodes.Operand]:
    """Yield the operands without the words of STRICT; those behind one say so.

    a === b is spelled a == _strict == b, which Jinja parses into two operands.
    """
    operator = ""
    for operand in operands:
        if isinstance(operand.expr, nodes.Name) and operand.expr.name == STRICT:
            operator = operand.op
            continue
        if operator:
            operand.op = operator
            operand.is_strict = True  # type: ignore[attr-defined]  # an attribute of ours
        yield operand
        operator = ""


def rewrite_tree(tree: nodes.Template) -> None:
    """Let a tree mean to Jinja what it means to Nunjucks: operators become calls of ours."""
    _share_names(tree)
    for parent in reversed([tree, *tree.find_all(nodes.Node)]):
        _change_children(parent, _rewrite_call)
    for loop in list(tree.find_all(nodes.For)):
        names = nodes.Const(len(_list_targets(loop)))
        members = cast("nodes.Expr", loop.iter)  # Jinja declares a node
        loop.iter = _call("_members", members, names)
    branches: list[Any] = [*tree.find_all(nodes.If), *tree.find_all(nodes.CondExpr)]
    for branch in branches:
        branch.test = _call("_true", branch.test)
    for negation in list(tree.find_all(nodes.Not)):
        negation.node = _call("_true", negation.node)
    for choice in [*tree.find_all(nodes.And), *tree.find_all(nodes.Or)]:
        choice.left = _call("_box", choice.left)
    # What is inside first: a comparison that has become a call is looked into no more.
    for parent in reversed([tree, *tree.find_all(nodes.Node)]):
        _change_children(parent, _rewrite_operator)


def _share_names(tree: nodes.Template) -> None:
    """Let {% set %} in a loop change what was set outside of it, which Jinja keeps apart."""
    assignments = list(tree.find_all(nodes.Assign))
    loops = list(tree.find_all(nodes.For))
    # By identity: Jinja's nodes are equal where they say the same.
    loops_around = dict.fromkeys(map(id, assignments), 0)
    for loop in loops:
        for assignment in loop.find_all(nodes.Assign):
            loops_around[id(assignment)] += 1
    depths: dict[str, set[int]] = {}
    for assignment in assignments:
        target = cast("nodes.Name", assignment.target)  # the guard lets nothing else through
        depths.setdefault(target.name, set()).add(loops_around[id(assignment)])
    shared = {name for name, levels in depths.items() if len(levels) > 1}
    shared -= _list_loop_names(loops)  # a loop's own name is new in each round
    if not shared:
        return
    _replace_names(tree, shared)
    # The first statement makes a namespace of the values that the names come in with.
    values = []
    for name in sorted(shared):
        values.append(nodes.Pair(nodes.Const(name), nodes.Name(name, "load")))
    namespace = _call("_shared_names", nodes.Dict(values))
    tree.body.insert(0, nodes.Assign(nodes.Name(SHARED, "store"), namespace))


def _list_loop_names(loops: list[nodes.For]) -> set[str]:
    names: set[str] = set()
    for loop in loops:
        for target in _list_targets(loop):
            if isinstance(target, nodes.Name):
                names.add(target.name)
    return names


def _list_targets(loop: nodes.For) -> list[Any]:
    """Return what a loop gives its members to: {% for key, value in pairs %} has two."""
    if isinstance(loop.target, nodes.Tuple):
        return loop.target.items
    return [loop.target]


def _replace_names(tree: nodes.Template, names: set[str]) -> None:
    def replace(node: object) -> Any:
        if not isinstance(node, nodes.Name) or node.name not in names:
            return node
        if node.ctx == "store":
            return nodes.NSRef(SHARED, node.name)
        return nodes.Getattr(nodes.Name(SHARED, "load"), node.name, "load")

    for parent in [tree, *tree.find_all(nodes.Node)]:
        _change_children(parent, replace)


def _change_children(parent: nodes.Node, change: Callable[[object], object]) -> None:
    for field, value in list(parent.iter_fields()):
        if isinstance(value, list):
            setattr(parent, field, [change(child) for child in value])
        else:
            setattr(parent, field, change(value))


def _rewrite_call(node: object) -> Any:
    """Return a call of a method, or of `range`, as one of ours; that of a macro stays."""
    if not isinstance(node, nodes.Call):
        return node
    called = node.node
    if isinstance(called, nodes.Getattr):
        name = nodes.Const(called.attr, lineno=node.lineno)
        return _call("_method", called.node, name, *node.args)
    is_range = isinstance(called, nodes.Name) and called.name == "range" and node.args
    return _call("_range", node.args[0], *node.args[1:]) if is_range else node


def _rewrite_operator(node: object) -> Any:
    """Return a comparison as a call of ours, (a < b) < c where there are several; and, or bare."""
    if isinstance(node, nodes.And | nodes.Or):
        return _call("_unbox", node)
    if not isinstance(node, nodes.Compare):
        return node
    result: nodes.Expr = node.expr
    for operand in node.ops:
        name = "_compare_types" if hasattr(operand, "is_strict") else "_compare"
        result = _call(name, result, nodes.Const(operand.op), operand.expr)
    return result


def _call(name: str, value: nodes.Expr, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)
