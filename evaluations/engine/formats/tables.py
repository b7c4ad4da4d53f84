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
from core.language import gettext_noop
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
# What a cell of every other part contains, for the sentence that refuses it.
KINDS: Final = {
    "assertions": gettext_noop("a JSON list"),
    "enabled": gettext_noop("true or false"),
    "metadata": gettext_noop("a JSON object"),
    "threshold": gettext_noop("a number"),
    "variables": gettext_noop("a JSON object"),
    "weight": gettext_noop("a number"),
}
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
    """Return a document that stands for one record, for the locations of what is wrong in it."""
    location = str(find_position(record.line, table.unit))
    if table.numbered:
        number = _("record %(number)d") % {"number": record.number}
        return Document(value=record.value, file=f"{file}, {number}, {location}", marks={})
    if table.unit == "row":
        return Document(value=record.value, file=f"{file}, {location}", marks={})
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


def parse_check(text: str) -> dict[str, object] | None:
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
    assertion: Mapping[str, object] | None = None,
) -> Suite:
    """Return the suite that a table contains.

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
    notices = [ImportNotice(message=f"{file}: {note}") for note in table.notes]
    return Suite(name=name, cases=tuple(cases), warnings=(*notices, *reader.warnings))


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
    assertion: Mapping[str, object] | None
    warnings: list[ImportNotice] = field(default_factory=list)
    _compares: bool = False
    """Whether the assertion's value is each case's expected answer."""
    _folded: dict[str, str] = field(default_factory=dict)
    """The mapping, by its columns in lower case without blanks around them."""
    _names_variables: bool = False
    """Whether the mapping names variables, so that unmapped columns are none."""

    def check(self) -> None:
        """Refuse a mapping or an assertion that is wrong whatever the records are."""
        self._folded = {_fold(column): part for column, part in self.mapping.items()}
        self._names_variables = any(part.startswith("variables.") for part in self.mapping.values())
        if self.assertion is not None:
            self._check_assertion(self.assertion)
        columns = self._columns()
        self._refuse_missing(columns)
        if self.table.columns is not None:
            self._refuse_two_of_a_part(columns)

    def _check_assertion(self, assertion: Mapping[str, object]) -> None:
        name = str(assertion.get("type", "")).removeprefix("not-")
        self._compares = "value" not in assertion and name not in WITHOUT_EXPECTED
        if self._compares:
            # Any value will do: each case's expected answer takes its place.
            assertion = {**assertion, "value": "x"}
        parse_assertion(assertion)

    def _columns(self) -> list[str]:
        """Return the names in the header, or else the keys of all objects."""
        if self.table.columns is not None:
            return [column for column in self.table.columns if column != ESCAPED]
        keys: dict[str, None] = {}
        for record in self.table:
            if isinstance(record.value, dict):
                keys |= dict.fromkeys(record.value)
        return list(keys)

    def _refuse_missing(self, columns: Sequence[str]) -> None:
        if self.table.columns is None and not columns:
            return  # no object at all: the records themselves are refused, each with its line
        folded = {_fold(column) for column in columns}
        for column in self.mapping:
            if _fold(column) not in folded:
                names = ", ".join(columns)
                raise SuiteError("table.no-column", at=self.file, name=column, columns=names)

    def _refuse_two_of_a_part(self, columns: Iterable[str]) -> None:
        column_of_part: dict[str, str] = {}
        for column in columns:
            part = self._part(column)
            if part in column_of_part:
                other = column_of_part[part]
                raise SuiteError(
                    "table.part-twice", at=self.file, part=part, one=other, other=column
                )
            if part:
                column_of_part[part] = column

    def read(self, record: Record) -> Case:
        """Return the case of a record."""
        document = build_document(self.table, record, self.file)
        values = self._values(record, document)
        entry = self._case_entry(values, document)
        self._add_check(entry, record, document)
        return build_case(entry, document, (), default_name=str(record.number))

    def _values(self, record: Record, document: Document) -> dict[str, Any]:
        """Return what a record says, by column, as values that JSON and databases have."""
        value = record.value
        if isinstance(value, InvalidValue):
            raise SuiteError(value.reason, at=document.location())
        if not isinstance(value, dict):
            raise SuiteError("suite.case-object", at=document.location())
        if record.missing:
            sentence = _(
                "the row ends before the column “%(column)s”; the missing cells are ignored"
            )
            self._warn(sentence % {"column": record.missing[0]}, document)
        for key, cell in value.items():
            try:
                value[key] = plain(cell)
            except UnsupportedValueError as error:
                raise SuiteError(error.sentence, at=document.location(key)) from None
        if self.table.escaped:
            return _restore(value, document)
        # An empty cell may be one that nobody filled in; in JSON and YAML "" was written.
        if self.table.columns is None and value.get("given_answer") == "":
            return {**value, "given_answer": _Empty("")}
        return value

    def _case_entry(self, values: Mapping[str, Any], document: Document) -> dict[str, Any]:
        """Return the object of a case, its keys those of our own file of a suite."""
        variables: dict[str, object] = {}
        entry: dict[str, Any] = {"variables": variables}
        for column, value in values.items():
            part = self._part(column)
            if part.startswith("variables."):
                variables[part.removeprefix("variables.")] = value
            elif part == "variables" and isinstance(value, dict):
                variables |= value
            elif part and not self._is_missing(value):
                entry[part] = _parse_cell(part, value, document)
        return entry

    def _is_missing(self, value: Any) -> bool:
        if isinstance(value, _Empty):
            return False
        # A cell of blanks looks empty to whoever fills in a sheet; what a program wrote is exact.
        is_cell = self.table.columns is not None and not self.table.escaped
        text = value.strip() if is_cell else value
        return text in ("", None)

    def _part(self, column: str) -> str:
        """Return what a column is, "" where it is left out."""
        folded = _fold(column)
        if folded in self._folded:
            return self._folded[folded]
        if self.table.escaped:  # ours are named exactly
            is_ours = column in (*PARTS, *MORE_PARTS) or column.startswith("variables.")
            return column if is_ours else f"variables.{column}"
        if folded in (*PARTS, *MORE_PARTS):
            return folded
        return "" if self._names_variables else f"variables.{column}"

    def _add_check(self, entry: dict[str, Any], record: Record, document: Document) -> None:
        if self.assertion is None or entry.get("assertions"):
            return
        if not self._compares:
            entry["assertions"] = [dict(self.assertion)]
        elif "expected" in entry:
            entry["assertions"] = [{**self.assertion, "value": entry["expected"]}]
        else:
            name = entry.get("name", record.number)
            sentence = _("case “%(name)s” has no expected answer, so it is not checked")
            self._warn(sentence % {"name": name}, document)

    def _warn(self, sentence: str, document: Document) -> None:
        self.warnings.append(ImportNotice(message=sentence, location=document.location().find()))


def _fold(column: str) -> str:
    """Return a column's name as it is compared: people write Expected and "expected "."""
    return column.strip().casefold()


