"""A progress bar for commands that copy databases: on a terminal, nowhere else."""

from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, cast

from django.core.management.base import OutputWrapper

from autoforge.operations.backups.progress import Progress

if TYPE_CHECKING:
    from rich import progress

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows the stage of the work and how far it is; `show` is what the work calls."""

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._bar: progress.Progress | None = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._bar = _make(self._stream)
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

    def show(self, step: Progress) -> None:
        """Show a step."""
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=step.stage,
                completed=step.done,
                total=step.total or None,
            )


def _make(stream: OutputWrapper) -> "progress.Progress":
    from rich import progress  # only on a terminal
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        console=Console(file=cast("IO[str]", stream)),  # it writes as a text stream does
        transient=True,
    )
