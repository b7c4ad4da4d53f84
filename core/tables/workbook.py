"""XLSX: one sheet, whose cells are read as the texts that the same table has in CSV.

A workbook is a ZIP archive of XML (ECMA-376, part 1, section 18.3). Read by ourselves, because the
sheet's `<dimension>` may be wrong, row numbers may be anything, and each part has a limit before it
is unpacked. Formulas are read by their last value; nothing is ever run.

    read_workbook ──▶ workbook_cells (a cell's text) ──▶ workbook_xml (a part's events)
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from core.tables.header import Row, build_table, is_blank
from core.tables.limits import MEBIBYTE, Limits
from core.tables.quoting import UnreadableError, listed, quoted
from core.tables.records import Table
from core.tables.workbook_cells import CellReader, SheetHandler, StringsHandler, Styles
from core.tables.workbook_xml import Handler, TagsHandler, count_tags, parse_part

__all__ = ["read_workbook"]

OTHER_ARCHIVES: Final = (
    ("mimetype", "workbook.is-opendocument"),
    ("Index/Document.iwa", "workbook.is-numbers"),
    ("Index.zip", "workbook.is-numbers"),
    ("xl/workbook.bin", "workbook.is-binary"),
    ("word/document.xml", "workbook.is-word"),
)
OLE: Final = b"\xd0\xcf\x11\xe0"  # the container of old and of encrypted workbooks
# What a damaged archive makes Python's library raise.
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    NotImplementedError,
    ValueError,
    OSError,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    name: str
    part: str
    hidden: bool


@dataclass(kw_only=True, slots=True)
class _Book:
    archive: zipfile.ZipFile
    limits: Limits
    sheets: list[_Sheet] = field(default_factory=list)
    is_1904: bool = False
    """Whether its days are counted from 1904, as old Excels for the Mac did."""
    strings_part: str = ""
    styles_part: str = ""

    def feed(self, part: str, handler: Handler) -> Iterator[None]:
        """Feed a part to a handler, step by step; a part that is not there says nothing."""
        if part and part in self.archive.namelist():
            with self.archive.open(part) as stream:
                count_tags(stream, self.limits)
            with self.archive.open(part) as stream:
                yield from parse_part(stream, handler)

    def read(self, part: str, handler: Handler) -> None:
        """Feed all of a part to a handler."""
        for _ in self.feed(part, handler):
            pass


def read_workbook(raw: bytes, limits: Limits, sheet: str = "") -> Table:
    """Return the table of a sheet.

    Args:
        raw: the file.
        limits: how much is read.
        sheet: its name or its number from 1; else the first that is not hidden.

    Raises:
        UnreadableError: it is no workbook, is damaged, has no such sheet, or a limit is reached.
    """
    if raw.startswith(OLE):
        raise UnreadableError("file.is-old-workbook")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_archive(archive, limits)
            book = _read_book(archive, limits)
            rows = _rows(book, _find_sheet(book, sheet))
            return build_table(rows, limits, unit="row")
    except UnreadableError:
        raise
    except DAMAGE as error:
        if not zipfile.is_zipfile(io.BytesIO(raw)):
            raise UnreadableError("workbook.not-one") from error
        raise UnreadableError("workbook.damaged") from error


def _check_archive(archive: zipfile.ZipFile, limits: Limits) -> None:
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    for name, sentence in OTHER_ARCHIVES:
        if name in names:
            raise UnreadableError(sentence)
    if "xl/workbook.xml" not in names:
        raise UnreadableError("workbook.not-one")
    unpacked_bytes = 0
    for entry in entries:
        if entry.flag_bits & 1:  # APPNOTE, 4.4.4: it is encrypted
            raise UnreadableError("workbook.encrypted")
        unpacked_bytes += entry.file_size
    # The archive's word is enough: no more of a part is unpacked than it says.
    if unpacked_bytes > limits.unpacked_bytes:
        raise UnreadableError("workbook.unpacked", limit=limits.unpacked_bytes // MEBIBYTE)


def _read_book(archive: zipfile.ZipFile, limits: Limits) -> _Book:
    book = _Book(archive=archive, limits=limits)
    parts: dict[str, str] = {}
    relations = TagsHandler({"Relationship"})
    book.read("xl/_rels/workbook.xml.rels", relations)
    for _, attributes in relations.tags:
        # A target is relative to the workbook's folder, or absolute in the archive.
        target = posixpath.join("/xl", attributes.get("Target", ""))
        part = posixpath.normpath(target).lstrip("/")
        # Two address spaces have the same types (transitional and strict): the last word decides.
        _space, _slash, kind = attributes.get("Type", "").rpartition("/")
        if kind == "worksheet":
            parts[attributes.get("Id", "")] = part
        elif kind == "sharedStrings":
            book.strings_part = part
        elif kind == "styles":
            book.styles_part = part
    tags = TagsHandler({"workbookPr", "sheet"})
    book.read("xl/workbook.xml", tags)
    for name, attributes in tags.tags:
        if name == "workbookPr":
            book.is_1904 = attributes.get("date1904") in ("1", "true", "on")
            continue
        relation = _find_relation(attributes)
        part = parts.get(relation, "") if relation else ""
        if part:  # a chart is a sheet too, and no worksheet
            hidden = attributes.get("state", "visible") != "visible"
            book.sheets.append(_Sheet(name=attributes.get("name", ""), part=part, hidden=hidden))
    return book


def _find_relation(attributes: dict[str, str]) -> str:
    """Return the key of a sheet's relation, "" where it has none."""
    for key, value in attributes.items():
        if key.endswith(":id"):  # any prefix may stand for the namespace of relations
            return value
    return ""


def _find_sheet(book: _Book, name: str) -> _Sheet:
    if not book.sheets:
        raise UnreadableError("workbook.damaged")
    if not name:
        for sheet in book.sheets:
            if not sheet.hidden:
                return sheet
        return book.sheets[0]
    for sheet in book.sheets:
        if sheet.name == name:
            return sheet
    if name.isdecimal() and 0 < int(name[:9]) <= len(book.sheets):
        return book.sheets[int(name[:9]) - 1]
    names = listed([sheet.name for sheet in book.sheets])
    raise UnreadableError("workbook.no-sheet", name=quoted(name), sheets=names)


def _rows(book: _Book, sheet: _Sheet) -> Iterator[Row]:
    strings = StringsHandler(book.limits)
    book.read(book.strings_part, strings)
    styles = Styles(is_1904=book.is_1904)
    book.read(book.styles_part, styles)
    if sheet.part not in book.archive.namelist():
        raise UnreadableError("workbook.damaged")
    handler = SheetHandler(CellReader(strings.texts, styles), book.limits)
    for _ in book.feed(sheet.part, handler):
        rows = handler.rows
        handler.rows = []
        for line, cells in rows:
            if not is_blank(cells):
                yield line, cells
