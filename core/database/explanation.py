"""Every error of a database as one sentence for whoever runs the product: cause and remedy.

A bad day (`core.database.outages`) is said as it is. SQL that is refused mostly means that the
database is not as the code expects it: that is found out by asking the database, not by reading the
message. What remains is a fault of ours.
"""

from django.db import DatabaseError, Error, IntegrityError, connection

from core.database.applied import read_migrations
from core.database.drift import find_differences
from core.database.outages import find_outage

__all__ = ["describe_schema_fault", "explain", "find_code"]


def explain(error: BaseException) -> str | None:
    """Return what happened and how to mend it, without secrets; None: the program is at fault.

    Args:
        error: Django's error or the driver's.
    """
    outage = find_outage(error)
    if outage is None:
        return describe_schema_fault(error)
    return outage.sentence


def find_code(error: BaseException) -> str:
    """Return what happened as a code for programs, such as `database.unreachable`.

    Args:
        error: Django's error or the driver's; a statement that was refused is `database.refused`.
    """
    outage = find_outage(error)
    if outage is None:
        return "database.refused"
    kind = outage.kind.name.lower().replace("_", "-")
    return f"database.{kind}"


def describe_schema_fault(error: BaseException) -> str | None:
    """Return how the database's schema differs from the code's, where an error may come from that.

    Args:
        error: Django's error; SQL that was refused, not a row.

    Returns:
        One sentence with the remedy; None where the schema is right, or cannot be asked for now.
    """
    if not isinstance(error, Error) or isinstance(error, IntegrityError):
        return None
    # After an error Django lets no query through before the transaction is rolled back.
    if connection.in_atomic_block:
        return None
    try:
        pending = read_migrations().pending
        differences = () if pending else find_differences()
    except DatabaseError:
        return None
    if pending:
        count = "a migration is" if len(pending) == 1 else f"{len(pending)} migrations are"
        return f"{error}: {count} not applied; run `manage.py migrate_safely`"
    if differences:
        return (
            f"{error}: the database does not match its migrations ({differences[0]}); `manage.py "
            "check_health --probe tables` lists all differences and what to do"
        )
    return None
