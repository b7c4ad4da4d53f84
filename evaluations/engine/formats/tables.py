"""Plain tables of cases: CSV, JSON and JSON Lines, whose columns are mapped to a case's parts.

A mapping says which column is what: `expected=Answer`, `name=ID`, `variables.question=Question`.
Without one, columns called name, expected, assertions, threshold, weight and tags are that, and
every other column is a variable. Tables of our own are read back as they were (`table_cells`).
"""

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.suite_file import case_of
from evaluations.engine.formats.table_cells import ESCAPED, read_tags, unescape
from evaluations.engine.formats.yaml_document import Document, load_document
from evaluations.engine.types import Case, Suite

__all__ = ["PARTS", "is_our_table", "parse_mapping", "read_table"]

PARTS: Final = ("name", "expected", "assertions", "threshold", "weight", "tags", "enabled")
MORE_PARTS: Final = ("variables", "metadata", "given_answer")
TEXTS: Final = ("name", "expected", "given_answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a table, or an entry of a list."""

    values: Mapping[str, Any]
    document: Document
    path: tuple[Any, ...] = ()
    is_ours: bool = False
    """Whether its variables are named in full where they could be something else."""


def is_our_table(text: str) -> bool:
    """Whether a CSV file is one that we wrote."""
    header = next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), [])
    return bool(header) and header[-1] == ESCAPED


def parse_mapping(texts: Iterable[str]) -> dict[str, str]:
    """Return column → part (or variables.NAME) of texts such as expected=Answer.

    Raises:
        SuiteError: one is not PART=COLUMN, or names no part.
    """
    found: dict[str, str] = {}
    for text in texts:
        part, sign, column = text.partition("=")
        if not sign or not column:
            raise SuiteError(f"“{text}” is no mapping; write PART=COLUMN, as expected=Answer")
        if part not in PARTS and not (part.startswith("variables.") and part != "variables."):
            raise SuiteError(
                f"there is no part “{part}”; there are {', '.join(PARTS)} and variables.NAME"
            )
        found[column] = part
    return found


def read_table(
    text: str,
    file: str,
    *,
    name: str,
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, Any] | None = None,
) -> Suite:
    """Return the suite that a table holds.

    Args:
        text: the file's content.
        file: its name; .csv, .json or .jsonl.
        name: what the suite is to be called.
        mapping: column → part; unmapped columns are then left out, except by their own names.
        assertion: a check that each case without one gets; its value is the expected answer where
            it has none.

    Raises:
        SuiteError: one sentence with file and line.
    """
    is_csv = file.lower().endswith(".csv")
    rows = list(_csv_rows(text, file) if is_csv else _json_rows(text, file))
    if mapping:
        _check_columns(mapping, rows, file)
    cases: list[Case] = []
    for row in rows:
        given = _given(row, mapping or {})
        if assertion is not None and not given.get("assertions"):
            value = {} if "value" in assertion else {"value": given.get("expected", "")}
            given["assertions"] = [{**assertion, **value}]
        cases.append(case_of(given, row.document, row.path, name=str(len(cases) + 1)))
    _refuse_doubles(cases, file)
    return Suite(name=name, cases=tuple(cases))


def _refuse_doubles(cases: Sequence[Case], file: str) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            sentence = f"two cases are called “{case.name}”; map another column to name"
            raise SuiteError(f"{file}: {sentence}")
        seen.add(case.name)


def _check_columns(mapping: Collection[str], rows: Sequence[Row], file: str) -> None:
    there = list(dict.fromkeys(column for row in rows for column in row.values))
    missing = [column for column in mapping if column not in there]
    if rows and missing:
        columns = ", ".join(map(str, there))
        raise SuiteError(f"{file}: there is no column “{missing[0]}”; there are {columns}")


