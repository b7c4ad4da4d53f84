"""Records of calls in the admin: read, filtered, deleted; nobody writes them by hand."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import BaseAdmin, first_line
from core.bulk import pages
from core.bulk.jobs import Job
from core.changelists import is_searchable
from core.reading import document_as_html
from evaluations.admin.cells import PAGE_MEDIA, named
from evaluations.admin.record_cases import MakeCases
from evaluations.models import CallRecord
from evaluations.selectors import records as selectors
from evaluations.services.records import delete_records

__all__ = ["CallRecordAdmin"]

SOURCE_COLOURS = {"gateway": "info", "trace": "success"}


class ErrorFilter(admin.SimpleListFilter):
    """Calls that failed, or those that did not."""

    title = _("error")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Return both kinds."""
        return [("yes", _("With an error")), ("no", _("Without an error"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen kind."""
        if self.value() == "yes":
            return queryset.exclude(error="")
        if self.value() == "no":
            return queryset.filter(error="")
        return queryset


class ModelFilter(admin.SimpleListFilter):
    """Calls of one model."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the models that there are."""
        return [(name, name) for name in selectors.list_models()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen model."""
        return queryset.filter(model=self.value()) if self.value() else queryset


class PromptFilter(admin.SimpleListFilter):
    """Calls with one prompt."""

    title = _("prompt")
    parameter_name = "prompt"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the prompts that there are."""
        return [(name, name) for name in selectors.list_prompt_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen prompt."""
        return queryset.filter(prompt_name=self.value()) if self.value() else queryset


@admin.register(CallRecord)
class CallRecordAdmin(BaseAdmin):
    """What the gateway was asked, and what other programs tell in their traces."""

    Media = PAGE_MEDIA
    list_display = (
        "asked_at",
        "shown_source",
        "shown_prompt",
        "shown_model",
        "shown_input",
        "shown_output",
        "shown_tokens",
        "shown_latency",
    )
    actions = (MakeCases(),)
    list_filter = ("source", ModelFilter, PromptFilter, ErrorFilter, "asked_at")
    # Any value: there may be more models and prompts than the filters offer.
    linked_lookups = ("model", "prompt")
    search_fields = ("output",)  # that there is a box; `get_search_results` searches
    search_help_text = _("Words of the input, the answer, the model, the prompt or the error.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: calls write them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Say no: a call is what it was."""
        return False

    def has_make_cases_permission(self, request: HttpRequest) -> bool:
        """Say who may make test cases: whoever may write them."""
        return request.user.has_perm("evaluations.add_testcase")

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service."""
        delete_records(keys)

    def get_urls(self) -> list[Any]:
        """Add what the button of a record's page sends."""
        view = self.admin_site.admin_view(self.make_cases)
        name = "evaluations_callrecord_make_cases"
        return [path("<int:key>/make-cases/", view, name=name), *super().get_urls()]

    # --- the list

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, of beginnings alone."""
        request.is_list_of_records = True  # type: ignore[attr-defined]  # `get_queryset` asks
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return records; for the list without their texts."""
        rows = super().get_queryset(request)
        if hasattr(request, "is_list_of_records"):
            return selectors.with_beginnings(rows).select_related("version")
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search in everything that people would look for."""
        if not is_searchable(search_term):
            return queryset.none(), False
        return selectors.search(queryset, search_term), False

    @display(description=_("source"), ordering="source", label=SOURCE_COLOURS)
    def shown_source(self, obj: CallRecord) -> tuple[str, Any]:
        """Return the source as a coloured label."""
        return obj.source, obj.get_source_display()

    @display(description=_("prompt"), ordering="prompt_name")
    def shown_prompt(self, obj: CallRecord) -> SafeString | str:
        """Return the prompt with its version, as a link where it is here."""
        return _link_prompt(obj)

    @display(description=_("model"), ordering="model")
    def shown_model(self, obj: CallRecord) -> SafeString | str:
        """Return the model and its provider."""
        return named(obj.model or "–", obj.provider)

    @display(description=_("input"))
    def shown_input(self, obj: Any) -> str:
        """Return how the last message begins."""
        return first_line(obj.asked or "") or "–"

    @display(description=_("output"))
    def shown_output(self, obj: Any) -> SafeString | str:
        """Return how the answer begins, with a mark where there is an error."""
        if not obj.error:
            return first_line(obj.answered) or "–"
        error = format_html('<span class="wk-chip ev-error">{}</span>', _("error"))
        return format_html("{} {}", error, first_line(obj.answered or obj.error))

    @display(description=_("tokens"))
    def shown_tokens(self, obj: CallRecord) -> SafeString | str:
        """Return the tokens of the prompt and of the answer, and what they cost."""
        cost = "" if obj.cost_usd is None else _write_cost(obj)
        return named(_write_tokens(obj), cost)

    @display(description=_("latency"))
    def shown_latency(self, obj: CallRecord) -> str:
        """Return how long the call took."""
        return _write_latency(obj)

    # --- the page of a record

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: object = None,
    ) -> HttpResponse:
        """Show a call: what was asked, what came, and everything that is known of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": str(record),
            "opts": self.opts,
            "record": record,
            "facts": _list_facts(record),
            "variables": document_as_html(record.variables) if record.variables else "",
            "parameters": document_as_html(record.parameters) if record.parameters else "",
            "metadata": document_as_html(record.metadata) if record.metadata else "",
            "can_make_cases": self.has_make_cases_permission(request),
            "can_delete": self.has_delete_permission(request, record),
        }
        return TemplateResponse(request, "admin/evaluations/callrecord/record.html", context)

    def make_cases(self, request: HttpRequest, key: int) -> HttpResponse:
        """Ask what the list's action asks, about one record."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_view_permission(request) and self.has_make_cases_permission(request)):
            raise PermissionDenied
        record = self.get_object(request, str(key))
        if record is None:
            raise Http404
        job = Job(
            owner=str(request.user.pk),
            model=self.opts.label,
            action=MakeCases.name,
            keys=[str(record.pk)],
            back=reverse("admin:evaluations_callrecord_change", args=[record.pk]),
        )
        work = pages.Work(request=request, admin=self, action=MakeCases(), job=job)
        return pages.ask(work)


def _list_facts(record: CallRecord) -> list[tuple[Promise | str, object]]:
    """Return what stands above the texts: label and value."""
    facts: list[tuple[Promise | str, object]] = [
        (_("Source"), record.get_source_display()),
        (_("Prompt"), _link_prompt(record)),
        (_("Provider"), record.provider or "–"),
        (_("Model"), record.model or "–"),
        (_("Tokens"), _write_tokens(record)),
        (_("Cost"), _write_cost(record)),
        (_("Latency"), _write_latency(record)),
        (_("Caller"), record.caller or "–"),
    ]
    if record.name:
        facts.append((_("Step"), record.name))
    if record.trace_id:
        facts.append((_("Trace ID"), record.trace_id))
    if record.span_id:
        facts.append((_("Span ID"), record.span_id))
    return facts


def _link_prompt(record: CallRecord) -> SafeString | str:
    if not record.prompt_name:
        return "–"
    text = record.prompt_name
    if record.prompt_number is not None:
        text = f"{text} v{record.prompt_number}"
    if record.version_id is None:
        return text
    address = reverse("admin:prompts_promptversion_change", args=[record.version_id])
    return format_html('<a class="wk-link" href="{}">{}</a>', address, text)


def _write_tokens(record: CallRecord) -> str:
    counts = []
    for count in (record.input_tokens, record.output_tokens):
        counts.append("–" if count is None else f"{count:,}")
    return " / ".join(counts)


def _write_cost(record: CallRecord) -> str:
    # Six places: a call of a small model costs some millionths of a dollar.
    return "–" if record.cost_usd is None else f"${record.cost_usd:.6f}"


def _write_latency(record: CallRecord) -> str:
    return f"{record.latency.total_seconds():.1f} s"
