"""Suites as CSV and JSON Lines, which `tables` reads back as they were."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from core.tables import ESCAPED, escape_formula
from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.table_cells import write_tags
from evaluations.engine.types import Case, Suite

__all__ = ["write_csv", "write_jsonl"]

COLUMNS: Final = (
    *("name", "expected", "assertions", "threshold", "weight", "tags", "enabled"),
    *("metadata", "given_answer"),
)
RARE: Final = frozenset({"metadata", "given_answer"})  # columns only where a case has some


def write_csv(suite: Suite) -> str:
    """Return a suite as a table: a column for each part, and one for each variable."""
    parts = [name for name in COLUMNS if name not in RARE or _is_used(suite, name)]
    variables = suite.list_variables()
    header = [*parts, *(_column(name) for name in variables)]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*map(escape_formula, header), ESCAPED])
    for case in suite.cases:
        cells = _part_cells(case)
        row = [cells[name] for name in parts]
        row += [_variable_cell(case, name) for name in variables]
        writer.writerow([*map(escape_formula, row), _marks(case, variables)])
    return stream.getvalue()


def _is_used(suite: Suite, name: str) -> bool:
    return any(getattr(case, name) not in (None, {}) for case in suite.cases)


def _column(name: str) -> str:
    """Return the column of a variable, under its whole name where it could be something else."""
    if not name or name != name.strip() or name.startswith("variables."):
        return f"variables.{name}"
    if name in (*COLUMNS, "variables", ESCAPED):
        return f"variables.{name}"
    return name


def _part_cells(case: Case) -> dict[str, object]:
    assertions = [assertion_as_dict(assertion) for assertion in case.assertions]
    return {
        "name": case.name,
        "expected": case.expected,
        "assertions": _dump(assertions) if assertions else "",
        "threshold": "" if case.threshold is None else case.threshold,
        "weight": case.weight,
        "tags": write_tags(case.tags),
        "enabled": "true" if case.enabled else "false",
        "metadata": _dump(case.metadata) if case.metadata else "",
        "given_answer": case.given_answer or "",
    }


def _variable_cell(case: Case, name: str) -> str:
    value = case.variables.get(name, "")
    return value if isinstance(value, str) else _dump(value)


def _marks(case: Case, variables: Sequence[str]) -> str:
    """Return what the cells of a case do not say themselves (`table_cells`), as JSON."""
    marks: dict[str, list[str]] = {}
    for name in variables:
        if name not in case.variables:
            marks.setdefault("none", []).append(name)
        elif not isinstance(case.variables[name], str):
            marks.setdefault("json", []).append(name)
    if case.given_answer == "":
        marks["empty"] = ["given_answer"]
    return _dump(marks)


def _dump(value: object) -> str:
    # The standard library's, not `core.json`: a number that JSON does not have stays what it is.
    return json.dumps(value, ensure_ascii=False)


def write_jsonl(suite: Suite) -> str:
    """Return a suite as JSON Lines, a case each."""
    return "".join(_dump(_case_entry(case)) + "\n" for case in suite.cases)


def _case_entry(case: Case) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": case.name,
        "variables": dict(case.variables),
        "expected": case.expected,
        "assertions": [assertion_as_dict(assertion) for assertion in case.assertions],
        "threshold": case.threshold,
        "weight": case.weight,
        "tags": list(case.tags),
        "metadata": dict(case.metadata),
        "enabled": case.enabled,
    }
    if case.given_answer is not None:
        entry["given_answer"] = case.given_answer
    return entry
