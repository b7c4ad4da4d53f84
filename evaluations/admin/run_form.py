"""The page that starts a run: what is asked of whom, what it will take, within which limits."""

import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django import forms
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
from core.errors import NotFoundError
from evaluations.engine.providers import ProviderSpec
from evaluations.models import ModelProfile, Run, TestSuite
from evaluations.services.choosing import (
    MAX_REPEATS,
    Preview,
    find_each,
    find_model,
    preview_run,
    start_run,
)
from evaluations.services.planning import Plan, PlannedColumn
from prompts import interface as prompts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["Preview", "StartForm", "find_choices"]

ValueT = TypeVar("ValueT")
OFFERED: Final = 20  # prompts to choose from; a search finds any other
VERSIONS: Final = 20  # the newest, which are offered as boxes besides those with a label
BASELINES: Final = 30  # the newest runs to compare with
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
    # Whoever types a whole title means that prompt, whatever else holds its words.
    exact = [match for match in matches if text in (match.name, match.title)]
    return exact if len(exact) == 1 else matches


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
        max_value=MAX_REPEATS,
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
        if choice is None:
            del self.fields["versions"]
        else:
            offered = _version_choices(choice)
            cast("forms.MultipleChoiceField", self.fields["versions"]).choices = offered
            self.fields["others"].label = _("Other prompts")
            if not self.is_bound:
                # The two newest: what changed, and what it is compared with.
                self.initial["versions"] = [value for value, _label in offered[:2]]
        if not ModelProfile.objects.exists():
            del self.fields["profiles"]
        baselines = Run.objects.filter(status=Run.Status.COMPLETED).order_by("-created_at")
        if data is None:
            # Only what is shown is cut: a sent form is looked up in it, which a slice refuses.
            baselines = baselines[:BASELINES]
        cast("forms.ModelChoiceField[Run]", self.fields["baseline"]).queryset = baselines
        # Two are enough to see whether there is exactly one, which is then chosen already.
        suites = list(TestSuite.objects.values_list("pk", flat=True)[:2])
        if len(suites) == 1 and not self.initial.get("suite"):
            self.initial["suite"] = suites[0]
        self.plan: Plan | None = None

    @property
    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields under their titles, as the page shows them."""
        groups = []
        for title, names in GROUPS:
            fields = [self[name] for name in names if name in self.fields]
            groups.append((title, fields))
        return groups

    def clean(self) -> dict[str, Any]:
        """Find everything that is named; each that is not found says so at its field."""
        data = super().clean() or self.cleaned_data
        texts = self._find_prompts(data)
        specs = self._find_models(data)
        for name in ("judge", "embeddings"):
            if data.get(name):
                self._find(name, [data[name]], find_model)
        if not texts and "others" not in self.errors:
            self.add_error("others", _("Choose at least one version of a prompt."))
        if not specs and "providers" not in self.errors:
            self.add_error("providers", _("Choose at least one model, e.g. local."))
        if self.errors:
            return data
        self.plan = Plan(
            columns=[
                PlannedColumn(spec=spec, prompt=text)
                for text, spec in itertools.product(texts, specs)
            ],
            name=data["suite"].name,
            suite=data["suite"],
            repeats=data["repeats"],
            use_cache=data["use_cache"],
            judge=data["judge"],
            embeddings=data["embeddings"],
            baseline=data["baseline"],
            max_cost_usd=data["max_cost_usd"],
            max_calls=data["max_calls"],
            max_seconds=data["max_seconds"],
        )
        return data

    def _find_prompts(self, data: dict[str, Any]) -> list[prompts.PromptText]:
        names = [line.strip() for line in data.get("others", "").splitlines()]
        if self.choice is not None:
            # The oldest version first: a run compares its columns with the first one.
            numbers = sorted(data.get("versions", ()), key=int)
            names = [*(f"{self.choice.name}:{number}" for number in numbers), *names]
        return self._find("others", filter(None, names), prompts.find_prompt)

    def _find_models(self, data: dict[str, Any]) -> list[ProviderSpec]:
        names = [profile.name for profile in data.get("profiles", ())]
        names += [text.strip() for text in data.get("providers", "").split(",")]
        return self._find("providers", filter(None, names), find_model)

    def _find(
        self, field: str, names: Iterable[str], find: Callable[[str], ValueT]
    ) -> list[ValueT]:
        values, problems = find_each(field, names, find)
        for sentence in problems.values():
            self.add_error(field, str(sentence))
        return values

    def preview(self) -> Preview:
        """Return what the run will take.

        Raises:
            ApplicationError: a case is wrong, or there is none.
        """
        return preview_run(self._planned())

    def create_run(self, user: "User") -> Run:
        """Write the run, pending.

        Raises:
            ApplicationError: a case is wrong, a judge or a price is missing.
            EngineError: a model is wrong.
        """
        return start_run(replace(self._planned(), user=user))

    def _planned(self) -> Plan:
        if self.plan is None:
            raise ValidationError(_("Please correct the errors below."))
        return self.plan


def _version_choices(choice: prompts.PromptChoice) -> list[tuple[str, str]]:
    """Return the newest versions and those with a label, the newest first: number and text."""
    labels: dict[int, list[str]] = {}
    for label, number in choice.labels.items():
        labels.setdefault(number, []).append(label)
    oldest = max(1, choice.newest - VERSIONS + 1)
    numbers = {*range(oldest, choice.newest + 1), *labels}
    choices = []
    for number in sorted(numbers, reverse=True):
        text = " · ".join([f"v{number}", *labels.get(number, ())])
        choices.append((str(number), text))
    return choices
