"""The worker's part: a backup is a task like any other, so that the worker is seen to be at it."""

from django_tasks import task

from autoforge.operations.backups.newest import is_backup_due
from autoforge.operations.backups.schedule import back_up_if_due

__all__ = ["enqueue_due_backup", "make_due_backup"]


@task()
def make_due_backup() -> None:
    """Make a backup if one is still due, and nobody else is at it."""
    back_up_if_due()


def enqueue_due_backup() -> None:
    """Have a backup made soon, if one is due. Called by each worker every quarter of an hour."""
    if is_backup_due():
        make_due_backup.enqueue()
