"""Work outside of requests: one thread of this process where no worker is to be run.

`QUEUE` chooses: in-process is the backend here, sqlite and redis are huey's, with workers that
`manage.py run_huey` starts. What has to survive a dead process keeps its state in rows of its own:
a queue only rings the bell.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, wraps
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks import TaskResult, TaskResultStatus
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task

from core.database.explanation import explain
from core.stopping import stop_request

__all__ = [
    "InProcessBackend",
    "calmly",
    "resume_left",
    "stop_background",
    "wait_until_idle",
]

logger = logging.getLogger(__name__)

LEFT_SECONDS: Final = 40.0  # a run that nobody has begun for 30 s waits for whoever looks


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")


class InProcessBackend(BaseTaskBackend):
    """Runs tasks one after the other in a thread of this process, after the commit."""

    supports_defer = False
    supports_async_task = False
    supports_get_result = False

    def enqueue(
        self, task: Task[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]
    ) -> TaskResult[Any]:
        """Have a task run soon; its result is for whoever keeps rows of it."""
        self.validate_task(task)
        transaction.on_commit(lambda: _submit(task, args, kwargs))
        return TaskResult(
            task=task,
            id=str(uuid4()),
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )


def _submit(task: Task[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    if stop_request.is_asked:
        # Its rows say what there is to do; the next process looks for them.
        logger.info("%s waits for the next process: this one is stopping", task.name)
        return
    _pool().submit(_run, task, args, kwargs)


def _run(task: Task[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    close_old_connections()
    try:
        calmly(task.call)(*args, **kwargs)
    except Exception:
        # Nobody waits for the thread: whatever a task raises would be lost but for this line.
        logger.exception("A task failed: %s", task.name)
    finally:
        connections.close_all()


def calmly(work: Callable[..., object]) -> Callable[..., object]:
    """Return `work` for the background: a database's bad day is one line of the log, no traceback.

    What is done again by itself, such as taking up runs, need not do more about it.
    """

    @wraps(work)
    def attempt(*args: object, **kwargs: object) -> object:
        try:
            return work(*args, **kwargs)
        except DatabaseError as error:
            cause = explain(error)
            if cause is None:
                raise
            logger.error("%s could not be done: %s", work.__name__, cause)  # noqa: TRY400 (a sentence, no traceback)
            return None

    return attempt


def resume_left() -> None:
    """Go on with what earlier processes left, where there is no worker to do so (in-process).

    Once more a little later: what the last process had not begun counts as left only then.
    """
    if settings.QUEUE != "in-process":
        return
    for seconds in (0.0, LEFT_SECONDS):
        timer = threading.Timer(seconds, _resume)
        timer.daemon = True
        timer.start()


def _resume() -> None:
    if stop_request.is_asked:
        return
    for path in settings.RESUMED_AT_START:
        try:
            calmly(import_string(path))()
        except Exception:
            # Nobody waits for the thread: whatever is raised would be lost but for this line.
            logger.exception("Could not look for work that was left: %s", path)
        finally:
            connections.close_all()  # of this thread


def stop_background() -> bool:
    """Let the task under way come to its end, and begin no other; return whether it did in time.

    The process must have been asked to stop (`core.stopping`), which is what tasks look at.
    """
    if not _pool.cache_info().currsize:  # nothing was ever enqueued
        return True
    pool = _pool()
    pool.shutdown(wait=False, cancel_futures=True)
    done = threading.Event()

    def wait() -> None:
        pool.shutdown(wait=True)
        done.set()

    threading.Thread(target=wait, name="background-end", daemon=True).start()
    return done.wait(stop_request.seconds_left)


def wait_until_idle(seconds: float) -> None:
    """Wait until everything that was enqueued in this process is done.

    Raises:
        TimeoutError: it took longer.
    """
    _pool().submit(lambda: None).result(timeout=seconds)
