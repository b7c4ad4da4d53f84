"""Are our tables there?"""

from django.db import connection
from django.db.utils import DatabaseError

from autoforge.health.database import OUR_TABLES, read_server_facts
from autoforge.health.errors import ProbeError


def probe() -> str:
    """Return how many tables there are.

    Raises:
        ProbeError: some are missing.
    """
    read_server_facts()
    try:
        present = set(connection.introspection.table_names())
    except DatabaseError as error:
        raise ProbeError(
            f"the tables cannot be listed: {error}", "See the database probe."
        ) from error
    missing = [name for name in OUR_TABLES if name not in present]
    if missing:
        raise ProbeError(
            f"missing: {', '.join(missing)}",
            "Run `manage.py migrate`; if it finds nothing to do, restore the database's backup.",
        )
    return f"all {len(OUR_TABLES)} tables exist"
