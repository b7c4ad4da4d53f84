"""How old is the copy that pages are read from?"""

import os
from pathlib import Path

from django.conf import settings

from autoforge.health.errors import ProbeError

REMEDY = "Give the processes a folder that they may write, or remove LIBSQL_REPLICA."


def probe() -> str:
    """Return its age. Where there is none, the server answers all reads, which is no fault.

    Raises:
        ProbeError: its files cannot be read.
    """
    place = settings.DATABASES["default"].get("OPTIONS", {}).get("replica")
    if not place:
        return "no replica is used"
    from django_hrana.replica.status import find_age_seconds  # only POSIX systems have it

    path = Path(place)
    try:
        age_seconds = find_age_seconds(path)
    except OSError as error:
        raise ProbeError(f"the replica cannot be read: {error.strerror}", REMEDY) from error
    if not os.access(path.parent if path.parent.exists() else path.parent.parent, os.W_OK):
        return (
            f"the server answers all reads\nThe folder of the replica cannot be written. {REMEDY}"
        )
    if age_seconds is None:
        return "no copy yet: the server answers all reads"
    return f"as the server was {age_seconds:.0f} s ago; it is renewed while pages are read"
