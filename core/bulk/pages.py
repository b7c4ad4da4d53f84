"""The pages of actions on many rows: the question before, the progress, what it says at the end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.bulk import jobs
from core.bulk.jobs import Job
from core.errors import ApplicationError

if TYPE_CHECKING:
    from core.bulk.actions import BulkAction

__all__ = ["Work", "ask", "begin", "go_on", "show_progress", "start"]

NAMED: Final = 10  # rows that the question names
CONFIRMED: Final = ("confirmed", "post")  # ours, and Django's own of its page before deleting


@dataclass(kw_only=True, slots=True)
class Work:
    """One request for one job."""

    request: HttpRequest
    admin: Any
    action: "BulkAction"
    job: Job
    token: str | None = None
    """What the job is kept under; None: it is in this request alone."""

    @property
    def rows(self) -> QuerySet[Any]:
        """All rows that were selected and are still there."""
        return jobs.find_rows(self.admin, self.job.keys)

    def build_form(self, data: object, rows: QuerySet[Any] | None = None) -> forms.Form | None:
        """Return the action's form with what was typed; None: it has none."""
        return self.action.build_form(data, self.admin, self.request, rows)


def begin(
    action: "BulkAction", admin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Take an action up from a list: ask, refuse, or begin with it."""
    try:
        keys = jobs.select_keys(queryset)
    except ApplicationError as error:
        messages.error(request, str(error))
        return None
    job = Job(
        owner=str(request.user.pk),
        model=admin.opts.label,
        action=action.name,
        keys=keys,
        back=request.get_full_path(),
    )
    work = Work(request=request, admin=admin, action=action, job=job)
    is_confirmed = not request.POST.keys().isdisjoint(CONFIRMED)
    if is_confirmed or not action.has_page:
        return start(work)
    return ask(work)


def start(work: Work) -> HttpResponse:
    """Check what was sent with it, then begin."""
    rows = work.rows
    form = work.build_form(work.request.POST, rows)
    if form is not None and not form.is_valid():
        return ask(work, form)
    if work.action.has_page and work.action.ask(work.admin, work.request, rows).refusal:
        return ask(work)
    answer = work.action.respond(work.admin, work.request, rows, form)
    if answer is not None:
        return answer
    if form is not None:
        if form.errors:  # found while it answered
            return ask(work, form)
        posted = work.request.POST
        work.job.values = {name: posted.getlist(name) for name in form.fields}
    if work.token is not None or len(work.job.keys) > jobs.CHUNK:
        work.token = work.job.save(work.token)
    return go_on(work)


def go_on(work: Work) -> HttpResponse:
    """Do as much as one request may; say how it went, or that there is more."""
    job = jobs.advance(work.job, work.action, work.admin, work.request, work.token)
    if job is None:  # another request has ended it, and said so
        return HttpResponseRedirect(work.job.back)
    if not job.is_done:
        return HttpResponseRedirect(reverse("bulk", args=[work.token]))
    if work.token is not None:
        Job.forget(work.token)
    work.job = job
    _report(work)
    return HttpResponseRedirect(job.back)


def _report(work: Work) -> None:
    job = work.job
    form = work.build_form(jobs.as_data(job.values))
    values = {}
    if form is not None and form.is_valid():
        values = form.cleaned_data
    sentences = [work.action.done(job.changed, values)]
    same = len(job.keys) - job.changed - job.failed
    if same:
        text = ngettext(
            "%(count)d did not need a change.", "%(count)d did not need a change.", same
        )
        sentences.append(text % {"count": same})
    level = messages.SUCCESS if job.changed else messages.WARNING
    messages.add_message(work.request, level, " ".join(sentences))
    if job.failed:
        messages.error(work.request, _describe_failures(job))


def _describe_failures(job: Job) -> str:
    text = ngettext(
        "%(count)d was not changed: %(rows)s",
        "%(count)d were not changed: %(rows)s",
        job.failed,
    )
    rows = [f"“{name}”: {reason}" for name, reason in job.failures]
    if job.failed > len(rows):
        rows.append(_("and %(count)d more") % {"count": job.failed - len(rows)})
    return text % {"count": job.failed, "rows": "; ".join(rows)}


def ask(work: Work, form: forms.Form | None = None) -> HttpResponse:
    """Show the action's question, its form, and which rows it is about."""
    if work.token is None:
        work.token = work.job.save()
    first = work.job.keys[:NAMED]
    # The database returns them in any order; the list showed them in this one.
    by_key = {str(row.pk): row for row in jobs.find_rows(work.admin, first)}
    names = [str(by_key[key]) for key in first if key in by_key]
    rows = work.rows
    context = {
        **_context(work),
        "form": form or work.build_form(None, rows),
        "question": work.action.ask(work.admin, work.request, rows),
        "names": names,
        "more": len(work.job.keys) - len(names),
    }
    return TemplateResponse(work.request, "admin/bulk_question.html", context)


def show_progress(work: Work) -> HttpResponse:
    """Say how far it is; the page sends itself again."""
    failures = _describe_failures(work.job) if work.job.failed else ""
    context = {**_context(work), "failures": failures}
    return TemplateResponse(work.request, "admin/bulk_progress.html", context)


def _context(work: Work) -> dict[str, Any]:
    return {
        **work.admin.admin_site.each_context(work.request),
        "title": work.action.button,
        "opts": work.admin.opts,
        "action": work.action,
        "job": work.job,
        "total": len(work.job.keys),
        "address": reverse("bulk", args=[work.token]),
        "back": work.job.back,
    }
