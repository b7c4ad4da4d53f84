"""YAML: a list of mappings (alone, or under a name), or a mapping a document. Safe types alone.

Built of the parser's events one record at a time, so that no record's fault is another's, and
neither depth nor aliases of aliases reach further than the limits. Plain scalars are what YAML 1.2
says (core schema): yes, no and dates are texts, as they are for every reader of JavaScript.
Our own on PyYAML's parser, because ruamel.yaml is 35 times as slow: docs/decisions/0017.
"""

import math
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import yaml

from core.sentences import Sentence
from core.tables.limits import Limits
from core.tables.quoting import UnreadableError, quoted
from core.tables.records import InvalidValue, Record, Table
from core.tables.values import DEEPEST, describe_depth

__all__ = ["dump_yaml", "plain_scalar", "read_yaml"]

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # parsed in C where PyYAML has it
NODE_WEIGHT: Final = 16  # what a node weighs besides its characters
VALUES_SHARE: Final = 8  # YAML takes this much longer than the other formats, value for value
HEAVIEST: Final = 64 * 1024 * 1024  # characters of a file with its aliases written out
LONGEST_NUMBER: Final = 400  # digits, more than the largest float has; a longer one is a text
INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z")
OCTAL_OR_HEX: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
NO_DIGITS: Final = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
PREFIX: Final = "tag:yaml.org,2002:"
# What YAML calls printable, section 5.1: the parser itself would name no line.
FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain_scalar(text: str) -> Any:
    """Return what a text without quotation marks is (YAML 1.2, core schema)."""
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    number = _read_number(text)
    return text if number is None else number


def _read_number(text: str) -> float | int | None:
    if len(text) > LONGEST_NUMBER:
        return None
    if INTEGER.match(text):
        return int(text)
    if OCTAL_OR_HEX.match(text):
        return int(text, 0)  # which takes 0o and 0x as YAML 1.2 writes them
    if FLOAT.match(text):
        return float(text)
    return NO_DIGITS.get(text)


def read_yaml(
    text: str, limits: Limits, lists: Collection[str] = (), notes: tuple[Sentence, ...] = ()
) -> Table:
    """Return the records of a list, of a mapping's list called one of `lists`, or of documents.

    Raises:
        UnreadableError: it is not YAML, neither a list nor mappings, or a limit is reached.
    """
    _refuse_control_characters(text)
    builder = _Builder(text, limits)
    records: list[Record] = []
    try:
        for line, value in builder.records(lists):
            if len(records) == limits.records:
                raise UnreadableError("file.too-many-records", limit=f"{limits.records:,}")
            records.append(Record(number=len(records) + 1, line=line, value=value))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error_at(mark, Sentence("yaml.syntax", reason=error.problem)) from None
    except yaml.YAMLError as error:
        raise UnreadableError("yaml.syntax", reason=str(error).partition("\n")[0]) from None
    if not records and not builder.has_list:  # an empty list is a table without rows
        raise UnreadableError("yaml.empty-file")
    return Table(records=records, numbered=True, notes=notes)


def _refuse_control_characters(text: str) -> None:
    bad = FORBIDDEN.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise UnreadableError("yaml.control", line=line, character=f"U+{ord(bad[0]):04X}")


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1  # PyYAML counts from 0


def _error_at(mark: Any, what: Sentence) -> UnreadableError:
    return UnreadableError("file.at", line=mark.line + 1, column=mark.column + 1, what=what)


