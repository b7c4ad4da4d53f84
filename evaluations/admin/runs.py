"""Runs: started, watched, read, compared, rated, exported."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from core.admin import SoftDeleteAdmin, StateFilter
from core.bulk.jobs import BulkResult
from core.errors import ApplicationError
from evaluations import reporting
from evaluations.admin.cells import PAGE_MEDIA, named
from evaluations.admin.evaluations import STATUS_COLOURS
from evaluations.admin.run_form import OFFERED, StartForm, find_choices
from evaluations.engine.errors import EngineError
from evaluations.fit import list_misfits
from evaluations.models import Evaluation, Run, RunCase, TestResult
from evaluations.selectors import answers, charts, comparisons, grid
from evaluations.selectors.flips import FLIPS, list_flips
from evaluations.selectors.progress import build_progress
from evaluations.services import runs as run_services
from evaluations.services.ratings import rate_answer
from evaluations.stored import RunSettings
from evaluations.tasks import enqueue_run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["RunAdmin"]

LABELS_SHOWN: Final = 3  # columns of a run that the list names; a row stays two lines high


@admin.register(Run)
class RunAdmin(SoftDeleteAdmin):
    """Runs; adding one is starting it, and changing one is watching it."""

    Media = PAGE_MEDIA
    list_display = (
        "shown_name",
        "shown_status",
        "shown_passed",
        "planned",
        "shown_cost",
        "created_at",
    )
    list_filter = (StateFilter, "status")
    list_select_related = ("suite",)
    search_fields = ("name", "suite__name")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return runs with their columns' figures: two queries for a page of them."""
        return super().get_queryset(request).prefetch_related("evaluations")

    def get_urls(self) -> list[Any]:
        """Add the pages."""
        pages = (
            ("find-prompts/", self.find_prompts, "find_prompts"),
            ("<uuid:key>/status/", self.status, "status"),
            ("<uuid:key>/case/<int:case>/", self.case, "case"),
            ("<uuid:key>/compare/", self.compare, "compare"),
            ("<uuid:key>/export/", self.export, "export"),
            ("<uuid:key>/rate/", self.rate, "rate"),
            ("<uuid:key>/cancel/", self.cancel, "cancel"),
            ("<uuid:key>/resume/", self.resume, "resume"),
            ("<uuid:key>/retry/", self.retry, "retry"),
        )
        view = self.admin_site.admin_view
        own = []
        for route, page, name in pages:
            own.append(path(route, view(page), name=f"evaluations_run_{name}"))
        return [*own, *super().get_urls()]  # first, for Django's own end with a catch-all

    # --- the list

    @display(description=_("run"), ordering="name")
    def shown_name(self, obj: Run) -> str:
        """Return the run's name and its columns."""
        labels = [row.label for row in obj.evaluations.all()]
        text = ", ".join(labels[:LABELS_SHOWN])
        if len(labels) > LABELS_SHOWN:
            text += f" + {len(labels) - LABELS_SHOWN}"
        return named(str(obj), text)

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, obj: Run) -> tuple[str, str]:
        """Return how the run stands as a coloured label: red where nothing but errors came."""
        return grid.describe_outcome(obj, obj.evaluations.all())

    @display(description=_("passed"))
    def shown_passed(self, obj: Run) -> str:
        """Return each column's pass rate."""
        rates = []
        for row in obj.evaluations.all():
            rate = row.figures.pass_rate
            rates.append("–" if rate is None else f"{rate:.0%}")
        return " · ".join(rates) or "–"

    @display(description=_("cost"))
    def shown_cost(self, obj: Run) -> str:
        """Return what all columns cost."""
        costs = [charts.find_cost(row.figures) for row in obj.evaluations.all()]
        known = [cost for cost in costs if cost is not None]
        # Four places: a run on a small model costs a fraction of a cent.
        return f"${sum(known):.4f}" if known else "–"

    # --- start

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Show the form; say what a run takes, or start it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        search = request.GET.get("prompt", "")
        choices = find_choices(search)
        choice = choices[0] if search and len(choices) == 1 else None
        initial = {"suite": request.GET.get("suite"), "others": request.GET.get("others", "")}
        form = StartForm(data, choice=choice, initial=initial)
        preview = None
        if data is not None and form.is_valid():
            try:
                if "start" in data:  # the other button asks what the run would take
                    run = form.create_run(cast("User", request.user))
                    self._enqueue(request, run)
                    return redirect("admin:evaluations_run_change", run.pk)
                preview = form.preview()
            except (ApplicationError, EngineError, ValidationError) as error:
                form.add_error(None, _list_messages(error))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Start run"),
            "opts": self.opts,
            "form": form,
            "choice": choice,
            "choices": choices,
            "asked": search,
            "is_cut": len(choices) == OFFERED,
            "suite_id": request.GET.get("suite", ""),
            "preview": preview,
        }
        return TemplateResponse(request, "admin/evaluations/run/start.html", context)

    def find_prompts(self, request: HttpRequest) -> JsonResponse:
        """Answer the search box while somebody types: prompts and where each is chosen."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        address = reverse("admin:evaluations_run_add")
        suite = request.GET.get("suite", "")
        matches = []
        for choice in find_choices(request.GET.get("prompt", "")):
            query = urlencode({"prompt": str(choice.prompt_id), "suite": suite})
            match = {"title": choice.title, "name": choice.name, "address": f"{address}?{query}"}
            matches.append(match)
        return JsonResponse({"matches": matches})

    def _enqueue(self, request: HttpRequest, run: Run) -> None:
        # A run whose message was lost is not lost: workers look for runs that wait.
        if not enqueue_run(run.pk):
            message = _("The queue cannot be reached. A worker will pick up the run later.")
            self.message_user(request, message, messages.WARNING)

    # --- the run's page

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: object = None,
    ) -> HttpResponse:
        """Show a run: live while it runs, then its figures, verdicts, plots and answers."""
        run, columns = self._run(request, object_id)
        page = grid.build_grid(
            run,
            columns,
            chosen=request.GET.get("show", grid.GridFilter.ALL),
            text=request.GET.get("q", "").strip(),
            start=_number(request.GET.get("from")),
        )
        # What does not fit helps as long as the run can be cancelled; then its answers say more.
        misfits = list_misfits(RunSettings.read(run.settings).misfits) if run.is_open else []
        context = {
            **self.admin_site.each_context(request),
            "title": str(run),
            "opts": self.opts,
            "run": run,
            "columns": columns,
            "grid": page,
            "filters": grid.GridFilter.choices,
            "verdicts": comparisons.list_verdicts(columns),
            "outcome": grid.describe_outcome(run, columns),
            "remarks": comparisons.remarks_on(run, columns),
            "misfits": misfits,
            "plots": charts.build_plots(columns),
            "agreement": grid.measure_agreement(run),
            "active": run.is_open,
            "formats": [item for item in reporting.FORMATS.values() if item.is_download],
            "can_change": self.has_change_permission(request, run),
            "has_errors": any(column.figures.errors for column in columns),
            "words": {
                "away": translate("The server is not responding. Retrying."),
                "rate": translate("%(number)s answers/s") % {"number": "{}"},
            },
        }
        return TemplateResponse(request, "admin/evaluations/run/run.html", context)

    def _run(self, request: HttpRequest, key: object) -> tuple[Run, list[Evaluation]]:
        """Return a run with its columns; one query."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            columns = grid.list_columns(UUID(str(key)))
        except ValueError:
            raise Http404 from None
        if not columns or columns[0].run is None:
            raise Http404
        return columns[0].run, columns

    def status(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Answer the page that watches: how far the run is, as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(build_progress(get_object_or_404(Run, pk=key)))

    def case(self, request: HttpRequest, key: UUID, case: int) -> HttpResponse:
        """Show one case: what was asked, each answer, each scorer's reason."""
        run, columns = self._run(request, key)
        run_case = get_object_or_404(RunCase, run=run, pk=case)
        results = list(
            TestResult.objects.filter(run_case=run_case, evaluation__in=columns)
            .order_by("evaluation__position", "repeat")
            .prefetch_related("ratings__user")
        )
        labels = {column.pk: column.label for column in columns}
        before, after = answers.find_neighbours(run_case)
        context = {
            **self.admin_site.each_context(request),
            "title": run_case.name,
            "opts": self.opts,
            "run": run,
            "case": run_case,
            "before": before,
            "after": after,
            "answers": answers.build_answers(results, labels, request.user.pk),
            "can_rate": request.user.has_perm("evaluations.add_rating"),
        }
        return TemplateResponse(request, "admin/evaluations/run/case.html", context)

    def compare(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show what flipped between two columns, with the answers' differences."""
        run, columns = self._run(request, key)
        by_key = {str(column.pk): column for column in columns}
        new = by_key.get(request.GET.get("new", ""), columns[-1])
        comparison = new.figures.comparison
        compared_with = comparison.old if comparison else ""
        old_key = request.GET.get("old") or compared_with or str(columns[0].pk)
        try:
            # The old column may be another run's: its baseline's.
            old = get_object_or_404(Evaluation, pk=UUID(old_key))
        except ValueError:
            raise Http404 from None
        start = _number(request.GET.get("from"))
        flips = list_flips(old, new, start=start)
        end = start + len(flips.page)
        context = {
            **self.admin_site.each_context(request),
            "title": translate("%(old)s and %(new)s") % {"old": old.label, "new": new.label},
            "opts": self.opts,
            "run": run,
            "columns": columns,
            "old": old,
            "new": new,
            "verdict": comparisons.verdict_between(old, new),
            "metric_changes": comparisons.describe_metric_changes(old, new, old.label),
            "flips": flips,
            "start": start,
            "before": max(0, start - FLIPS),
            "next": end if end < flips.count else None,
        }
        return TemplateResponse(request, "admin/evaluations/run/compare.html", context)

    def export(self, request: HttpRequest, key: UUID) -> StreamingHttpResponse:
        """Hand out a report as a file."""
        run, _columns = self._run(request, key)
        kind = request.GET.get("format", "json")
        report_format = reporting.FORMATS.get(kind)
        if report_format is None or not report_format.is_download:
            raise Http404
        parts = reporting.write(reporting.build_report(run), kind)
        response = StreamingHttpResponse(parts, content_type=report_format.content_type)
        name = f"run-{str(run.pk)[:8]}.{report_format.suffix}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    # --- changes

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Put runs into the trash through the service."""
        run_services.delete_runs(keys)

    def restore_rows(self, rows: QuerySet[Any]) -> BulkResult:
        """Take runs out of the trash through the service."""
        keys = list(rows.values_list("pk", flat=True))
        return BulkResult(changed=run_services.restore_runs(keys))

    def rate(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Keep what somebody says of an answer; saying it again replaces it."""
        if not request.user.has_perm("evaluations.add_rating"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        results = TestResult.objects.filter(evaluation__run=key, run_case__isnull=False)
        try:
            result = get_object_or_404(results, pk=UUID(request.POST.get("result", "")))
        except ValueError:
            raise Http404 from None
        rate_answer(
            result_id=result.pk,
            user=cast("User", request.user),  # has_perm is never true of another
            passed=request.POST.get("passed") == "1",
            comment=request.POST.get("comment", ""),
        )
        return redirect("admin:evaluations_run_case", key, result.run_case_id)

    def cancel(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Ask the run's worker to stop."""

        def cancel() -> object:
            run_services.cancel_run(key)
            return _("The run stops as soon as its worker notices. Stored results are kept.")

        return self._do(request, key, cancel)

    def resume(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Go on with a run, its limits as they are sent."""

        def resume() -> object:
            run_services.update_limits(key, **_limits(request))
            self._enqueue(request, Run.objects.get(pk=key))
            return _("Run resumed.")

        return self._do(request, key, resume)

    def retry(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Do a run's errors again."""

        def retry() -> object:
            count = run_services.clear_errors(key)
            self._enqueue(request, Run.objects.get(pk=key))
            sentence = ngettext(
                "Retrying %(count)d failed case.", "Retrying %(count)d failed cases.", count
            )
            return sentence % {"count": count}

        return self._do(request, key, retry)

    def _do(self, request: HttpRequest, key: UUID, change: Callable[[], Any]) -> HttpResponse:
        if not self.has_change_permission(request, get_object_or_404(Run, pk=key)):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            self.message_user(request, change(), messages.SUCCESS)
        except (ApplicationError, ValidationError) as error:
            self.message_user(request, _list_messages(error)[0], messages.ERROR)
        return redirect("admin:evaluations_run_change", key)


def _list_messages(error: ApplicationError | EngineError | ValidationError) -> list[str]:
    """Return an error's sentences: a validation's are several, and its str() is a list's."""
    return error.messages if isinstance(error, ValidationError) else [str(error)]


def _number(text: str | None) -> int:
    """Return the row that an address begins with; 0 for what is no number."""
    if not text or not (text.isascii() and text.isdigit()):
        return 0  # int() also takes digits of other scripts, signs and underscores
    # Databases refuse an OFFSET beyond 64 bits, and int() a text of thousands of digits.
    return int(text) if len(text) < 10 else 0


def _limits(request: HttpRequest) -> run_services.RunLimits:
    """Return the limits of a form; an empty field is no limit.

    Raises:
        ValidationError: one is no number from 0 up.
    """
    limits: dict[str, object] = {}
    for name in ("max_cost_usd", "max_calls", "max_seconds"):
        if name in request.POST:  # a form without the field leaves the limit as it is
            limits[name] = StartForm.base_fields[name].clean(request.POST[name])
    return cast("run_services.RunLimits", limits)  # a form's fields say their types to nobody
