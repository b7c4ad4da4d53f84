"""What evaluations add to the pages of prompts: a tab, and scores in the list."""

from typing import Final
from uuid import UUID

from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.template.loader import render_to_string

from core.aggregates import JSONGroupArray
from evaluations.selectors import charts
from evaluations.selectors.columns import list_completed, list_kept

__all__ = ["latest_scores", "render_panel"]

SHOWN: Final = 20  # evaluations; the newest, which the trend is drawn of as well


def latest_scores() -> Subquery:
    """Return the expression "time and score of each completed evaluation of the prompt".

    A JSON list of texts such as "2026-03-01 12:00:00|0.9"; whoever reads it picks the latest.
    """
    # A subquery of one row for each prompt of the list: a page of prompts stays one query.
    dated = Concat(
        Cast(F("created_at"), CharField()),
        Value("|"),
        Cast(F("overall_score"), CharField()),
        output_field=CharField(),
    )
    rows = (
        list_completed()
        .order_by()
        .filter(prompt=OuterRef("pk"), overall_score__isnull=False)
        .values("prompt")
        .annotate(scores=JSONGroupArray(dated))
        .values("scores")
    )
    return Subquery(rows)


def render_panel(request: HttpRequest, prompt_id: UUID) -> str:
    """Return the tab of a prompt's evaluations."""
    if not request.user.has_perm("evaluations.view_evaluation"):
        return render_to_string("evaluations/prompt_panel.html", {"allowed": False})
    evaluations = list_kept().filter(prompt_id=prompt_id).select_related("version", "suite")
    rows = list(evaluations.order_by("-created_at")[:SHOWN])
    context = {
        "allowed": True,
        "evaluations": rows,
        "trends": charts.build_trend(rows),
        "prompt_id": prompt_id,
        "can_start": request.user.has_perm("evaluations.add_run"),
    }
    return render_to_string("evaluations/prompt_panel.html", context)
