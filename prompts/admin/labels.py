"""Rules of labels in the admin."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import BaseAdmin
from prompts import services
from prompts.models import LabelRule

__all__ = ["LabelRuleAdmin"]


@admin.register(LabelRule)
class LabelRuleAdmin(BaseAdmin):
    """Which labels are protected, and which move only when the checks pass."""

    list_display = ("label", "is_protected", "needs_checks", "updated_at")
    fields = ("label", "is_protected", "needs_checks")

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        """Keep the label of a rule: another label is another rule."""
        return ("label",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or edit through the service."""
        demands = {name: form.cleaned_data[name] for name in ("is_protected", "needs_checks")}
        if change:
            services.edit_label_rule(rule_id=obj.pk, **demands)
        else:
            obj.pk = services.create_label_rule(label=form.cleaned_data["label"], **demands).pk
            obj._state.adding = False

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service."""
        services.delete_label_rules(keys)
