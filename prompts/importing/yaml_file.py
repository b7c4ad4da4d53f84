"""YAML: a list of mappings, or a mapping a document. Safe types alone, no aliases."""

from collections.abc import Iterator
from typing import Any

import yaml

from prompts.importing.columns import ColumnNames, make_row
from prompts.importing.rows import Rejection, Row, UnreadableError
from prompts.importing.source import Source

__all__ = ["read"]

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(source: Source, names: ColumnNames) -> Iterator[Row | Rejection]:
    """Yield the rows of the file.

    Raises:
        UnreadableError: it is not YAML, or neither a list nor mappings; with line and column.
    """
    text = source.text()
    if not text.strip():
        raise UnreadableError("the file is empty")
    try:
        _refuse_aliases(text)
        yield from _documents(Loader(text), names)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UnreadableError(f"{where}{error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(str(error).replace("\n", " ")) from None


def _refuse_aliases(text: str) -> None:
    # A few lines of aliases of aliases can stand for gigabytes.
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise UnreadableError(f"line {line}: aliases (*{event.anchor}) are not taken")


def _documents(loader: Any, names: ColumnNames) -> Iterator[Row | Rejection]:
    while loader.check_node():
        node = loader.get_node()
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield _row(loader, item, names)
        elif isinstance(node, yaml.MappingNode):
            yield _row(loader, node, names)
        else:
            line = node.start_mark.line + 1
            raise UnreadableError(f"line {line}: the file must be a list of mappings")


def _row(loader: Any, node: Any, names: ColumnNames) -> Row | Rejection:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Rejection(line=line, column="", reason="must be a mapping of names to values")
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        return Rejection(line=line, column=str(twice), reason="stands twice")
    try:
        record = loader.construct_object(node, deep=True)
    except (ValueError, OverflowError) as error:  # such as the date 2026-02-30
        return Rejection(line=line, column="", reason=str(error))
    return make_row(line, record, names)
