"""Versions in the admin: read, and made current again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import BaseAdmin
from prompts import services
from prompts.admin.reading import content_as_html
from prompts.models import PromptVersion

__all__ = ["PromptVersionAdmin"]


@admin.register(PromptVersion)
class PromptVersionAdmin(BaseAdmin):
    """Versions are read; one of them can be made current again."""

    list_display = ("shown_prompt", "number", "author", "change_note", "created_at")
    list_display_links = ("shown_prompt",)
    list_select_related = ("prompt",)
    search_fields = ("prompt__title", "content", "author", "change_note")
    search_help_text = _("Searches the prompt title, text, author and change note.")
    linked_lookups = ("prompt__id__exact",)  # of "All versions" on a prompt's page
    actions = ("make_current",)
    fields = (
        "prompt",
        "number",
        "kind",
        "syntax",
        "content",
        "variables",
        "config",
        "content_hash",
        "author",
        "change_note",
        "created_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptVersion]:
        """Take the prompts along: names of versions show their titles."""
        queryset: QuerySet[PromptVersion] = super().get_queryset(request)
        return queryset.select_related("prompt")

    @cached_property
    def readers(self) -> dict[str, Any]:
        """Show a chat as its messages."""
        return super().readers | {"content": content_as_html}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: versions come from edits of prompts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Say no: versions are immutable."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
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
            refusal = _("The prompt is deleted. Restore it first.")
            self.message_user(request, refusal, messages.ERROR)
            return
        prompt = services.restore_version(
            prompt_id=version.prompt.pk,
            number=version.number,
            author=request.user.get_username(),
        )
        done = _("“%(title)s” is now at version %(number)d.") % {
            "title": prompt.title,
            "number": prompt.current_version,
        }
        self.message_user(request, done, messages.SUCCESS)
