"""Suites as CSV and JSON Lines, which `tables` reads back as they were."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Final

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
    names = list(dict.fromkeys(name for case in suite.cases for name in case.variables))
    used = [name for name in COLUMNS if name not in RARE or _is_used(suite, name)]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*used, *(escape_formula(_column(name)) for name in names), ESCAPED])
    for case in suite.cases:
        parts = _parts(case)
        cells = [*(parts[name] for name in used), *(_cell(case, name) for name in names)]
        writer.writerow([*map(escape_formula, cells), _marks(case, names)])
    return stream.getvalue()


def _is_used(suite: Suite, name: str) -> bool:
    return any(getattr(case, name) not in (None, {}) for case in suite.cases)


def _column(name: str) -> str:
    """Return the column of a variable, under its whole name where it could be something else."""
    bare = name and name == name.strip() and not name.startswith("variables.")
    taken = (*COLUMNS, "variables", ESCAPED)
    return name if bare and name not in taken else f"variables.{name}"


def _parts(case: Case) -> dict[str, Any]:
    assertions = [assertion_as_dict(one) for one in case.assertions]
    return {
        "name": case.name,
        "expected": case.expected,
        "assertions": json.dumps(assertions, ensure_ascii=False) if assertions else "",
        "threshold": "" if case.threshold is None else case.threshold,
        "weight": case.weight,
        "tags": write_tags(case.tags),
        "enabled": "true" if case.enabled else "false",
        "metadata": json.dumps(case.metadata, ensure_ascii=False) if case.metadata else "",
        "given_answer": case.given_answer or "",
    }


def _cell(case: Case, name: str) -> str:
    value = case.variables.get(name, "")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _marks(case: Case, names: Sequence[str]) -> str:
    """Return which cells are JSON, and which are none although they could be an empty text."""
    values = case.variables
    found = {
        "json": [one for one in names if one in values and not isinstance(values[one], str)],
        "none": [one for one in names if one not in values],
        "empty": ["given_answer"] if case.given_answer == "" else [],
    }
    return json.dumps({key: value for key, value in found.items() if value}, ensure_ascii=False)


def write_jsonl(suite: Suite) -> str:
    """Return a suite as JSON Lines, a case each."""
    return "".join(json.dumps(_entry(case), ensure_ascii=False) + "\n" for case in suite.cases)


def _entry(case: Case) -> dict[str, Any]:
    answer = {} if case.given_answer is None else {"given_answer": case.given_answer}
    return {
        "name": case.name,
        "variables": dict(case.variables),
        "expected": case.expected,
        "assertions": [assertion_as_dict(one) for one in case.assertions],
        "threshold": case.threshold,
        "weight": case.weight,
        "tags": list(case.tags),
        "metadata": dict(case.metadata),
        "enabled": case.enabled,
        **answer,
    }
