"""Files of prompts, written: CSV, JSON, JSON Lines, YAML, XLSX, and directories of Markdown.

`flat` writes the newest version of each prompt, a record each; what it writes `prompts.importing`
reads. `markdown` is the form of a directory, which holds every version; it reads itself.

To add a format: a function `write(records, stream)` and a line in `WRITERS`.
"""

from prompts.exporting.flat import CONTENT_TYPES, WRITERS, Record, TooLongError
from prompts.exporting.markdown import (
    Archived,
    ArchivedVersion,
    BrokenFileError,
    is_older,
    is_ours,
    list_files,
    parse,
    serialise,
)

__all__ = [
    "CONTENT_TYPES",
    "WRITERS",
    "Archived",
    "ArchivedVersion",
    "BrokenFileError",
    "Record",
    "TooLongError",
    "is_older",
    "is_ours",
    "list_files",
    "parse",
    "serialise",
]
