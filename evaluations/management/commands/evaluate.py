"""`manage.py evaluate`: run a suite or a promptfoo configuration, and say whether to ship."""

import argparse
import itertools
import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal, cast
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from core.atomic_file import replacing
from core.errors import InvalidInputError
from core.sentences import Sentence
from core.stopping import SIGNALLED, STOP_SECONDS, stop_on_signals
from core.terminal_text import find_width, has_colour
from evaluations import reporting
from evaluations.adapters import find_spec
from evaluations.engine.files import RunFiles
from evaluations.engine.providers import Kind, Limits, ProviderSpec, make
from evaluations.engine.providers.families import why_unsent
from evaluations.engine.types import Case
from evaluations.fit import list_misfits
from evaluations.management.case_filters import CaseFilters, choose_stored
from evaluations.management.choices import (
    Written,
    build_case_filters,
    choose_reports,
    list_files,
    refuse_idle_options,
)
from evaluations.management.closing import list_closing_lines
from evaluations.management.configurations import (
    choose_columns,
    choose_specs,
    find_configurations,
    read_typed_configurations,
)
from evaluations.management.configured import (
    Filters,
    plan_columns,
    with_limits,
    with_typed_limits,
)
from evaluations.management.options import EvaluateOptions, add_options
from evaluations.management.progress import Progress
from evaluations.management.refusals import refusals
from evaluations.models import Run, TestSuite
from evaluations.promptfoo.config import PromptfooConfig, RunOptions
from evaluations.promptfoo.requests import as_sent
from evaluations.selectors.overview import find_suite
from evaluations.selectors.runs import find_run
from evaluations.services.choosing import MAX_REPEATS, rebuild_columns
from evaluations.services.planning import (
    Plan,
    PlannedColumn,
    create_run,
    load_cases,
    with_full_name,
)
from evaluations.services.runs import (
    RunLimits,
    clear_errors,
    discard_run,
    execute_run,
    update_limits,
)
from evaluations.stored import RunSettings, StoredEstimate, Target
from evaluations.tasks import enqueue_run
from prompts import interface as prompts

STOPPING: Final = (
    f"Stopping: answers in flight are stored, for {STOP_SECONDS:g} s at most; "
    "press Ctrl-C again to end at once, without them."
)
WARNINGS_SHOWN: Final = 20  # of a file; a generated one may repeat its mistake in every test
NAME_LENGTH: Final = 255  # of a run's name in the database
OPTIONS: Final = {
    "background": "--background",
    "embeddings": "--embeddings",
    "estimate": "--estimate",
    "evaluate": "manage.py evaluate",
    "judge": "--judge",
    "max_calls": "--max-calls",
    "max_cost_usd": "--max-cost",
    "max_seconds": "--max-seconds",
    "output": "--output",
    "prompt": "--prompt",
    "provider": "--provider",
    "repeat": "--repeat",
}
"""What a refusal calls a field, and the option that sets it."""

Cases = Iterable[tuple[UUID | None, Case]]
Use = Literal["judge", "embeddings"]


