"""The page that starts a run: what is asked of whom, what it will take, within which limits."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.changelists import is_searchable
from core.errors import ApplicationError, NotFoundError
from evaluations.adapters import find_spec
from evaluations.engine.errors import EngineError
from evaluations.engine.providers import ProviderSpec, make
from evaluations.engine.statistics import smallest_difference
from evaluations.engine.types import Case
from evaluations.fit import Misfit, Survey
from evaluations.models import ModelProfile, Run, TestSuite
from evaluations.services.planning import (
    SAMPLE,
    Estimate,
    Plan,
    PlannedColumn,
    create_run,
    estimate_run,
    load_cases,
)
from prompts import interface as prompts

__all__ = ["Preview", "StartForm", "find_choices"]

OFFERED: Final = 20  # prompts to choose from; a search finds any other
VERSIONS: Final = 20  # that are offered as boxes
BASELINES: Final = 30
NO_LIMIT: Final = {"placeholder": _("no limit")}
GROUPS: Final = (
    (_("Prompts and test cases"), ("suite", "versions", "others", "baseline")),
    (_("Models"), ("profiles", "providers", "judge", "embeddings")),
    (
        _("Repeats and limits"),
        ("repeats", "max_cost_usd", "max_calls", "max_seconds", "use_cache"),
    ),
)


def find_choices(text: str) -> list[prompts.PromptChoice]:
    """Return the prompts that an address or a person may mean, the likeliest first.

    Args:
        text: a prompt's key, its name or title, or words of it; empty: those that changed last.
    """
    text = text.strip()
    if not text:
        return prompts.list_prompts(OFFERED)
    with suppress(NotFoundError):
        return [prompts.get_choice(text)]
    if not is_searchable(text):
        return []
    matches = prompts.search_prompts(text, OFFERED)
    called = [one for one in matches if text in (one.name, one.title)]
    return called if len(called) == 1 else matches


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


class StartForm(forms.Form):
    """A run to be.

    Args:
        data: what was sent, None at first.
        choice: the prompt whose versions are offered, None: prompts are named in words.
    """

    suite = forms.ModelChoiceField(
        label=_("Test suite"),
        queryset=TestSuite.objects.order_by("name"),
        widget=UnfoldAdminSelectWidget(),
        help_text=_("Its enabled cases are copied as they are now."),
    )
    versions = forms.MultipleChoiceField(
        label=_("Versions"), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    others = forms.CharField(
        label=_("Prompts"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("One per line: name, name@label or name:version. The first is the baseline."),
    )
    profiles = forms.ModelMultipleChoiceField(
        label=_("Model profiles"),
        required=False,
        queryset=ModelProfile.objects.order_by("name"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    providers = forms.CharField(
        label=_("Models"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_(
            "Comma-separated, e.g. local, echo, openai:gpt-4.1-mini, "
            "anthropic:claude-sonnet-4-5, ollama:llama3.2. Keys are read from the "
            "environment."
        ),
    )
    judge = forms.CharField(
        label=_("Judge"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The model that acts as judge, for cases that need one."),
    )
    embeddings = forms.CharField(
        label=_("Embeddings"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The embedding model, for cases that compare meaning."),
    )
    baseline = forms.ModelChoiceField(
        label=_("Baseline"),
        required=False,
        queryset=Run.objects.none(),
        empty_label=_("the first version"),
        widget=UnfoldAdminSelectWidget(),
        help_text=_("An earlier run to compare the columns with."),
    )
    repeats = forms.IntegerField(
        label=_("Repeats"),
        initial=1,
        min_value=1,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_(
            "How many times each case is run. More repeats show how consistent the answers are."
        ),
    )
    max_cost_usd = forms.DecimalField(
        label=_("Cost limit (USD)"),
        required=False,
        min_value=0,
        decimal_places=6,
        max_digits=12,
        widget=UnfoldAdminDecimalFieldWidget(attrs=NO_LIMIT),
    )
    max_calls = forms.IntegerField(
        label=_("Call limit"),
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(attrs=NO_LIMIT),
    )
    max_seconds = forms.FloatField(
        label=_("Time limit (s)"),
        required=False,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget(attrs=NO_LIMIT),
    )
    use_cache = forms.BooleanField(
        label=_("Reuse earlier answers"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("Reuse the stored answer to an identical request, at no cost."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        choice: prompts.PromptChoice | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.choice = choice
        offered = _version_choices(choice) if choice else []
        self.fields["versions"].choices = offered  # type: ignore[attr-defined]  # a choice field
        if choice is None:
            del self.fields["versions"]
        else:
            self.fields["others"].label = _("Other prompts")
        if choice is not None and not self.is_bound:
            self.initial["versions"] = [value for value, _label in offered[:2]]
        if not ModelProfile.objects.exists():
            del self.fields["profiles"]
        ended = Run.objects.filter(status=Run.Status.COMPLETED).order_by("-created_at")
        self.fields["baseline"].queryset = ended[:BASELINES] if data is None else ended  # type: ignore[attr-defined]  # as above
        suites = list(TestSuite.objects.values_list("pk", flat=True)[:2])
        if len(suites) == 1 and not self.initial.get("suite"):
            self.initial["suite"] = suites[0]
        self.plan: Plan | None = None

    @property
    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields under their titles, as the page shows them."""
        return [
            (title, [self[name] for name in names if name in self.fields])
            for title, names in GROUPS
        ]

    def clean(self) -> dict[str, Any]:
        """Find everything that is named; each that is not found says so at its field."""
        found = super().clean() or self.cleaned_data
        numbers = sorted(found.get("versions", ()), key=int)
        texts = [f"{self.choice.name}:{number}" for number in numbers] if self.choice else []
        texts += [line.strip() for line in found.get("others", "").splitlines() if line.strip()]
        asked = [one for text in texts if (one := self._find("others", prompts.find_prompt, text))]
        specs = [find_spec(profile.name) for profile in found.get("profiles", ())]
        for text in filter(None, map(str.strip, found.get("providers", "").split(","))):
            spec = self._find("providers", find_spec, text)
            specs += [spec] if spec else []
        for spec in specs:
            self._find("providers", _ready, spec)
        for name in ("judge", "embeddings"):
            if found.get(name):
                self._find(name, _ready, self._find(name, find_spec, found[name]))
        if not asked and "others" not in self.errors:
            self.add_error("others", _("Choose at least one version of a prompt."))
        if not specs and "providers" not in self.errors:
            self.add_error("providers", _("Choose at least one model, e.g. local."))
        if not self.errors:
            self.plan = self._plan(found, asked, specs)
        return found

    def _find(self, name: str, find: Any, given: Any) -> Any:
        try:
            return given and find(given)
        except (ApplicationError, EngineError) as error:
            self.add_error(name, str(error))
            return None

    def _plan(
        self,
        found: dict[str, Any],
        asked: Sequence[prompts.PromptText],
        specs: Sequence[ProviderSpec],
    ) -> Plan:
        return Plan(
            columns=[PlannedColumn(spec=spec, prompt=one) for one in asked for spec in specs],
            name=found["suite"].name,
            suite=found["suite"],
            repeats=found["repeats"],
            use_cache=found["use_cache"],
            judge=found["judge"],
            embeddings=found["embeddings"],
            baseline=found["baseline"],
            max_cost_usd=found["max_cost_usd"],
            max_calls=found["max_calls"],
            max_seconds=found["max_seconds"],
        )

    def preview(self) -> Preview:
        """Return what the run will take.

        Raises:
            ApplicationError: a case is wrong, or there is none.
        """
        plan = self._planned()
        pending = load_cases(plan.suite.pk)  # type: ignore[union-attr]  # the form needs one
        survey = Survey()
        sample: list[Case] = []
        count = 0
        for _key, case in pending:
            survey.add(case)
            count += 1
            if len(sample) < SAMPLE:
                sample.append(case)
        if not count:
            raise ValidationError(_("This suite has no enabled cases."))
        return Preview(
            cases=count,
            columns=[column.name for column in plan.columns],
            estimate=estimate_run(plan, sample, count),
            smallest=smallest_difference(count),
            misfits=survey.misfits(plan.columns),
        )

    def create_run(self, user: Any) -> Run:
        """Write the run, pending.

        Raises:
            ApplicationError: a case is wrong, a judge or a price is missing.
            EngineError: a model is wrong.
        """
        plan = self._planned()
        plan_of_user = {name: getattr(plan, name) for name in Plan.__slots__} | {"user": user}
        return create_run(Plan(**plan_of_user), load_cases(plan.suite.pk))  # type: ignore[union-attr]  # as above

    def _planned(self) -> Plan:
        if self.plan is None:
            raise ValidationError(_("Please correct the errors below."))
        return self.plan


def _version_choices(choice: prompts.PromptChoice) -> list[tuple[str, str]]:
    labels: dict[int, list[str]] = {}
    for label, number in choice.labels.items():
        labels.setdefault(number, []).append(label)
    offered = sorted({*range(max(1, choice.newest - VERSIONS + 1), choice.newest + 1), *labels})
    return [
        (str(number), f"v{number}" + "".join(f" · {label}" for label in labels.get(number, ())))
        for number in offered[-VERSIONS - len(labels) :]
    ][::-1]


def _ready(spec: ProviderSpec) -> ProviderSpec:
    make(spec, settings.PROVIDER_ENVIRONMENT)  # a missing key is said before anything runs
    return spec
