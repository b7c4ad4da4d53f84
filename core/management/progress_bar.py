"""A progress bar for commands that take long: on a terminal, nowhere else."""

from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self, cast

from django.core.management.base import OutputWrapper

if TYPE_CHECKING:
    from rich import progress

__all__ = ["ProgressBar", "Step"]


class Step(Protocol):
    """How far the work is."""

    @property
    def stage(self) -> str:
        """What is done now."""

    @property
    def done(self) -> int:
        """How much of the stage is done, in its unit."""

    @property
    def total(self) -> int:
        """How much there is, in the same unit; 0 where nobody knows."""


class ProgressBar:
    """Shows the stage of the work and how far it is; `show` is what the work calls.

    Args:
        stream: where the bar is.
        counts: whether single things are counted, such as answers: how many there are and how many
            come in a second is shown as well, instead of a percentage.
    """

    def __init__(self, stream: OutputWrapper, *, counts: bool = False) -> None:
        self._stream = stream
        self._counts = counts
        self._bar: progress.Progress | None = None

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it: what is only for the bar need not be found out else."""
        return self._stream.isatty()

    def __enter__(self) -> Self:
        if self.is_shown:
            self._bar = _make(self._stream, counts=self._counts)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, step: Step) -> None:
        """Show a step."""
        self.update(step.stage, step.done, step.total)

    def update(self, stage: str, done: int, total: int) -> None:
        """Show a step by its parts, which are those of `Step`."""
        if self._bar is not None:
            self._bar.update(self._task, description=stage, completed=done, total=total or None)


def _make(stream: OutputWrapper, *, counts: bool) -> "progress.Progress":
    from rich import progress  # only on a terminal
    from rich.console import Console

    class Rate(progress.ProgressColumn):
        """How many come in a second."""

        def render(self, task: progress.Task) -> str:
            """Return the rate of the last half minute."""
            return "" if task.speed is None else f"{task.speed:.1f}/s"

    columns: list[progress.ProgressColumn] = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
    ]
    if counts:
        columns += [progress.MofNCompleteColumn(), Rate(), progress.TimeRemainingColumn()]
    else:
        columns += [progress.TaskProgressColumn(), progress.TimeElapsedColumn()]
    return progress.Progress(
        *columns,
        console=Console(file=cast("IO[str]", stream)),  # it writes as a text stream does
        transient=True,
    )