def _restore(cells: Mapping[str, str], document: Document) -> dict[str, Any]:
    """Return a row of a table of ours with its values as they were written (`table_cells`)."""
    marks = _load_json(cells.get(ESCAPED) or "{}", ESCAPED, "JSON", document)
    if not isinstance(marks, dict):
        raise SuiteError("table.object", at=document.location(), column=ESCAPED)
    values: dict[str, Any] = {}
    for column, cell in cells.items():
        if column == ESCAPED:
            continue
        name = column.removeprefix("variables.")
        # Marks are of variables: a variable may be called as a part is, under its whole name.
        is_part = column == name and column in (*PARTS, *MORE_PARTS)
        if not is_part and name in marks.get("none", ()):
            continue
        is_json = not is_part and name in marks.get("json", ())
        values[column] = _load_json(cell, column, "JSON", document) if is_json else cell
    if "given_answer" in marks.get("empty", ()):
        values["given_answer"] = _Empty("")
    return values


def _parse_cell(part: str, value: object, document: Document) -> object:
    """Return what a cell means as a part of a case; what is no text was typed by its format."""
    if isinstance(value, _Empty):
        return ""
    if not isinstance(value, str) or part in TEXTS:
        return value
    if part == "tags":
        return read_tags(value)
    if part == "enabled":
        value = value.strip().lower()  # spreadsheets write TRUE
    return _load_json(value, part, _(KINDS[part]), document)


def _load_json(text: str, part: str, kind: str, document: Document) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SuiteError(
            "table.value-type", at=document.location(), part=part, kind=kind, value=text[:60]
        ) from None
