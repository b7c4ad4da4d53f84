"""Actions on many prompts at once."""

import io
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from autoforge.core.admin import TagsFormField
from autoforge.core.errors import ApplicationError
from prompts import services
from prompts.exporting import CONTENT_TYPES, WRITERS, TooLongError
from prompts.models import Prompt

__all__ = ["BulkActions"]

MOST = 1000  # prompts at once


class LabelForm(forms.Form):
    """Which label, and why."""

    label = forms.CharField(
        label=_("Label"),
        max_length=40,
        initial="staging",
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("It moves to the newest version of each prompt."),
    )
    reason = forms.CharField(
        label=_("Why"), required=False, max_length=500, widget=UnfoldAdminTextInputWidget()
    )


class TagForm(forms.Form):
    """Which tags."""

    tags = TagsFormField(label=_("Tags"), help_text=_("Words with commas between them."))


class ExportForm(forms.Form):
    """Which format."""

    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(name, name.upper()) for name in WRITERS],
        widget=UnfoldAdminSelectWidget(),
        help_text=_(
            "The newest version of each prompt. All versions go to a directory by the command "
            "export_prompts."
        ),
    )


class BulkActions:
    """Actions of the list of prompts; mixed into its admin."""

    message_user: Any
    admin_site: Any
    opts: Any

    @admin.action(description=_("Archive selected"), permissions=["change"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        """Set the status to archived."""
        self._set_status(request, queryset, Prompt.Status.ARCHIVED)

    @admin.action(description=_("Activate selected"), permissions=["change"])
    def activate_selected(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        """Set the status to active."""
        self._set_status(request, queryset, Prompt.Status.ACTIVE)

    def _set_status(
        self, request: HttpRequest, queryset: QuerySet[Prompt], status: Prompt.Status
    ) -> None:
        count = services.set_status(
            _in_use(queryset), status=status, actor=request.user.get_username()
        )
        text = _("%(count)d changed to “%(status)s”.") % {"count": count, "status": status.label}
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Take out of the archive"), permissions=["change"])
    def unarchive_selected(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        """Give archived prompts their status from before."""
        count = services.unarchive_prompts(_in_use(queryset), actor=request.user.get_username())
        text = ngettext("%(count)d was restored.", "%(count)d were restored.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Move a label…"), permissions=["label"])
    def label_selected(
        self, request: HttpRequest, queryset: QuerySet[Prompt]
    ) -> HttpResponse | None:
        """Ask for a label; let it stand at the newest version of each."""
        mover = services.Mover.from_user(request.user)

        def move(form: LabelForm) -> int:
            rows = _in_use(queryset)
            for prompt in rows:
                services.move_label(
                    prompt_id=prompt.pk,
                    number=prompt.current_version,
                    mover=mover,
                    **form.cleaned_data,
                )
            return len(rows)

        return self._ask(request, queryset, LabelForm, "label_selected", _("Move a label"), move)

    @admin.action(description=_("Add tags…"), permissions=["change"])
    def tag_selected(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> HttpResponse | None:
        """Ask for tags; give them to each."""

        def add(form: TagForm) -> int:
            return services.add_tags(
                _in_use(queryset),
                tags=form.cleaned_data["tags"],
                actor=request.user.get_username(),
            )

        return self._ask(request, queryset, TagForm, "tag_selected", _("Add tags"), add)

    @admin.action(description=_("Export…"), permissions=["view"])
    def export_selected(
        self, request: HttpRequest, queryset: QuerySet[Prompt]
    ) -> HttpResponse | None:
        """Ask for a format; answer with the file."""
        form = ExportForm(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            chosen = form.cleaned_data["format"]
            stream = io.BytesIO()
            keys = list(queryset.values_list("pk", flat=True))
            rows = Prompt.objects.filter(pk__in=keys).order_by("name")
            try:
                WRITERS[chosen](services.records_of(rows), stream)
            except TooLongError as error:
                form.add_error("format", str(error))
            else:
                response = HttpResponse(stream.getvalue(), content_type=CONTENT_TYPES[chosen])
                response["Content-Disposition"] = f'attachment; filename="prompts.{chosen}"'
                return response
        return self._show(request, queryset, form, "export_selected", _("Export"))

    @admin.action(description=_("Remove for good"), permissions=["purge"])
    def purge_selected(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        """Remove those of the selected that are in the trash."""
        count = services.purge_prompts(queryset.values_list("pk", flat=True))
        text = ngettext(
            "%(count)d was removed for good.", "%(count)d were removed for good.", count
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def _ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[Prompt],
        form_class: type[forms.Form],
        action: str,
        title: Any,
        run: Any,
    ) -> HttpResponse | None:
        """Show a form; when it is sent and right, run the action, on all or on none."""
        form = form_class(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    count = run(form)
            except ApplicationError as error:
                form.add_error(None, str(error))
            else:
                text = ngettext("%(count)d was changed.", "%(count)d were changed.", count)
                self.message_user(request, text % {"count": count}, messages.SUCCESS)
                return None
        return self._show(request, queryset, form, action, title)

    def _show(
        self,
        request: HttpRequest,
        queryset: QuerySet[Prompt],
        form: forms.Form,
        action: str,
        title: Any,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            "action": action,
            "chosen": list(queryset[:MOST]),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/prompts/prompt/bulk.html", context)


def _in_use(queryset: QuerySet[Prompt]) -> list[Prompt]:
    return list(queryset.filter(deleted_at__isnull=True)[:MOST])
