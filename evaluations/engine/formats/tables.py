"""Plain tables of cases: CSV, JSON and JSON Lines, whose columns are mapped to a case's parts.

A mapping says which column is what: `expected=Answer`, `name=ID`, `variables.question=Question`.
Without one, columns called name, expected, assertions, threshold, weight and tags are that, and
every other column is a variable.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.suite_file import case_of
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.types import Case, Suite

__all__ = ["PARTS", "parse_mapping", "read_table", "write_csv", "write_jsonl"]

PARTS: Final = ("name", "expected", "assertions", "threshold", "weight", "tags", "enabled")
WRITTEN: Final = ("name", "expected", "assertions", "threshold", "weight", "tags", "enabled")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Row = Mapping[str, Any]


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
    rows = _csv_rows(text, file) if file.lower().endswith(".csv") else _json_rows(text, file)
    cases: list[Case] = []
    for line, row in rows:
        document = Document(value=None, file=file, marks={(): (line, 1)})
        given = _given(row, mapping or {}, document)
        if assertion is not None and not given.get("assertions"):
            value = {} if "value" in assertion else {"value": given.get("expected", "")}
            given["assertions"] = [{**assertion, **value}]
        cases.append(case_of(given, document, (), name=str(len(cases) + 1)))
    _refuse_doubles(cases, file)
    if mapping:
        _check_columns(mapping, cases, text, file)
    return Suite(name=name, cases=tuple(cases))


def _refuse_doubles(cases: Sequence[Case], file: str) -> None:
    names = [case.name for case in cases]
    double = next((one for place, one in enumerate(names) if one in names[:place]), None) if len(
        set(names)
    ) < len(names) else None  # fmt: skip
    if double is not None:
        raise SuiteError(f"{file}: two cases are called “{double}”; map another column to name")


def _check_columns(mapping: Mapping[str, str], cases: Sequence[Case], text: str, file: str) -> None:
    missing = [column for column in mapping if column not in text]
    if cases and missing:
        raise SuiteError(f"{file}: there is no column “{missing[0]}”")


def _csv_rows(text: str, file: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        for fields in reader:
            if not any(fields):
                continue
            if len(fields) > len(header):
                count = f"{len(fields)} fields, and {len(header)} columns"
                raise SuiteError(f"{file}, line {reader.line_num}: {count}")
            yield reader.line_num, dict(zip(header, fields, strict=False))
    except csv.Error as error:
        raise SuiteError(f"{file}, line {reader.line_num}: this is not CSV: {error}") from None


def _json_rows(text: str, file: str) -> Iterator[tuple[int, Row]]:
    lines = [(1, text)] if text.lstrip().startswith("[") else list(enumerate(text.splitlines(), 1))
    for line, part in lines:
        if not part.strip():
            continue
        try:
            found = json.loads(part)
        except ValueError as error:
            raise SuiteError(f"{file}, line {line}: this is not JSON: {error}") from None
        for row in found if isinstance(found, list) else [found]:
            if not isinstance(row, dict):
                raise SuiteError(f"{file}, line {line}: a case is an object")
            yield line, row


def _given(row: Row, mapping: Mapping[str, str], document: Document) -> dict[str, Any]:
    given: dict[str, Any] = {"variables": {}}
    for column, value in row.items():
        part = mapping.get(column) or (column if column in PARTS else "")
        if not part and column in ("variables", "metadata", "given_answer"):
            part = column
        if not part and not any(one.startswith("variables.") for one in mapping.values()):
            part = f"variables.{column}"
        if part.startswith("variables."):
            given["variables"][part.removeprefix("variables.")] = value
        elif part == "variables" and isinstance(value, dict):
            given["variables"] |= value
        elif part and value not in ("", None):
            given[part] = _typed(part, value, document)
    return given


def _typed(part: str, value: Any, document: Document) -> Any:
    if not isinstance(value, str) or part in ("name", "expected", "given_answer"):
        return value
    if part == "tags":
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        return json.loads(value)
    except ValueError:
        kinds = {"assertions": "a JSON list", "enabled": "true or false", "metadata": "JSON"}
        kind = kinds.get(part, "a number")
        raise SuiteError(f"{document.place()}: {part} is {kind}, not “{value[:60]}”") from None


def write_csv(suite: Suite) -> str:
    """Return a suite as a table: a column for each part, and one for each variable."""
    names = list(dict.fromkeys(name for case in suite.cases for name in case.variables))
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*WRITTEN, *names])
    for case in suite.cases:
        assertions = [assertion_as_dict(one) for one in case.assertions]
        cells = [
            case.name,
            case.expected,
            json.dumps(assertions, ensure_ascii=False) if assertions else "",
            "" if case.threshold is None else case.threshold,
            case.weight,
            ", ".join(case.tags),
            "true" if case.enabled else "false",
            *(_cell(case.variables.get(name, "")) for name in names),
        ]
        writer.writerow([_harmless(cell) for cell in cells])
    return stream.getvalue()


def _cell(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _harmless(cell: Any) -> Any:
    # A spreadsheet would take it for a formula.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def write_jsonl(suite: Suite) -> str:
    """Return a suite as JSON Lines, a case each."""
    return "".join(
        json.dumps(
            {
                "name": case.name,
                "variables": dict(case.variables),
                "expected": case.expected,
                "assertions": [assertion_as_dict(one) for one in case.assertions],
                "threshold": case.threshold,
                "weight": case.weight,
                "tags": list(case.tags),
                "metadata": dict(case.metadata),
                "enabled": case.enabled,
            },
            ensure_ascii=False,
        )
        + "\n"
        for case in suite.cases
    )
