"""The release check: a version is released when its very content has passed the gates."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.errors import InvalidInputError
from evaluations.models import UNCHECKED, Evaluation, ReleaseGate, RunCase, TestCase
from evaluations.selectors.columns import is_whole, list_gate_columns, list_of_completed_runs
from evaluations.stored import Summary
from prompts.interface import Candidate, Verdict

__all__ = ["GOOD_SCORE", "check_release"]

GOOD_SCORE: Final = 0.8  # of the newest evaluation of exactly what would be released
LOOKED_AT: Final = 20  # newest runs of a suite among which a gate looks for one that is complete


def _of_runs(candidate: Candidate) -> QuerySet[Evaluation]:
    """Return what completed runs found of this very content, the newest first."""
    return list_of_completed_runs().filter(version__content_hash=candidate.content_hash)


def check_release(candidate: Candidate) -> Verdict:
    """Pass a version whose very content has passed each gate of its prompt.

    A prompt without gates needs one good run of that content, over whatever suite.
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
    newest = _find_newest(gate, candidate)
    summary = Summary()
    unchecked, changed = 0, ""
    if newest is not None:
        summary = newest.figures
        unchecked = _count_unchecked(newest)
        changed = _find_changed(gate, newest)
    params = _build_params(gate, summary) | {"unchecked": unchecked, "case": changed}
    for wrong, reason in _reasons(gate, summary, unchecked, changed):
        if wrong:
            return Verdict(passed=False, reason=reason % params)
    if summary.pass_interval:
        reason = _("“%(suite)s”: pass rate %(rate)s, lower bound %(low)s")
    else:
        reason = _("“%(suite)s”: pass rate %(rate)s")
    return Verdict(passed=True, reason=reason % params)


def _find_newest(gate: ReleaseGate, candidate: Candidate) -> Evaluation | None:
    """Return the newest column that asked every case that is enabled in the suite."""
    columns = list_gate_columns().filter(
        version__content_hash=candidate.content_hash, suite=gate.suite
    )
    column: Evaluation
    for column in columns.select_related("run")[:LOOKED_AT]:
        if is_whole(column):
            return column
    return None


def _count_unchecked(column: Evaluation) -> int:
    """Return how many answers of a column were compared with nothing.

    The results are asked, not the figures that the column keeps: those of older versions counted
    such answers as passed.
    """
    rows = column.results.filter(run_case__isnull=False)
    return rows.filter(UNCHECKED | Q(passed=True, components=[])).count()


def _find_changed(gate: ReleaseGate, column: Evaluation) -> str:
    """Return the name of a case that asks or checks something else than in a run, "" for none."""
    # Only where a label moves: most processes that load this module never do that.
    from evaluations.engine.formats.documents import case_as_document, case_key
    from evaluations.services.planning import case_from_row

    since = column.run.created_at if column.run else column.created_at
    edited = TestCase.objects.filter(suite=gate.suite, enabled=True, updated_at__gte=since)
    copies = RunCase.objects.filter(run=column.run, case__in=edited)
    documents = dict(copies.values_list("case", "document"))
    for case in edited:
        if case.pk not in documents:
            return case.name  # it has come just now
        try:
            key = case_key(case_as_document(case_from_row(case)))
        except InvalidInputError:
            return case.name  # its assertions are wrong by now
        # A case that was only renamed or moved has the same key: the run still counts.
        if key != case_key(documents[case.pk]):
            return case.name
    return ""


def _reasons(
    gate: ReleaseGate, summary: Summary, unchecked: int, changed: str
) -> Iterator[tuple[bool, str]]:
    """Yield what may be wrong, and whether it is: in the order in which it is told."""
    errors, rate = summary.errors, summary.pass_rate
    yield bool(errors), _("its run of “%(suite)s” has %(errors)d errors; retry them")
    yield (
        bool(unchecked),
        _(
            "%(unchecked)d answers of its run of “%(suite)s” were not checked; add "
            "assertions to the cases, then run it again"
        ),
    )
    yield (
        bool(changed),
        _("the case “%(case)s” of “%(suite)s” was changed after the run; run it again"),
    )
    yield rate is None, _("this content has not been evaluated with the suite “%(suite)s”")
    yield (rate or 0) < gate.pass_rate, _("“%(suite)s”: pass rate %(rate)s, required %(needed)s")
    if gate.lower_bound is None:
        return
    interval = summary.pass_interval
    yield (
        not interval,
        _(
            "“%(suite)s”: pass rate %(rate)s, but there are too few cases for an "
            "interval with a lower bound of %(bound)s; add cases"
        ),
    )
    yield (
        (interval or (0,))[0] < gate.lower_bound,
        _("“%(suite)s”: pass rate %(rate)s, lower bound %(low)s, required %(bound)s"),
    )


def _build_params(gate: ReleaseGate, summary: Summary) -> dict[str, str | int]:
    """Return what the sentences on a gate are filled with."""
    low = summary.pass_interval[0] if summary.pass_interval else 0
    return {
        "suite": gate.suite.name,
        "rate": f"{summary.pass_rate or 0:.1%}",
        "low": f"{low:.1%}",
        "needed": f"{gate.pass_rate:.1%}",
        "bound": f"{gate.lower_bound or 0:.1%}",
        "errors": summary.errors or 0,
    }


def _check_score(candidate: Candidate) -> Verdict:
    newest = _of_runs(candidate).first()
    if newest is None:
        return Verdict(passed=False, reason=_("this content has not been evaluated yet"))
    errors = newest.figures.errors
    if errors:
        reason = _("its newest evaluation has %(errors)d errors; retry them")
        return Verdict(passed=False, reason=reason % {"errors": errors})
    unchecked = _count_unchecked(newest)
    if unchecked or newest.overall_score is None:
        reason = _(
            "%(unchecked)d answers of its newest evaluation were not checked; add "
            "assertions to the cases, then run it again"
        )
        return Verdict(passed=False, reason=reason % {"unchecked": unchecked})
    params = {"score": f"{newest.overall_score:.2f}", "needed": f"{GOOD_SCORE:.2f}"}
    if newest.overall_score < GOOD_SCORE:
        reason = _("the score of its newest evaluation is %(score)s, required %(needed)s")
        return Verdict(passed=False, reason=reason % params)
    return Verdict(
        passed=True, reason=_("the score of its newest evaluation is %(score)s") % params
    )
