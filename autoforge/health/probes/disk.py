"""Is there space where the data is?"""

import shutil
from pathlib import Path

from django.conf import settings

from autoforge.health.errors import ProbeError
from core.database.outages import database_file

MEBIBYTE = 1024 * 1024
# Below this a WAL that grows during an import, or a migration that rebuilds a table, may fail.
LEAST_FREE_BYTES = 100 * MEBIBYTE


def probe() -> str:
    """Return how much space is free.

    Raises:
        ProbeError: less than 100 MiB, or the folder does not exist.
    """
    path = database_file()
    folder = path.parent if path else Path(settings.BASE_DIR)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ProbeError(
            f"the data folder cannot be inspected: {error.strerror}",
            "Create it, or correct DATABASE_URL.",
        ) from error
    if free < LEAST_FREE_BYTES:
        raise ProbeError(
            f"{free // MEBIBYTE} MiB free, {LEAST_FREE_BYTES // MEBIBYTE} MiB required",
            "Free space on the disk that holds the data.",
        )
    return f"{free // MEBIBYTE} MiB free"
