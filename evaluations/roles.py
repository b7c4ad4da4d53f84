"""What the roles may do with evaluations, each beyond the role before it."""

from typing import Final

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final = {
    "Viewer": ("view_evaluation", "view_testcase", "view_testresult", "view_testsuite"),
    "Editor": (
        "add_evaluation",
        "change_evaluation",
        "add_testcase",
        "change_testcase",
        "add_testsuite",
        "change_testsuite",
    ),
    "Publisher": ("delete_evaluation", "delete_testcase", "delete_testsuite"),
    "Administrator": (),
}
