"""Every write to the tables of prompts: keyword-only, validated, atomic.

Reads are in `prompts.selectors`.
"""

from prompts.services.imports import (
    ON_DUPLICATE,
    ImportCounts,
    ImportOptions,
    import_rows,
)
from prompts.services.prompts import (
    archive_prompt,
    create_prompt,
    delete_prompt,
    edit_prompt,
    restore_prompt,
    restore_version,
    set_status,
)
from prompts.services.templates import (
    create_template,
    delete_template,
    edit_template,
    restore_template,
)

__all__ = [
    "ON_DUPLICATE",
    "ImportCounts",
    "ImportOptions",
    "archive_prompt",
    "create_prompt",
    "create_template",
    "delete_prompt",
    "delete_template",
    "edit_prompt",
    "edit_template",
    "import_rows",
    "restore_prompt",
    "restore_template",
    "restore_version",
    "set_status",
]
