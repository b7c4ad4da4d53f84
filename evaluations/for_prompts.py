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
from evaluations import drawing
from evaluations.models import Evaluation, ReleaseGate
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
    """Pass a version whose very content has passed each gate of its prompt.

    A prompt without gates needs one good evaluation of that content, of whatever suite.
    """
    gates = ReleaseGate.objects.filter(prompt_id=candidate.prompt_id).select_related("suite")
    reasons = []
    for gate in gates:
        verdict = _check_gate(gate, candidate)
        if not verdict.passed:
            return verdict
        reasons.append(verdict.reason)
    if reasons:
        return Verdict(passed=True, reason="; ".join(reasons))
    return _check_score(candidate)


def _check_gate(gate: ReleaseGate, candidate: Candidate) -> Verdict:
    params = {"suite": gate.suite.name}
    newest = (
        Evaluation.objects.filter(
            status=Evaluation.Status.COMPLETED,
            suite=gate.suite,
            version__content_hash=candidate.content_hash,
        )
        .order_by("-created_at")
        .first()
    )
    summary = newest.summary if newest is not None else {}
    rate, interval = summary.get("pass_rate"), summary.get("pass_interval")
    if rate is None or not interval:
        reason = _("this content has never been run over the suite “%(suite)s”")
        return Verdict(passed=False, reason=reason % params)
    params |= {
        "rate": f"{rate:.1%}",
        "low": f"{interval[0]:.1%}",
        "needed": f"{gate.pass_rate:.1%}",
        "bound": f"{gate.lower_bound or 0:.1%}",
        "errors": summary.get("errors", 0),
    }
    for wrong, reason in (
        (summary.get("errors"), _("its run over “%(suite)s” has %(errors)d errors: do them again")),
        (rate < gate.pass_rate, _("“%(suite)s” passes at %(rate)s; it takes %(needed)s")),
        (
            interval[0] < (gate.lower_bound or 0),
            _("“%(suite)s” passes at %(rate)s, its interval begins at %(low)s; it takes %(bound)s"),
        ),
    ):
        if wrong:
            return Verdict(passed=False, reason=reason % params)
    reason = _("“%(suite)s” passes at %(rate)s, its interval begins at %(low)s")
    return Verdict(passed=True, reason=reason % params)


def _check_score(candidate: Candidate) -> Verdict:
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
        "trends": drawing.trend_of(rows),
        "prompt_id": prompt_id,
        "can_start": request.user.has_perm("evaluations.add_run"),
    }
    return render_to_string("evaluations/prompt_panel.html", context)
