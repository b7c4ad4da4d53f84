"""What somebody chooses for a run, found: prompts, models, a suite, a baseline.

Left to `planning`: writing the run. Each name that is not found is refused at its own place.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.conf import settings

from core.errors import ApplicationError, InvalidInputError
from core.sentences import Sentence
from core.services import find_row
from evaluations.adapters import find_spec, spec_from_target
from evaluations.engine.errors import EngineError
from evaluations.engine.providers import ProviderSpec, make
from evaluations.engine.statistics import smallest_difference
from evaluations.engine.types import Case
from evaluations.fit import Misfit, Survey
from evaluations.models import Run, TestSuite
from evaluations.services.planning import (
    SAMPLE,
    Estimate,
    Plan,
    PlannedColumn,
    create_run,
    estimate_run,
    load_cases,
)
from evaluations.stored import RunSettings, Target
from prompts import interface as prompts

__all__ = [
    "MAX_REPEATS",
    "Plan",
    "Preview",
    "RunChoice",
    "choose_run",
    "find_each",
    "find_model",
    "plan_rescoring",
    "preview_run",
    "rebuild_columns",
    "start_run",
]

MAX_REPEATS: Final = 1000
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunChoice:
    """What a run is to be, in the words of whoever starts it."""

    suite_id: UUID
    prompts: Sequence[str]
    """Each a name, name@label or name:version; the first is what the others are compared with."""
    models: Sequence[str]
    """Each a profile's name or a model such as `echo`; every prompt is asked of every model."""
    name: str = ""
    """Empty: the suite's name."""
    repeats: int = 1
    use_cache: bool = True
    judge: str = ""
    embeddings: str = ""
    baseline_id: UUID | None = None
    max_cost_usd: Decimal | None = None
    max_calls: int | None = None
    max_seconds: float | None = None
    actor: str = ""
    """Who starts it, where that is no user of the admin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a run will take, before it starts."""

    cases: int
    columns: Sequence[str]
    estimate: Estimate
    smallest: float | None
    """The difference of pass rates that so many cases show four times out of five."""
    misfits: Sequence[Misfit] = ()
    """What does not fit between cases and prompts, and what nothing checks."""


def choose_run(choice: RunChoice) -> Plan:
    """Return the run that somebody chose.

    Raises:
        InvalidInputError: something that is named is not there, each at its place such as
            `models[1]`; a key is missing; there is nothing to ask.
    """
    texts, problems = find_each("prompts", choice.prompts, prompts.find_prompt)
    specs, of_models = find_each("models", choice.models, find_model)
    problems |= of_models | _check_graders(choice)
    if not choice.prompts or not choice.models:
        field = "models" if choice.prompts else "prompts"
        problems[field] = Sentence("run.nothing-to-ask")
    suite = TestSuite.objects.filter(pk=choice.suite_id).first()
    if suite is None:
        kind = TestSuite._meta.verbose_name
        problems["suite"] = Sentence("row.missing", kind=kind, key=choice.suite_id)
    baseline = _find_baseline(choice.baseline_id)
    if choice.baseline_id is not None and baseline is None:
        problems["baseline"] = Sentence("run.no-baseline", key=choice.baseline_id)
    if problems or suite is None:
        raise InvalidInputError(problems)
    columns = []
    for text, spec in itertools.product(texts, specs):
        columns.append(PlannedColumn(spec=spec, prompt=text))
    return Plan(
        columns=columns,
        name=choice.name or suite.name,
        suite=suite,
        repeats=choice.repeats,
        use_cache=choice.use_cache,
        judge=choice.judge,
        embeddings=choice.embeddings,
        baseline=baseline,
        max_cost_usd=choice.max_cost_usd,
        max_calls=choice.max_calls,
        max_seconds=choice.max_seconds,
        settings=RunSettings(actor=choice.actor),
    )


