"""What the roles may do with prompts, each beyond the role before it."""

from typing import Final

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final = {
    "Viewer": (
        "view_prompt",
        "view_promptversion",
        "view_prompttemplate",
        "view_promptlabel",
        "view_promptevent",
        "view_labelrule",
    ),
    "Editor": (
        "add_prompt",
        "change_prompt",
        "add_prompttemplate",
        "change_prompttemplate",
        "move_label",
    ),
    "Publisher": ("move_protected_label", "delete_prompt", "delete_prompttemplate"),
    "Administrator": (
        "override_gate",
        "purge_prompt",
        "add_labelrule",
        "change_labelrule",
        "delete_labelrule",
    ),
}
