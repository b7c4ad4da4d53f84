"""The last words of `manage.py evaluate`: why it ends as it does, and which command comes next."""

import shlex
from collections.abc import Iterator, Sequence

from evaluations.models import Run
from evaluations.reporting import Report, explain_exit

__all__ = ["list_closing_lines"]

ID_LENGTH = 8  # characters of a run's ID that commands need
WHAT_LENGTH = 25  # of the longest reason to call one of the commands


def list_closing_lines(report: Report, *, shows_all: bool, files: Sequence[str]) -> Iterator[str]:
    """Yield lines for a person, each without its end.

    Args:
        report: the run that has been reported.
        shows_all: whether each case and each of its reasons stands in the report.
        files: the configurations that it ran, if it ran any.
    """
    ending = explain_exit(report)
    yield f"Exit status {ending.status}: {ending.reason}."
    for what, command in _list_commands(report, shows_all=shows_all, files=files):
        yield f"  {f'{what}:':{WHAT_LENGTH}} manage.py evaluate {command}"


def _list_commands(
    report: Report, *, shows_all: bool, files: Sequence[str]
) -> Iterator[tuple[str, str]]:
    run = report.run
    short = str(run.pk)[:ID_LENGTH]
    if run.status != Run.Status.COMPLETED:
        yield "continue", f"--resume {short}"
        return
    if not shows_all:
        yield "every answer and reason", f"--resume {short} --format html --output report.html"
    if any(column.summary.errors for column in report.columns):
        yield "ask the errors again", f"--retry-errors {short}"
    source = shlex.join(files)
    if not files and run.suite is not None:
        source = shlex.join(("--suite", run.suite.name))
    if source and any(column.summary.failed for column in report.columns):
        yield "only what failed, again", f"{source} --filter-failing {short}"
    if source:
        yield "compare a later run", f"{source} --baseline {short}"
