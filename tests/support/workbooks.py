"""Workbooks written by hand, so that a test says every byte that matters."""

import io
import zipfile
from collections.abc import Iterable
from xml.sax.saxutils import escape

__all__ = ["make_sheet", "make_workbook"]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def make_workbook(
    sheet: str,
    *,
    strings: str = "",
    styles: str = "",
    book: str = "",
    more: dict[str, str] | None = None,
) -> bytes:
    """Return a workbook whose first sheet is `sheet`, the XML of a part.

    Args:
        sheet: the part of the sheet.
        strings: that of the shared texts, if there are any.
        styles: that of the styles.
        book: elements of the workbook before its sheets.
        more: other parts by their names.
    """
    kinds = {"worksheet": "worksheets/sheet1.xml"}
    parts = {"xl/worksheets/sheet1.xml": sheet, **(more or {})}
    if strings:
        kinds["sharedStrings"] = "/xl/sharedStrings.xml"
        parts["xl/sharedStrings.xml"] = strings
    if styles:
        kinds["styles"] = "styles.xml"
        parts["xl/styles.xml"] = styles
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(kinds.items(), start=1)
    )
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>'
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{book}'
        '<sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>'
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


def make_sheet(rows: Iterable[Iterable[str]] = (), *, xml: str = "", dimension: str = "A1") -> str:
    """Return the part of a sheet with texts as its cells, and with `xml` after them."""
    lines = []
    for row in rows:
        cells = "".join(
            f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
            for cell in row
        )
        lines.append(f"<row>{cells}</row>")
    return (
        f'<worksheet xmlns="{MAIN}"><dimension ref="{dimension}"/>'
        f"<sheetData>{''.join(lines)}{xml}</sheetData></worksheet>"
    )
