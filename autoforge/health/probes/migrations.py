"""Is the schema in step with the code?"""

from django.db.utils import DatabaseError

from autoforge.health.database import read_server_facts
from autoforge.health.errors import ProbeError
from core.database.applied import Migrations, read_migrations

__all__ = ["probe", "probe_pending"]


def probe() -> str:
    """Return how many migrations are applied.

    Raises:
        ProbeError: some are pending, or the database has some that the code has not.
    """
    state = _read_without_pending()
    if state.unknown:
        raise ProbeError(
            f"applied but not in this code: {', '.join(state.unknown)}",
            "The database is newer than the code. Deploy the newer code, or use it to migrate "
            "back.",
        )
    return f"{len(state.applied)} applied, none pending"


def probe_pending() -> str:
    """Return how many migrations are applied, also those of a newer version.

    A deployment migrates while the version before it still serves. Were that one not ready by then,
    a balancer would take out everything that serves.

    Raises:
        ProbeError: some are pending.
    """
    return f"{len(_read_without_pending().applied)} applied, none pending"


def _read_without_pending() -> Migrations:
    read_server_facts()
    try:
        state = read_migrations()
    except DatabaseError as error:
        raise ProbeError(
            f"the migrations cannot be read: {error}", "See the database probe."
        ) from error
    if state.pending:
        raise ProbeError(f"pending: {', '.join(state.pending)}", "Run `manage.py migrate_safely`.")
    return state
