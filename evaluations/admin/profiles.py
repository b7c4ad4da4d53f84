"""Model profiles, and the gates that prompts have to pass."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from autoforge.core.admin import BaseAdmin, DocumentFormField
from evaluations.admin.cells import PAGE_MEDIA
from evaluations.engine.errors import SetupError
from evaluations.engine.providers import PROVIDERS
from evaluations.engine.providers.contract import MOST_AT_A_TIME
from evaluations.engine.providers.keys import check_address, find_secret
from evaluations.models import ModelProfile, ReleaseGate

__all__ = ["ModelProfileAdmin", "ReleaseGateAdmin"]


class ModelProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Edits a model profile."""

    provider = forms.ChoiceField(
        label=_("Provider"),
        # Recorded answers are files of the machine that a command runs on; pages open none.
        choices=[(name, name) for name in PROVIDERS if name != "replay"],
        widget=UnfoldAdminSelectWidget(),
    )
    parameters = DocumentFormField(label=_("Parameters"), empty={})

    class Meta:
        model = ModelProfile
        fields = (
            "name",
            "provider",
            "model",
            "base_url",
            "parameters",
            "concurrency",
            "requests_per_minute",
            "tokens_per_minute",
            "timeout_seconds",
            "input_usd_per_million",
            "output_usd_per_million",
        )

    def clean_base_url(self) -> str:
        """Refuse what no model is asked at, and secrets: the address is shown and kept."""
        given: str = self.cleaned_data["base_url"]
        try:
            if given:
                check_address(given)
        except SetupError as error:
            raise forms.ValidationError(
                _(
                    "An address begins with http:// or https://, has a host, and holds no user "
                    "name, no password and no key."
                )
            ) from error
        return given

    def clean_concurrency(self) -> int:
        """Refuse more calls than one process can have under way."""
        given: int = self.cleaned_data["concurrency"]
        if not 1 <= given <= MOST_AT_A_TIME:
            raise forms.ValidationError(
                _("Calls at a time are a whole number from 1 to %(most)s."),
                params={"most": MOST_AT_A_TIME},
            )
        return given

    def clean_parameters(self) -> Any:
        """Refuse a key: keys come from the environment alone."""
        given = self.cleaned_data["parameters"]
        secret = find_secret(given)
        if secret:
            raise forms.ValidationError(
                _("“%(name)s” is not kept here: keys are set in the environment."),
                params={"name": secret},
            )
        return given


@admin.register(ModelProfile)
class ModelProfileAdmin(BaseAdmin):
    """Models under names of the team's own."""

    Media = PAGE_MEDIA
    form = ModelProfileForm
    list_display = ("name", "provider", "model", "concurrency", "updated_at")
    list_filter = ("provider",)
    search_fields = ("name", "model")
    readonly_fields = ("created_at", "updated_at")


@admin.register(ReleaseGate)
class ReleaseGateAdmin(BaseAdmin):
    """What a prompt has to show before a label that needs checks may move."""

    Media = PAGE_MEDIA
    list_display = ("prompt", "suite", "shown_rate", "shown_bound", "updated_at")
    list_select_related = ("prompt", "suite")
    search_fields = ("prompt__title", "suite__name")
    autocomplete_fields = ("prompt", "suite")
    fields = ("prompt", "suite", "pass_rate", "lower_bound", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")

    @display(description=_("pass rate"), ordering="pass_rate")
    def shown_rate(self, obj: ReleaseGate) -> str:
        """Return the rate in percent."""
        return f"{obj.pass_rate:.0%}"

    @display(description=_("lower bound"), ordering="lower_bound")
    def shown_bound(self, obj: ReleaseGate) -> str:
        """Return the bound in percent."""
        return "–" if obj.lower_bound is None else f"{obj.lower_bound:.0%}"
