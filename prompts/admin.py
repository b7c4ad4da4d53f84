"""The admin of prompts: parses, calls one service, answers."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from autoforge.core.admin import BaseAdmin, SoftDeleteAdmin, StateFilter, first_line
from prompts import selectors, services
from prompts.forms import PromptForm, TemplateForm
from prompts.models import Prompt, PromptTemplate, PromptVersion

VERSIONS_SHOWN = 20
STATUS_COLOURS = {"draft": "info", "active": "success", "archived": "warning"}


@admin.register(Prompt)
class PromptAdmin(SoftDeleteAdmin):
    """Prompts; each change of content makes a version."""

    form = PromptForm
    list_display = (
        "title",
        "shown_status",
        "current_version",
        "shown_tags",
        "user_id",
        "updated_at",
    )
    list_filter = (StateFilter, "status")
    search_fields = ("title", "content", "user_id")
    search_help_text = _("Words of the title or the content, or an owner's ID.")
    date_hierarchy = "created_at"
    readonly_fields = ("current_version", "created_at", "updated_at", "versions_table")
    actions = ("archive_selected", "activate_selected", "restore_selected")
    fieldsets = (
        (None, {"fields": ("title", "content", "change_note", "expected_version")}),
        (_("Organise"), {"fields": ("status", "tags", "user_id", "metadata")}),
        (_("Versions"), {"fields": ("versions_table",)}),
        (_("Dates"), {"fields": ("current_version", "created_at", "updated_at")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what there is not yet, and what a reader has no use for."""
        if obj is None:
            return self.fieldsets[:2]
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return ((None, {"fields": ("title", "content")}), *self.fieldsets[1:])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in PromptForm.Meta.fields}
        common = {
            "author": request.user.get_username(),
            "change_note": form.cleaned_data["change_note"],
        }
        if change:
            saved = services.edit_prompt(
                prompt_id=obj.pk,
                expected_version=form.cleaned_data["expected_version"],
                **common,
                **values,
            )
        else:
            saved = services.create_prompt(**common, **values)
            obj.pk = saved.pk
        obj.current_version = saved.current_version
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:  # noqa: ARG002 (Django's signature)
        """Delete softly."""
        services.delete_prompt(prompt_id=obj.pk)

    def restore_row(self, key: Any) -> None:
        """Restore through the service."""
        services.restore_prompt(prompt_id=key)

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, obj: Prompt) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()

    @display(description=_("tags"))
    def shown_tags(self, obj: Prompt) -> str:
        """Return the tags on one line."""
        return ", ".join(map(str, obj.tags)) or "–"

    @display(description=_("newest versions"))
    def versions_table(self, obj: Prompt) -> SafeString:
        """Return the newest versions with links to them, and to all."""
        rows = format_html_join(
            "",
            '<li class="mb-1"><a class="text-primary-600 dark:text-primary-500" href="{}">v{}</a>'
            " · {} · {} · {}</li>",
            (
                (
                    reverse("admin:prompts_promptversion_change", args=[version.pk]),
                    version.number,
                    date_format(version.created_at, "SHORT_DATETIME_FORMAT"),
                    version.author or "–",
                    version.change_note or first_line(version.content, 60),
                )
                for version in selectors.list_versions(obj.pk)[:VERSIONS_SHOWN]
            ),
        )
        every = f"{reverse('admin:prompts_promptversion_changelist')}?prompt__id__exact={obj.pk}"
        return format_html(
            '<ul>{}</ul><a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            rows,
            every,
            _("All versions"),
        )

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
        count = services.set_status(queryset.filter(deleted_at__isnull=True), status=status)
        text = _("%(count)d changed to “%(status)s”.") % {"count": count, "status": status.label}
        self.message_user(request, text, messages.SUCCESS)


@admin.register(PromptVersion)
class PromptVersionAdmin(BaseAdmin):
    """Versions are read; one of them can be made current again."""

    list_display = ("shown_prompt", "number", "author", "change_note", "created_at")
    list_display_links = ("shown_prompt",)
    list_select_related = ("prompt",)
    search_fields = ("prompt__title", "content", "author", "change_note")
    search_help_text = _("Words of the prompt's title, the text, the author or the note.")
    date_hierarchy = "created_at"
    actions = ("make_current",)
    fields = ("prompt", "number", "content", "content_hash", "author", "change_note", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptVersion]:
        """Take the prompts along: names of versions show their titles."""
        queryset: QuerySet[PromptVersion] = super().get_queryset(request)
        return queryset.select_related("prompt")

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow the link "all versions" of a prompt's page."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed or lookup == "prompt__id__exact"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        """Say no: versions come from edits of prompts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (as above)
        """Say no: versions are immutable."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (as above)
        """Say no: versions go with their prompt."""
        return False

    def has_restore_permission(self, request: HttpRequest) -> bool:
        """Whether the user may change prompts."""
        return bool(request.user.has_perm("prompts.change_prompt"))

    @display(description=_("prompt"), ordering="prompt__title")
    def shown_prompt(self, obj: PromptVersion) -> str:
        """Return the prompt's title."""
        return obj.prompt.title

    @admin.action(description=_("Make this version current"), permissions=["restore"])
    def make_current(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        """Copy the one selected version forward."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Select exactly one version."), messages.ERROR)
            return
        version = chosen[0]
        if version.prompt.is_deleted:
            refusal = _("The prompt is deleted: restore it first.")
            self.message_user(request, refusal, messages.ERROR)
            return
        prompt = services.restore_version(
            prompt_id=version.prompt.pk,
            number=version.number,
            author=request.user.get_username(),
        )
        done = _("“%(title)s” is at version %(number)d now.") % {
            "title": prompt.title,
            "number": prompt.current_version,
        }
        self.message_user(request, done, messages.SUCCESS)


@admin.register(PromptTemplate)
class PromptTemplateAdmin(SoftDeleteAdmin):
    """Templates to start from."""

    form = TemplateForm
    list_display = ("name", "category", "shown_content", "updated_at")
    list_filter = (StateFilter,)
    search_fields = ("name", "category", "content")
    readonly_fields = ("created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:  # noqa: ARG002 (Django's signature)
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in TemplateForm.Meta.fields}
        if change:
            services.edit_template(template_id=obj.pk, **values)
        else:
            obj.pk = services.create_template(**values).pk
        obj._state.adding = False

    def restore_row(self, key: Any) -> None:
        """Restore it unless its name is taken by now."""
        services.restore_template(template_id=key)

    @display(description=_("content"))
    def shown_content(self, obj: PromptTemplate) -> str:
        """Return how the content begins."""
        return first_line(obj.content)
