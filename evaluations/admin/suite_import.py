"""Suites in and out of files, by pages."""

from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.errors import ApplicationError, InvalidInputError
from core.uploads import MEBIBYTE, accepts_upload
from evaluations.admin.uploads import FilesField, unpack_uploads
from evaluations.engine.errors import EngineError
from evaluations.engine.files import Uploads
from evaluations.engine.formats.summary import describe_checks
from evaluations.engine.formats.tables import parse_check, parse_mapping
from evaluations.engine.types import Suite
from evaluations.models import TestSuite
from evaluations.services.suites import check_suite, load_suite, store_suite
from evaluations.suite_files import FORMATS, UPLOAD_LIMITS, read_suite_in, write_suite

__all__ = ["SuiteFiles"]

LARGEST: Final = UPLOAD_LIMITS.size_bytes  # of the file, and of what comes with it
MAX_NAME_BYTES: Final = 100  # of a file's name, which sentences repeat; file systems allow 255


class ImportForm(forms.Form):
    """A file, and what its suite is to be called."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(),
        help_text=_(
            "AutoForge YAML, a promptfoo configuration or test table, or a plain CSV, "
            "JSON or JSON Lines file, up to 20 MB. Code in the file is never executed."
        ),
    )
    more = FilesField(
        label=_("Referenced files"),
        required=False,
        help_text=_(
            "Files that the suite references with file://: select several, or a ZIP "
            "file that keeps their folders. Files on the server are never read."
        ),
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Leave blank to use the name in the file."),
    )
    mapping = forms.CharField(
        label=_("Column mapping"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_(
            "For plain tables, one mapping per line: expected=Answer, variables.question=Question."
        ),
    )
    assertion = forms.CharField(
        label=_("Assertion"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_(
            "For plain tables: how answers are compared with the expected answer, e.g. exact."
        ),
    )
    replace_cases = forms.BooleanField(
        label=_("Replace the cases of an existing suite with this name"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )
    dry_run = forms.BooleanField(
        label=_("Dry run"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("Validate without saving."),
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too large."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("The file is larger than 20 MB; use the import_suite command instead.")
            )
        return file

    def read(self) -> Suite:
        """Return the suite of the file.

        Raises:
            SuiteError: one sentence with its place.
        """
        data = self.cleaned_data
        upload = PurePath(data["file"].name)  # as the browser sent it: anything may be in it
        stem = _shorten(upload.stem).lstrip(".") or "suite"
        name = f"{stem}{_shorten(upload.suffix)}"
        contents = unpack_uploads(data["more"], limit=LARGEST)
        # In memory: on this machine there is no file that a suite could name.
        files = Uploads({**contents, name: data["file"].read()})
        lines = [line for line in data["mapping"].splitlines() if line]
        return read_suite_in(
            files,
            name,
            name=data["name"],
            default_name=upload.stem,
            mapping=parse_mapping(lines) or None,
            assertion=parse_check(data["assertion"]),
            limits=UPLOAD_LIMITS,
        )


def _shorten(name: str) -> str:
    """Return as much of a name as a sentence takes."""
    plain = "".join(char for char in name if char.isprintable() and char != "/")
    # The cut may divide a character of several bytes: what is left of it is dropped.
    return plain.encode("utf-8", "ignore")[:MAX_NAME_BYTES].decode("utf-8", "ignore")


class SuiteFiles:
    """Pages beside the suites' own; mixed into their admin."""

    admin_site: Any
    opts: Any
    has_view_permission: Any
    has_change_permission: Any
    has_add_permission: Any

    def get_urls(self) -> list[Any]:
        """Add the pages."""
        view = self.admin_site.admin_view
        own = [
            path("import/", view(self.import_file), name="evaluations_testsuite_import"),
            path("<uuid:key>/export/", view(self.export), name="evaluations_testsuite_export"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]  # an admin follows

    # Twice: the file and what comes with it; the rest is for the form's other fields.
    @accepts_upload(2 * LARGEST + MEBIBYTE, command="import_suite")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Take a file; say what it holds, and keep it unless it is only tried."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        suite = stored = None
        if request.method == "POST" and form.is_valid():
            try:
                suite = form.read()
                replace = form.cleaned_data["replace_cases"]
                if form.cleaned_data["dry_run"]:
                    check_suite(suite, replace_cases=replace)
                else:
                    stored, _count = store_suite(suite, replace_cases=replace)
            except InvalidInputError as error:
                for field, text in error.messages.items():
                    form.add_error(field if field in form.fields else "file", text)
                suite = None
            except (ApplicationError, EngineError) as error:
                form.add_error("file", str(error))
                suite = None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import suite"),
            "opts": self.opts,
            "form": form,
            "suite": suite,
            "checks": describe_checks(suite) if suite else [],
            "kept": stored,
        }
        return TemplateResponse(request, "admin/evaluations/testsuite/import.html", context)

    def export(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Hand out a suite as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        kind = request.GET.get("format", "yaml")
        if kind not in FORMATS or not TestSuite.objects.filter(pk=key).exists():
            raise Http404
        try:
            text = write_suite(load_suite(key), kind)
        except (ApplicationError, EngineError) as error:
            # The suite is as it is, and this format cannot hold it: a conflict, not a bad request.
            return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
        response = HttpResponse(text, content_type="text/plain; charset=utf-8")
        name = f"suite-{str(key)[:8]}.{FORMATS[kind].suffix}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
