"""YAML: a list of mappings (alone or as "prompts"), or a mapping a document. Safe types alone."""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError

from prompts.importing.columns import ColumnNames
from prompts.importing.json_file import LIST
from prompts.importing.quoting import quoted
from prompts.importing.records import Record, make_rows
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source
from prompts.importing.values import TOO_DEEP, Unusable

__all__ = ["read"]

HEAVIEST: Final = 256 * 1024 * 1024  # characters of a file with its aliases written out
NODE_WEIGHT: Final = 16  # what a node weighs besides its characters
# What YAML 1.1 calls printable, section 5.1: the parser itself would name no line.
FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Parsed in C where PyYAML has it, and composed one record at a time: no list is in memory whole.
BASES: Final[tuple[Any, ...]] = (
    (Composer, yaml.CSafeLoader) if yaml.__with_libyaml__ else (yaml.SafeLoader,)
)


class _Loader(*BASES):  # type: ignore[misc]  # which of them is known at run time alone
    def __init__(self, text: str) -> None:
        BASES[-1].__init__(self, text)
        Composer.__init__(self)

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Return the mapping; its `twice` is the name that stands in it twice, or None."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        node.twice = None
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                node.twice = key.value if key.value in seen else node.twice
                seen.add(key.value)
        return node

    def build(self, node: yaml.Node) -> Any:
        """Return the values of `node`, whatever became of the record before."""
        self.constructed_objects: dict[Any, Any] = {}
        self.recursive_objects: dict[Any, Any] = {}
        self.state_generators: list[Any] = []
        return self.construct_document(node)


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of the file.

    Raises:
        UnreadableError: it is not YAML, or neither a list nor mappings; with line and column.
    """
    yield from make_rows(_records(source.text()), names)


def _records(text: str) -> Iterator[Record]:
    _refuse_control_characters(text)
    weight = 0
    try:
        loader = _Loader(text)
        for node in _nodes(loader):
            line = node.start_mark.line + 1
            value, added = _build(loader, node)
            weight += added
            if weight > HEAVIEST:
                raise UnreadableError(
                    f"line {line}: with its aliases written out the file is larger than 256 MiB"
                )
            yield line, value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UnreadableError(f"{where}{error.problem}") from None
    except RecursionError:
        raise UnreadableError(f"a record {TOO_DEEP}") from None
    if not weight:
        raise UnreadableError("the file is empty; it must be a list of mappings")


def _refuse_control_characters(text: str) -> None:
    bad = FORBIDDEN.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise UnreadableError(
            f"line {line} holds the character U+{ord(bad[0]):04X}; "
            "YAML takes it only as an escape, in double quotes"
        )


def _nodes(loader: Any) -> Iterator[Any]:
    loader.get_event()  # the stream begins
    while not loader.check_event(yaml.StreamEndEvent):
        loader.get_event()  # a document begins
        if loader.check_event(yaml.SequenceStartEvent):
            loader.get_event()
            while not loader.check_event(yaml.SequenceEndEvent):
                yield loader.compose_node(None, None)
            loader.get_event()
        else:
            yield from _of_document(loader.compose_node(None, None))
        loader.get_event()  # the document ends
        loader.anchors = {}


def _of_document(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        lists = [
            value.value
            for key, value in node.value
            if key.value == LIST and isinstance(value, yaml.SequenceNode)
        ]
        return lists[0] if lists else [node]
    if node.tag == "tag:yaml.org,2002:null":  # nothing after the last ---
        return []
    raise UnreadableError(
        f"line {node.start_mark.line + 1}: the file must be a list of mappings, "
        "or a mapping a document"
    )


def _build(loader: Any, node: Any) -> tuple[Any, int]:
    """Return the value of `node` and its weight; a value too heavy to build is None."""
    weight = NODE_WEIGHT
    try:
        weight = _weigh(node, {})
        return (loader.build(node) if weight <= HEAVIEST else None), weight
    except RecursionError:
        return Unusable(reason=TOO_DEEP), weight
    except ConstructorError as error:
        return Unusable(reason=f"holds a value that is not taken: {error.problem}"), weight
    except (ValueError, OverflowError) as error:  # such as the date 2026-02-30
        return Unusable(reason=f"holds a value that is not taken: {error}"), weight


def _weigh(node: Any, known: dict[int, int | None]) -> int:
    """Return how many characters `node` has with its aliases written out, and a bit for each node.

    A few lines of aliases of aliases can stand for gigabytes; each node is looked at once.

    Raises:
        ValueError: a name stands twice in a mapping, or an alias is inside what it stands for.
    """
    if id(node) in known:
        weight = known[id(node)]
        if weight is None:
            raise ValueError("an alias stands inside what it repeats")
        return weight
    known[id(node)] = None
    weight = NODE_WEIGHT
    if isinstance(node, yaml.ScalarNode):
        weight += len(node.value)
    elif isinstance(node, yaml.SequenceNode):
        weight += sum(_weigh(item, known) for item in node.value)
    else:
        if node.twice is not None:
            raise ValueError(f"the name {quoted(node.twice)} stands twice in one mapping")
        weight += sum(_weigh(key, known) + _weigh(value, known) for key, value in node.value)
    known[id(node)] = weight
    return weight
