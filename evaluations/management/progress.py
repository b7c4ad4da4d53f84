"""Progress of a run on a terminal: answers, rate, cost, errors; elsewhere nothing."""

from types import TracebackType
from typing import Any, Self

from evaluations.engine.runner import Finished
from evaluations.models import Run, TestResult

__all__ = ["Progress"]


class Progress:
    """A bar while the run goes on.

    Args:
        run: what runs.
        stream: where the bar is; it is drawn on a terminal only.
    """

    def __init__(self, run: Run, stream: Any) -> None:
        self._run = run
        self._stream = stream
        self._errors = 0
        self._cost = 0.0
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            from rich.console import Console  # noqa: PLC0415 (only on a terminal)
            from rich.progress import Progress as Bar  # noqa: PLC0415 (as above)

            done = TestResult.objects.filter(evaluation__run=self._run).count()
            self._bar = Bar(console=Console(file=self._stream), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=self._run.planned, completed=done)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, finished: Finished) -> None:
        """Count one answer."""
        if self._bar is None:
            return
        self._errors += bool(finished.error)
        if finished.answer and finished.answer.cost_usd:
            self._cost += float(finished.answer.cost_usd)
        said = f"${self._cost:.4f}, {self._errors} errors"
        self._bar.update(self._task, advance=1, description=said)
