"""How old a replica is, for whoever watches over it: health checks, metrics, people.

Nothing is opened for good, nothing is made, and the server is not asked.
"""

import time
from pathlib import Path

from django_hrana.replica.files import state_path
from django_hrana.replica.state import BOOT, NO_FRAME, read_state

__all__ = ["find_age_seconds"]


def find_age_seconds(path: Path) -> float | None:
    """Return how long ago it was confirmed that the server has nothing newer.

    Args:
        path: as OPTIONS["replica"] has it.

    Returns:
        Seconds; None where there is no copy, or none that this run of the machine has confirmed.
        It grows where nobody reads: the server is then not asked.

    Raises:
        OSError: the file is there, and cannot be read.
    """
    state = read_state(state_path(path))
    if state is None or state.boot != BOOT or not state.confirmed_ns:
        return None
    if state.content.frame_no == NO_FRAME:
        return None
    return max(0, time.monotonic_ns() - state.confirmed_ns) / 1_000_000_000
