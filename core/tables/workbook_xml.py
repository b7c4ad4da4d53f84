"""The parts of a workbook as events of an XML parser that stops where a part would cost too much.

Not as trees of elements: a few kilobytes unpack to millions of them. No document type is allowed,
so no entity can stand for gigabytes or for a file of this machine.
"""

from collections.abc import Collection, Iterator
from typing import IO, Final, Protocol
from xml.parsers import expat  # document types are refused, which is what defuses it

from core.tables.limits import MEBIBYTE, Limits
from core.tables.quoting import UnreadableError

__all__ = ["Handler", "TagsHandler", "count_tags", "parse_part"]

CHUNK_BYTES: Final = 64 * 1024
TAGS_OF_A_CELL: Final = 4
TAGS_A_VALUE: Final = 1.25  # of the limit of values; XML takes so much longer than CSV
DEEPEST: Final = 64  # elements inside each other; workbooks have ten
MOST_TAGS: Final = 20_000  # sheets and relations of a workbook
LONGEST_TAG_BYTES: Final = MEBIBYTE


class Handler(Protocol):
    """Takes what a part says; names are without their namespaces."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""

    def end(self, name: str) -> None:
        """Take its end."""

    def text(self, text: str) -> None:
        """Take a part of its text."""


def count_tags(stream: IO[bytes], limits: Limits) -> None:
    """Refuse a part of too many tags, which takes a hundredth of the time that parsing does.

    Raises:
        UnreadableError: there are too many.
    """
    tags_left = int(limits.values * TAGS_A_VALUE)
    while chunk := stream.read(CHUNK_BYTES):
        tags_left -= chunk.count(b"<")
        if tags_left < 0:
            raise UnreadableError(
                "workbook.too-many-values", limit=f"{limits.values // TAGS_OF_A_CELL:,}"
            )


class TagsHandler:
    """Keeps the attributes of some elements, for parts that are lists of few things.

    Args:
        names: of the elements.

    Attributes:
        tags: name and attributes of each, in their order.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self.tags: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Keep what is asked for."""
        if name in self._names:
            if len(self.tags) == MOST_TAGS:
                raise UnreadableError("workbook.damaged")
            self.tags.append((name, attributes))

    def end(self, name: str) -> None:
        """Nothing follows from it."""

    def text(self, text: str) -> None:
        """Nothing follows from it."""


class _LocalNames(dict[str, str]):
    """A name as it is written → without its prefix."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(":")[2]
        return local


def parse_part(stream: IO[bytes], handler: Handler) -> Iterator[None]:
    """Feed a part to `handler`; yield after each chunk, for whoever wants to take rows away.

    Raises:
        UnreadableError: it is no XML, has a document type, or is deeper than any workbook.
    """
    parser = expat.ParserCreate()
    names = _LocalNames()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise UnreadableError("workbook.damaged")
        handler.start(names[name], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(names[name])

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0
    try:
        while chunk := stream.read(CHUNK_BYTES):
            parser.Parse(chunk)
            fed += len(chunk)
            # What the parser holds back is a tag that has not ended yet.
            if fed - parser.CurrentByteIndex > LONGEST_TAG_BYTES:
                raise UnreadableError("workbook.damaged")
            yield
        parser.Parse(b"", True)  # noqa: FBT003 (expat's own signature)
    except expat.ExpatError as error:
        raise UnreadableError("workbook.damaged") from error
    yield


def _refuse_doctype(*_: object) -> None:
    raise UnreadableError("workbook.damaged")
