"""Test suites and their cases."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from core.admin import (
    BaseAdmin,
    DocumentFormField,
    ExactTextFormField,
    NamedForm,
    SoftDeleteAdmin,
    StateFilter,
    TagsFormField,
    first_line,
)
from core.bulk.jobs import BulkResult, change_each
from evaluations.admin.cells import PAGE_MEDIA, named
from evaluations.admin.suite_import import SuiteFiles
from evaluations.models import ReleaseGate, TestCase, TestSuite
from evaluations.services import suites

__all__ = ["TestCaseAdmin", "TestSuiteAdmin"]

GATES_NAMED: Final = 3  # of those that a deletion leaves without a suite; the count says the rest
CHECKS_NAMED: Final = 4  # types of assertions in the list


class TestSuiteForm(NamedForm):
    """Edits a suite."""

    class Meta:
        model = TestSuite
        fields = ("name", "description")


@admin.register(TestSuite)
class TestSuiteAdmin(SuiteFiles, SoftDeleteAdmin):
    """Suites; their cases have a list of their own."""

    Media = PAGE_MEDIA
    form = TestSuiteForm
    list_display = ("shown_name", "shown_cases", "updated_at")
    list_filter = (StateFilter,)
    search_fields = ("name", "description")
    readonly_fields = ("created_at", "updated_at")
    actions_list = ("import_suite",)
    actions_detail = (
        "start_run",
        "list_cases",
        {"title": _("Export"), "items": ["export_yaml", "export_promptfoo", "export_csv"]},
    )

    @action(description=_("Import"), url_path="import-suite", permissions=["start_import"])
    def import_suite(self, request: HttpRequest) -> HttpResponse:
        """Go to the page that takes a file."""
        return redirect("admin:evaluations_testsuite_import")

    def has_start_import_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may import suites."""
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def _export(self, object_id: str, kind: str) -> HttpResponse:
        try:
            address = reverse("admin:evaluations_testsuite_export", args=[UUID(object_id)])
        except ValueError:
            raise Http404 from None
        return redirect(f"{address}?format={kind}")

    @action(description=_("YAML (complete)"), url_path="export-yaml")
    def export_yaml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out our own file."""
        return self._export(object_id, "yaml")

    @action(description=_("promptfoo configuration"), url_path="export-promptfoo")
    def export_promptfoo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out promptfoo's configuration."""
        return self._export(object_id, "promptfoo")

    @action(description=_("CSV"), url_path="export-csv")
    def export_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out a plain table."""
        return self._export(object_id, "csv")

    @action(description=_("Start run"), url_path="start-run", permissions=["start_run"])
    def start_run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the page that starts a run of this suite."""
        return redirect(f"{reverse('admin:evaluations_run_add')}?suite={object_id}")

    def has_start_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether somebody may start runs."""
        return request.user.has_perm("evaluations.add_run")

    @action(description=_("Test cases"), url_path="cases")
    def list_cases(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the suite's cases."""
        address = reverse("admin:evaluations_testcase_changelist")
        return redirect(f"{address}?suite__id__exact={object_id}")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in TestSuiteForm.Meta.fields}
        if change:
            suites.edit_suite(suite_id=obj.pk, **values)
        else:
            obj.pk = suites.create_suite(**values).pk
            obj._state.adding = False

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Put them into the trash through the service."""
        suites.delete_suites(keys)

    def restore_rows(self, rows: QuerySet[Any]) -> BulkResult:
        """Restore each unless its name is taken by now."""
        return change_each(rows, lambda row: suites.restore_suite(suite_id=row.pk))

    def describe_deletion(self, rows: QuerySet[Any]) -> list[str]:
        """Say which release gates rest on the suites."""
        gates = ReleaseGate.objects.filter(suite__in=rows.order_by().values("pk"))
        titles = list(gates.order_by("prompt__title").values_list("prompt__title", flat=True))
        sentences = super().describe_deletion(rows)
        if not titles:
            return sentences
        text = ngettext(
            "%(count)d release gate uses this suite (%(prompts)s). The gate stays, but "
            "no new run can satisfy it until the suite is restored.",
            "%(count)d release gates use this suite (%(prompts)s). The gates stay, but "
            "no new run can satisfy them until the suite is restored.",
            len(titles),
        )
        names = [f"“{title}”" for title in titles[:GATES_NAMED]]
        if len(titles) > GATES_NAMED:
            names.append("…")
        params = {"count": len(titles), "prompts": ", ".join(names)}
        return [text % params, *sentences]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return suites with how many of their cases are asked: one query."""
        count = Count("cases", filter=Q(cases__enabled=True))
        return super().get_queryset(request).annotate(enabled_cases=count)

    @display(description=_("name"), ordering="name")
    def shown_name(self, obj: TestSuite) -> SafeString | str:
        """Return the name and how the description begins."""
        return named(obj.name, first_line(obj.description))

    @display(description=_("enabled cases"), ordering="enabled_cases")
    def shown_cases(self, obj: Any) -> int:
        """Return how many cases a run asks."""
        return int(obj.enabled_cases)


class TestCaseForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Edits a case."""

    variables = DocumentFormField(label=_("Variables"), empty={})
    assertions = DocumentFormField(label=_("Assertions"), empty=[])
    tags = TagsFormField(label=_("Tags"), required=False)
    metadata = DocumentFormField(label=_("Metadata"), empty={})
    expected = ExactTextFormField(label=_("Expected answer"), required=False)
    position = forms.IntegerField(
        label=_("Position"),
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Order within the suite; ties are sorted by name."),
    )

    class Meta:
        model = TestCase
        fields = (
            "suite",
            "name",
            "variables",
            "expected",
            "assertions",
            "threshold",
            "weight",
            "tags",
            "metadata",
            "position",
            "enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expected"].stored = self.instance.expected  # type: ignore[attr-defined]  # our field

    def clean_position(self) -> int:
        """Return the position; 0, the first, where none was typed."""
        return int(self.cleaned_data["position"] or 0)

    def clean_variables(self) -> Any:
        """Refuse names of files: none is read here."""
        variables = self.cleaned_data["variables"]
        _refuse_files(variables)
        return variables

    def clean_assertions(self) -> Any:
        """Refuse what no scorer understands; each wrong one is named by its number."""
        assertions = self.cleaned_data["assertions"]
        # What is no list at all is refused by the model, with a sentence of its own.
        problems = suites.check_assertions(assertions)
        if problems:
            raise forms.ValidationError([str(sentence) for sentence in problems.values()])
        _refuse_files(assertions)
        return assertions


def _refuse_files(value: object) -> None:
    refusal = suites.check_files(value)
    if refusal is not None:
        raise forms.ValidationError(str(refusal))


@admin.register(TestCase)
class TestCaseAdmin(BaseAdmin):
    """Cases of suites."""

    Media = PAGE_MEDIA
    form = TestCaseForm
    list_display = ("name", "suite", "checks", "weight", "enabled", "updated_at")
    list_filter = ("enabled",)
    linked_lookups = ("suite__id__exact",)  # of "Its cases" on a suite's page
    list_select_related = ("suite",)
    search_fields = ("name", "suite__name", "expected")
    autocomplete_fields = ("suite",)
    ordering = ("-updated_at",)
    readonly_fields = ("created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in TestCaseForm.Meta.fields}
        suite_id = values.pop("suite").pk
        if change:
            suites.edit_case(case_id=obj.pk, suite_id=suite_id, **values)
        else:
            obj.pk = suites.create_case(suite_id=suite_id, **values).pk
            obj._state.adding = False

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service."""
        suites.delete_cases(keys)

    @display(description=_("checks"))
    def checks(self, obj: TestCase) -> str:
        """Return the types of the case's assertions."""
        # The database only knows that it is a list: a program may have written anything into it.
        assertions = [document for document in obj.assertions if isinstance(document, dict)]
        types = [str(document.get("type", "?")) for document in assertions]
        text = ", ".join(types[:CHECKS_NAMED])
        if len(types) > CHECKS_NAMED:
            text += " …"
        return text or "–"
