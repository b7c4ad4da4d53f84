"""The address of a job that does not fit into one request."""

from django.apps import apps
from django.contrib import admin as django_admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from core.bulk import pages
from core.bulk.actions import BulkAction
from core.bulk.jobs import Job

__all__ = ["bulk_view"]


def bulk_view(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of a job, or go on with it."""
    job = Job.load(token)
    if job is None:
        raise Http404
    if job.owner != str(request.user.pk):  # a token may be seen in a log or over a shoulder
        raise PermissionDenied
    admin = django_admin.site._registry[apps.get_model(job.model)]  # noqa: SLF001 (Django 5.2 has no public way)
    # Asked again: the person may have lost a permission since.
    entry = admin.get_actions(request).get(job.action)
    action: object = entry[0] if entry else None
    if not isinstance(action, BulkAction):
        raise PermissionDenied
    work = pages.Work(request=request, admin=admin, action=action, job=job, token=token)
    has_begun = job.position > 0 or not action.has_page
    if request.method == "POST":
        if has_begun:
            return pages.go_on(work)
        return pages.start(work)
    # A GET changes nothing: somebody loads the page again, or comes back to it.
    if has_begun:
        return pages.show_progress(work)
    return pages.ask(work)
