"""YAML and JSON with the place of every value, as js-yaml reads them: yes and no are texts."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from evaluations.engine.errors import SuiteError
from evaluations.engine.types import Place

__all__ = ["Document", "load_document"]

LARGEST: Final = 50 * 1024 * 1024
MOST_NODES: Final = 2_000_000  # what aliases may multiply a file to
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z")
OCTAL_OR_HEX: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS: Final = {text: text.lower() == "true" for one in ("true", "false") for text in (
    one, one.capitalize(), one.upper())}  # fmt: skip
INFINITE: Final = re.compile(r"([-+]?)\.(?:inf|Inf|INF)\Z")
Path = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What a file holds, and where each value begins."""

    value: Any
    file: str = ""
    marks: Mapping[Path, tuple[int, int]] = field(default_factory=dict)
    """Path of keys and numbers → line and column, from 1."""

    def place(self, *path: Any) -> Place:
        """Return where a value stands; its parent's place where it has none of its own."""
        shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        for length in range(len(path), -1, -1):
            mark = self.marks.get(path[:length])
            if mark:
                return Place(file=self.file, line=mark[0], column=mark[1], path=shown.lstrip("."))
        return Place(file=self.file, path=shown.lstrip("."))


def load_document(text: str, file: str = "") -> Document:
    """Read YAML, of which JSON is a part.

    Raises:
        SuiteError: it cannot be read; names line and column.
    """
    if len(text) > LARGEST:
        raise SuiteError(f"{file}: larger than 50 MiB; divide it")
    try:
        node = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        )
        raise SuiteError(f"{place}: this is neither YAML nor JSON: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SuiteError(f"{file}: this is neither YAML nor JSON: {said}") from None
    reader = _Reader(file)
    value = reader.build(node, ()) if node is not None else None
    return Document(value=value, file=file, marks=reader.marks)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Path, tuple[int, int]] = {}
        self._left = MOST_NODES

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._left -= 1
        mark = node.start_mark
        if self._left < 0 or len(path) > 100:
            raise SuiteError(f"{self.file}: too many or too deep values; aliases may repeat them")
        self.marks[path] = (mark.line + 1, mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(one, (*path, place)) for place, one in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            mark = key_node.start_mark
            if key == "<<" and not key_node.style:
                merged |= self._merge(value_node, path)
                continue
            if key in found:
                place = Place(file=self.file, line=mark.line + 1, column=mark.column + 1)
                raise SuiteError(f"{place}: “{key}” stands here for the second time")
            found[key] = self.build(value_node, (*path, key))
            self.marks[(*path, key)] = (mark.line + 1, mark.column + 1)
        return {**merged, **found}

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        value = self.build(node, (*path, "<<"))
        parts = value if isinstance(value, list) else [value]
        return {key: one for part in reversed(parts) if isinstance(part, dict)
                for key, one in part.items()}  # fmt: skip

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        # Quoted or a block, it is a text whatever it looks like.
        return text if getattr(node, "style", None) else _plain(text)


def _plain(text: str) -> Any:
    """Return what a text without quotation marks is (YAML 1.2, core schema)."""
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | int | None:
    if INTEGER.match(text) and len(text) < 400:
        return int(text)
    if OCTAL_OR_HEX.match(text):
        return int(text, 0)
    if FLOAT.match(text):
        return float(text)
    infinite = INFINITE.match(text)
    return math.copysign(math.inf, -1 if infinite[1] == "-" else 1) if infinite else None