class Command(BaseCommand):
    """Evaluate; exit 0 pass, 1 fail, 2 wrong input, 3 stopped by a limit, 4 errors in the run.

    130 and 143 where Ctrl-C or SIGTERM stopped it: it can be resumed.
    """

    help = (
        "Runs the cases of a suite or of a promptfoo configuration (YAML or JSON), scores every "
        "answer, compares versions and shows, with statistics, which one is better. Stored "
        "answers "
        "are not requested again: --resume continues a run. Exit status: 0 passed, "
        "1 failed, 2 wrong usage or input, 3 stopped by a limit, 4 errors in the run, 130 and 143 "
        "stopped by Ctrl-C and SIGTERM (a second one ends at once)."
    )
    requires_system_checks: list[str] = []
    _config_options = RunOptions()
    """What the configuration says of the run and of the table."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        add_options(parser)

    @no_translations
    def handle(self, *_args: Any, **parsed: Any) -> None:
        """Run, report, exit."""
        options = cast("EvaluateOptions", parsed)
        try:
            with refusals(OPTIONS):
                self._evaluate(options)
        except DatabaseError as error:
            # Django would end with 1, which says here that the evaluation ran and failed.
            error.exit_status = reporting.ERRORS  # type: ignore[attr-defined]  # manage.py looks for it
            raise

    def _evaluate(self, options: EvaluateOptions) -> None:
        """Run once, report and exit; return where nothing was to be run or everything passed."""
        refuse_idle_options(options)
        written = choose_reports(options)
        for path in {item.path for item in written if item.path}:
            _refuse_unwritable(Path(path))
        options["file"] = self._find_files(options)
        run = self._run(options)
        if run is None:
            return
        report = reporting.build_report(run)
        for item in written:
            self._write(self._write_report(report, item, options), item.path)
        self._say_remarks(report, written)
        if run.message:
            self.stderr.write(f"{run.get_status_display()}: {run.message}.")
        if run.status != Run.Status.COMPLETED:
            self.stderr.write(f"Continue with: manage.py evaluate --resume {run.pk}")
        shows_all = any(item.format not in ("table", "markdown") for item in written)
        for line in list_closing_lines(report, shows_all=shows_all, files=options["file"]):
            self.stderr.write(line)
        code = reporting.exit_code(report)
        if code:
            sys.exit(code)

    def _find_files(self, options: EvaluateOptions) -> list[str]:
        """Return the configurations that are meant; one is looked for where nothing was typed."""
        typed = list_files(options)
        others = ("suite", "rescore", "resume", "retry_errors")
        if not typed and any(options[name] for name in others):  # type: ignore[literal-required]
            return []
        found = [str(path) for path in find_configurations(typed)]
        if found and not typed:
            self.stderr.write(f"Configuration: {found[0]}")
        return found

    def _write_report(
        self, report: reporting.Report, item: Written, options: EvaluateOptions
    ) -> Iterable[str]:
        """Return the report; a table as wide as the terminal that it is for."""
        if item.format != "table":
            return reporting.write(report, item.format)
        stream = None if item.path else self.stdout
        wants_colour = has_colour(stream) and not options["no_color"]
        config = self._config_options
        style = reporting.TableStyle(
            width=find_width(stream),
            has_colour=wants_colour or (options["force_color"] and stream is not None),
            rows=options["table_rows"] if options["table"] and config.shows_table else 0,
            cell_length=options["table_cell_max_length"] or config.cell_length,
        )
        return reporting.write_table(report, style)

    def _say_remarks(self, report: reporting.Report, written: Iterable[Written]) -> None:
        """Say what was not checked or not compared, where the report on the terminal does not."""
        if any(item.format == "table" and not item.path for item in written):
            return  # the table on standard output ends with them
        for remark in report.remarks:
            self.stderr.write(remark)

    def _run(self, options: EvaluateOptions) -> Run | None:
        if options["background"] and settings.HUEY is None:
            raise InvalidInputError({"background": Sentence("option.background-queue")})
        if options["estimate"] and (options["resume"] or options["retry_errors"]):
            raise InvalidInputError({"estimate": Sentence("option.new-run")})
        run = self._chosen_run(options)
        self._warn_of_misfits(run)
        if options["estimate"]:
            self.stdout.write(_say_estimate(run))
            discard_run(run.pk)
            return None
        if options["background"]:
            self._enqueue(run)
            return None
        self.stderr.write(f"Run {run.pk}")
        if run.status == Run.Status.COMPLETED:
            return run  # resumed, and nothing is left to do: it is reported
        with Progress(run, self.stderr) as progress:
            files = RunFiles(typed=_recorded_files(run))
            with stop_on_signals(STOPPING) as signals:
                run = execute_run(run.pk, on_finished=progress.step, files=files)
        if run.status == Run.Status.RUNNING and signals:
            sentence = _("Stopped. Resume with: manage.py evaluate --resume %(pk)s") % {
                "pk": run.pk
            }
            raise CommandError(sentence, returncode=SIGNALLED + signals[0])
        return run

    def _warn_of_misfits(self, run: Run) -> None:
        """Before anything is asked, say what of the cases and the prompts does not fit."""
        if run.status != Run.Status.COMPLETED:
            for misfit in list_misfits(RunSettings.read(run.settings).misfits):
                self.stderr.write(f"Warning: {misfit}")

    def _enqueue(self, run: Run) -> None:
        if not enqueue_run(run.pk):
            self.stderr.write("The queue cannot be reached. A worker will pick up the run later.")
        self.stdout.write(f"Run {run.pk}")

    def _chosen_run(self, options: EvaluateOptions) -> Run:
        chosen = options["resume"] or options["retry_errors"]
        if not chosen:
            return self._new_run(options)
        run = find_run(chosen)
        limits = _limits(options)  # wrong ones are refused before an error is cleared
        if options["retry_errors"]:
            clear_errors(run.pk)
            run.refresh_from_db()
        # A limit that was not typed stays as the run has it.
        typed = {name: value for name, value in limits.items() if value is not None}
        if not typed:
            return run
        return update_limits(run.pk, **cast("RunLimits", typed))

    def _new_run(self, options: EvaluateOptions) -> Run:
        specs = [find_spec(text) for text in options["provider"]]
        self._warn_of_parameters(specs)
        rescored = find_run(options["rescore"]) if options["rescore"] else None
        folder, config = None, None
        if options["file"]:
            specs = [_as_promptfoo_sends(spec) for spec in specs]
            config, folder = read_typed_configurations(
                [Path(name) for name in options["file"]],
                root=options["root"],
                other_models=bool(options["provider"]),
                variables=options["var"],
            )
            of_models = None if options["provider"] else options["filter_providers"]
            config = choose_columns(config, options["filter_prompts"], of_models)
            self._warn(config)
            self._config_options = config.options
        suite = None
        if options["suite"]:
            suite = find_suite(options["suite"])
        elif rescored is not None:
            suite = rescored.suite
        if config is None and suite is None:
            raise InvalidInputError({"evaluate": Sentence("option.no-suite")})
        for typed in filter(None, (options["judge"], options["embeddings"])):
            find_spec(typed)  # what is typed is refused; what a file names is an error of its cases
        files = RunFiles(folder=folder, typed=_typed_files(options) | _recorded_files(rescored))
        columns = _choose_columns(options, config, specs, rescored)
        columns = _prepare_models(columns, config, files, options)
        if options["background"]:
            _refuse_recorded(columns, options)
        use_cache = not options["no_cache"]
        if config is not None:
            self._warn_of_stored(config, columns)
            use_cache = use_cache and config.options.use_cache
        plan = Plan(
            columns=columns,
            name=(options["description"] or _choose_name(config, suite))[:NAME_LENGTH],
            repeats=_choose_repeats(options, config, rescored),
            suite=suite,
            use_cache=use_cache,
            only_stored=rescored is not None,
            baseline=find_run(options["baseline"]) if options["baseline"] else None,
            settings=RunSettings(derived=config.derived if config is not None else ()),
            files=files,
            judge=_choose_model("judge", options, config, rescored),
            embeddings=_choose_model("embeddings", options, config, rescored),
            **_limits(options, config),
        )
        return create_run(plan, _cases(config, suite, columns, build_case_filters(options)))

    def _warn_of_parameters(self, specs: Iterable[ProviderSpec]) -> None:
        """Name what of a profile's parameters its model does not take; a file warns of its own."""
        for spec in specs:
            for sentence in why_unsent(spec.kind, spec.model, spec.parameters).values():
                self.stderr.write(f"Warning: {spec.name}: {sentence}")

    def _warn(self, config: PromptfooConfig) -> None:
        for warning in config.warnings[:WARNINGS_SHOWN]:
            self.stderr.write(f"Warning: {warning}")
        more = len(config.warnings) - WARNINGS_SHOWN
        if more > 0:
            self.stderr.write(f"… and {more} more warnings.")

    def _warn_of_stored(self, config: PromptfooConfig, columns: Sequence[PlannedColumn]) -> None:
        has_affixes = any(case.prefix or case.suffix for case in config.suite.cases)
        if has_affixes and any(column.prompt for column in columns):
            sentence = _("prefix and suffix in the tests do not apply to stored prompts")
            self.stderr.write(f"Warning: {sentence}")

    def _write(self, parts: Iterable[str], output: str | None) -> None:
        if output:
            with replacing(Path(output)) as stream:
                # An answer may hold half a surrogate pair, which UTF-8 cannot hold: it becomes "?".
                stream.writelines(part.encode(errors="replace") for part in parts)
            self.stderr.write(f"Written: {output}")
            return
        for part in parts:
            self.stdout.write(part, ending="")
        self.stdout.write()


