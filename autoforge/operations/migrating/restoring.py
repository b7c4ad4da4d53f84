"""Going back to the backup of before, in the database that is in use: all of it or nothing."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from django.db import connection

from autoforge.operations.backups.container import unpacked
from autoforge.operations.backups.encryption import decrypt_stream, encrypt_stream
from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.locations import find_location
from autoforge.operations.backups.restoring import put_database
from autoforge.operations.migrating.errors import AttentionError

__all__ = ["check_identities", "restore"]


def check_identities(recipients: Sequence[str], identities: Sequence[Path]) -> None:
    """Check that a backup for these recipients could be opened here, by opening something small.

    Args:
        recipients: for whom backups are encrypted.
        identities: files of age identities.

    Raises:
        BackupError: none of the files opens it, or one cannot be read.
    """
    sealed = BytesIO()
    encrypt_stream(BytesIO(b"It can be opened."), sealed, recipients)
    sealed.seek(0)
    decrypt_stream(sealed, BytesIO(), identities, name="a trial")


def restore(backup: str, reason: str, *, identities: Sequence[Path] = ()) -> None:
    """Give the database what it had before; what was written to it since is lost.

    Whether the backup is what was written is checked while it is unpacked. Its schema is not
    compared with the code's: it has to be as it was, and not as it should be.

    Args:
        backup: path of the backup; empty where there is none.
        reason: why, as a sentence without a full stop.
        identities: files of age identities, where the backup is encrypted.

    Raises:
        AttentionError: it was not restored; the database is as the failure has left it.
    """
    if not backup:
        raise AttentionError(
            f"{reason}, and there is no backup of before: --no-backup was given. Look at what is "
            "there with `manage.py migration_status`, and restore a backup of your own."
        )
    path = Path(backup)
    if not path.is_file():
        raise AttentionError(
            f"{reason}, and its backup is not on this machine: {path}. Run this command where it "
            "is, or copy it there; until then, do not use the database."
        )
    connection.close()  # so that nothing of ours is in the way
    try:
        with unpacked(path, identities=identities) as (manifest, database):
            put_database(database, manifest.tables, find_location(), replace=True)
    except BackupError as error:
        raise AttentionError(
            f"{reason}, and its backup {path} could not be restored: {error} Run this command "
            "again when that is mended: it restores the backup first."
        ) from error
