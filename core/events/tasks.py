"""Deliveries in the background: the queue rings the bell, the rows say what there is to do."""

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django_tasks import task

from core.database.outages import find_outage
from core.events.services.deliveries import deliver_due, find_next_due, forget_old

__all__ = [
    "deliver_webhooks",
    "enqueue_deliveries",
    "resume_deliveries",
]

logger = logging.getLogger(__name__)

SHORTEST_WAIT: Final = timedelta(seconds=1)
# A worker looks every minute anyway (settings.PERIODIC_TASKS).
LONGEST_WAIT: Final = timedelta(minutes=1)
LONGEST_TIMER: Final = timedelta(hours=1)
CLEANED_EVERY: Final = timedelta(days=1)

_lock = threading.Lock()
_returns: list[datetime] = []
"""When this process delivers next, where that is arranged; one entry at most."""
_cleaned: list[datetime] = []
"""When this process last deleted old deliveries; one entry at most."""


@task()
def deliver_webhooks() -> int:
    """Send what is due; return how many attempts were made."""
    attempts = deliver_due()
    _arrange_next()
    if settings.QUEUE == "in-process":
        _forget_daily()
    return attempts


def enqueue_deliveries() -> bool:
    """Have what waits delivered soon; False where the queue is away: a worker finds it later."""
    return _enqueue(None)


def resume_deliveries() -> None:
    """Send what is due although nobody was told of it: retries, and what a dead worker left."""
    deliver_due()
    _arrange_next()


def _forget_daily() -> None:
    """Do what no worker does at its hour where there is none."""
    now = timezone.now()
    if not _cleaned or now - _cleaned[0] >= CLEANED_EVERY:
        _cleaned[:] = [now]
        forget_old()


def _enqueue(when: datetime | None) -> bool:
    work = deliver_webhooks
    if when is not None:
        work = deliver_webhooks.using(run_after=when)
    try:
        work.enqueue()
    except Exception as error:  # the queue's own, of whichever kind
        outage = find_outage(error)  # the thread of a process asks the database first
        if outage is not None:
            logger.warning("Webhooks wait: %s", outage.sentence)
            return False
        logger.warning("The queue cannot be reached; webhooks wait for a worker", exc_info=True)
        return False
    return True


def _arrange_next() -> None:
    """Come back when the next delivery is due, where nobody would before."""
    due = find_next_due()
    if due is None:
        return
    now = timezone.now()
    wait = max(due - now, SHORTEST_WAIT)
    if settings.QUEUE != "in-process" and wait > LONGEST_WAIT:
        return
    wait = min(wait, LONGEST_TIMER)
    with _lock:
        if _returns and now < _returns[0] <= now + wait:
            return
        _returns[:] = [now + wait]
    if settings.QUEUE == "in-process":
        # This queue has no worker that looks by itself, and takes nothing for later.
        timer = threading.Timer(wait.total_seconds(), enqueue_deliveries)
        timer.daemon = True
        timer.start()
        return
    _enqueue(now + wait)