def _as_promptfoo_sends(spec: ProviderSpec) -> ProviderSpec:
    """Return a typed model with promptfoo's defaults; a profile says itself what it sends."""
    is_profile = spec.limits is not None
    return spec if is_profile else as_sent(spec, {}, os.environ)[0]


def _prepare_models(
    columns: Sequence[PlannedColumn],
    config: PromptfooConfig | None,
    files: RunFiles,
    options: EvaluateOptions,
) -> list[PlannedColumn]:
    """Return the columns with their limits.

    Raises:
        EngineError: a model cannot be asked, e.g. its key is missing: before anything is paid for.
    """
    # Many columns share few models, and making one may read a file of recorded answers.
    default_limits: dict[tuple[str, str, str], Limits] = {}
    prepared = []
    for column in columns:
        spec = with_full_name(column.spec, files)
        key = (spec.kind, spec.model, spec.base_url)
        if key not in default_limits:
            unlimited = replace(column.spec, limits=None)
            model = make(unlimited, settings.PROVIDER_ENVIRONMENT, files)
            default_limits[key] = model.limits
        if config is not None:
            spec = with_limits(spec, default_limits[key], config.options)
        spec = with_typed_limits(
            spec, default_limits[key], options["max_concurrency"], options["delay"]
        )
        prepared.append(replace(column, spec=spec))
    return prepared


