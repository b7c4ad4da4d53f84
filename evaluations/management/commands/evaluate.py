"""`manage.py evaluate`: run a suite or a promptfoo configuration, and say whether to ship."""

import argparse
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _

from core.atomic_file import replacing
from core.errors import InvalidInputError, NotFoundError
from core.sentences import Sentence
from evaluations import reporting
from evaluations.adapters import find_spec
from evaluations.engine.files import RunFiles
from evaluations.engine.providers import Limits, ProviderSpec, make
from evaluations.engine.providers.families import why_unsent
from evaluations.engine.types import Case
from evaluations.fit import misfits_from_json
from evaluations.management.configured import Filters, plan_columns, with_limits
from evaluations.management.progress import Progress
from evaluations.management.refusals import refusals
from evaluations.models import Run, TestSuite
from evaluations.promptfoo.config import PromptfooConfig, read_config
from evaluations.promptfoo.templates import fill_text
from evaluations.selectors.overview import find_suite
from evaluations.services.planning import (
    Plan,
    PlannedColumn,
    create_run,
    load_cases,
    with_full_name,
)
from evaluations.services.runs import clear_errors, discard_run, execute_run, update_limits
from evaluations.suite_files import folder_beside
from evaluations.tasks import enqueue_run
from prompts import interface as prompts

INTERRUPTED: Final = 130
ERRORS_SHOWN: Final = 20
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


