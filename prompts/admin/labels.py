"""Rules of labels in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import BaseAdmin
from prompts.models import LabelRule

__all__ = ["LabelRuleAdmin"]


@admin.register(LabelRule)
class LabelRuleAdmin(BaseAdmin):
    """Which labels are protected, and which move only when the checks pass."""

    list_display = ("label", "is_protected", "needs_checks", "updated_at")
    fields = ("label", "is_protected", "needs_checks")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 (Django's signature)
        """Keep the label of a rule: another label is another rule."""
        return ("label",) if obj else ()
