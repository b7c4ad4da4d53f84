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

Row = dict[str, Any]
CLOSE: Final = 1e-9
FOLDERS: Final = tuple(
    sorted(path for path in (Path(__file__).parent / "configs").iterdir() if path.is_dir())
)
# Promptfoo passes what nothing checks, with the score 1; ours says so instead and has no verdict.
UNCHECKED: Final = "not checked"
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
        done = subprocess.run(  # noqa: S603  # nosec B603 (our own configuration)
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


def _rows(found: Mapping[str, Any]) -> list[Row]:
    rows = [_row(row) for row in found["results"]["results"]]
    return sorted(rows, key=lambda row: (row["test"], row["prompt"]))


def _row(row: Mapping[str, Any]) -> Row:
    failed = row["failureReason"] == 2
    unchecked = str(row.get("error") or "").startswith(UNCHECKED)
    grading = row.get("gradingResult") or {}
    return {
        "test": row["testIdx"],
        "prompt": row["promptIdx"],
        "output": None if failed else _output((row.get("response") or {}).get("output")),
        **({} if unchecked else {"success": row["success"], "score": row["score"]}),
        "reason": row["failureReason"],
        "error": failed,
        "vars": row["vars"],
        "parts": []
        if failed
        else [[one["pass"], one["score"]] for one in grading.get("componentResults") or []],
    }


def _output(value: Any) -> Any:
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )


def differing(name: str, theirs: list[Row], ours: list[Row]) -> list[dict[str, Any]]:
    """Return the rows on which we differ: what of them, and why where it is intended."""
    mine = {(row["test"], row["prompt"]): row for row in ours}
    yours = {(row["test"], row["prompt"]): row for row in theirs}
    found = []
    for key in sorted(mine.keys() | yours.keys()):
        their, our = yours.get(key), mine.get(key)
        parts = _parts(their, our)
        if parts:
            why = why_row_differs(name, their, our, parts)
            found.append({"config": name, "row": key, "theirs": their, "ours": our,
                          "differs": parts, "why": why})  # fmt: skip
    return found


def _parts(their: Row | None, our: Row | None) -> list[str]:
    if their is None or our is None:
        return ["row"]
    compared = their if "success" in our else their.keys() - {"success", "score"}
    return [key for key in their if key in compared and not _same(their[key], our[key])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= CLOSE
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