class Command(BaseCommand):
    """Evaluate; exit 0 pass, 1 fail, 2 wrong input, 3 stopped by a limit, 4 errors in the run."""

    help = (
        "Runs the cases of a suite or of a promptfoo configuration (YAML or JSON), scores every "
        "answer, compares versions and shows, with statistics, which is better. Stored answers "
        "are not requested again: --resume continues a run. Exit status: 0 passed, "
        "1 failed, 2 wrong usage or input, 3 stopped by a limit, 4 errors in the run."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
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
        parser.add_argument("--repeat", type=int, metavar="N", help="run each case N times")
        parser.add_argument("--max-cost", metavar="X", help="stop at X US dollars")
        parser.add_argument("--max-calls", type=int, metavar="N", help="stop after N calls")
        parser.add_argument("--max-seconds", type=float, metavar="S", help="stop after S seconds")
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

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Run, report, exit."""
        try:
            with refusals(OPTIONS):
                if options["output"]:
                    _refuse_unwritable(Path(options["output"]))
                run = self._run(options)
                if run is None:
                    return
                report = reporting.build_report(run)
                self._write(reporting.write(report, options["format"]), options["output"])
        except DatabaseError as error:
            error.exit_status = reporting.ERRORS  # type: ignore[attr-defined]  # manage.py looks for it
            raise
        self._say_remarks(report, options)
        if run.message:
            self.stderr.write(f"{run.get_status_display()}: {run.message}.")
        if run.status != Run.Status.COMPLETED:
            self.stderr.write(f"Go on with: manage.py evaluate --resume {run.pk}")
        code = reporting.exit_code(report)
        if code:
            sys.exit(code)

    def _say_remarks(self, report: reporting.Report, options: dict[str, Any]) -> None:
        """Say what was not checked or not compared, where the report on the terminal does not."""
        if options["format"] == "table" and not options["output"]:
            return
        for remark in report.remarks:
            self.stderr.write(remark)

    def _run(self, options: dict[str, Any]) -> Run | None:
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
            try:
                files = RunFiles(typed=_recorded_files(run))
                return execute_run(run.pk, on_finished=progress.step, files=files)
            except KeyboardInterrupt:
                sentence = _("Stopped. Resume with: manage.py evaluate --resume %(pk)s") % {
                    "pk": run.pk
                }
                raise CommandError(sentence, returncode=INTERRUPTED) from None

    def _warn_of_misfits(self, run: Run) -> None:
        """Before anything is asked, say what of the cases and the prompts does not fit."""
        if run.status != Run.Status.COMPLETED:
            for misfit in misfits_from_json(run.settings.get("misfits", ())):
                self.stderr.write(f"Warning: {misfit}")

    def _enqueue(self, run: Run) -> None:
        if not enqueue_run(run.pk):
            self.stderr.write("The queue cannot be reached. A worker will pick up the run later.")
        self.stdout.write(f"Run {run.pk}")

    def _chosen_run(self, options: dict[str, Any]) -> Run:
        if options["resume"] or options["retry_errors"]:
            run = _find_run(options["resume"] or options["retry_errors"])
            limits = {name: value for name, value in _limits(options).items() if value is not None}
            if options["retry_errors"]:
                clear_errors(run.pk)
                run.refresh_from_db()
            return update_limits(run.pk, **limits) if limits else run
        return self._new_run(options)

    def _new_run(self, options: dict[str, Any]) -> Run:
        specs = [find_spec(text) for text in options["provider"]]
        self._warn_of_parameters(specs)
        again = _find_run(options["rescore"]) if options["rescore"] else None
        file = options["file"]
        folder = folder_beside(Path(file)) if file else None
        config = read_config(folder, Path(file).name, fill_text) if folder else None
        suite = again.suite if again is not None else None
        if options["suite"]:
            suite = find_suite(options["suite"])
        if config is not None:
            self._warn(config)
        if config is None and suite is None:
            raise InvalidInputError({"evaluate": Sentence("option.no-suite")})
        files = RunFiles(folder=folder, typed=_typed_files(options) | _recorded_files(again))
        columns = _made(_columns(options, config, specs, again), config, files)
        if options["background"]:
            _refuse_recorded(columns, options)
        if config is not None:
            self._warn_of_stored(config, columns)
        baseline = _find_run(options["baseline"]) if options["baseline"] else None
        plan = Plan(
            columns=columns,
            name=_name(config, suite),
            repeats=_repeats(options, config, again),
            suite=suite,
            use_cache=not options["no_cache"] and (config is None or config.options.use_cache),
            only_stored=again is not None,
            baseline=baseline,
            files=files,
            judge=_judge(options, config, again, "judge"),
            embeddings=_judge(options, config, again, "embeddings"),
            **_limits(options, config),
        )
        return create_run(plan, _cases(config, suite, columns))

    def _warn_of_parameters(self, specs: Iterable[ProviderSpec]) -> None:
        """Name what of a profile's parameters its model does not take; a file warns of its own."""
        for spec in specs:
            for sentence in why_unsent(spec.kind, spec.model, spec.parameters).values():
                self.stderr.write(f"Warning: {spec.name}: {sentence}")

    def _warn(self, config: PromptfooConfig) -> None:
        for warning in config.warnings[:ERRORS_SHOWN]:
            self.stderr.write(f"Warning: {warning}")
        if len(config.warnings) > ERRORS_SHOWN:
            self.stderr.write(f"… and {len(config.warnings) - ERRORS_SHOWN} more warnings.")

    def _warn_of_stored(self, config: PromptfooConfig, columns: Sequence[PlannedColumn]) -> None:
        around = any(case.prefix or case.suffix for case in config.suite.cases)
        if around and any(column.prompt for column in columns):
            sentence = _("prefix and suffix in the tests do not apply to stored prompts")
            self.stderr.write(f"Warning: {sentence}")

    def _write(self, parts: Iterable[str], output: str | None) -> None:
        if output:
            with replacing(Path(output)) as stream:
                stream.writelines(part.encode(errors="replace") for part in parts)
            self.stderr.write(f"Written: {output}")
            return
        for part in parts:
            self.stdout.write(part, ending="")
        self.stdout.write()


def _made(
    columns: Sequence[PlannedColumn], config: PromptfooConfig | None, files: RunFiles
) -> Sequence[PlannedColumn]:
    """Return the columns with their limits; a missing key is said before anything runs."""
    usual: dict[tuple[str, str, str], Limits] = {}
    made = []
    for column in columns:
        spec = with_full_name(column.spec, files)
        key = (spec.kind, spec.model, spec.base_url)
        if key not in usual:
            usual[key] = make(
                replace(column.spec, limits=None), settings.PROVIDER_ENVIRONMENT, files
            ).limits
        if config is not None:
            spec = with_limits(spec, usual[key], config.options)
        made.append(replace(column, spec=spec))
    return made


def _typed_files(options: dict[str, Any]) -> frozenset[str]:
    """Return the files of recorded answers that were typed: those may lie anywhere."""
    texts = [*options["provider"], options["judge"], options["embeddings"]]
    return frozenset(text.partition(":")[2] for text in texts if text.startswith("replay:"))


def _refuse_recorded(columns: Sequence[PlannedColumn], options: dict[str, Any]) -> None:
    """Refuse to leave recorded answers to a worker, which opens no files."""
    judges = (options["judge"], options["embeddings"])
    recorded = [column.spec.name for column in columns if column.spec.kind == "replay"]
    recorded += [text for text in judges if text.startswith("replay:")]
    if recorded:
        raise InvalidInputError(
            {"background": Sentence("option.background-file", name=recorded[0])}
        )


def _recorded_files(run: Run | None) -> frozenset[str]:
    """Return the files of recorded answers of a run that a command made: they were checked then."""
    if run is None:
        return frozenset()
    targets = [row.target for row in run.evaluations.all()]
    targets += run.settings.get("models", {}).values()
    return frozenset(target["model"] for target in targets if target["kind"] == "replay")


def _refuse_unwritable(path: Path) -> None:
    """Before anything is paid for, say that the report could not be written."""
    folder = next(one for one in path.absolute().parents if one.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidInputError({"output": Sentence("option.output", path=path)})


def _judge(
    options: dict[str, Any], config: PromptfooConfig | None, again: Run | None, need: str
) -> str:
    """Return the model for a need: the option, else what the file or the earlier run says."""
    before = again.settings.get(need, "") if again is not None else ""
    return str(options[need] or (config.models.get(need) if config else "") or before)


def _name(config: PromptfooConfig | None, suite: TestSuite | None) -> str:
    if config is not None:
        return config.suite.name[:255]
    return suite.name if suite else ""


def _cases(
    config: PromptfooConfig | None, suite: TestSuite | None, columns: Sequence[PlannedColumn]
) -> Cases:
    if config is not None:
        filters = Filters(config, columns)
        return ((None, filters.case(found)) for found in config.found)
    assert suite is not None  # noqa: S101  # nosec B101 (checked where it was chosen)
    return load_cases(suite.pk)


def _repeats(
    options: dict[str, Any], config: PromptfooConfig | None, again: Run | None = None
) -> int:
    chosen = options["repeat"]
    if chosen is None and again is not None:
        chosen = again.repeats
    if chosen is None and config is not None:
        chosen = config.options.repeat
    if chosen is None:
        return 1
    if isinstance(chosen, bool) or not isinstance(chosen, int) or not 1 <= chosen <= 1000:
        raise InvalidInputError({"repeat": Sentence("option.workers")})
    return chosen


def _limits(options: dict[str, Any], config: PromptfooConfig | None = None) -> dict[str, Any]:
    seconds = _seconds(options["max_seconds"])
    if seconds is None and config is not None:
        seconds = config.options.max_seconds
    return {
        "max_cost_usd": _money(options["max_cost"]),
        "max_calls": options["max_calls"],
        "max_seconds": seconds,
    }


def _seconds(number: float | None) -> float | None:
    if number is not None and not (math.isfinite(number) and number >= 0):
        raise InvalidInputError({"max_seconds": Sentence("option.timeout", number=f"{number:g}")})
    return number


def _money(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise InvalidInputError({"max_cost_usd": Sentence("option.amount", text=text)})
    return found


def _columns(
    options: dict[str, Any],
    config: PromptfooConfig | None,
    specs: list[ProviderSpec],
    again: Run | None,
) -> list[PlannedColumn]:
    if again is not None and not options["prompt"]:
        return list(_columns_again(again))
    specs = specs or [one.spec for one in (config.providers if config else ())]
    if not specs:
        raise InvalidInputError({"provider": Sentence("option.no-provider")})
    stored = [prompts.find_prompt(text) for text in options["prompt"]]
    if stored:
        return [PlannedColumn(spec=spec, prompt=one) for one in stored for spec in specs]
    if config is None:
        raise InvalidInputError({"prompt": Sentence("option.no-prompt")})
    return plan_columns(config, specs)


def _columns_again(run: Run) -> Iterator[PlannedColumn]:
    from evaluations.adapters import spec_from_json  # here alone

    for row in run.evaluations.select_related("version").order_by("position"):
        prompt = None
        if row.prompt_id is not None and row.version is not None:
            prompt = prompts.get_prompt_text(prompt_id=row.prompt_id, number=row.version.number)
        spec = spec_from_json(row.target)
        yield PlannedColumn(spec=spec, prompt=prompt, text=row.prompt_text, label=row.label)


def _find_run(text: str) -> Run:
    """Return a run by its ID or the first eight characters of it."""
    hexed = text.replace("-", "").lower()
    rows = list(Run.objects.filter(pk__startswith=hexed)[:2]) if len(hexed) >= 8 else []
    if len(rows) != 1:
        raise NotFoundError("run.missing", text=text)
    return rows[0]


def _say_estimate(run: Run) -> str:
    found = run.estimate
    cost = "unknown" if found["cost_usd"] is None else f"${found['cost_usd']:.4f}"
    return (
        f"{found['calls']:,} calls, about {found['input_tokens']:,} tokens in and "
        f"{found['output_tokens']:,} out at most, cost {cost}"
    )
