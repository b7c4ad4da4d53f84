"""Whole configurations: what the real promptfoo and `manage.py evaluate` make of each, row by row.

A configuration is a folder in configs/ with the files that it names; NAME.xlsx.json is made into
the workbook NAME.xlsx.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from differential.differences import why_row_differs
from differential.promptfoo import command, environment

__all__ = ["FOLDERS", "Row", "differing", "our_rows", "prepare", "their_rows"]

Row = dict[str, object]
CLOSE: Final = 1e-9  # two programs add the same floats in another order
CONFIGS: Final = Path(__file__).parent / "configs"
FOLDERS: Final = tuple(path for path in sorted(CONFIGS.iterdir()) if path.is_dir())
# Promptfoo passes what nothing checks, with the score 1; ours says so instead and has no verdict.
UNCHECKED: Final = "not checked"
# The table, the cache, the bar and promptfoo's own database: one file of results is read.
OFF: Final = ("--no-table", "--no-cache", "--no-progress-bar", "--no-write")


def prepare(folder: Path, target: Path) -> Path:
    """Copy a configuration with its workbooks made; return its file."""
    shutil.copytree(folder, target)
    for table in target.glob("*.xlsx.json"):
        _write_workbook(json.loads(table.read_text(encoding="utf-8")), table.with_suffix(""))
        table.unlink()
    return next(target.glob("promptfooconfig.*"))


def _write_workbook(sheets: Mapping[str, list[list[str]]], path: Path) -> None:
    from openpyxl import Workbook  # 10 MB, for one of them

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def their_rows(promptfoo: Path, folder: Path) -> list[Row]:
    """Return what promptfoo makes of a configuration."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        config = prepare(folder, home / "config")
        done = subprocess.run(  # noqa: S603 (our own configuration)
            [*command(promptfoo), "eval", "-c", config.name, "-o", str(home / "out.json"), *OFF],
            cwd=config.parent,
            env=environment(home / "home"),
            check=False,  # its status says that assertions failed
            capture_output=True,
            text=True,
        )
        if not (home / "out.json").exists():
            raise RuntimeError(f"{folder.name}: promptfoo wrote nothing: {done.stderr[-2000:]}")
        return _rows(json.loads((home / "out.json").read_text(encoding="utf-8")))


def our_rows(folder: Path, evaluate: Callable[[Path, Path], object]) -> list[Row]:
    """Return what our command makes of a configuration.

    Args:
        folder: the configuration's.
        evaluate: runs the command on a file, and has its report written in promptfoo's structure.
    """
    with tempfile.TemporaryDirectory() as name:
        config = prepare(folder, Path(name) / "config")
        out = Path(name) / "out.json"
        evaluate(config, out)
        return _rows(json.loads(out.read_text(encoding="utf-8")))


def _rows(report: Mapping[str, Any]) -> list[Row]:
    rows = [_row(row) for row in report["results"]["results"]]
    return sorted(rows, key=lambda row: (row["test"], row["prompt"]))


def _row(row: Mapping[str, Any]) -> Row:
    output: object = None
    parts: list[list[object]] = []
    is_error = row["failureReason"] == 2  # promptfoo's ResultFailureReason.ERROR
    if not is_error:
        output = (row.get("response") or {}).get("output")
        if not isinstance(output, str):
            output = json.dumps(output, ensure_ascii=False, separators=(",", ":"))
        results = (row.get("gradingResult") or {}).get("componentResults") or []
        parts = [[result["pass"], result["score"]] for result in results]
    verdict = {}
    if not str(row.get("error") or "").startswith(UNCHECKED):
        verdict = {"success": row["success"], "score": row["score"]}
    return {
        "test": row["testIdx"],
        "prompt": row["promptIdx"],
        "output": output,
        **verdict,
        "reason": row["failureReason"],
        "error": is_error,
        "vars": row["vars"],
        "parts": parts,
    }


def differing(name: str, theirs: list[Row], ours: list[Row]) -> list[dict[str, Any]]:
    """Return the rows on which we differ: what of them, and why where it is intended."""
    ours_by_key = {(row["test"], row["prompt"]): row for row in ours}
    theirs_by_key = {(row["test"], row["prompt"]): row for row in theirs}
    differences = []
    for key in sorted(ours_by_key.keys() | theirs_by_key.keys()):
        their, our = theirs_by_key.get(key), ours_by_key.get(key)
        parts = _parts(their, our)
        if parts:
            why = why_row_differs(name, their, our, parts)
            difference = {"config": name, "row": key, "theirs": their, "ours": our}
            differences.append(difference | {"differs": parts, "why": why})
    return differences


def _parts(their: Row | None, our: Row | None) -> list[str]:
    if their is None or our is None:
        return ["row"]
    # Ours has no verdict where nothing was checked: then theirs is compared with nothing.
    return [key for key in their if key in our and not _same(their[key], our[key])]


def _same(theirs: object, ours: object) -> bool:
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return theirs is ours  # to Python True is 1, to JSON it is not
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        return abs(theirs - ours) <= CLOSE
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(_same, theirs, ours))
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs.keys() != ours.keys():
            return False
        return all(_same(theirs[key], ours[key]) for key in theirs)
    return bool(theirs == ours)