def _check_graders(choice: RunChoice) -> dict[str, Sentence | str]:
    problems: dict[str, Sentence | str] = {}
    for field, name in (("judge", choice.judge), ("embeddings", choice.embeddings)):
        if not name:
            continue
        try:
            find_model(name)
        except EngineError as error:
            problems[field] = error.sentence
    return problems


def _find_baseline(run_id: UUID | None) -> Run | None:
    if run_id is None:
        return None
    return Run.objects.filter(pk=run_id, status=Run.Status.COMPLETED).first()


def find_each(
    field: str, names: Iterable[str], find: Callable[[str], ValueT]
) -> tuple[list[ValueT], dict[str, Sentence | str]]:
    """Return what names mean, and what is wrong with those that mean nothing, by their places."""
    values = []
    problems: dict[str, Sentence | str] = {}
    for index, name in enumerate(names):
        try:
            values.append(find(name))
        except (ApplicationError, EngineError) as error:
            problems[f"{field}[{index}]"] = error.sentence
    return values, problems


def find_model(name: str) -> ProviderSpec:
    """Return a model that can be asked: its key is there.

    Raises:
        SetupError: there is no such model, or its key is missing.
    """
    spec = find_spec(name)
    make(spec, settings.PROVIDER_ENVIRONMENT)
    return spec


def preview_run(plan: Plan) -> Preview:
    """Return what a run will take; nothing is written.

    Raises:
        ApplicationError: a case is wrong, or there is none.
    """
    survey = Survey()
    sample: list[Case] = []
    count = 0
    for _key, case in _cases(plan):  # read one by one: a suite may hold 100,000
        survey.add(case)
        count += 1
        if len(sample) < SAMPLE:
            sample.append(case)
    if not count:
        raise InvalidInputError({"cases": Sentence("run.no-cases")})
    return Preview(
        cases=count,
        columns=[column.name for column in plan.columns],
        estimate=estimate_run(plan, sample, count),
        smallest=smallest_difference(count),
        misfits=survey.misfits(plan.columns),
    )


def start_run(plan: Plan) -> Run:
    """Write a run of a suite, pending.

    Raises:
        ApplicationError: a case is wrong, a judge or a price is missing.
        EngineError: a model is wrong.
    """
    return create_run(plan, _cases(plan))


def plan_rescoring(run_id: UUID | str, *, actor: str = "") -> Plan:
    """Return a run that scores the stored answers of another one by its suite as it is now.

    Raises:
        NotFoundError: there is no such run, or a prompt of it is deleted.
        InvalidInputError: its cases came from a file, which only the command reads.
        SetupError: a key is missing.
    """
    run = find_row(Run, run_id)
    suite = run.suite
    if suite is None or suite.is_deleted:
        raise InvalidInputError({"suite": Sentence("run.no-suite")})
    columns = []
    for column in rebuild_columns(run):
        make(column.spec, settings.PROVIDER_ENVIRONMENT)
        columns.append(column)
    chosen = RunSettings.read(run.settings)
    return Plan(
        columns=columns,
        name=suite.name,
        suite=suite,
        repeats=run.repeats,
        only_stored=True,
        judge=chosen.judge,
        embeddings=chosen.embeddings,
        settings=RunSettings(actor=actor),
    )


def rebuild_columns(run: Run) -> list[PlannedColumn]:
    """Return the columns of a run as they were planned.

    Raises:
        NotFoundError: a prompt is deleted.
    """
    columns = []
    for row in run.evaluations.select_related("version").order_by("position"):
        prompt = None
        if row.prompt_id is not None and row.version is not None:
            prompt = prompts.get_prompt_text(prompt_id=row.prompt_id, number=row.version.number)
        spec = spec_from_target(Target.read(row.target))
        columns.append(
            PlannedColumn(spec=spec, prompt=prompt, text=row.prompt_text, label=row.label)
        )
    return columns


def _cases(plan: Plan) -> Iterable[tuple[UUID | None, Case]]:
    assert plan.suite is not None  # noqa: S101  # nosec B101 (whatever is chosen here has one)
    return load_cases(plan.suite.pk)
