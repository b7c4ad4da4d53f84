"""Work on input of strangers, done in a process of its own that ends at its limits.

    result = call("package.module:function", argument)                # waits
    result = await call_async("package.module:function", argument)    # lets others work meanwhile

The function runs in a worker: a Python process without our environment, files and connections,
killed when a call takes more than its CPU time or memory. What it gets is pickled, what it
returns is plain data (texts, numbers, lists, tuples, objects, None). It must be safe to run again.

A call costs about 0.2 ms, the first one of a worker half a second: what is known to be cheap is
done by the caller itself (linear work on little input, or under a budget that counts its steps),
and comes here only when it is not. Plain Python: nothing here knows Django.

    __init__ ─▶ pool (who works) ─▶ process (one worker, seen from outside) ─▶ errors
                                    worker (the same, seen from inside)
"""

from core.bounded.errors import (
    BoundedError,
    BusyError,
    TookTooLongError,
    TooMuchMemoryError,
    WorkerDiedError,
)
from core.bounded.pool import (
    call,
    call_async,
    check_allowance,
    limit_allowance,
    set_patience,
    share_allowance,
    use_up,
)
from core.bounded.process import MEGABYTES, SECONDS

__all__ = [
    "MEGABYTES",
    "SECONDS",
    "BoundedError",
    "BusyError",
    "TooMuchMemoryError",
    "TookTooLongError",
    "WorkerDiedError",
    "call",
    "call_async",
    "check_allowance",
    "limit_allowance",
    "set_patience",
    "share_allowance",
    "use_up",
]
