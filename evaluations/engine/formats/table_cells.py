"""Cells of tables of ours whose values are no texts; formulas are escaped by `core.tables`.

The last column says that a table is ours, and of each row which cells are JSON and which are none.
"""

import json
from collections.abc import Iterable, Mapping

__all__ = ["Marks", "read_tags", "write_tags"]

Marks = Mapping[str, list[str]]
"""What the last cell of a row says: "json" and "none", and the names of columns."""


def write_tags(tags: Iterable[str]) -> str:
    """Return words with commas between them, or JSON where a word holds one."""
    text = ", ".join(tags)
    return text if read_tags(text) == list(tags) else json.dumps(list(tags), ensure_ascii=False)


def read_tags(text: str) -> list[str]:
    """Return the words of a cell."""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list):
            return list(map(str, found))
    return [word.strip() for word in text.split(",") if word.strip()]