class _Builder:
    """Builds values of the parser's events.

    Attributes:
        has_list: whether the file holds a list, be it an empty one.
    """

    def __init__(self, text: str, limits: Limits) -> None:
        self._loader = LOADER(text)
        self._left = self._most = limits.values // VALUES_SHARE
        self._weight = 0
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._fault: Sentence | None = None
        self._line = 1
        self.has_list = False

    def records(self, lists: Collection[str]) -> Iterator[tuple[int, Any]]:
        """Yield the line and the value of each record."""
        self._next()  # the stream begins
        while not isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            self._next()  # a document begins
            self._count()
            yield from self._document(lists)
            self._next()  # the document ends
            self._anchors = {}

    def _document(self, lists: Collection[str]) -> Iterator[tuple[int, Any]]:
        event = self._next()
        if isinstance(event, yaml.SequenceStartEvent):
            yield from self._items()
        elif isinstance(event, yaml.MappingStartEvent):
            yield from self._members(event, lists)
        elif not isinstance(event, yaml.ScalarEvent) or self._scalar(event) is not None:
            raise _error_at(event.start_mark, Sentence("yaml.list"))

    def _items(self) -> Iterator[tuple[int, Any]]:
        self.has_list = True
        while not isinstance(self._loader.peek_event(), yaml.SequenceEndEvent):
            yield self._record()
        self._next()

    def _record(self) -> tuple[int, Any]:
        event = self._next()
        line = self._begin_record(event)
        value, _ = self._value(event, 1)
        return line, self._end_record(value)

    def _begin_record(self, event: Any) -> int:
        self._line = _line_of(event)
        self._fault = None
        return self._line

    def _end_record(self, value: object) -> object:
        """Return the value of a record, or what is wrong with it."""
        if self._fault is not None:
            return InvalidValue(reason=self._fault)
        return value

    def _members(
        self, start: yaml.MappingStartEvent, lists: Collection[str]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the records of a mapping's list; without such a list it is a record itself."""
        line = self._begin_record(start)
        has_list = False
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            is_list = isinstance(self._loader.peek_event(), yaml.SequenceStartEvent)
            if isinstance(key, yaml.ScalarEvent) and key.value in lists and is_list:
                has_list = True
                self._next()
                yield from self._items()
            else:
                self._member(key, members, merged, 1)
        if not has_list:
            yield line, self._end_record(merged | members)

    def _next(self) -> Any:
        return self._loader.get_event()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnreadableError("file.too-many-values", limit=f"{self._most:,}")

    def _refuse(self, sentence: Sentence) -> None:
        """Note what is wrong with the record, unless something has been wrong before."""
        if self._fault is None:
            self._fault = sentence

    def _value(self, event: Any, depth: int) -> tuple[Any, int]:
        """Return the value that begins with `event`, and its weight with aliases written out."""
        self._count()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None  # what it stands for has not ended yet
        before = self._weight
        self._add(NODE_WEIGHT)
        if isinstance(event, yaml.ScalarEvent):
            self._add(len(event.value))
            value = self._scalar(event)
        else:
            value = self._collection(event, depth)
        weight = self._weight - before
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        return value, weight

    def _collection(self, event: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise _error_at(event.start_mark, describe_depth("value.depth"))
        if isinstance(event, yaml.MappingStartEvent):
            self._check_tag(event.tag, "map")
            return self._mapping(depth)
        self._check_tag(event.tag, "seq")
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            value, _ = self._value(event, depth + 1)
            items.append(value)
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            self._member(key, members, merged, depth)
        if merged:
            return merged | members
        return members

    def _member(
        self, key: object, members: dict[str, object], merged: dict[str, object], depth: int
    ) -> None:
        """Take a name and its value; a merge key's members yield to a mapping's own."""
        if isinstance(key, yaml.ScalarEvent):
            name = key.value
            if key.anchor is not None:
                self._anchors[key.anchor] = (name, NODE_WEIGHT + len(name))
        else:
            name, _ = self._value(key, depth + 1)
            if not isinstance(name, str):  # YAML has lists and mappings as keys, JSON has none
                self._refuse(Sentence("yaml.complex-key"))
                name = ""
        value, _ = self._value(self._next(), depth + 1)
        # Merge keys are YAML 1.1's, but what people write has them; a quoted one is a name.
        if name == "<<" and not getattr(key, "style", None):
            parts = value if isinstance(value, list) else [value]
            for part in reversed(parts):  # of several mappings the first has the last word
                if isinstance(part, dict):
                    merged.update(part)
            return
        if name in members:
            self._refuse(Sentence("yaml.key-twice", name=quoted(name)))
        members[name] = value

    def _alias(self, event: Any) -> tuple[Any, int]:
        if event.anchor not in self._anchors:
            raise _error_at(event.start_mark, Sentence("yaml.no-anchor", name=quoted(event.anchor)))
        target = self._anchors[event.anchor]
        if target is None:
            self._refuse(Sentence("yaml.own-alias"))
            return None, 0
        value, weight = target
        self._add(weight)
        return value, weight

    def _add(self, weight: int) -> None:
        self._weight += weight
        if self._weight > HEAVIEST:
            raise UnreadableError("yaml.heavy", line=self._line, limit=HEAVIEST // 1024**2)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text, tag = event.value, event.tag
        if tag in (None, "!", f"{PREFIX}str"):
            is_plain = event.implicit[0] and not event.style
            # Quoted, a block or called a text, it is a text whatever it looks like.
            return plain_scalar(text) if is_plain else text
        value = plain_scalar(text)
        if tag == f"{PREFIX}int" and isinstance(value, int):
            return value
        if tag == f"{PREFIX}float" and isinstance(value, int | float):
            return float(value)
        if tag in (f"{PREFIX}bool", f"{PREFIX}null") and isinstance(value, bool | None):
            return value
        self._check_tag(tag, "")
        return None

    def _check_tag(self, tag: str | None, usual: str) -> None:
        if tag not in (None, "!", f"{PREFIX}{usual}"):
            self._refuse(Sentence("yaml.tag", tag=quoted(str(tag))))


class _Dumper(yaml.SafeDumper):
    """Long texts are blocks, so that people can read and compare them."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif not isinstance(plain_scalar(text), str):
        style = "'"  # 0E0 is a text for PyYAML and a number for everybody who reads YAML 1.2
    return dumper.represent_scalar(f"{PREFIX}str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(value: object, width: int = 100) -> str:
    """Return YAML that this reader and js-yaml read as the same value."""
    # PyYAML would escape Japanese, sort keys and break lines at 80 columns.
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=width)
