"""The page that takes a file of prompts."""

from pathlib import PurePath
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from core.admin import Admin
from core.errors import InvalidInputError
from core.uploads import MEBIBYTE, accepts_upload
from prompts import services
from prompts.importing import (
    SUFFIXES,
    ColumnNames,
    Limits,
    Rejection,
    Source,
    UnreadableError,
    read_rows,
)
from prompts.models import Prompt

__all__ = ["ImportPage"]

LARGEST: Final = 20 * MEBIBYTE  # of an upload; larger files go by the command
LIMITS: Final = Limits(size_bytes=LARGEST, records=10_000, values=500_000)
REJECTIONS_SHOWN: Final = 100


class ImportForm(forms.Form):
    """A file, and what becomes of titles that are here already."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(),
        help_text=_(
            "CSV, JSON, JSON Lines, YAML or XLSX, up to 20 MB. Code in the file is never executed."
        ),
    )
    on_duplicate = forms.ChoiceField(
        label=_("If the title already exists"),
        choices=[("skip", _("skip")), ("update", _("update")), ("error", _("refuse"))],
        widget=UnfoldAdminSelectWidget(),
    )
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("as in the file, otherwise draft")), *Prompt.Status.choices],
        widget=UnfoldAdminSelectWidget(),
    )
    partial = forms.BooleanField(
        label=_("Import valid rows even if others are rejected"),
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

    def clean_file(self) -> object:
        """Refuse a file that is too large or of no known format."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("The file is larger than 20 MB; use the import_prompts command instead.")
            )
        if PurePath(file.name).suffix.lower() not in SUFFIXES:
            raise forms.ValidationError(
                _("The file name must end in %(known)s."),
                params={"known": ", ".join(SUFFIXES)},
            )
        return file


class ImportPage(Admin):
    """Adds the page to the admin of prompts."""

    def get_urls(self) -> list[Any]:
        """Add the page."""
        view = self.admin_site.admin_view(self.import_file)
        return [path("import/", view, name="prompts_prompt_import"), *super().get_urls()]

    @accepts_upload(LARGEST + MEBIBYTE, command="import_prompts")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Show the form; take a file and say what became of its rows."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        counts = None
        rejections: list[Rejection] = []
        notes: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                author = request.user.get_username()
                counts = _import(form.cleaned_data, author, rejections, notes)
            except (UnreadableError, InvalidInputError) as error:
                form.add_error("file", str(error))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import prompts"),
            "opts": self.opts,
            "form": form,
            "counts": counts,
            "notes": notes[:REJECTIONS_SHOWN],
            "rejections": rejections[:REJECTIONS_SHOWN],
        }
        return TemplateResponse(request, "admin/prompts/prompt/import.html", context)


def _import(
    chosen: dict[str, Any], author: str, rejections: list[Rejection], notes: list[str]
) -> services.ImportCounts:
    file = chosen["file"]
    file_format = SUFFIXES[PurePath(file.name).suffix.lower()]
    options = services.ImportOptions(
        status=chosen["status"] or None,
        on_duplicate=chosen["on_duplicate"],
        partial=chosen["partial"],
        dry_run=chosen["dry_run"],
        author=author,
    )
    source = Source(file.file, LIMITS)
    rows = read_rows(file_format, source, ColumnNames())
    counts = services.import_rows(rows, options, rejections.append)
    if source.table is not None:
        notes += [str(note) for note in source.table.notes]
    return counts
