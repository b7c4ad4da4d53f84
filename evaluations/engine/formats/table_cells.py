"""Cells of our own tables that contain several tags.

Formulas are escaped by `core.tables`. The last column of our own tables is a JSON object that
says of each row which columns are JSON ("json"), which have no value although an empty text would
be one ("none"), and which are empty texts where that is a value ("empty").
"""

import json
from collections.abc import Sequence

__all__ = ["read_tags", "write_tags"]


def write_tags(tags: Sequence[str]) -> str:
    """Return tags with commas between them, or JSON where a tag contains one."""
    text = ", ".join(tags)
    if read_tags(text) == list(tags):
        return text
    return json.dumps(list(tags), ensure_ascii=False)


def read_tags(text: str) -> list[str]:
    """Return the tags of a cell."""
    if text.startswith("["):
        try:
            tags = json.loads(text)
        except ValueError:
            tags = None  # no JSON: a tag that begins with a bracket
        if isinstance(tags, list):
            return [str(tag) for tag in tags]
    words = [word.strip() for word in text.split(",")]
    return [word for word in words if word]