def _csv_rows(text: str, file: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = next(reader, [])
        is_ours = bool(header) and header[-1] == ESCAPED
        names = list(map(unescape, header)) if is_ours else [name.strip() for name in header]
        for fields in reader:
            if not any(fields):
                continue
            if len(fields) > len(names):
                count = f"{len(fields)} fields, and {len(names)} columns"
                raise SuiteError(f"{file}, line {reader.line_num}: {count}")
            document = Document(value=None, file=file, marks={(): (reader.line_num, 1)})
            values = dict(zip(names, fields, strict=False))
            if is_ours:
                values = _as_it_was(values, document)
            yield Row(values=values, document=document, is_ours=is_ours)
    except csv.Error as error:
        raise SuiteError(f"{file}, line {reader.line_num}: this is not CSV: {error}") from None


def _as_it_was(values: Mapping[str, str], document: Document) -> dict[str, Any]:
    """Return a row of a table of ours with its values as they were written."""
    cells = {name: unescape(cell) for name, cell in values.items() if name != ESCAPED}
    marks = _json(values.get(ESCAPED) or "{}", ESCAPED, "JSON", document)
    if not isinstance(marks, dict):
        raise SuiteError(f"{document.place()}: {ESCAPED} is a JSON object")
    found: dict[str, Any] = {}
    for column, cell in cells.items():
        name = column.removeprefix("variables.")
        if name in marks.get("none", ()) and not (column == name and _is_part(column)):
            continue
        is_json = name in marks.get("json", ()) and not (column == name and _is_part(column))
        found[column] = _json(cell, column, "JSON", document) if is_json else cell
    if "given_answer" in marks.get("empty", ()):
        found["given_answer"] = _Empty("")
    return found


class _Empty(str):
    """An empty text that was written, not left out."""

    __slots__ = ()


def _is_part(column: str) -> bool:
    return column in PARTS or column in MORE_PARTS


def _json_rows(text: str, file: str) -> Iterator[Row]:
    if text.lstrip().startswith("["):
        document = load_document(text, file)
        entries = document.value if isinstance(document.value, list) else []
        for number, entry in enumerate(entries):
            yield _row(entry, document, (number,))
        return
    for line, part in enumerate(text.split("\n"), start=1):
        if part.strip():
            yield from _line(part, file, line)


def _line(part: str, file: str, line: int) -> Iterator[Row]:
    try:
        found = json.loads(part)
    except (ValueError, RecursionError) as error:
        raise SuiteError(f"{file}, line {line}: this is not JSON: {error}") from None
    document = Document(value=None, file=file, marks={(): (line, 1)})
    for entry in found if isinstance(found, list) else [found]:
        yield _row(entry, document, ())


def _row(entry: Any, document: Document, path: tuple[Any, ...]) -> Row:
    if not isinstance(entry, dict):
        raise SuiteError(f"{document.place(*path)}: a case is an object")
    if entry.get("given_answer") == "":
        entry = {**entry, "given_answer": _Empty("")}
    return Row(values=entry, document=document, path=path)


def _given(row: Row, mapping: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {"variables": {}}
    for column, value in row.values.items():
        part = _part(column, row, mapping)
        if part.startswith("variables."):
            given["variables"][part.removeprefix("variables.")] = value
        elif part == "variables" and isinstance(value, dict):
            given["variables"] |= value
        elif part and (value not in ("", None) or isinstance(value, _Empty)):
            given[part] = _typed(part, value, row)
    return given


def _part(column: str, row: Row, mapping: Mapping[str, str]) -> str:
    """Return what a column is, "" where it is left out."""
    if column in mapping:
        return mapping[column]
    if _is_part(column) or (row.is_ours and column.startswith("variables.")):
        return column
    named = any(one.startswith("variables.") for one in mapping.values())
    return "" if named else f"variables.{column}"


def _typed(part: str, value: Any, row: Row) -> Any:
    if not isinstance(value, str) or part in TEXTS:
        return str(value) if isinstance(value, _Empty) else value
    if part == "tags":
        return read_tags(value)
    kinds = {"assertions": "a JSON list", "enabled": "true or false", "metadata": "JSON"}
    return _json(value, part, kinds.get(part, "a number"), row.document, *row.path)


def _json(value: str, part: str, kind: str, document: Document, *path: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        sentence = f"{part} is {kind}, not “{value[:60]}”"
        raise SuiteError(f"{document.place(*path)}: {sentence}") from None
