"""Single evaluations and results: what runs, and programs that write their own, have stored."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import (
    DocumentFormField,
    SoftDeleteAdmin,
    StateFilter,
)
from core.bulk.jobs import BulkResult
from evaluations.admin.cells import PAGE_MEDIA
from evaluations.models import Evaluation, Outcome
from evaluations.services import results

STATUS_COLOURS = {
    Evaluation.Status.PENDING: "info",
    Evaluation.Status.RUNNING: "info",
    Evaluation.Status.COMPLETED: "success",
    Evaluation.Status.FAILED: "danger",
    Evaluation.Status.CANCELLED: "warning",
    Evaluation.Status.STOPPED: "warning",
    Outcome.ONLY_ERRORS: "danger",
    Outcome.SOME_ERRORS: "warning",
    Outcome.NOTHING_CHECKED: "warning",
}


class EvaluationForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Edits an evaluation."""

    parameters = DocumentFormField(label=_("Parameters"), empty={})

    class Meta:
        model = Evaluation
        fields = (
            "prompt",
            "version",
            "suite",
            "status",
            "overall_score",
            "provider",
            "model",
            "parameters",
            "started_at",
            "finished_at",
            "error",
        )


@admin.register(Evaluation)
class EvaluationAdmin(SoftDeleteAdmin):
    """Evaluations of prompt versions."""

    Media = PAGE_MEDIA
    form = EvaluationForm
    list_display = (
        "shown_prompt",
        "shown_version",
        "shown_status",
        "shown_score",
        "provider",
        "model",
        "created_at",
    )
    list_filter = (StateFilter, "status")
    list_select_related = ("prompt", "version", "suite")
    search_fields = ("prompt__title", "provider", "model", "suite__name")
    date_hierarchy = "created_at"
    autocomplete_fields = ("prompt", "version", "suite")
    readonly_fields = ("created_at", "updated_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no for a column of a run: what it found is read, and releases rest on it."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.run_id is None)

    def save_model(self, request: HttpRequest, obj: Any, form: object, change: bool) -> None:
        """Create or edit through the service."""
        values = {}
        for name in EvaluationForm.Meta.fields:
            field: Any = Evaluation._meta.get_field(name)
            values[field.attname] = getattr(obj, field.attname)
        if change:
            results.edit_evaluation(evaluation_id=obj.pk, **values)
        else:
            obj.pk = results.create_evaluation(**values).pk
            obj._state.adding = False

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Put them into the trash through the service."""
        results.delete_evaluations(keys)

    def restore_rows(self, rows: QuerySet[Any]) -> BulkResult:
        """Take them out of the trash through the service."""
        keys = list(rows.values_list("pk", flat=True))
        return BulkResult(changed=results.restore_evaluations(keys))

    @display(description=_("prompt"), ordering="prompt__title")
    def shown_prompt(self, obj: Evaluation) -> str:
        """Return the prompt's title."""
        return obj.title

    @display(description=_("version"), ordering="version__number")
    def shown_version(self, obj: Evaluation) -> str:
        """Return the version's number."""
        return f"v{obj.version.number}" if obj.version else "–"

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, obj: Evaluation) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.outcome

    @display(description=_("score"), ordering="overall_score")
    def shown_score(self, obj: Evaluation) -> str:
        """Return the overall score in percent."""
        return "–" if obj.overall_score is None else f"{obj.overall_score:.1%}"
