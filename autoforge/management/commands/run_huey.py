"""`manage.py run_huey`: a worker of the queue."""

import os
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import autodiscover_modules, import_string

from autoforge.background import calmly
from core.exit_status import NOT_ASKED
from core.option_types import number, whole_number
from core.stopping import SHORTEST_STOP_SECONDS, STOP_SECONDS

UNFINISHED: Final = 1  # some work did not come to its end in time
LONGEST_STOP_SECONDS: Final = 3600


class Command(BaseCommand):
    """Work through the queue until SIGTERM or SIGINT; exit 0 stopped well, 1 not all in time."""

    help = (
        "Processes queued runs until it is stopped. SIGTERM and SIGINT (Ctrl-C) begin no new call "
        "of a model, wait for those in flight, store their answers and give the runs back, so "
        "that another worker can resume them at once; a second signal ends the worker "
        "immediately. Runs whose worker died are resumed. Any number of workers can run at the "
        "same time. Exit status: 0 stopped, 1 not everything could be finished in time, 2 wrong "
        "usage or environment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--workers",
            type=whole_number(),
            default=2,
            metavar="N",
            help="number of simultaneous runs (default: 2)",
        )
        parser.add_argument(
            "--stop-seconds",
            type=number(least=SHORTEST_STOP_SECONDS, most=LONGEST_STOP_SECONDS, unit="seconds"),
            default=STOP_SECONDS,
            metavar="S",
            help=(
                f"stop within S seconds, {SHORTEST_STOP_SECONDS:g} to {LONGEST_STOP_SECONDS} "
                f"(default: {STOP_SECONDS:g}); a call that takes longer is repeated"
            ),
        )

    def handle(self, *_args: object, **options: Any) -> None:
        """Work."""
        if settings.HUEY is None:
            raise CommandError(
                "QUEUE is in-process: the server runs evaluations itself, so there is no queue "
                "to process. Set QUEUE=sqlite (one machine) or QUEUE=redis (any number).",
                returncode=NOT_ASKED,
            )
        if options["workers"] < 1:
            raise CommandError("--workers must be an integer of at least 1", returncode=NOT_ASKED)
        from huey.contrib.djhuey import HUEY, close_db  # only where there is one

        from autoforge.workers.consumer import QueueConsumer

        consumer = QueueConsumer(
            HUEY, workers=options["workers"], stop_seconds=options["stop_seconds"]
        )
        autodiscover_modules("tasks")
        for path, minutes in settings.PERIODIC_TASKS.items():
            work = close_db(calmly(import_string(path)))
            HUEY.periodic_task(_every(minutes), name=path)(work)
            HUEY.on_startup(name=path)(work)
        _answer_prometheus(HUEY)
        self.stderr.write(f"Processing the queue ({settings.QUEUE}); press Ctrl-C to stop")
        consumer.run()
        if not consumer.is_at_rest:
            self.stderr.write(
                "Not everything could be finished in time; what was stored stays, and another "
                "worker does the rest."
            )
            self.stderr.flush()
            # Python would wait for the threads without an end.
            os._exit(UNFINISHED)


def _answer_prometheus(queue: object) -> None:
    """Answer Prometheus on METRICS_PORT, where it is set, as long as this process lives."""
    host, port = settings.METRICS_HOST, settings.METRICS_PORT
    if port is None:
        return
    from autoforge.metrics import recording  # only where somebody asks
    from autoforge.metrics.listener import Listener

    recording.install()
    recording.count_tasks(queue)
    try:
        Listener(host, port)
    except OSError as error:
        raise CommandError(
            f"The worker cannot listen on METRICS_HOST {host}, METRICS_PORT {port} "
            f"({error.strerror}): give each worker of a machine a port of its own, or remove "
            "METRICS_PORT.",
            returncode=NOT_ASKED,
        ) from error


def _every(minutes: int) -> Callable[..., bool]:
    from huey import crontab

    schedule: Callable[..., bool] = (
        crontab(minute="0", hour=f"*/{minutes // 60}")
        if minutes >= 60
        else crontab(minute=f"*/{minutes}")
    )
    return schedule
