"""Model profiles, and the gates that prompts have to pass."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from core.admin import BaseAdmin, DocumentFormField
from evaluations.admin.cells import PAGE_MEDIA
from evaluations.engine.providers.families import why_unsent
from evaluations.models import ModelProfile, ReleaseGate
from evaluations.services import gates, profiles
from prompts.interface import list_checked_labels

__all__ = ["ModelProfileAdmin", "ReleaseGateAdmin"]


def _list_kinds() -> list[tuple[str, str]]:
    """Return the kinds of providers to choose from, those of installed packages among them."""
    return [(name, name) for name in profiles.list_providers()]


class ModelProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Edits a model profile."""

    provider = forms.ChoiceField(
        label=_("Provider"),
        choices=_list_kinds,
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

    def clean(self) -> dict[str, Any]:
        """Refuse what no profile may hold, each at its field."""
        values: dict[str, object] = super().clean() or self.cleaned_data
        fields = cast("profiles.ProfileFields", values)
        for name, sentence in profiles.check_profile(fields).items():
            self.add_error(name, sentence)
        return values


@admin.register(ModelProfile)
class ModelProfileAdmin(BaseAdmin):
    """Models under names of the team's own."""

    Media = PAGE_MEDIA
    form = ModelProfileForm
    list_display = ("name", "provider", "model", "concurrency", "updated_at")
    list_filter = ("provider",)
    search_fields = ("name", "model")
    readonly_fields = ("created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the service, and name the parameters that the model does not take."""
        values = {name: form.cleaned_data[name] for name in ModelProfileForm.Meta.fields}
        if change:
            profiles.edit_profile(profile_id=obj.pk, **values)
        else:
            obj.pk = profiles.create_profile(**values).pk
            obj._state.adding = False
        unsent = why_unsent(obj.provider, obj.model, obj.parameters)
        if unsent:
            # They stay: the next model of this profile may take them.
            sentence = _("This model does not accept these parameters: %(names)s.")
            message = sentence % {"names": ", ".join(unsent)}
            self.message_user(request, message, level=messages.WARNING)

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service."""
        profiles.delete_profiles(keys)


class ReleaseGateForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    """Edits a gate."""

    class Meta:
        model = ReleaseGate
        fields = ("prompt", "suite", "pass_rate", "lower_bound")

    def clean(self) -> dict[str, Any]:
        """Refuse a suite that checks nothing: every content would pass."""
        values = super().clean() or self.cleaned_data
        suite = values.get("suite")
        if suite is not None:
            problems = gates.check_gate(suite=suite, pass_rate=values.get("pass_rate"))
            for name, sentence in problems.items():
                self.add_error(name, f"{sentence[:1].upper()}{sentence[1:]}.")
        return values


@admin.register(ReleaseGate)
class ReleaseGateAdmin(BaseAdmin):
    """What a prompt has to show before a label that needs checks may move."""

    Media = PAGE_MEDIA
    form = ReleaseGateForm
    list_display = ("prompt", "suite", "shown_rate", "shown_bound", "updated_at")
    list_select_related = ("prompt", "suite")
    search_fields = ("prompt__title", "suite__name")
    autocomplete_fields = ("prompt", "suite")
    fields = ("prompt", "suite", "pass_rate", "lower_bound", "created_at", "updated_at", "changes")
    readonly_fields = ("created_at", "updated_at", "changes")

    def get_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Leave out what there is not yet."""
        return super().get_fields(request, obj) if obj else self.fields[:4]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Keep a gate with its prompt, and so with the prompt's history."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "prompt") if obj else fields

    def get_urls(self) -> list[Any]:
        """Add the history of all gates that a prompt has or had, also of those that are gone."""
        view = self.admin_site.admin_view(self.of_prompt)
        name = "evaluations_releasegate_of_prompt"
        return [path("of-prompt/<uuid:prompt_id>/", view, name=name), *super().get_urls()]

    def of_prompt(self, request: HttpRequest, prompt_id: UUID) -> HttpResponse:
        """Show who made, changed and deleted a prompt's gates."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        events = gates.list_events(prompt_id=prompt_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Release gate history"),
            "opts": self.opts,
            "prompt_id": prompt_id,
            "events": [(event, gates.describe_event(event)) for event in events],
        }
        return TemplateResponse(request, "admin/evaluations/releasegate/history.html", context)

    @display(description=_("history"))
    def changes(self, obj: ReleaseGate) -> SafeString | str:
        """Return who made and changed the gate, and what: the newest first."""
        lines = []
        for event in gates.list_events(gate_id=obj.pk):
            when = date_format(localtime(event.created_at), "SHORT_DATETIME_FORMAT")
            actor = event.actor or "–"  # a program need not say who it is
            lines.append((when, event.get_kind_display(), actor, gates.describe_event(event)))
        # <bdi>: a name written from right to left leaves the order of its neighbours alone.
        return format_html_join("", "<div>{} · {} · <bdi>{}</bdi> · {}</div>", lines) or "–"

    def save_model(self, request: HttpRequest, obj: Any, form: object, change: bool) -> None:
        """Create or change it through the service, which names the person."""
        fields = {name: getattr(obj, name) for name in ("suite_id", "pass_rate", "lower_bound")}
        actor = request.user.get_username()
        if change:
            gates.edit_gate(gate_id=obj.pk, actor=actor, **fields)
        else:
            obj.pk = gates.create_gate(actor=actor, prompt_id=obj.prompt_id, **fields).pk
            obj._state.adding = False
        self._warn_if_idle(request)

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """Say above the list where no gate of it stops anything."""
        answer = super().changelist_view(request, extra_context)
        # Not where the address is corrected: the list that follows would say it twice.
        if request.method == "GET" and answer.status_code == HTTPStatus.OK:
            self._warn_if_idle(request)
        return answer

    def _warn_if_idle(self, request: HttpRequest) -> None:
        if ReleaseGate.objects.exists() and not list_checked_labels():
            sentence = _(
                "No label requires release checks, so release gates have no effect yet. "
                "Enable “needs checks” in the label rule of the label you want to protect, "
                "such as production."
            )
            self.message_user(request, sentence, level=messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete it through the service."""
        gates.delete_gate(gate_id=obj.pk, actor=request.user.get_username())

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Delete them through the service, each with its event."""
        gates.delete_gates(keys, actor=request.user.get_username())

    @display(description=_("pass rate"), ordering="pass_rate")
    def shown_rate(self, obj: ReleaseGate) -> str:
        """Return the rate in percent."""
        return f"{obj.pass_rate:.0%}"

    @display(description=_("lower bound"), ordering="lower_bound")
    def shown_bound(self, obj: ReleaseGate) -> str:
        """Return the bound in percent."""
        return "–" if obj.lower_bound is None else f"{obj.lower_bound:.0%}"