def _typed_files(options: EvaluateOptions) -> frozenset[str]:
    """Return the files of recorded answers that were typed: those may lie anywhere."""
    texts = [*options["provider"], options["judge"], options["embeddings"]]
    return frozenset(text.partition(":")[2] for text in texts if text.startswith("replay:"))


def _refuse_recorded(columns: Sequence[PlannedColumn], options: EvaluateOptions) -> None:
    """Refuse to leave recorded answers to a worker, which opens no files."""
    judges = (options["judge"], options["embeddings"])
    recorded = [column.spec.name for column in columns if column.spec.kind == Kind.REPLAY]
    recorded += [text for text in judges if text.startswith("replay:")]
    if recorded:
        raise InvalidInputError(
            {"background": Sentence("option.background-file", name=recorded[0])}
        )


def _recorded_files(run: Run | None) -> frozenset[str]:
    """Return the files of recorded answers of a run that a command made: they were checked then."""
    if run is None:
        return frozenset()
    targets = [Target.read(row.target) for row in run.evaluations.all()]
    targets += RunSettings.read(run.settings).models.values()
    return frozenset(target.model for target in targets if target.kind == Kind.REPLAY)


def _refuse_unwritable(path: Path) -> None:
    """Before anything is paid for, say that the report could not be written."""
    # Missing folders are made when the report is written: the nearest that exists has to allow it.
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidInputError({"output": Sentence("option.output", path=path)})


