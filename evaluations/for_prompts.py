"""What evaluations add to prompts: a release check, a tab, and scores in the list."""

from typing import Any, Final
from uuid import UUID

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autoforge.core.aggregates import JSONGroupArray
from evaluations import presenting
from evaluations.models import Evaluation
from prompts.interface import (
    Candidate,
    Panel,
    Verdict,
    register_check,
    register_panel,
    register_scores,
)

__all__ = ["GOOD_SCORE", "register"]

GOOD_SCORE: Final = 0.8  # of the newest evaluation of exactly what would be released
SHOWN: Final = 20


def register() -> None:
    """Tell prompts; called once, when the apps are ready."""
    register_check("evaluated", check_release)
    register_panel(
        Panel(name="evaluations", title=gettext_lazy("Evaluations"), render=render_panel)
    )
    register_scores(latest_scores)


def _completed() -> QuerySet[Evaluation]:
    return Evaluation.objects.filter(
        status=Evaluation.Status.COMPLETED, overall_score__isnull=False
    )


def check_release(candidate: Candidate) -> Verdict:
    """Pass a version whose very content has been evaluated with a good score."""
    newest = (
        _completed()
        .filter(version__content_hash=candidate.content_hash)
        .order_by("-created_at")
        .first()
    )
    if newest is None or newest.overall_score is None:
        return Verdict(passed=False, reason=_("this content has never been evaluated"))
    params = {"score": f"{newest.overall_score:.2f}", "needed": f"{GOOD_SCORE:.2f}"}
    if newest.overall_score < GOOD_SCORE:
        reason = _("its newest evaluation has the score %(score)s; it takes %(needed)s")
        return Verdict(passed=False, reason=reason % params)
    return Verdict(passed=True, reason=_("its newest evaluation has the score %(score)s") % params)


def latest_scores() -> Any:
    """Return the expression "time and score of each completed evaluation of the prompt"."""
    dated = Concat(
        Cast(F("created_at"), CharField()),
        Value("|"),
        Cast(F("overall_score"), CharField()),
        output_field=CharField(),
    )
    rows = (
        _completed()
        .order_by()
        .filter(prompt=OuterRef("pk"))
        .values("prompt")
        .annotate(scores=JSONGroupArray(dated))
        .values("scores")
    )
    return Subquery(rows)


def render_panel(request: HttpRequest, prompt_id: UUID) -> str:
    """Return the tab of a prompt's evaluations."""
    if not request.user.has_perm("evaluations.view_evaluation"):
        return render_to_string("evaluations/prompt_panel.html", {"allowed": False})
    found = Evaluation.objects.filter(prompt_id=prompt_id).select_related("version", "suite")
    rows = list(found.order_by("-created_at")[:SHOWN])
    context = {
        "allowed": True,
        "evaluations": rows,
        "trend": presenting.trend_of(rows),
        "prompt_id": prompt_id,
        "can_start": request.user.has_perm("evaluations.add_run"),
    }
    return render_to_string("evaluations/prompt_panel.html", context)
