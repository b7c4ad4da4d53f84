"""promptfoo's tables of tests: columns are variables, columns with two underscores are special."""

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from core.language import gettext as _
from core.tables import InvalidValue, Table
from evaluations.engine.errors import ScoringError, SuiteError
from evaluations.engine.formats.assertions import RUNS_CODE, UNKNOWN_HERE
from evaluations.engine.formats.tables import build_document
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.numbers import finite
from evaluations.engine.scorers import SCORERS
from evaluations.engine.scorers.javascript import split_fields
from evaluations.engine.types import FileLocation, ImportNotice
from evaluations.promptfoo.files import CODE

__all__ = ["find_special", "is_special", "parse_cell", "table_tests"]

CELL: Final = re.compile(r"^(not-)?([a-z][a-z0-9:-]*?)(?:\((\d+(?:\.\d+)?)\))?(?::([\s\S]*))?$")
PREFIX: Final = re.compile(r"^((?:not-)?[A-Za-z][A-Za-z-]{2,30})(?:\([\d.]+\))?: ?\S")
EXPECTED: Final = re.compile(r"__expected(\d*)\Z")
THRESHOLD_OF: Final = re.compile(r"__config:__expected(\d*):threshold\Z")
SPECIAL: Final = ("__prefix", "__suffix", "__description", "__providerOutput", "__metric")
SPECIAL_NAMES: Final = frozenset({*SPECIAL, "__threshold"})
ALIASES: Final = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric"}
# What promptfoo sets where a cell has no (n): these are its own figures, and those of an assertion
# in YAML differ from them.
DEFAULTS: Final = {"similar": 0.8, "starts-with": None}
WITH_THRESHOLD: Final = frozenset(
    {"answer-relevance", "classifier", "context-faithfulness", "context-recall"}
    | {"context-relevance", "cost", "latency", "levenshtein", "perplexity", "perplexity-score"}
    | {"rouge-n", "similar", "starts-with"}
)
USUAL: Final = 0.75

Cell = tuple[dict[str, Any], str]  # an assertion, and a warning or ""
FoundRow = tuple[Document, dict[str, Any]]  # where it stands, and a test


def parse_cell(text: str) -> Cell:
    """Return the assertion that a cell of `__expected` means, and what to warn of."""
    if text.startswith("file://") and text.endswith(CODE):
        return {"type": "python" if text.endswith(".py") else "javascript", "value": text}, ""
    match = CELL.match(text)
    if match is None:
        return {"type": "equals", "value": text}, _warn_of_prefix(text)
    negated, word, bracket, value = match.groups()
    name = ALIASES.get(word, word)
    if name not in SCORERS and name not in UNKNOWN_HERE and name not in RUNS_CODE:
        return {"type": "equals", "value": text}, _warn_of_prefix(text)
    assertion: dict[str, Any] = {"type": f"{negated or ''}{name}"}
    if value is not None:
        listed = name.endswith(("-any", "-all"))
        assertion["value"] = _fields(value) if listed else value.strip()
    return _with_threshold(assertion, name, bracket, text)


def _fields(value: str) -> list[str] | str:
    try:
        return split_fields(value)
    except ScoringError:
        return value  # the assertion says what is wrong with it


def _with_threshold(assertion: dict[str, Any], name: str, bracket: str | None, text: str) -> Cell:
    if name not in WITH_THRESHOLD:
        if not bracket:
            return assertion, ""
        return assertion, _("promptfoo drops the (%(bracket)s) of “%(text)s”; so it is here") % {
            "bracket": bracket,
            "text": text[:60],
        }
    if bracket is not None:
        return assertion | {"threshold": float(bracket)}, ""
    threshold = DEFAULTS.get(name, USUAL)
    if threshold is None:
        return assertion, ""
    assertion = assertion | {"threshold": threshold}
    if name != "levenshtein":
        return assertion, ""
    # A number of edits: below 1 it lets nothing through but the text itself.
    return assertion, _(
        "“%(text)s” has no (n): promptfoo takes %(usual)s, which here means equality; write "
        "%(name)s(5): for up to 5 edits"
    ) % {"text": text[:60], "usual": f"{threshold:g}", "name": name}


def _warn_of_prefix(text: str) -> str:
    """Return the warning of a cell that looks like an assertion and is compared as a whole."""
    match = PREFIX.match(text)
    if not match:
        return ""
    name = match[1].removeprefix("not-")
    near = difflib.get_close_matches(name, SCORERS, n=1, cutoff=0.6)
    if not near:
        return ""
    return (
        f"“{match[1]}:” is no assertion type, so the whole cell is what the answer has to equal; "
        f"did you mean “{near[0]}:”?"
    )


def find_special(table: Table) -> str | None:
    """Return the first of promptfoo's own columns of a table, None where it has none.

    Only whole names of promptfoo's are: two underscores inside of a name mean nothing.
    """
    if table.escaped:
        return None  # written by us: every column is what its name says
    return next((column for column in table.columns or () if is_special(column)), None)


