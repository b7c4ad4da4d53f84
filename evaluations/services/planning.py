"""A run before it starts: its cases copied, its columns, and what it will probably cost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DataError, transaction
from msgspec.structs import replace as replace_fields

from core.errors import InvalidInputError
from core.json import dump
from core.sentences import Sentence
from core.services import check_fields, find_row
from evaluations.adapters import find_configured_spec, find_spec, prepare, target_from_spec
from evaluations.engine.costs import answer_limit
from evaluations.engine.errors import SetupError, SuiteError
from evaluations.engine.files import NO_FILES, RunFiles
from evaluations.engine.formats.documents import (
    case_as_document,
    case_from_document,
    case_key,
)
from evaluations.engine.providers import Kind, ProviderSpec, calculate_cost, find_price, make
from evaluations.engine.scorers import required_models, service_calls
from evaluations.engine.tokens import CHARACTERS_PER_TOKEN, estimate_characters
from evaluations.engine.types import Case
from evaluations.fit import Survey
from evaluations.models import Evaluation, Run, RunCase, TestCase, TestSuite
from evaluations.promptfoo.templates import free_template
from evaluations.services.store import insert_rows
from evaluations.stored import RunSettings, StoredEstimate, Target
from prompts import interface as prompts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = [
    "SAMPLE",
    "Estimate",
    "Plan",
    "PlannedColumn",
    "case_from_row",
    "create_run",
    "estimate_run",
    "load_cases",
    "with_full_name",
]

PAGE: Final = 2000
SAMPLE: Final = 200  # cases that an estimate looks at
ANSWER_TOKENS: Final = 256  # expected where nothing is known
NEEDED: Final = {
    "judge": "run.needs-judge",
    "embeddings": "run.needs-embeddings",
}
JUDGE_TOKENS: Final = 600  # rules, question, answer and rubric, about
REPLY_TOKENS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedColumn:
    """What is asked of whom."""

    spec: ProviderSpec
    """The model."""
    prompt: prompts.PromptText | None = None
    """A stored version of a prompt; else `text`."""
    text: str = ""
    """A prompt that came with a file."""
    label: str = ""
    """What the column is called; made of prompt and model if empty."""

    @property
    def template(self) -> prompts.Template:
        """What is filled with the cases' variables."""
        return self.prompt.template if self.prompt else free_template(self.text)

    @property
    def name(self) -> str:
        """Display name of the column."""
        if self.label:
            return self.label
        wording = f"{self.prompt.name} v{self.prompt.number}" if self.prompt else self.text[:60]
        return f"{wording} · {self.spec.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that a run is to be."""

    columns: Sequence[PlannedColumn]
    """At least one."""
    name: str = ""
    repeats: int = 1
    suite: TestSuite | None = None
    use_cache: bool = True
    only_stored: bool = False
    max_cost_usd: Decimal | None = None
    max_calls: int | None = None
    max_seconds: float | None = None
    judge: str = ""
    """What assertions that need a judge ask, where they name none."""
    embeddings: str = ""
    """The same for embeddings."""
    baseline: Run | None = None
    settings: RunSettings = field(default_factory=RunSettings)
    files: RunFiles = NO_FILES
    """Where recorded answers are read; only a command has any."""
    user: "User | None" = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run will probably take."""

    calls: int
    """Answers that have to be asked for, were nothing known."""
    input_tokens: int
    """About four characters each."""
    output_tokens: int
    """By max_tokens, else 256 an answer."""
    cost_usd: Decimal | None
    """None where a price is not known."""
    unpriced: tuple[str, ...]
    """Models without a known price."""

    def as_stored(self) -> StoredEstimate:
        """Return it as a run keeps it."""
        return StoredEstimate(
            calls=self.calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=None if self.cost_usd is None else float(self.cost_usd),
            unpriced=list(self.unpriced),
        )


def load_cases(suite_id: UUID | str) -> Iterator[tuple[UUID | None, Case]]:
    """Yield the enabled cases of a suite in their order, each with its key.

    Raises:
        NotFoundError: there is no such suite, or it is deleted.
        InvalidInputError: an assertion is wrong; names the case.
    """
    suite = find_row(TestSuite, suite_id)
    rows = TestCase.objects.filter(suite=suite, enabled=True).order_by("position", "name")
    for row in rows.iterator(chunk_size=PAGE):
        yield row.pk, case_from_row(row)


def case_from_row(row: TestCase) -> Case:
    """Return a stored case as the engine asks it.

    Raises:
        InvalidInputError: an assertion is wrong; names the case.
    """
    try:
        return case_from_document(row.name, row.as_document(), row.weight)
    except SuiteError as error:
        raise InvalidInputError(
            {"assertions": Sentence("run.case", name=row.name, error=error)}
        ) from error


def estimate_run(plan: Plan, cases: Sequence[Case], count: int) -> Estimate:
    """Return what a run will probably take.

    Args:
        plan: the run.
        cases: some of its cases, the more the better.
        count: how many cases it has.
    """
    calls = input_tokens = output_tokens = 0
    cost: Decimal | None = Decimal(0)
    unpriced: list[str] = []
    for place, column in enumerate(plan.columns):
        asked = round(count * plan.repeats * _share(cases, place))
        sent = _mean_tokens(column, cases)
        answered = answer_limit(column.spec.parameters, ANSWER_TOKENS)
        each = calculate_cost(find_price(column.spec), sent, answered)
        if each is None:
            unpriced.append(column.spec.name)
        cost = None if cost is None or each is None else cost + asked * each
        calls, input_tokens = calls + asked, input_tokens + asked * sent
        output_tokens += asked * answered
    judged = _judge_calls(plan, cases, count)
    needs = required_models(one for case in cases for one in case.assertions)
    chosen = {"judge": plan.judge, "embeddings": plan.embeddings}
    for name in {named or chosen[need] for need, named in needs} - {""}:
        each = calculate_cost(find_price(_find_grader(plan, name)), JUDGE_TOKENS, REPLY_TOKENS)
        if each is None:
            unpriced.append(name)
        cost = None if cost is None or each is None else cost + judged * each
    return Estimate(
        calls=calls + judged,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=cost,
        unpriced=tuple(dict.fromkeys(unpriced)),
    )


def _judge_calls(plan: Plan, cases: Sequence[Case], count: int) -> int:
    """Return about how many calls judges and embeddings will take."""
    if not cases:
        return 0
    mean = sum(service_calls(case.assertions) for case in cases) / len(cases)
    return round(mean * count * plan.repeats * len(plan.columns))


def _share(cases: Sequence[Case], place: int) -> float:
    """Return which part of the cases a column asks."""
    asked = [case.columns is None or place in case.columns for case in cases]
    return sum(asked) / len(asked) if asked else 1.0


def _mean_tokens(column: PlannedColumn, cases: Sequence[Case]) -> int:
    prepared = lru_cache(partial(prepare, column.template, column.spec.kind))
    sizes = []
    for case in cases[:SAMPLE]:
        try:
            messages = prepared(case.prefix, case.suffix)(case.variables)
        except (prompts.TemplateError, SuiteError):
            continue  # it will be an error of the case, and costs nothing
        sizes.append(estimate_characters(messages))
    return round(sum(sizes) / len(sizes) / CHARACTERS_PER_TOKEN) + 1 if sizes else 0


@transaction.atomic
def create_run(plan: Plan, cases: Iterable[tuple[UUID | None, Case]]) -> Run:
    """Write a pending run with copies of its cases.

    Args:
        plan: what it is to be.
        cases: key of the stored case (None for a file's) and the case; read page by page.

    Raises:
        InvalidInputError: there is no case or no column, a cost limit cannot be kept, or a field is
            wrong.
    """
    if not plan.columns:
        raise InvalidInputError({"columns": Sentence("run.nothing-to-ask")})
    run = Run(
        name=plan.name,
        suite=plan.suite,
        repeats=plan.repeats,
        use_cache=plan.use_cache,
        only_stored=plan.only_stored,
        max_cost_usd=plan.max_cost_usd,
        max_calls=plan.max_calls,
        max_seconds=plan.max_seconds,
        baseline=plan.baseline,
        settings=plan.settings.as_json(),
        user=plan.user,
    )
    check_fields(run, exclude={"suite", "baseline", "user"})
    run.save(force_insert=True)
    survey = Survey()
    copied = _copy_cases(run, cases, len(plan.columns), survey)
    models = _models(plan, copied.needs)
    chosen = replace_fields(
        plan.settings,
        models=models,
        judge=plan.judge if models else "",  # without any, there is nothing to choose
        embeddings=plan.embeddings if models else "",
        misfits=tuple(misfit.as_stored() for misfit in survey.misfits(plan.columns)),
    )
    estimate = estimate_run(plan, copied.sample, copied.cases)
    _check_cap(plan, estimate, models)
    run.settings = chosen.as_json()
    run.planned = copied.answers * plan.repeats
    run.estimate = estimate.as_stored().as_json()
    run.save(update_fields={"planned", "estimate", "settings"})
    _write_columns(run, plan.columns)
    return run


def with_full_name(spec: ProviderSpec, files: RunFiles) -> ProviderSpec:
    """Return a spec whose recorded answers a later command finds, wherever it is called.

    Raises:
        SetupError: they may not be read.
    """
    if spec.kind != Kind.REPLAY:
        return spec
    try:
        return replace(spec, model=files.full_name(spec.model), label=spec.name)
    except SuiteError as error:
        raise SetupError("replay.file", error=error) from None


def _check_cap(plan: Plan, estimate: Estimate, models: Iterable[str]) -> None:
    judges = [name for name in models if find_price(_find_grader(plan, name)) is None]
    unpriced = dict.fromkeys([*estimate.unpriced, *judges])
    if plan.max_cost_usd is not None and unpriced:
        names = ", ".join(unpriced)
        raise InvalidInputError({"max_cost_usd": Sentence("run.price-unknown", names=names)})


def _find_grader(plan: Plan, name: str) -> ProviderSpec:
    """Return the judge or the embeddings of a name.

    A file may name what nobody here can ask, as it may for the models themselves: its cases alone
    become errors. In a stored suite the name is refused before anything is asked.

    Raises:
        SetupError: there is no such model.
    """
    return find_configured_spec(name) if plan.suite is None else find_spec(name)


def _models(plan: Plan, needs: Iterable[tuple[str, str]]) -> dict[str, Target]:
    """Return the judges and embeddings that the cases need, by name, as the run keeps them.

    Raises:
        InvalidInputError: one is needed, and neither the assertion nor the run names it.
        SetupError: there is no such model, or its key is missing.
    """
    chosen = {"judge": plan.judge, "embeddings": plan.embeddings}
    models: dict[str, Target] = {}
    for need, named in sorted(needs):
        name = named or chosen[need]
        if not name:
            raise InvalidInputError({need: Sentence(NEEDED[need])})
        spec = with_full_name(_find_grader(plan, name), plan.files)
        make(spec, settings.PROVIDER_ENVIRONMENT, plan.files)  # said before any answer is paid for
        models[name] = target_from_spec(spec)
    return models


class NewCase(NamedTuple):
    """A row of evaluation_run_cases as it is inserted; its document is JSON as text."""

    run_id: str
    position: int
    case_id: str | None
    key: str
    name: str
    weight: float
    document: str


class _Copied(NamedTuple):
    """What was written of the cases."""

    cases: int
    answers: int
    """How many one repeat asks for: a case may name the columns that ask it."""
    sample: Sequence[Case]
    needs: set[tuple[str, str]]
    """See `required_models`."""


def _copy_cases(
    run: Run, cases: Iterable[tuple[UUID | None, Case]], columns: int, survey: Survey
) -> _Copied:
    """Write the cases page by page."""
    count, asked, sample, needs = 0, 0, list[Case](), set[tuple[str, str]]()
    keys = _Keys()
    pending = iter(cases)
    while page := list(islice(pending, PAGE)):
        rows = []
        for position, (case_id, case) in enumerate(page, start=count):
            document = case_as_document(case)
            row = NewCase(
                run_id=run.pk.hex,
                position=position,
                case_id=None if case_id is None else case_id.hex,
                key=keys.next(case_key(document)),
                name=case.name[:255],
                weight=case.weight,
                document=dump(document),
            )
            rows.append(row)
            needs |= required_models(case.assertions)
            survey.add(case)
            asked += columns if case.columns is None else len(case.columns)
        try:
            insert_rows(RunCase._meta.db_table, NewCase._fields, rows)
        except DataError as error:
            largest = max(rows, key=lambda row: len(row.document))
            raise InvalidInputError(
                {"cases": Sentence("run.case-too-large", name=largest.name, reason=error)}
            ) from error
        sample += [case for _, case in page[: SAMPLE - len(sample)]]
        count += len(page)
    if not count:
        raise InvalidInputError({"cases": Sentence("run.no-cases")})
    return _Copied(cases=count, answers=asked, sample=sample, needs=needs)


class _Keys:
    """Keys of a run's cases: of cases that are the same in all, the second one has its own."""

    def __init__(self) -> None:
        self._seen: set[int] = set()  # small: a run may have a hundred thousand cases
        self._again: Counter[str] = Counter()

    def next(self, key: str) -> str:
        """Return the key, or that of its next occurrence; the same in each run of these cases."""
        short = int(key[:16], 16)
        if short not in self._seen:
            self._seen.add(short)
            return key
        self._again[key] += 1
        return sha256(f"{key} {self._again[key] + 1}".encode()).hexdigest()


def _write_columns(run: Run, columns: Sequence[PlannedColumn]) -> None:
    rows = [
        Evaluation(
            run=run,
            position=place,
            label=column.name[:255],
            suite=run.suite,
            prompt_id=column.prompt.prompt_id if column.prompt else None,
            version_id=column.prompt.version_id if column.prompt else None,
            prompt_text="" if column.prompt else column.text,
            provider=column.spec.kind,
            model=column.spec.model[:255],
            parameters=dict(column.spec.parameters),
            target=target_from_spec(column.spec).as_json(),
        )
        for place, column in enumerate(columns)
    ]
    Evaluation.objects.bulk_create(rows)
