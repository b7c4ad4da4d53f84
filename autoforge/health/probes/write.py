"""Can we write? A row is inserted, read back and rolled back."""

import uuid

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError

from autoforge.health.database import read_server_facts
from autoforge.health.errors import ProbeError
from core.database.outages import find_outage


def probe() -> str:
    """Write a row into the table of migrations, and take it back.

    Raises:
        ProbeError: the row cannot be written, or does not come back.
    """
    read_server_facts()
    name = f"health_probe_{uuid.uuid4().hex}"
    try:
        count = _write_and_roll_back(name)
    except DatabaseError as error:
        outage = find_outage(error)
        cause = outage.cause if outage else error
        raise ProbeError(
            f"a row cannot be written: {cause}",
            "Check that the database file and its folder are writable (or that the token is not "
            "read-only), that all migrations are applied, and that no other program holds the "
            "lock.",
        ) from error
    if count != 1:
        raise ProbeError(
            "a row was written but could not be read back", "Check the database's disk."
        )
    return "a row was inserted, read back and rolled back"


def _write_and_roll_back(name: str) -> int:
    rows = MigrationRecorder(connection).migration_qs
    with transaction.atomic(durable=True):
        rows.create(app="health_probe", name=name)
        count = rows.filter(app="health_probe", name=name).count()
        transaction.set_rollback(True)
    return count
