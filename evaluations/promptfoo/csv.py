"""promptfoo's tables of tests: columns are variables, those with two underscores are special."""

import difflib
import json
import re
from dataclasses import dataclass, field
from typing import Final

from core.language import gettext as _
from core.tables import InvalidValue, Record, Table
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

Cell = tuple[dict[str, object], str]  # an assertion, and a warning or ""
RowEntry = tuple[Document, dict[str, object]]  # where it stands, and a test


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
    assertion: dict[str, object] = {"type": f"{negated or ''}{name}"}
    if value is not None:
        listed = name.endswith(("-any", "-all"))
        assertion["value"] = _fields(value) if listed else value.strip()
    return _with_threshold(assertion, name, bracket, text)


def _fields(value: str) -> list[str] | str:
    try:
        return split_fields(value)
    except ScoringError:
        return value  # the assertion says what is wrong with it


def _with_threshold(
    assertion: dict[str, object], name: str, bracket: str | None, text: str
) -> Cell:
    if name not in WITH_THRESHOLD:
        if not bracket:
            return assertion, ""
        return assertion, _("(%(bracket)s) in “%(text)s” is ignored, as in promptfoo") % {
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
        "“%(text)s” has no threshold; promptfoo's default of %(usual)s edits requires equal texts. "
        "Write %(name)s(5): to allow 5 edits"
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
    return _(
        "unknown assertion type “%(kind)s:”, so the answer must equal the whole cell; did you mean "
        "“%(near)s:”?"
    ) % {"kind": match[1], "near": near[0]}


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


def table_tests(table: Table, file: str) -> tuple[list[RowEntry], list[ImportNotice]]:
    """Return the tests of a table with their records, in the words of a configuration.

    Raises:
        SuiteError: a row has more cells than the header, or a special column is wrong.
    """
    header = FileLocation(file=file, line=table.header_line)
    notices: list[ImportNotice] = []
    for name in table.columns or ():
        if name.startswith("_") and not name.startswith("__"):
            message = _(
                "the column “%(name)s” is a variable; promptfoo's own columns begin with two "
                "underscores"
            )
            notices.append(ImportNotice(message=message % {"name": name}, location=header))
    notices += [
        ImportNotice(message=str(note), location=FileLocation(file=file)) for note in table.notes
    ]
    tests: list[RowEntry] = []
    for record in table:
        document = build_document(table, record, file)
        test = _RowTest(location=document.location().find())
        test.read(record)
        tests.append((document, test.entry()))
        notices += [ImportNotice(message=text, location=test.location) for text in test.warnings]
    return tests, notices


@dataclass(kw_only=True, slots=True)
class _RowTest:
    """A test that is being read from a row."""

    location: FileLocation
    """Where the row stands."""
    warnings: list[str] = field(default_factory=list)
    _variables: dict[str, object] = field(default_factory=dict)
    _assertions: list[dict[str, object]] = field(default_factory=list)
    _numbered: dict[str, dict[str, object]] = field(default_factory=dict)
    """The assertions, by the number of their column; __expected is __expected1."""
    _metadata: dict[str, object] = field(default_factory=dict)
    _options: dict[str, object] = field(default_factory=dict)
    _fields: dict[str, object] = field(default_factory=dict)
    """Everything else of the test."""

    def entry(self) -> dict[str, object]:
        """Return the test in the words of a configuration."""
        return {
            "vars": self._variables,
            "assert": self._assertions,
            "metadata": self._metadata,
            "options": self._options,
            **self._fields,
        }

    def read(self, record: Record) -> None:
        """Take over what the cells of a row say.

        Raises:
            SuiteError: the row or one of its cells is wrong.
        """
        if isinstance(record.value, InvalidValue):
            raise SuiteError(record.value.reason, at=self.location)
        row = {_fold(column): self._text(cell) for column, cell in record.value.items()}
        if any(EXPECTED.match(_fold(column)) for column in record.missing):
            message = _("the row ends before the column “%(missing)s”, so it has no such assertion")
            self.warnings.append(message % {"missing": record.missing[0]})
        for name, cell in row.items():
            self._read_cell(name, cell)
        # Only now: the column of a threshold may stand before that of its assertion.
        for name, cell in row.items():
            match = THRESHOLD_OF.match(name)
            if match is not None and cell.strip():
                self._read_threshold(match[1], name, cell)
        if row.get("__metric"):
            for assertion in self._assertions:
                assertion["metric"] = row["__metric"]

    def _text(self, cell: str | InvalidValue) -> str:
        if isinstance(cell, InvalidValue):
            raise SuiteError(cell.reason, at=self.location)
        return cell

    def _read_cell(self, name: str, cell: str) -> None:
        expected = EXPECTED.match(name)
        if expected is not None:
            self._read_expected(expected[1] or "1", cell.strip())
        elif name.startswith("__"):
            self._read_special(name, cell)
        else:
            self._variables[name] = cell

    def _read_expected(self, number: str, text: str) -> None:
        if not text:
            return  # this row has no such check
        assertion, warning = parse_cell(text)
        if warning:
            self.warnings.append(warning)
        self._numbered[number] = assertion
        self._assertions.append(assertion)

    def _read_special(self, name: str, cell: str) -> None:
        if not cell:
            return
        if name == "__threshold":
            self._fields["threshold"] = self._number(cell, name)
        elif name.startswith("__metadata:"):
            self._read_metadata(name.removeprefix("__metadata:"), cell)
        elif name in ("__prefix", "__suffix"):
            self._options[name.removeprefix("__")] = cell
        elif name in SPECIAL:
            self._fields[name.removeprefix("__")] = cell
        elif not THRESHOLD_OF.match(name):
            message = _("unknown promptfoo column “%(name)s” is ignored")
            self.warnings.append(message % {"name": name})

    def _read_metadata(self, key: str, cell: str) -> None:
        if not key.endswith("[]"):
            self._metadata[key] = cell
            return
        parts = re.split(r"(?<!\\),", cell)  # a comma behind a backslash belongs to the text
        values = [part.replace("\\,", ",").strip() for part in parts]
        self._metadata[key.removesuffix("[]")] = values

    def _read_threshold(self, number: str, name: str, cell: str) -> None:
        assertion = self._numbered.get(number or "1")
        if assertion is None:
            raise SuiteError("promptfoo.csv-orphan", at=self.location, name=name, found=number)
        assertion["threshold"] = self._number(cell, name)

    def _number(self, cell: str, name: str) -> float:
        try:
            number = finite(json.loads(cell.strip()))
        except (ValueError, RecursionError):
            number = None
        if number is None:
            raise SuiteError("promptfoo.csv-number", at=self.location, name=name, cell=cell[:60])
        return number
