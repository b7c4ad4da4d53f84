"""What stands below the members of a model, for whoever reads its JSON Schema.

msgspec keeps no such texts, and neither does Python: they are read from the source.
"""

import ast
import inspect
import sys
from functools import cache
from typing import Any

from msgspec import Struct

__all__ = ["describe_members", "read_docstrings"]


def describe_members(schema: dict[str, Any], model: type[Struct]) -> None:
    """Write the texts below a model's members into its JSON Schema."""
    texts = read_docstrings(model)
    for name, member in schema.get("properties", {}).items():
        if name in texts:
            member["description"] = texts[name]


def read_docstrings(model: type) -> dict[str, str]:
    """Return the texts that stand below the members of a class, and of those that it inherits."""
    texts: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, Struct) and kind is not Struct:
            texts |= _read_module(kind.__module__).get(kind.__name__, {})
    return texts


@cache
def _read_module(name: str) -> dict[str, dict[str, str]]:
    """Return the texts below members of a module's classes, by class and member."""
    try:
        source = inspect.getsource(sys.modules[name])
    except OSError:  # installed without it: then the texts are missing, and nothing else
        return {}
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {node.name: _read_class(node) for node in classes}


def _read_class(definition: ast.ClassDef) -> dict[str, str]:
    texts = {}
    for member, after in zip(definition.body, definition.body[1:], strict=False):
        text = _as_text(after)
        if text and isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            texts[member.target.id] = text
    return texts


def _as_text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return inspect.cleandoc(str(node.value.value))
    return ""