def _choose_model(
    use: Use, options: EvaluateOptions, config: PromptfooConfig | None, rescored: Run | None
) -> str:
    """Return the model for a use: the option, the file's, the run's."""
    model: str | None = options[use]
    if not model and config is not None:
        model = config.models.get(use)
    if not model and rescored is not None:
        chosen = RunSettings.read(rescored.settings)
        model = chosen.judge if use == "judge" else chosen.embeddings
    return str(model or "")


def _choose_name(config: PromptfooConfig | None, suite: TestSuite | None) -> str:
    if config is not None:
        return config.suite.name
    return suite.name if suite else ""


def _cases(
    config: PromptfooConfig | None,
    suite: TestSuite | None,
    columns: Sequence[PlannedColumn],
    filters: CaseFilters,
) -> Cases:
    if config is not None:
        of_columns = Filters(config, columns)
        return ((None, of_columns.with_columns(case)) for case in filters.choose(config.cases))
    if suite is None:
        return ()
    stored = load_cases(suite.pk)
    if filters == CaseFilters():
        return stored  # page by page
    return choose_stored(stored, filters)


def _choose_repeats(
    options: EvaluateOptions, config: PromptfooConfig | None, rescored: Run | None
) -> int:
    repeats = options["repeat"]
    if repeats is None and rescored is not None:
        repeats = rescored.repeats  # as many answers are stored
    if repeats is None and config is not None:
        repeats = config.options.repeat
    if repeats is None:
        return 1
    # A file may say `repeat: true`, and to Python True is a 1.
    is_whole = isinstance(repeats, int) and not isinstance(repeats, bool)
    if not is_whole or not 1 <= repeats <= MAX_REPEATS:
        raise InvalidInputError({"repeat": Sentence("option.workers")})
    return int(repeats)


def _limits(options: EvaluateOptions, config: PromptfooConfig | None = None) -> RunLimits:
    seconds = _seconds(options["max_seconds"])
    if seconds is None and config is not None:
        seconds = config.options.max_seconds
    return {
        "max_cost_usd": _money(options["max_cost"]),
        "max_calls": options["max_calls"],
        "max_seconds": seconds,
    }


def _seconds(number: float | None) -> float | None:
    # argparse's float takes "nan" and "inf": no time would ever be over.
    if number is not None and not (math.isfinite(number) and number >= 0):
        raise InvalidInputError({"max_seconds": Sentence("option.timeout", number=f"{number:g}")})
    return number


def _money(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # NaN first: it can be compared with nothing. Decimal also takes "Infinity".
    if not amount.is_finite() or amount < 0:
        raise InvalidInputError({"max_cost_usd": Sentence("option.amount", text=text)})
    return amount


def _choose_columns(
    options: EvaluateOptions,
    config: PromptfooConfig | None,
    specs: list[ProviderSpec],
    rescored: Run | None,
) -> list[PlannedColumn]:
    """Return a column for each prompt and model; a run that is scored again keeps its own."""
    if rescored is not None and not options["prompt"]:
        return rebuild_columns(rescored)
    if not specs and config is not None:
        specs = [provider.spec for provider in config.providers]
    elif options["filter_providers"]:
        specs = choose_specs(specs, options["filter_providers"])
    if not specs:
        raise InvalidInputError({"provider": Sentence("option.no-provider")})
    stored = [prompts.find_prompt(text) for text in options["prompt"]]
    if stored:
        pairs = itertools.product(stored, specs)
        return [PlannedColumn(spec=spec, prompt=prompt) for prompt, spec in pairs]
    if config is None:
        raise InvalidInputError({"prompt": Sentence("option.no-prompt")})
    return plan_columns(config, specs, os.environ)


def _say_estimate(run: Run) -> str:
    estimate = StoredEstimate.read(run.estimate)
    cost = "unknown" if estimate.cost_usd is None else f"${estimate.cost_usd:.4f}"
    return (
        f"{estimate.calls:,} calls, about {estimate.input_tokens:,} tokens in and "
        f"{estimate.output_tokens:,} out at most, cost {cost}"
    )
