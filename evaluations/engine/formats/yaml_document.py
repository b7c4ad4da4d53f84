"""YAML and JSON with the place of every value, as js-yaml reads them: yes and no are texts.

Our own on PyYAML's parser, because ruamel.yaml takes 8 times as long: docs/decisions/0017.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.composer import Composer

from core.language import gettext as _
from core.tables.yaml_text import dump_yaml, plain_scalar
from evaluations.engine.errors import SuiteError
from evaluations.engine.types import FileLocation

__all__ = ["Document", "LazyLocation", "dump_document", "load_document"]

LARGEST: Final = 50 * 1024 * 1024
MOST_NODES: Final = 2_000_000
REPEATED: Final = 100_000  # values that aliases may add to those of a file
DEEPEST: Final = 100
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MANY: Final = 1000  # brackets of a file, of which each may be within the one before
INDENTED: Final = re.compile(r"^[ \t?-]{500}", re.MULTILINE)
SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
Path = tuple[Any, ...]


class Document:
    """What a file holds, and where each value begins.

    Args:
        value: what it holds.
        file: its name.
        marks: path of keys and numbers → line and column, from 1; None: no column is known.
        text: where the marks are found when somebody asks; finding them takes longer than reading.
    """

    def __init__(
        self,
        *,
        value: Any,
        file: str = "",
        marks: Mapping[Path, tuple[int, int | None]] | None = None,
        text: str = "",
    ) -> None:
        self.value = value
        self.file = file
        self._marks = marks
        self._text = text

    def place(self, *path: Any) -> FileLocation:
        """Return where a value stands; its parent's place where it has none of its own."""
        if self._marks is None:
            self._marks = _marks_of(self._text)
        shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        for length in range(len(path), -1, -1):
            mark = self._marks.get(path[:length])
            if mark:
                return FileLocation(
                    file=self.file, line=mark[0], column=mark[1], path=shown.lstrip(".")
                )
        return FileLocation(file=self.file, path=shown.lstrip("."))

    def with_value(self, value: Any) -> "Document":
        """Return a document of the same file that holds another value."""
        return Document(value=value, file=self.file, marks=self._marks, text=self._text)

    def spot(self, *path: Any) -> "LazyLocation":
        """Return the same, looked up only when it is shown."""
        return LazyLocation(document=self, path=path)


@dataclass(frozen=True, kw_only=True, slots=True)
class LazyLocation:
    """A value's place in a document; `str()` looks it up."""

    document: Document
    path: Path

    def __str__(self) -> str:
        return str(self.place)

    @property
    def place(self) -> FileLocation:
        """The place itself."""
        return self.document.place(*self.path)

    @property
    def file(self) -> str:
        """The file's name."""
        return self.document.file


def _marks_of(text: str) -> Mapping[Path, tuple[int, int | None]]:
    if not text:
        return {}
    # What JSON may hold and YAML may not, by what is as long: tabs, halves of surrogate pairs.
    text = SURROGATE.sub("______", text).replace("\t", " ")
    try:
        return _load_yaml(text, "")[1]
    except SuiteError:
        return {}


def load_document(text: str, file: str = "") -> Document:
    """Read YAML, of which JSON is a part.

    Raises:
        SuiteError: it cannot be read; names line and column.
    """
    if len(text) > LARGEST:
        raise SuiteError("suite.file-too-large", at=file)
    try:
        return Document(value=_load_json(text), file=file, text=text)
    except (ValueError, RecursionError):
        # YAML; or JSON with a fault, which YAML's reader can show the place of.
        value, marks = _load_yaml(text, file)
        return Document(value=value, file=file, marks=marks)


def _load_json(text: str) -> Any:
    """Return what JSON holds, ten times as fast as by YAML's reader; ValueError: it is not JSON."""
    if text.lstrip()[:1] not in ("{", "["):
        raise ValueError(text[:1])
    value = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_constant)
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    if depth > DEEPEST:
        raise ValueError(depth)
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(pairs)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _load_yaml(text: str, file: str) -> tuple[Any, Mapping[Path, tuple[int, int | None]]]:
    try:
        node = yaml.compose(text, Loader=_Careful if _may_be_deep(text) else LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = FileLocation(
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        )
        raise SuiteError("suite.syntax", at=place, reason=error.problem) from None
    except (yaml.YAMLError, RecursionError) as error:
        said = _("nested too deeply") if isinstance(error, RecursionError) else str(error)
        raise SuiteError("suite.syntax", at=file, reason=said) from None
    reader = _Reader(file, len(text))
    value = reader.build(node, ()) if node is not None else None
    return value, reader.marks


# The C library's own composer ends the process where a file is nested too deeply; Python's, which
# takes twice as long, raises RecursionError.
class _Careful(Composer, LOADER):  # type: ignore[misc, valid-type]  # one of two classes
    def __init__(self, text: str) -> None:
        LOADER.__init__(self, text)
        Composer.__init__(self)


def _may_be_deep(text: str) -> bool:
    return text.count("[") + text.count("{") > MANY or bool(INDENTED.search(text))


class _Reader:
    def __init__(self, file: str, size: int) -> None:
        self.file = file
        self.marks: dict[Path, tuple[int, int | None]] = {}
        # Each character may be a value; what aliases repeat on top of that is limited.
        self._left = min(MOST_NODES, size + REPEATED)

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._left -= 1
        mark = node.start_mark
        if self._left < 0 or len(path) > DEEPEST:
            raise SuiteError("suite.too-deep", at=self.file)
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
                place = FileLocation(file=self.file, line=mark.line + 1, column=mark.column + 1)
                raise SuiteError("suite.key-twice", at=place, key=key)
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
        return text if getattr(node, "style", None) else plain_scalar(text)


def dump_document(value: Any) -> str:
    """Return YAML that `load_document` and js-yaml read as the same value."""
    return dump_yaml(value)
