"""What a worker does every hour: delete what is older than it is kept.

Where runs are worked on in the server's process (QUEUE is in-process) no worker does it; then
`manage.py data_retention --apply` does.
"""

import logging

from django.db import Error as DatabaseError

from autoforge.operations.retention.ages import read_ages
from autoforge.operations.retention.kinds import list_kinds
from core.database.explanation import explain
from core.stopping import StopAskedError, give_way

__all__ = ["delete_old_rows"]

logger = logging.getLogger(__name__)


def delete_old_rows() -> int:
    """Delete the rows of each kind that has an age; return how many there were.

    Where one kind cannot be deleted, the log says why and the others go on.
    """
    count = 0
    for kind in list_kinds(read_ages()):
        if kind.age.days is None:
            continue
        try:
            count += kind.remove(_give_way)
        except StopAskedError:
            logger.info("Old rows wait for the next worker: this one is stopping")
            break
        except DatabaseError as error:
            cause = explain(error)
            if cause is None:
                raise
            logger.error("Old rows (%s) could not be deleted: %s", kind.name, cause)  # noqa: TRY400 (a sentence, no traceback)
    return count


def _give_way(_count: int) -> None:
    """Go on after a batch, unless the process is to stop: what is left has its turn later."""
    give_way()
