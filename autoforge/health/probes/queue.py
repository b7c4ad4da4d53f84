"""Does somebody take the runs that wait?"""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from autoforge.health.errors import ProbeError
from autoforge.workers.heartbeats import Heartbeat, QueueError, list_workers
from evaluations.selectors.runs import list_waiting_runs

TAKEN_WITHIN: Final = timedelta(minutes=3)  # each worker looks for left runs once a minute
START: Final = "Start a worker with `manage.py run_huey`."
SAME: Final = (
    "Check that the workers have the same DATABASE_URL, QUEUE and REDIS_URL as this process, and "
    "their log."
)


def probe() -> str:
    """Return how many runs wait for a worker.

    Raises:
        ProbeError: they wait although a worker is free, or there is none to take them.
    """
    try:
        waiting = list_waiting_runs()
    except DatabaseError as error:
        raise ProbeError("runs cannot be read", "See the database probe.") from error
    if not waiting:
        return "no run is waiting"
    seconds = (timezone.now() - waiting[0].updated_at).total_seconds()
    count = "1 run is" if len(waiting) == 1 else f"{len(waiting)} runs are"
    detail = f"{count} waiting, for {seconds:.0f} s at most"
    if settings.QUEUE == "in-process" or seconds < TAKEN_WITHIN.total_seconds():
        return detail
    try:
        workers = [worker for worker in list_workers() if not worker.problem]
    except QueueError as error:
        raise ProbeError(f"{detail}, and {error}", "See the worker probe.") from error
    if not workers:
        raise ProbeError(f"{detail}, and no worker is running", START)
    if any(map(_has_a_free_thread, workers)):
        raise ProbeError(f"{detail}, although a worker has nothing to do", SAME)
    return f"{detail}; all workers are busy"


def _has_a_free_thread(worker: Heartbeat) -> bool:
    return any(not thread.task for thread in worker.threads if thread.name != "Scheduler")
