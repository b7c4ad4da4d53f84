"""The package's pages, as its tests read them: tables and examples."""

import re
from dataclasses import dataclass
from pathlib import Path

import django_hrana

PACKAGE = Path(django_hrana.__file__).resolve().parents[2]
FOLDER = PACKAGE / "docs"
PAGES = sorted(FOLDER.glob("*.md"))
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)\n```", re.DOTALL
)
# A bar in code is written \| in a table.
CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A block of code on a page."""

    page: str
    """Name of the page's file without its ending."""
    language: str
    """What stands behind the fence: python, sh, console, text."""
    note: str
    """The comment right above it, or nothing."""
    code: str
    """Its lines."""


def read(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


def list_examples(page: str) -> list[Example]:
    """Return the blocks of code of a page, in order."""
    return [
        Example(page=page, language=match["language"], note=match["note"] or "", code=match["code"])
        for match in FENCE.finditer(read(page))
    ]


def read_table(page: str, first_heading: str) -> list[dict[str, str]]:
    """Return the rows of the table whose first column has a heading, by the headings."""
    lines = read(page).splitlines()
    [start] = [n for n, line in enumerate(lines) if line.startswith(f"| {first_heading} |")]
    headings = _split(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(headings, _split(line), strict=True)))
    return rows


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in CELL.split(line)[1:-1]]
