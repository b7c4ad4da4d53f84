"""The page of one result, by itself."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import (
    BaseAdmin,
)
from evaluations.admin.cells import PAGE_MEDIA
from evaluations.models import TestResult
from evaluations.services.results import delete_results


@admin.register(TestResult)
class TestResultAdmin(BaseAdmin):
    """Results are read: evaluations write them."""

    Media = PAGE_MEDIA
    list_display = ("shown_prompt", "case", "shown_score", "passed", "latency_ms", "created_at")
    list_filter = ("passed",)
    list_select_related = ("evaluation__prompt", "case")
    search_fields = ("evaluation__prompt__title", "case__name", "output", "error")
    date_hierarchy = "created_at"
    fields = (
        "evaluation",
        "case",
        "output",
        "score",
        "passed",
        "latency_ms",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "error",
        "created_at",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: evaluations write results."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Say no: a result is what it was."""
        return False

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service."""
        delete_results(keys)

    @display(description=_("prompt"), ordering="evaluation__prompt__title")
    def shown_prompt(self, obj: TestResult) -> str:
        """Return the title of the prompt that was evaluated."""
        return obj.evaluation.title

    @display(description=_("score"), ordering="score")
    def shown_score(self, obj: TestResult) -> str:
        """Return the score in percent."""
        return "–" if obj.score is None else f"{obj.score:.1%}"
