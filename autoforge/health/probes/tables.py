"""Are all tables there, as models and migrations say: columns, constraints, indexes, triggers?"""

from collections.abc import Sequence
from typing import Final

from django.db.utils import DatabaseError

from autoforge.health.database import read_server_facts
from autoforge.health.errors import ProbeError
from core.database.drift import Difference, count_expected, find_differences

MAX_LISTED: Final = 10  # a database of another version differs in hundreds
MIGRATE: Final = "Run `manage.py migrate_safely`; if there is nothing to migrate, "
RESTORE: Final = "restore the latest backup, or change the named objects to match their models."


def probe() -> str:
    """Return how many tables, indexes and triggers there are.

    Raises:
        ProbeError: some are missing, or other than they should be.
    """
    read_server_facts()
    try:
        differences = find_differences()
    except DatabaseError as error:
        raise ProbeError(
            f"the schema cannot be read: {error}", "See the database probe."
        ) from error
    if differences:
        raise ProbeError(_describe(differences), MIGRATE + _advise(differences))
    counts = count_expected()
    return (
        f"{counts['table']} tables with {counts['index']} indexes and {counts['trigger']} triggers "
        "match the models and migrations"
    )


def _describe(differences: Sequence[Difference]) -> str:
    text = "; ".join(map(str, differences[:MAX_LISTED]))
    more = len(differences) - MAX_LISTED
    if more > 0:
        text += f"; and {more} more"
    return text


def _advise(differences: Sequence[Difference]) -> str:
    remedies = [difference.remedy for difference in differences]
    if all(remedies):  # SQL that creates what is missing
        return f"run in `manage.py dbshell`: {' '.join(remedies)}"
    return RESTORE
