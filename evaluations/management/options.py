"""The options of `manage.py evaluate`, and what argparse makes of them."""

import argparse
from typing import TypedDict

from core.option_types import number, number_or_all, whole_number
from evaluations import reporting

__all__ = ["EvaluateOptions", "add_options"]


class EvaluateOptions(TypedDict):
    """The options by their names; what was not typed has its default, mostly None or ""."""

    file: str | None
    """A promptfoo configuration."""
    suite: str | None
    prompt: list[str]
    provider: list[str]
    judge: str
    embeddings: str
    repeat: int | None
    max_cost: str | None
    """US dollars as they were typed: a float would round them."""
    max_calls: int | None
    max_seconds: float | None
    resume: str | None
    """A run, as are the next three."""
    retry_errors: str | None
    rescore: str | None
    baseline: str | None
    no_cache: bool
    estimate: bool
    background: bool
    format: str
    """A key of `reporting.FORMATS`."""
    table: bool
    """Whether the table shows the cases."""
    table_rows: int | None
    """How many of them; None: all."""
    table_cell_max_length: int | None
    no_color: bool
    """Django's own, as is the next."""
    force_color: bool
    output: str | None
    """A file; None: standard output."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command's parser."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a promptfoo configuration")
    parser.add_argument("--suite", metavar="NAME", help="a stored test suite")
    parser.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="NAME[@LABEL|:N]",
        help="a stored prompt, with a label or version; can be repeated",
    )
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="P",
        help=(
            "a model profile, or a model such as openai:gpt-4.1-mini, local or echo; "
            "can be repeated"
        ),
    )
    parser.add_argument("--judge", default="", metavar="P", help="the model that acts as judge")
    parser.add_argument(
        "--embeddings",
        default="",
        metavar="P",
        help="the embedding model, for assertions of type similar",
    )
    parser.add_argument("--repeat", type=whole_number(), metavar="N", help="run each case N times")
    parser.add_argument("--max-cost", metavar="X", help="stop at X US dollars")
    parser.add_argument("--max-calls", type=whole_number(), metavar="N", help="stop after N calls")
    parser.add_argument("--max-seconds", type=number(), metavar="S", help="stop after S seconds")
    parser.add_argument("--resume", metavar="ID", help="resume a run, with new limits")
    parser.add_argument("--retry-errors", metavar="ID", help="retry the errors of a run")
    parser.add_argument(
        "--rescore", metavar="ID", help="score the stored answers again, without calling models"
    )
    parser.add_argument("--baseline", metavar="RUN", help="compare with this run")
    parser.add_argument("--no-cache", action="store_true", help="do not reuse stored answers")
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="estimate calls, tokens and cost without running",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="let a worker process the run (manage.py run_huey)",
    )
    parser.add_argument(
        "--format", choices=reporting.FORMATS, default="table", help="default: table"
    )
    parser.add_argument("--output", metavar="F", help="write the report to a file")
    _add_table_options(parser)


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how a table is drawn."""
    parser.add_argument(
        "--no-table",
        dest="table",
        action="store_false",
        help="without a row for each case: only figures and verdicts",
    )
    parser.add_argument(
        "--table-rows",
        type=number_or_all(least=1),
        default=reporting.DEFAULT_ROWS,
        metavar="N",
        help=f"cases shown, the failed ones first, or all (default: {reporting.DEFAULT_ROWS})",
    )
    parser.add_argument(
        "--table-cell-max-length",
        type=whole_number(least=1),
        metavar="N",
        help="cut answers and reasons in the table after so many characters",
    )
