"""The options of `manage.py evaluate`, and what argparse makes of them."""

import argparse
from typing import TypedDict

from core.option_types import key_and_value, number, number_or_all, whole_number
from evaluations import reporting
from evaluations.engine.providers.base import MOST_AT_A_TIME
from evaluations.promptfoo.config import MOST_DELAY_MS

__all__ = ["EvaluateOptions", "add_options"]


class EvaluateOptions(TypedDict):
    """The options by their names; what was not typed has its default, mostly None or ""."""

    file: list[str]
    """promptfoo configurations, and folders that have one."""
    config: list[str]
    """The same, typed with -c."""
    root: str | None
    """A folder whose files a configuration may name."""
    var: list[tuple[str, str]]
    """Variable and value, for tests that have none of their own by that name."""
    description: str | None
    """What the run is called."""
    filter_pattern: str | None
    filter_first_n: int | None
    filter_sample: int | None
    filter_sample_seed: int | None
    filter_metadata: list[tuple[str, str]]
    filter_failing: str | None
    """A run, as are the next two, or a file of results in promptfoo's format."""
    filter_failing_only: str | None
    filter_errors_only: str | None
    filter_prompts: str | None
    """A regular expression of JavaScript, as is the next."""
    filter_providers: str | None
    max_concurrency: int | None
    delay: float | None
    """Milliseconds."""
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
    format: str | None
    """A key of `reporting.FORMATS`."""
    table: bool
    """Whether the table shows the cases."""
    table_rows: int | None
    """How many of them; None: all."""
    table_cell_max_length: int | None
    no_color: bool
    """Django's own, as is the next."""
    force_color: bool
    output: list[str] | str
    """Files; none: standard output. A program that calls the command may name one as a text."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command's parser."""
    _add_file_options(parser)
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
    parser.add_argument("--description", metavar="TEXT", help="what the run is called")
    parser.add_argument(
        "-j",
        "--max-concurrency",
        type=whole_number(least=1, most=MOST_AT_A_TIME),
        metavar="N",
        help="calls at a time to each model",
    )
    parser.add_argument(
        "--delay",
        type=number(least=0, most=MOST_DELAY_MS, unit="milliseconds"),
        metavar="MS",
        help="milliseconds between two calls to a model, which are made one after the other",
    )
    parser.add_argument(
        "--format",
        choices=reporting.FORMATS,
        help="default: table, or as the file of --output ends",
    )
    parser.add_argument(
        "-o",
        "--output",
        action="extend",
        nargs="+",
        default=[],
        metavar="F",
        help="write the report to files, whose names say the format unless --format does",
    )
    _add_table_options(parser)
    _add_filter_options(parser)


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where cases come from."""
    parser.add_argument(
        "file",
        nargs="*",
        metavar="FILE",
        help=(
            "promptfoo configurations, merged, or a folder with one; without any, the "
            "promptfooconfig.yaml, .yml or .json of this folder"
        ),
    )
    parser.add_argument(
        "-c",
        "--config",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="the same as FILE",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help=(
            "let configurations name files anywhere below this folder (default: their git "
            "repository, else their own folder)"
        ),
    )
    parser.add_argument(
        "--var",
        action="append",
        type=key_and_value,
        default=[],
        metavar="NAME=VALUE",
        help="a variable for tests that have none of that name; can be repeated",
    )


def _add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Add what chooses cases and columns, as promptfoo has it."""
    filters = parser.add_argument_group("filters", "which cases and columns are run")
    count = whole_number(least=1)
    filters.add_argument(
        "--filter-pattern", metavar="REGEX", help="only tests whose description matches"
    )
    filters.add_argument(
        "-n", "--filter-first-n", type=count, metavar="N", help="only the first N tests"
    )
    filters.add_argument(
        "--filter-sample", type=count, metavar="N", help="only N tests, drawn at random"
    )
    filters.add_argument(
        "--filter-sample-seed",
        type=whole_number(),
        metavar="SEED",
        help="draw the same sample again, the one that promptfoo draws",
    )
    filters.add_argument(
        "--filter-metadata",
        action="append",
        type=key_and_value,
        default=[],
        metavar="KEY=TEXT",
        help="only tests whose metadata contain the text; can be repeated (all have to)",
    )
    for option, which in (
        ("--filter-failing", "failed or had an error"),
        ("--filter-failing-only", "failed"),
        ("--filter-errors-only", "had an error"),
    ):
        filters.add_argument(
            option,
            metavar="RUN",
            help=f"only cases that {which} in a run, or in a file of promptfoo's results (.json)",
        )
    filters.add_argument(
        "--filter-prompts", metavar="REGEX", help="only prompts whose label or id matches"
    )
    filters.add_argument(
        "--filter-providers",
        "--filter-targets",
        metavar="REGEX",
        help="only models whose label or id matches",
    )


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
