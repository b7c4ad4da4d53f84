"""The boxes of docs/operations.md: what it tells an operator to type is what is rehearsed."""

import re
from pathlib import Path
from typing import Final

from launch.tools import ROOT

__all__ = ["GUIDES", "ROOT", "list_boxes", "read_boxes"]

GUIDES: Final = (ROOT / "docs" / "operations.md", ROOT / "docs" / "operations.ja.md")
BOX: Final = re.compile(
    r"^<!-- rehearsed: (?P<name>[a-z-]+) -->\n```sh\n(?P<lines>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def list_boxes(guide: Path) -> list[tuple[str, str]]:
    """Return name and lines of each box of a guide, in its order."""
    text = guide.read_text(encoding="utf-8")
    return [(match["name"], match["lines"]) for match in BOX.finditer(text)]


def read_boxes() -> dict[str, str]:
    """Return name → lines of each box of the English guide."""
    return dict(list_boxes(GUIDES[0]))
