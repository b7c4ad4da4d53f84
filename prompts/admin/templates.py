"""Templates in the admin: written, and used from a gallery."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import SoftDeleteAdmin, StateFilter, first_line
from core.bulk.jobs import BulkResult, change_each
from core.errors import InvalidInputError
from prompts import services
from prompts.admin.cells import WORKSHOP_MEDIA
from prompts.forms import TemplateForm, template_fields
from prompts.models import Prompt, PromptTemplate

__all__ = ["PromptTemplateAdmin"]


@admin.register(PromptTemplate)
class PromptTemplateAdmin(SoftDeleteAdmin):
    """Templates to start from."""

    form = TemplateForm
    list_display = ("name", "category", "shown_content", "use_link", "updated_at")
    change_list_template = "admin/prompts/prompttemplate/change_list.html"
    list_filter = (StateFilter,)
    search_fields = ("name", "category", "content")
    readonly_fields = ("created_at", "updated_at")

    Media = WORKSHOP_MEDIA

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in TemplateForm.Meta.fields}
        if change:
            services.edit_template(template_id=obj.pk, **values)
        else:
            obj.pk = services.create_template(**values).pk
        obj._state.adding = False  # Django goes on with this instance, not with the service's

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Put them into the trash through the service."""
        services.delete_templates(keys)

    def restore_rows(self, rows: QuerySet[Any]) -> BulkResult:
        """Restore each unless its name is taken by now."""
        return change_each(rows, lambda row: services.restore_template(template_id=row.pk))

    def get_urls(self) -> list[Any]:
        """Add the gallery and the page that fills a template in."""
        view = self.admin_site.admin_view
        return [
            path("gallery/", view(self.gallery), name="prompts_prompttemplate_gallery"),
            path("<uuid:key>/use/", view(self.use), name="prompts_prompttemplate_use"),
            *super().get_urls(),
        ]

    def gallery(self, request: HttpRequest) -> HttpResponse:
        """Show every template as a card, by category."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Templates"),
            "opts": self.opts,
            "templates": PromptTemplate.objects.order_by("category", "name"),
        }
        return TemplateResponse(request, "admin/prompts/prompttemplate/gallery.html", context)

    def use(self, request: HttpRequest, key: Any) -> HttpResponse:
        """Ask for the parameters of a template and make a prompt of it."""
        if not request.user.has_perm("prompts.add_prompt"):
            raise PermissionDenied
        template = get_object_or_404(PromptTemplate, pk=key)
        form_class = template_fields(template)
        form = form_class(request.POST or None)
        if request.method == "POST" and form.is_valid():
            made = self._make_prompt(request, template, form)
            if made is not None:
                return redirect("admin:prompts_prompt_change", made.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": template.name,
            "opts": self.opts,
            "template": template,
            "form": form,
        }
        return TemplateResponse(request, "admin/prompts/prompttemplate/use.html", context)

    def _make_prompt(
        self, request: HttpRequest, template: PromptTemplate, form: Any
    ) -> Prompt | None:
        values = {}
        for name, text in form.cleaned_data.items():
            if name != "title":
                values[name.removeprefix("value_")] = text
        try:
            content, variables = services.fill_template(template, values=values)
            made = services.create_prompt(
                title=form.cleaned_data["title"],
                content=content,
                syntax=Prompt.Syntax.MUSTACHE,
                variables=variables,
                author=request.user.get_username(),
                change_note=gettext("From the template “%(name)s”") % {"name": template.name},
            )
        except InvalidInputError as error:
            form.add_error(None, str(error))
            return None
        self.message_user(request, _("Prompt created."), messages.SUCCESS)
        return made

    @display(description="")
    def use_link(self, obj: PromptTemplate) -> SafeString | str:
        """Return the link to the page that fills the template in."""
        if obj.is_deleted:
            return ""
        address = reverse("admin:prompts_prompttemplate_use", args=[obj.pk])
        return format_html('<a class="wk-link" href="{}">{}</a>', address, _("Use"))

    @display(description=_("content"))
    def shown_content(self, obj: PromptTemplate) -> str:
        """Return how the content begins."""
        return first_line(obj.content)
