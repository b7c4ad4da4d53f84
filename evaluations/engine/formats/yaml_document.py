"""YAML and JSON with the location of every value, as js-yaml reads them: yes and no are texts.

Our own on PyYAML's parser, because ruamel.yaml takes 8 times as long: docs/decisions/0017.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml
from yaml.composer import Composer

from core.language import gettext as _
from core.tables.yaml_text import dump_yaml, plain_scalar
from evaluations.engine.errors import SuiteError
from evaluations.engine.types import FileLocation

__all__ = ["Document", "KeyPath", "LazyLocation", "Marks", "dump_document", "load_document"]

CONTAINERS: Final = (dict, list)  # a tuple: `dict | list` is made anew for every value
MAX_CHARACTERS: Final = 50 * 1024 * 1024
MAX_NODES: Final = 2_000_000
MAX_REPEATED: Final = 100_000  # values that aliases may add to those of a file
MAX_DEPTH: Final = 100
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml's composer recurses in C, once per level: a file with more brackets than this, or with
# lines that are indented further, is composed in Python.
MANY_BRACKETS: Final = 1000
DEEPLY_INDENTED: Final = re.compile(r"^[ \t?-]{500}", re.MULTILINE)
SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a document to a value."""
Marks: TypeAlias = Mapping[KeyPath, tuple[int, int | None]]
"""Line and column of each value, from 1; a column of None is not known."""


class Document:
    """What a file contains, and where each value begins.

    Args:
        value: what it contains.
        file: its name.
        marks: where each value begins; None: they are found in `text` when a location is asked for.
        text: the file's text; finding marks takes longer than reading it, and few files need them.
    """

    def __init__(
        self,
        *,
        value: object,
        file: str = "",
        marks: Marks | None = None,
        text: str = "",
    ) -> None:
        self.value = value
        self.file = file
        self._marks = marks
        self._text = text

    @property
    def mapping(self) -> Mapping[str, object]:
        """The value of a document that is known to be a mapping, such as a configuration."""
        if not isinstance(self.value, dict):
            raise TypeError(f"{self.file} is no mapping")
        return self.value

    def location(self, *path: str | int) -> "LazyLocation":
        """Return the location of a value, looked up only when it is shown."""
        return LazyLocation(document=self, path=path)

    def find_location(self, path: KeyPath) -> FileLocation:
        """Return where a value stands; its parent's location where it has none of its own."""
        if self._marks is None:
            self._marks = _find_marks(self._text)
        dotted = ""
        for part in path:
            dotted += f"[{part}]" if isinstance(part, int) else f".{part}"
        dotted = dotted.lstrip(".")
        for length in range(len(path), -1, -1):
            mark = self._marks.get(path[:length])
            if mark is not None:
                line, column = mark
                return FileLocation(file=self.file, line=line, column=column, path=dotted)
        return FileLocation(file=self.file, path=dotted)

    def with_value(self, value: object) -> "Document":
        """Return a document of the same file that contains another value."""
        return Document(value=value, file=self.file, marks=self._marks, text=self._text)


@dataclass(frozen=True, kw_only=True, slots=True)
class LazyLocation:
    """A value's location in a document; `str()` looks it up."""

    document: Document
    path: KeyPath

    def __str__(self) -> str:
        return str(self.find())

    def find(self) -> FileLocation:
        """Return the location itself."""
        return self.document.find_location(self.path)


def _find_marks(text: str) -> Marks:
    """Return where the values of a JSON text begin; of one that YAML cannot read none."""
    if not text:
        return {}
    # JSON allows tabs and halves of surrogate pairs, YAML does not: what replaces them is as long,
    # so that every value keeps its column.
    text = SURROGATE.sub("______", text).replace("\t", " ")
    try:
        _value, marks = _load_yaml(text, "")
    except SuiteError:
        return {}
    return marks


def load_document(text: str, file: str = "") -> Document:
    """Read YAML, of which JSON is a part.

    Raises:
        SuiteError: it cannot be read; names line and column.
    """
    if len(text) > MAX_CHARACTERS:
        raise SuiteError("suite.file-too-large", at=file)
    try:
        return Document(value=_load_json(text), file=file, text=text)
    except (ValueError, RecursionError):
        # YAML; or faulty JSON, of which YAML's reader can name the line.
        value, marks = _load_yaml(text, file)
        return Document(value=value, file=file, marks=marks)


