"""Why a call did not come back.

BoundedError
├── TookTooLongError      it took more CPU time than it may
├── TooMuchMemoryError    it needed more memory than it may
├── WorkerDiedError       its process ended for another reason
└── BusyError             every worker is busy: the same call may succeed in a moment
"""

__all__ = [
    "BoundedError",
    "BusyError",
    "TooMuchMemoryError",
    "TookTooLongError",
    "WorkerDiedError",
]


class BoundedError(Exception):
    """A call did not come back; `str()` is the end of a sentence, such as “took longer than …”."""


class TookTooLongError(BoundedError):
    """It took more CPU time than it may."""


class TooMuchMemoryError(BoundedError):
    """It needed more memory than it may."""


class WorkerDiedError(BoundedError):
    """Its process ended, and neither time nor memory is known to be why."""


class BusyError(BoundedError):
    """Every worker is busy, and the caller does not wait longer."""
