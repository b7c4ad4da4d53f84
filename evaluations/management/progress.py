"""Progress of a run on a terminal: answers, rate, cost, errors; elsewhere nothing."""

from decimal import Decimal
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, cast

from django.core.management.base import OutputWrapper
from django.db.models import Count, Q

from evaluations.engine.protocol import TaskResult
from evaluations.models import Run, TestResult
from evaluations.services.runs import spent_on

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Progress"]


class Progress:
    """A bar while the run goes on.

    Args:
        run: what runs.
        stream: where the bar is; it is drawn on a terminal only.
    """

    def __init__(self, run: Run, stream: OutputWrapper) -> None:
        self._run = run
        self._stream = stream
        self._errors = 0
        self._cost = Decimal(0)
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            rows = TestResult.objects.filter(evaluation__run=self._run, run_case__isnull=False)
            stored = rows.aggregate(done=Count("pk"), errors=Count("pk", filter=~Q(error="")))
            self._errors, self._cost = stored["errors"], spent_on(self._run).cost_usd
            self._bar = _bar(self._stream)
            self._bar.start()
            # A run that is resumed begins with what it has.
            self._task = self._bar.add_task(
                self._describe(), total=self._run.planned, completed=stored["done"]
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, finished: TaskResult) -> None:
        """Count one answer."""
        if self._bar is None:
            return
        self._errors += bool(finished.error)
        answer = finished.answer
        if answer is not None and not answer.cached:  # a stored answer was paid for before
            self._cost += answer.cost_usd or 0
        self._cost += finished.grading_cost_usd or 0
        self._bar.update(self._task, advance=1, description=self._describe())

    def _describe(self) -> str:
        return f"${self._cost:.4f}, {self._errors} errors"


def _bar(stream: OutputWrapper) -> "Bar":
    """Return a bar with cost, errors, answers, answers a second and the time that is left."""
    from rich import progress  # only on a terminal
    from rich.console import Console

    class Rate(progress.ProgressColumn):
        """Answers a second."""

        def render(self, task: progress.Task) -> str:
            """Return the rate of the last half minute."""
            return "" if task.speed is None else f"{task.speed:.1f}/s"

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        console=Console(file=cast("IO[str]", stream)),  # it writes as a text stream does
        transient=True,
    )
