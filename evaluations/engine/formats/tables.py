"""Tables of cases: CSV, TSV, XLSX, JSON, JSON Lines and YAML, whose columns are a case's parts.

`core.tables` reads the file; here is what its columns mean. A mapping says which column
is what: `expected=Answer`, `name=ID`, `variables.question=Question`. Without one, columns called
name, expected, assertions, threshold, weight and tags are that, in any case, and every other column
is a variable. Tables of our own are read back as they were (`table_cells`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.language import gettext as _
from core.tables import (
    ESCAPED,
    InvalidValue,
    Limits,
    Record,
    Table,
    UnreadableError,
    detect_format,
    open_table,
)
from core.tables.records import find_position
from core.tables.values import UnsupportedValueError, plain
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import parse_assertion
from evaluations.engine.formats.suite_file import build_case
from evaluations.engine.formats.table_cells import read_tags
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.types import Case, ImportNotice, Suite

__all__ = [
    "PARTS",
    "build_document",
    "open_suite_table",
    "parse_check",
    "parse_mapping",
    "read_table",
]

PARTS: Final = ("name", "expected", "assertions", "threshold", "weight", "tags", "enabled")
MORE_PARTS: Final = ("variables", "metadata", "given_answer")
EMPTY_FILES: Final = frozenset(
    {"header.empty-file", "json.empty-file", "json.no-lines", "yaml.empty-file"}
)
TEXTS: Final = ("name", "expected", "given_answer")
# promptfoo's own columns that tell a delimiter from a wrong one, besides ours.
KNOWN: Final = frozenset({*PARTS, *MORE_PARTS, "__expected", "__expected1", "__description"})
# Types that look at the answer alone; all others compare it with a value.
WITHOUT_EXPECTED: Final = frozenset(
    """
    is-json json-schema contains-json is-xml contains-xml is-html contains-html is-refusal
    perplexity perplexity-score finish-reason guardrails word-count latency cost
    is-valid-function-call is-valid-openai-function-call is-valid-openai-tools-call
    """.split()  # noqa: SIM905 (a table of words)
)


def open_suite_table(
    raw: bytes,
    file: str,
    *,
    limits: Limits | None = None,
    mapping: Iterable[str] = (),
    sheet: str = "",
) -> Table:
    """Return the table of a file of cases or tests.

    Args:
        raw: the file.
        file: its name, whose ending is that of its format.
        limits: how much is read.
        mapping: names of columns that are known to be in it.
        sheet: of a workbook; else the first.

    Raises:
        SuiteError: it cannot be read; names the place.
    """
    known = KNOWN | {column.strip().casefold() for column in mapping}
    try:
        return open_table(
            raw, detect_format(file) or "csv", limits=limits, known=known, lists=(), sheet=sheet
        )
    except UnreadableError as error:
        if error.code in EMPTY_FILES:
            raise SuiteError("suite.no-tests-because", at=file, error=error) from None
        raise SuiteError(error.sentence, at=file) from None


def build_document(table: Table, record: Record, file: str) -> Document:
    """Return a document that stands for one record, for the places of what is wrong in it."""
    place = str(find_position(record.line, table.unit))
    if table.numbered:
        number = _("record %(number)d") % {"number": record.number}
        return Document(value=record.value, file=f"{file}, {number}, {place}", marks={})
    if table.unit == "row":
        return Document(value=record.value, file=f"{file}, {place}", marks={})
    return Document(value=record.value, file=file, marks={(): (record.line, None)})


def parse_mapping(texts: Iterable[str]) -> dict[str, str]:
    """Return column → part (or variables.NAME) of texts such as expected=Answer.

    Raises:
        SuiteError: one is not PART=COLUMN, or names no part.
    """
    mapping: dict[str, str] = {}
    for text in texts:
        part, sign, column = (piece.strip() for piece in text.partition("="))
        if not sign or not column:
            raise SuiteError("table.mapping-form", text=text)
        if part not in PARTS and not (part.startswith("variables.") and part != "variables."):
            raise SuiteError("table.unknown-part", part=part, parts=", ".join(PARTS))
        if mapping.get(column, part) != part:
            raise SuiteError("table.mapped-twice", column=column)
        mapping[column] = part
    return mapping


def parse_check(text: str) -> dict[str, Any] | None:
    """Return the check that a type or a JSON object names; None where there is no text.

    Raises:
        SuiteError: it begins as an object and is none.
    """
    text = text.strip()
    if not text:
        return None
    if not text.startswith("{"):
        return {"type": text}
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise SuiteError("table.check-form", error=error) from error


def read_table(
    table: Table,
    file: str,
    *,
    name: str,
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, Any] | None = None,
) -> Suite:
    """Return the suite that a table holds.

    Args:
        table: the file's.
        file: its name, for places.
        name: what the suite is to be called.
        mapping: column → part; unmapped columns are then left out, except by their own names.
        assertion: a check that each case without one gets; its value is the expected answer where
            it has none. A case without an expected answer gets no such check, and a warning.

    Raises:
        SuiteError: one sentence with file and line.
    """
    reader = _Reader(table=table, file=file, mapping=dict(mapping or {}), assertion=assertion)
    reader.check()
    cases = [reader.read(record) for record in table]
    _refuse_doubles(cases, file)
    notes = (ImportNotice(message=f"{file}: {note}") for note in table.notes)
    return Suite(name=name, cases=tuple(cases), warnings=(*notes, *reader.warnings))


def _refuse_doubles(cases: Sequence[Case], file: str) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            raise SuiteError("table.case-twice", at=file, name=case.name)
        seen.add(case.name)


class _Empty(str):
    """An empty text that was written, not left out."""

    __slots__ = ()


@dataclass(kw_only=True, slots=True)
class _Reader:
    """Reads the records of one table as cases."""

    table: Table
    file: str
    mapping: dict[str, str]
    assertion: Mapping[str, Any] | None
    warnings: list[ImportNotice] = field(default_factory=list)
    _compares: bool = False
    _parts: dict[str, str] = field(default_factory=dict)
    _folded: dict[str, str] = field(default_factory=dict)
    _names_variables: bool = False

    def check(self) -> None:
        """Refuse a mapping or an assertion that is wrong whatever the records are."""
        self._folded = {column.strip().casefold(): part for column, part in self.mapping.items()}
        self._names_variables = any(part.startswith("variables.") for part in self.mapping.values())
        if self.assertion is not None:
            kind = str(self.assertion.get("type", ""))
            name = kind.removeprefix("not-")
            self._compares = "value" not in self.assertion and name not in WITHOUT_EXPECTED
            parse_assertion({**self.assertion, **({"value": "x"} if self._compares else {})})
        columns = self._columns()
        there = {column.strip().casefold() for column in columns}
        missing = [column for column in self.mapping if column.strip().casefold() not in there]
        if missing and (columns or self.table.columns is not None):
            names = ", ".join(columns)
            raise SuiteError("table.no-column", at=self.file, name=missing[0], columns=names)
        self._refuse_two_of_a_part(columns)

    def _columns(self) -> list[str]:
        if self.table.columns is not None:
            return [column for column in self.table.columns if column != ESCAPED]
        records = (record.value for record in self.table)
        return list(
            dict.fromkeys(key for value in records if isinstance(value, dict) for key in value)
        )

    def _refuse_two_of_a_part(self, columns: Iterable[str]) -> None:
        taken: dict[str, str] = {}
        for column in columns if self.table.columns is not None else ():
            part = self._part(column)
            if part and part in taken:
                pair = {"one": taken[part], "other": column}
                raise SuiteError("table.part-twice", at=self.file, part=part, **pair)
            taken[part] = column

    def read(self, record: Record) -> Case:
        """Return the case of a record."""
        document = build_document(self.table, record, self.file)
        values = self._values(record, document)
        given = self._given(values, document)
        self._add_check(given, record, document)
        return build_case(given, document, (), name=str(record.number))

    def _values(self, record: Record, document: Document) -> dict[str, Any]:
        value = record.value
        if isinstance(value, InvalidValue):
            raise SuiteError(value.reason, at=document.place())
        if not isinstance(value, dict):
            raise SuiteError("suite.case-object", at=document.place())
        if record.missing:
            sentence = _(
                "the row ends before the column “%(column)s”; the missing cells are left out"
            )
            self._warn(sentence % {"column": record.missing[0]}, document)
        for key, cell in value.items():
            try:
                value[key] = plain(cell)
            except UnsupportedValueError as error:
                raise SuiteError(error.sentence, at=document.place(key)) from None
        if self.table.escaped:
            return _as_it_was(value, document)
        if self.table.columns is None and value.get("given_answer") == "":
            return {**value, "given_answer": _Empty("")}
        return value

    def _given(self, values: Mapping[str, Any], document: Document) -> dict[str, Any]:
        given: dict[str, Any] = {"variables": {}}
        for column, value in values.items():
            part = self._part(column)
            if part.startswith("variables."):
                given["variables"][part.removeprefix("variables.")] = value
            elif part == "variables" and isinstance(value, dict):
                given["variables"] |= value
            elif part and not self._is_nothing(value):
                given[part] = _typed(part, value, document)
        return given

    def _is_nothing(self, value: Any) -> bool:
        if isinstance(value, _Empty):
            return False
        # A cell of blanks looks empty to whoever fills in a sheet; what a program wrote is exact.
        is_cell = self.table.columns is not None and not self.table.escaped
        text = value.strip() if is_cell else value
        return text in ("", None)

    def _part(self, column: str) -> str:
        """Return what a column is, "" where it is left out."""
        folded = column.strip().casefold()
        if folded in self._folded:
            return self._folded[folded]
        if self.table.escaped:  # ours are named exactly
            is_ours = column in (*PARTS, *MORE_PARTS) or column.startswith("variables.")
            return column if is_ours else f"variables.{column}"
        if folded in (*PARTS, *MORE_PARTS):
            return folded
        return "" if self._names_variables else f"variables.{column}"

    def _add_check(self, given: dict[str, Any], record: Record, document: Document) -> None:
        if self.assertion is None or given.get("assertions"):
            return
        if not self._compares:
            given["assertions"] = [dict(self.assertion)]
        elif "expected" in given:
            given["assertions"] = [{**self.assertion, "value": given["expected"]}]
        else:
            name = given.get("name", record.number)
            sentence = _("case “%(name)s” has no expected answer, so it is not checked")
            self._warn(sentence % {"name": name}, document)

    def _warn(self, sentence: str, document: Document) -> None:
        self.warnings.append(ImportNotice(message=sentence, place=document.place()))


def _as_it_was(values: Mapping[str, str], document: Document) -> dict[str, Any]:
    """Return a row of a table of ours with its values as they were written."""
    cells = {name: cell for name, cell in values.items() if name != ESCAPED}
    marks = _json(values.get(ESCAPED) or "{}", ESCAPED, "JSON", document)
    if not isinstance(marks, dict):
        raise SuiteError("table.object", at=document.place(), column=ESCAPED)
    found: dict[str, Any] = {}
    for column, cell in cells.items():
        name = column.removeprefix("variables.")
        is_part = column == name and column in (*PARTS, *MORE_PARTS)
        if name in marks.get("none", ()) and not is_part:
            continue
        is_json = name in marks.get("json", ()) and not is_part
        found[column] = _json(cell, column, "JSON", document) if is_json else cell
    if "given_answer" in marks.get("empty", ()):
        found["given_answer"] = _Empty("")
    return found


def _typed(part: str, value: Any, document: Document) -> Any:
    if not isinstance(value, str) or part in TEXTS:
        return str(value) if isinstance(value, _Empty) else value
    if part == "tags":
        return read_tags(value)
    if part == "enabled":
        value = value.strip().lower()  # spreadsheets write TRUE
    kinds = {"assertions": "a JSON list", "enabled": "true or false", "metadata": "JSON"}
    return _json(value, part, kinds.get(part, "a number"), document)


def _json(value: str, part: str, kind: str, document: Document) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise SuiteError(
            "table.value-type", at=document.place(), part=part, kind=kind, value=value[:60]
        ) from None