def is_special(column: str) -> bool:
    """Whether a column is one of promptfoo's own, in any case."""
    folded = _fold(column)
    if folded in SPECIAL_NAMES or folded.startswith(("__metadata:", "__config:")):
        return True
    return EXPECTED.match(folded) is not None


def _fold(column: str) -> str:
    """Return the name that promptfoo gives a column; a metadata's name keeps its case."""
    if not column.startswith("__"):
        return column
    name, sign, rest = column.partition(":")
    known = {special.casefold(): special for special in SPECIAL_NAMES}
    if name.casefold() == "__metadata":
        return f"__metadata{sign}{rest}"
    return known.get(column.casefold(), column.casefold())


def table_tests(table: Table, file: str) -> tuple[list[FoundRow], list[ImportNotice]]:
    """Return the tests of a table with their records, in the words of a configuration.

    Raises:
        SuiteError: a row has more cells than the header, or a special column is wrong.
    """
    first = FileLocation(file=file, line=table.header_line)
    warnings = [
        ImportNotice(
            message=f"the column “{name}” has one underscore and is a variable", place=first
        )
        for name in table.columns or ()
        if name.startswith("_") and not name.startswith("__")
    ]
    warnings += [
        ImportNotice(message=str(note), place=FileLocation(file=file)) for note in table.notes
    ]
    tests = []
    for record in table:
        document = build_document(table, record, file)
        place = document.place()
        if isinstance(record.value, InvalidValue):
            raise SuiteError(record.value.reason, at=place)
        row = {_fold(column): _cell(cell, place) for column, cell in record.value.items()}
        if record.missing and any(EXPECTED.match(_fold(column)) for column in record.missing):
            message = _("the row ends before the column “%(missing)s”, so it has no such check") % {
                "missing": record.missing[0]
            }
            warnings.append(ImportNotice(message=message, place=place))
        test, messages = _test(row, place)
        tests.append((document, test))
        for message in messages:
            warnings.append(ImportNotice(message=message, place=place))
    return tests, warnings


def _cell(cell: str | InvalidValue, place: FileLocation) -> str:
    if isinstance(cell, InvalidValue):
        raise SuiteError(cell.reason, at=place)
    return cell


def _test(row: Mapping[str, str], place: FileLocation) -> tuple[dict[str, Any], list[str]]:
    test: dict[str, Any] = {"vars": {}, "assert": [], "metadata": {}, "options": {}}
    warnings: list[str] = []
    numbered: dict[str, dict[str, Any]] = {}
    for name, cell in row.items():
        expected = EXPECTED.match(name)
        if expected and cell.strip():
            assertion, warning = parse_cell(cell.strip())
            if warning:
                warnings.append(warning)
            numbered[expected[1] or "1"] = assertion  # __expected is __expected1
            test["assert"].append(assertion)
        elif expected:
            continue  # an empty cell: this row has no such check
        elif not name.startswith("__"):
            test["vars"][name] = cell
        else:
            warnings += _special(test, name, cell, place)
    _configure(row, numbered, place)
    for assertion in test["assert"]:
        if row.get("__metric"):
            assertion["metric"] = row["__metric"]
    return test, warnings


def _special(test: dict[str, Any], name: str, cell: str, place: FileLocation) -> list[str]:
    if not cell:
        return []
    if name == "__threshold":
        test["threshold"] = _number(cell, name, place)
    elif name.startswith("__metadata:"):
        key = name.removeprefix("__metadata:")
        if key.endswith("[]"):
            parts = re.split(r"(?<!\\),", cell)  # a comma behind a backslash belongs to the text
            values = [part.replace("\\,", ",").strip() for part in parts]
            test["metadata"][key.removesuffix("[]")] = values
        else:
            test["metadata"][key] = cell
    elif name in ("__prefix", "__suffix"):
        test["options"][name.removeprefix("__")] = cell
    elif name in SPECIAL:
        test[name.removeprefix("__")] = cell
    elif not THRESHOLD_OF.match(name):
        return [f"there is no special column “{name}”; it is left out"]
    return []


def _configure(
    row: Mapping[str, str], numbered: dict[str, dict[str, Any]], place: FileLocation
) -> None:
    for name, cell in row.items():
        match = THRESHOLD_OF.match(name)
        if match and cell.strip():
            number = match[1] or "1"
            if number not in numbered:
                raise SuiteError("promptfoo.csv-orphan", at=place, name=name, found=match[1])
            numbered[number]["threshold"] = _number(cell, name, place)


def _number(cell: str, name: str, place: FileLocation) -> float:
    try:
        number = finite(json.loads(cell.strip()))
    except (ValueError, RecursionError):
        number = None
    if number is None:
        raise SuiteError("promptfoo.csv-number", at=place, name=name, cell=cell[:60])
    return number
