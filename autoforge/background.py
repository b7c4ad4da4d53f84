"""Work outside of requests: one thread of this process where no worker is to be run.

`QUEUE` chooses: in-process is the backend here, sqlite and redis are huey's, with workers that
`manage.py run_huey` starts. What has to survive a dead process keeps its state in rows of its own:
a queue only rings the bell.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, wraps
from typing import Any
from uuid import uuid4

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django_tasks import TaskResult, TaskResultStatus
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task

from core.database.explanation import explain

__all__ = ["InProcessBackend", "calmly", "wait_until_idle"]

logger = logging.getLogger(__name__)


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
        transaction.on_commit(lambda: _pool().submit(_run, task, args, kwargs))
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


def wait_until_idle(seconds: float) -> None:
    """Wait until everything that was enqueued in this process is done.

    Raises:
        TimeoutError: it took longer.
    """
    _pool().submit(lambda: None).result(timeout=seconds)
