"""`make measure`: how our code is written, in figures, beside what the field admires.

--against REVISION     a revision of ours as one more column; may be given several times
--without-peers        ours alone; nothing is installed
--format json          the figures for programs, with the modules of each circle

`measure/figures.py` says what each figure counts.
"""

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.errors import LaunchError
from launch.terminal import set_up, warn

from measure.circles import list_circles
from measure.figures import Figures, list_files, measure_files
from measure.sources import PEERS, Source, open_checkout, open_peer, unpack_revision

ROOT: Final = Path(__file__).resolve().parent.parent.parent
VENV: Final = ROOT / ".venv-measure"
HERE: Final = "ours"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One source and its figures."""

    name: str
    figures: Figures
    circles: Sequence[Sequence[str]]
    """Modules that import each other, circle by circle."""


ROWS: Final[dict[str, Callable[[Column], str]]] = {
    "lines of code": lambda column: f"{column.figures.lines:,}",
    "files": lambda column: f"{column.figures.files:,}",
    "functions": lambda column: f"{column.figures.functions:,}",
    "lines of a function, median": lambda column: f"{column.figures.median_length:g}",
    "lines of a function, longest": lambda column: f"{column.figures.longest}",
    "branches per 100 function lines": lambda column: f"{column.figures.branches:.0f}",
    "comprehensions per 1,000 function lines": (
        lambda column: f"{column.figures.comprehensions:.0f}"
    ),
    "comment lines / code lines": lambda column: f"{column.figures.comments:.1f} %",
    "public functions with docstring": lambda column: f"{column.figures.docstrings:.0f} %",
    "`found` per 1,000 bindings": lambda column: f"{column.figures.found:.1f}",
    "Any": lambda column: f"{column.figures.any_words:,}",
    "noqa and type: ignore": lambda column: f"{column.figures.suppressions:,}",
    "functions named x_of": lambda column: f"{column.figures.named_of}",
    "circles of files": lambda column: f"{len(column.circles)}",
    "files in circles": lambda column: f"{sum(map(len, column.circles))}",
}


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 0, or 1 with one sentence."""
    options = _parse_options(arguments)
    set_up()
    try:
        # What an installation says is not among the figures, which a program may read.
        with contextlib.redirect_stdout(sys.stderr):
            columns = list(_measure(options))
    except LaunchError as error:
        warn(str(error))
        return 1
    if options.format == "json":
        rows = {column.name: _build_row(column) for column in columns}
        print(json.dumps(rows, indent=2))
    else:
        print(build_table(columns))
    return 0


def _parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how our code is written.")
    parser.add_argument("--against", action="append", default=[], metavar="REVISION")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser.parse_args(arguments)


def _measure(options: argparse.Namespace) -> Iterator[Column]:
    yield measure(open_checkout(ROOT, HERE))
    for revision in options.against:
        with tempfile.TemporaryDirectory() as folder:
            yield measure(unpack_revision(ROOT, revision, Path(folder)))
    if not options.without_peers:
        for name in PEERS:
            yield measure(open_peer(VENV, name))


def measure(source: Source) -> Column:
    """Return the figures of a source, and its circles."""
    figures = measure_files(list_files(source.folders))
    return Column(name=source.name, figures=figures, circles=list_circles(source))


def build_table(columns: Sequence[Column]) -> str:
    """Return a line for each figure, and a column for each source."""
    first = max(map(len, ROWS))
    widths = [max(len(column.name), 7) for column in columns]
    heading = [column.name.rjust(width) for column, width in zip(columns, widths, strict=True)]
    lines = ["  ".join([" " * first, *heading])]
    for label, show in ROWS.items():
        cells = [show(column).rjust(width) for column, width in zip(columns, widths, strict=True)]
        lines.append("  ".join([label.ljust(first), *cells]))
    return "\n".join(lines)


def _build_row(column: Column) -> dict[str, object]:
    return dataclasses.asdict(column.figures) | {"circles": column.circles}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
