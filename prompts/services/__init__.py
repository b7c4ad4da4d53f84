"""Every write to the tables of prompts: keyword-only, validated, atomic.

Reads are in `prompts.selectors`.
"""

from prompts.services.backup import archive_rows, list_records, restore_archive
from prompts.services.contracts import OF_VARIABLES, ContractReport, examine, refuse_problems
from prompts.services.imports import (
    ON_DUPLICATE,
    ImportCounts,
    ImportOptions,
    import_rows,
)
from prompts.services.label_rules import (
    create_label_rule,
    delete_label_rules,
    edit_label_rule,
)
from prompts.services.labels import (
    SYSTEM,
    Actor,
    GateRefusedError,
    LabelProtectedError,
    RollBack,
    check_mover,
    find_roll_back,
    move_label,
    remove_label,
    roll_back_label,
)
from prompts.services.many import (
    Changes,
    add_tags,
    delete_prompts,
    label_newest,
    restore_prompts,
)
from prompts.services.prompts import (
    create_prompt,
    delete_prompt,
    edit_prompt,
    restore_prompt,
    restore_version,
    set_status,
    unarchive_prompts,
)
from prompts.services.templates import (
    check_template,
    create_template,
    delete_templates,
    edit_template,
    fill_template,
    restore_template,
)
from prompts.services.trash import (
    find_first_deletion,
    find_purgeable,
    purge_prompts,
    purge_templates,
)

__all__ = [
    "OF_VARIABLES",
    "ON_DUPLICATE",
    "SYSTEM",
    "Actor",
    "Changes",
    "ContractReport",
    "GateRefusedError",
    "ImportCounts",
    "ImportOptions",
    "LabelProtectedError",
    "RollBack",
    "add_tags",
    "archive_rows",
    "check_mover",
    "check_template",
    "create_label_rule",
    "create_prompt",
    "create_template",
    "delete_label_rules",
    "delete_prompt",
    "delete_prompts",
    "delete_templates",
    "edit_label_rule",
    "edit_prompt",
    "edit_template",
    "examine",
    "fill_template",
    "find_first_deletion",
    "find_purgeable",
    "find_roll_back",
    "import_rows",
    "label_newest",
    "list_records",
    "move_label",
    "purge_prompts",
    "purge_templates",
    "refuse_problems",
    "remove_label",
    "restore_archive",
    "restore_prompt",
    "restore_prompts",
    "restore_template",
    "restore_version",
    "roll_back_label",
    "set_status",
    "unarchive_prompts",
]
