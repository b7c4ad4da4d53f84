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
from evaluations.management.closing import list_closing_lines
from evaluations.management.configured import Filters, plan_columns, with_limits
from evaluations.management.options import EvaluateOptions, add_options
from evaluations.management.progress import Progress
from evaluations.management.refusals import refusals
from evaluations.models import Run, TestSuite
from evaluations.promptfoo.config import PromptfooConfig, read_config
from evaluations.promptfoo.requests import as_sent
from evaluations.promptfoo.templates import fill_text
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
from evaluations.suite_files import folder_beside
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

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        add_options(parser)

    @no_translations
    def handle(self, *_args: Any, **parsed: Any) -> None:
        """Run, report, exit."""
        options = cast("EvaluateOptions", parsed)
        try:
            with refusals(OPTIONS):
                if options["output"]:
                    _refuse_unwritable(Path(options["output"]))
                run = self._run(options)
                if run is None:
                    return
                report = reporting.build_report(run)
                self._write(self._write_report(report, options), options["output"])
        except DatabaseError as error:
            # Django would end with 1, which says here that the evaluation ran and failed.
            error.exit_status = reporting.ERRORS  # type: ignore[attr-defined]  # manage.py looks for it
            raise
        self._say_remarks(report, options)
        if run.message:
            self.stderr.write(f"{run.get_status_display()}: {run.message}.")
        if run.status != Run.Status.COMPLETED:
            self.stderr.write(f"Continue with: manage.py evaluate --resume {run.pk}")
        shows_all = options["format"] not in ("table", "markdown")
        for line in list_closing_lines(report, shows_all=shows_all, file=options["file"]):
            self.stderr.write(line)
        code = reporting.exit_code(report)
        if code:
            sys.exit(code)

    def _write_report(self, report: reporting.Report, options: EvaluateOptions) -> Iterable[str]:
        """Return the report; a table as wide as the terminal that it is for."""
        if options["format"] != "table":
            return reporting.write(report, options["format"])
        stream = None if options["output"] else self.stdout
        wants_colour = has_colour(stream) and not options["no_color"]
        style = reporting.TableStyle(
            width=find_width(stream),
            has_colour=wants_colour or (options["force_color"] and stream is not None),
            rows=options["table_rows"] if options["table"] else 0,
            cell_length=options["table_cell_max_length"],
        )
        return reporting.write_table(report, style)

    def _say_remarks(self, report: reporting.Report, options: EvaluateOptions) -> None:
        """Say what was not checked or not compared, where the report on the terminal does not."""
        if options["format"] == "table" and not options["output"]:
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
            file = Path(options["file"])
            folder = folder_beside(file)
            replaced = bool(options["provider"])
            config = read_config(
                folder, file.name, fill_text, other_models=replaced, variables=os.environ
            )
            specs = [_as_promptfoo_sends(spec) for spec in specs]
            self._warn(config)
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
        columns = _prepare_models(columns, config, files)
        if options["background"]:
            _refuse_recorded(columns, options)
        use_cache = not options["no_cache"]
        if config is not None:
            self._warn_of_stored(config, columns)
            use_cache = use_cache and config.options.use_cache
        plan = Plan(
            columns=columns,
            name=_choose_name(config, suite),
            repeats=_choose_repeats(options, config, rescored),
            suite=suite,
            use_cache=use_cache,
            only_stored=rescored is not None,
            baseline=find_run(options["baseline"]) if options["baseline"] else None,
            files=files,
            judge=_choose_model("judge", options, config, rescored),
            embeddings=_choose_model("embeddings", options, config, rescored),
            **_limits(options, config),
        )
        return create_run(plan, _cases(config, suite, columns))

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
    columns: Sequence[PlannedColumn], config: PromptfooConfig | None, files: RunFiles
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
        return config.suite.name[:NAME_LENGTH]
    return suite.name if suite else ""


def _cases(
    config: PromptfooConfig | None, suite: TestSuite | None, columns: Sequence[PlannedColumn]
) -> Cases:
    if config is not None:
        filters = Filters(config, columns)
        return ((None, filters.with_columns(case)) for case in config.cases)
    return load_cases(suite.pk) if suite is not None else ()


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
    if not specs:
        raise InvalidInputError({"provider": Sentence("option.no-provider")})
    stored = [prompts.find_prompt(text) for text in options["prompt"]]
    if stored:
        pairs = itertools.product(stored, specs)
        return [PlannedColumn(spec=spec, prompt=prompt) for prompt, spec in pairs]
    if config is None:
        raise InvalidInputError({"prompt": Sentence("option.no-prompt")})
    return plan_columns(config, specs)


def _say_estimate(run: Run) -> str:
    estimate = StoredEstimate.read(run.estimate)
    cost = "unknown" if estimate.cost_usd is None else f"${estimate.cost_usd:.4f}"
    return (
        f"{estimate.calls:,} calls, about {estimate.input_tokens:,} tokens in and "
        f"{estimate.output_tokens:,} out at most, cost {cost}"
    )
