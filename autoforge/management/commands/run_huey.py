"""`manage.py run_huey`: a worker of the queue."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import autodiscover_modules, import_string

from autoforge.background import calmly


class Command(BaseCommand):
    """Work through the queue until SIGINT (what is under way is finished) or SIGTERM."""

    help = (
        "Processes queued runs until it is stopped. SIGINT "
        "finishes the work in progress first. Runs whose worker died are resumed. "
        "Any number of workers can run at the same time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--workers",
            type=int,
            default=2,
            metavar="N",
            help="number of simultaneous runs (default: 2)",
        )

    def handle(self, *_args: object, **options: Any) -> None:
        """Work."""
        if settings.HUEY is None:
            raise CommandError(
                "QUEUE is in-process: the server runs evaluations itself, so there is no queue "
                "to process. Set QUEUE=sqlite (one machine) or QUEUE=redis (any number)."
            )
        if options["workers"] < 1:
            raise CommandError("--workers must be an integer of at least 1")
        from huey.contrib.djhuey import HUEY, close_db  # only where there is one

        autodiscover_modules("tasks")
        for path, minutes in settings.PERIODIC_TASKS.items():
            work = close_db(calmly(import_string(path)))
            HUEY.periodic_task(_every(minutes), name=path)(work)
            HUEY.on_startup(name=path)(work)
        self.stderr.write(f"Processing the queue ({settings.QUEUE}); press Ctrl-C to stop")
        consumer = HUEY.create_consumer(workers=options["workers"], check_worker_health=True)
        consumer.run()


def _every(minutes: int) -> Callable[..., bool]:
    from huey import crontab

    schedule: Callable[..., bool] = (
        crontab(minute="0", hour=f"*/{minutes // 60}")
        if minutes >= 60
        else crontab(minute=f"*/{minutes}")
    )
    return schedule
