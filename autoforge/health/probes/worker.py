"""Do the workers of the queue live and work? In a worker's container, its own is asked."""

from collections.abc import Sequence
from typing import Final

from django.conf import settings

from autoforge.health.errors import ProbeError
from autoforge.workers.heartbeats import Heartbeat, QueueError, list_workers

START: Final = "Start one with `manage.py run_huey`, with the same database and the same queue."
RESTART: Final = "Restart it; runs go on where they were."
REDIS: Final = "Check REDIS_URL and whether Redis is running."
FILE: Final = "Check the folder of the database, where the queue's file is."


def probe() -> str:
    """Return which workers there are and what their threads do.

    Raises:
        ProbeError: none is there, or one on this machine does not work.
    """
    if settings.QUEUE == "in-process":
        return "the server processes runs itself (QUEUE=in-process)"
    try:
        workers = list_workers()
    except QueueError as error:
        raise ProbeError(str(error), REDIS if settings.QUEUE == "redis" else FILE) from error
    here = [worker for worker in workers if worker.is_here]
    for worker in here:
        if worker.problem:
            raise ProbeError(f"the worker {worker.name} {worker.problem}", RESTART)
    well = [worker for worker in workers if not worker.problem]
    if not well:
        # Those that are not heard from any more are named: they ran until then.
        late = "; ".join(f"{worker.name} {worker.problem}" for worker in workers)
        raise ProbeError(f"no worker is running{f': {late}' if late else ''}", START)
    detail = _describe(here or well)
    ill = [worker for worker in workers if worker.problem]
    if not ill:
        return detail
    return f"{detail}\nThe worker {ill[0].name} {ill[0].problem}."


def _describe(workers: Sequence[Heartbeat]) -> str:
    noun = "worker" if len(workers) == 1 else "workers"
    oldest = max(worker.age_seconds for worker in workers)
    tasks = [
        f"{thread.task} for {thread.seconds + worker.age_seconds:.0f} s"
        for worker in workers
        for thread in worker.threads
        if thread.task
    ]
    doing = ", ".join(tasks) or "idle"
    return f"{len(workers)} {noun}, last heard from {oldest:.0f} s ago; {doing}"
