"""What the roles may do with evaluations, each beyond the role before it."""

from typing import Final

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final = {
    "Viewer": (
        "view_evaluation",
        "view_modelprofile",
        "view_rating",
        "view_releasegate",
        "view_run",
        "view_runcase",
        "view_testcase",
        "view_testresult",
        "view_testsuite",
    ),
    "Editor": (
        # Records hold what people write in production: a Viewer does not see them.
        "add_callrecord",
        "view_callrecord",
        "add_evaluation",
        "change_evaluation",
        "add_rating",
        "change_rating",
        "add_run",
        "change_run",
        "add_testcase",
        "change_testcase",
        "add_testsuite",
        "change_testsuite",
    ),
    "Publisher": (
        "delete_callrecord",
        "add_releasegate",
        "change_releasegate",
        "delete_releasegate",
        "delete_run",
        "delete_evaluation",
        "delete_testcase",
        "delete_testsuite",
    ),
    "Administrator": ("add_modelprofile", "change_modelprofile", "delete_modelprofile"),
}