def _load_json(text: str) -> object:
    """Return the value of JSON, ten times as fast as YAML's reader does.

    Raises:
        ValueError: it is no JSON object or list, or what YAML's reader refuses with a location.
    """
    if text.lstrip()[:1] not in ("{", "["):
        raise ValueError(text[:1])
    value = json.loads(text, object_pairs_hook=_refuse_repeats, parse_constant=_refuse_constant)
    _refuse_depth(value)
    return value


def _refuse_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Python's reader would take the last of two equal keys; js-yaml refuses them.
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError(pairs)
    return entries


def _refuse_constant(name: str) -> object:
    raise ValueError(name)  # NaN and Infinity, which Python reads and JSON does not have


def _refuse_depth(value: list[object] | dict[str, object]) -> None:
    """Refuse a value of too many levels, walking down one level at a time."""
    level: list[list[object] | dict[str, object]] = [value]
    depth = 0
    while level:
        depth += 1
        below: list[list[object] | dict[str, object]] = []
        for parent in level:
            children = parent.values() if isinstance(parent, dict) else parent
            below += [child for child in children if isinstance(child, CONTAINERS)]
        level = below
    if depth > MAX_DEPTH:
        raise ValueError(depth)


def _load_yaml(text: str, file: str) -> tuple[object, Marks]:
    loader = _PythonComposer if _may_be_deep(text) else LOADER
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        location = FileLocation(file=file)
        if error.problem_mark is not None:
            location = _locate(error.problem_mark, file)
        raise SuiteError("suite.syntax", at=location, reason=error.problem) from None
    except RecursionError:
        raise SuiteError("suite.syntax", at=file, reason=_("nested too deeply")) from None
    except yaml.YAMLError as error:
        raise SuiteError("suite.syntax", at=file, reason=str(error)) from None
    if node is None:
        return None, {}
    builder = _Builder(file, len(text))
    return builder.build(node, ()), builder.marks


def _locate(mark: yaml.Mark, file: str) -> FileLocation:
    return FileLocation(file=file, line=mark.line + 1, column=mark.column + 1)


# libyaml's own composer overflows the C stack of a file that is nested too deeply, which ends the
# process; Python's, which takes twice as long, raises RecursionError.
class _PythonComposer(Composer, LOADER):  # type: ignore[misc, valid-type]  # one of two classes
    def __init__(self, text: str) -> None:
        LOADER.__init__(self, text)
        Composer.__init__(self)


def _may_be_deep(text: str) -> bool:
    brackets = text.count("[") + text.count("{")
    return brackets > MANY_BRACKETS or bool(DEEPLY_INDENTED.search(text))


class _Builder:
    """Builds the value of a node tree, and notes where each part of it begins."""

    def __init__(self, file: str, size: int) -> None:
        self.file = file
        self.marks: dict[KeyPath, tuple[int, int | None]] = {}
        # Each character may be a value; what aliases repeat on top of that is limited.
        self._left = min(MAX_NODES, size + MAX_REPEATED)

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        self._left -= 1
        if self._left < 0 or len(path) > MAX_DEPTH:
            raise SuiteError("suite.too-deep", at=self.file)
        mark = node.start_mark
        self.marks[path] = (mark.line + 1, mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        text = str(node.value)
        # Quoted or a block, it is a text whatever it looks like.
        is_plain = isinstance(node, yaml.ScalarNode) and not node.style
        return plain_scalar(text) if is_plain else text

    def _build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        entries: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            # A quoted "<<" is a key like any other.
            if key == "<<" and not key_node.style:
                merged |= self._build_merged(value_node, path)
                continue
            mark = key_node.start_mark
            if key in entries:
                raise SuiteError("suite.key-twice", at=_locate(mark, self.file), key=key)
            entries[key] = self.build(value_node, (*path, key))
            # People look for the key: its mark replaces that of the value.
            self.marks[(*path, key)] = (mark.line + 1, mark.column + 1)
        # A mapping's own keys win over merged ones, wherever the "<<" stands in it.
        return {**merged, **entries}

    def _build_merged(self, node: yaml.Node, path: KeyPath) -> dict[str, object]:
        """Return what `<<` adds to a mapping; of several mappings the earlier one wins."""
        value = self.build(node, (*path, "<<"))
        mappings = value if isinstance(value, list) else [value]
        merged: dict[str, object] = {}
        for mapping in reversed(mappings):
            if isinstance(mapping, dict):
                merged |= mapping
        return merged


def dump_document(value: object) -> str:
    """Return YAML that `load_document` and js-yaml read as the same value."""
    return dump_yaml(value)
