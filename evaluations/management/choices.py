"""Which options of `manage.py evaluate` go together: one that would do nothing is refused."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple, cast

from django.core.management.base import CommandError

from core.exit_status import NOT_ASKED
from evaluations import reporting
from evaluations.management.case_filters import CaseFilters, read_result_filter
from evaluations.management.options import EvaluateOptions
from evaluations.selectors.failed_first import CaseRank

__all__ = ["Written", "build_case_filters", "choose_reports", "list_files", "refuse_idle_options"]

SUFFIXES: Final[Mapping[str, str]] = {
    **{item.suffix: name for name, item in reporting.FORMATS.items()},
    "junit.xml": "junit",
}
"""How a file ends, without a dot before it → the format that it gets."""

# What a run that exists has fixed: neither its cases nor its columns are made again.
ONLY_NEW: Final = (
    "file", "config", "suite", "prompt", "provider", "judge", "embeddings", "repeat", "rescore",
    "baseline", "no_cache", "root", "var", "description", "filter_pattern",
    "filter_first_n", "filter_sample", "filter_sample_seed", "filter_metadata", "filter_failing",
    "filter_failing_only", "filter_errors_only", "filter_prompts", "filter_providers",
    "max_concurrency", "delay",
)  # fmt: skip
# What only a file has: a stored suite has neither prompts nor variables that a command may add.
ONLY_FILES: Final = ("root", "var", "filter_prompts")
BY_RESULT: Final = ("filter_failing", "filter_failing_only", "filter_errors_only")
NAMES: Final = {"file": "FILE", "config": "-c", "max_concurrency": "-j"}


class Written(NamedTuple):
    """A report that is written."""

    format: str
    """A key of `reporting.FORMATS`."""
    path: str | None
    """None: standard output."""


def list_files(options: EvaluateOptions) -> list[str]:
    """Return the configurations that were typed, in their order."""
    return [*options["file"], *options["config"]]


def refuse_idle_options(options: EvaluateOptions) -> None:
    """Refuse what would change nothing.

    Raises:
        CommandError: names the option, and why it does nothing.
    """
    if options["resume"] or options["retry_errors"]:
        _refuse_for_old_run(options)
    else:
        _refuse_for_new_run(options)
    if not options["table"] and options["table_cell_max_length"]:
        _refuse("table_cell_max_length", "is for the table that --no-table leaves out")


def _refuse_for_old_run(options: EvaluateOptions) -> None:
    values = cast("Mapping[str, object]", options)
    if options["resume"] and options["retry_errors"]:
        _refuse("resume", "and --retry-errors exclude each other; the latter also resumes")
    chosen = "resume" if options["resume"] else "retry_errors"
    for option in ONLY_NEW:
        if values[option] not in (None, "", [], False):
            _refuse(option, f"does nothing with {_name(chosen)}: the run keeps what it is")


def _refuse_for_new_run(options: EvaluateOptions) -> None:
    values = cast("Mapping[str, object]", options)
    is_stored = bool(options["suite"] or options["rescore"]) and not list_files(options)
    for option in ONLY_FILES:
        if is_stored and values[option]:
            _refuse(option, "is for configurations; a stored suite has nothing that it changes")
    if options["filter_sample_seed"] is not None and options["filter_sample"] is None:
        _refuse("filter_sample_seed", "is for --filter-sample N")
    by_result = [option for option in BY_RESULT if values[option]]
    if len(by_result) > 1:
        _refuse(by_result[1], f"and {_name(by_result[0])} exclude each other; use one of them")


def _refuse(option: str, why: str) -> None:
    raise CommandError(f"{_name(option)} {why}.", returncode=NOT_ASKED)


def _name(option: str) -> str:
    return NAMES.get(option) or f"--{option.replace('_', '-')}"


def choose_reports(options: EvaluateOptions) -> list[Written]:
    """Return the reports that are written; where no format was typed, a table for the terminal too.

    Raises:
        CommandError: one format was typed for several files.
    """
    output = options["output"]
    paths = [output] if isinstance(output, str) else output
    typed = options["format"]
    if typed and len(paths) > 1:
        _refuse("format", "is for one file; of several, each name says the format (.json, .html …)")
    if typed:
        return [Written(typed, paths[0] if paths else None)]
    reports = [Written(_find_format(path), path) for path in paths]
    if all(report.format == "table" for report in reports) and reports:
        return reports
    return [*reports, Written("table", None)]


def _find_format(path: str) -> str:
    """Return the format that a name says, the longest ending first; else a table."""
    name = PurePath(path).name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(f".{suffix}"):
            return SUFFIXES[suffix]
    return "table"


def build_case_filters(options: EvaluateOptions) -> CaseFilters:
    """Return the filters that were typed; those by results have read them.

    Raises:
        CommandError: there are no such results.
        NotFoundError: there is no such run.
    """
    results = None
    by_option: Sequence[tuple[str, str | None, tuple[CaseRank, ...]]] = (
        ("--filter-failing", options["filter_failing"], (CaseRank.FAILED, CaseRank.ERROR)),
        ("--filter-failing-only", options["filter_failing_only"], (CaseRank.FAILED,)),
        ("--filter-errors-only", options["filter_errors_only"], (CaseRank.ERROR,)),
    )
    for option, text, ranks in by_option:
        if text:
            results = read_result_filter(text, ranks, option)
    return CaseFilters(
        metadata=options["filter_metadata"],
        results=results,
        pattern=options["filter_pattern"],
        first=options["filter_first_n"],
        sample=options["filter_sample"],
        seed=options["filter_sample_seed"],
    )
