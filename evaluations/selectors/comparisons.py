"""Columns of runs compared: with the baseline's like them, else with the run's first one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypedDict
from uuid import UUID

from django.utils.translation import gettext as _

from evaluations.engine.statistics import (
    Comparison,
    Verdict,
    deciding_p,
    holm,
    judge_comparison,
)
from evaluations.models import Evaluation, Run
from evaluations.named_scores import find_changes
from evaluations.selectors.summaries import compare_columns
from evaluations.stored import StoredComparison, Target

__all__ = [
    "ColumnComparison",
    "ColumnVerdict",
    "ComparisonSummary",
    "Pairing",
    "ShownVerdict",
    "as_stored",
    "compare_run",
    "describe_metric_changes",
    "judge_run",
    "list_metric_changes",
    "list_verdicts",
    "pair_columns",
    "remarks_on",
    "verdict_between",
    "verdict_text",
]

NAMED: Final = 50  # flipped cases that are kept by name
Likeness: TypeAlias = Callable[[Evaluation], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnComparison:
    """Two columns."""

    old: str
    """What the old one is called."""
    new: str
    """What the new one is called."""
    old_column: Evaluation
    new_column: Evaluation
    comparison: Comparison
    verdict: Verdict
    adjusted_p: float | None
    """Of the test that decides, after Holm's correction for the comparisons of the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonSummary:
    """What most reports say of two columns: it is stored when a run ends."""

    verdict: Verdict
    fixed: Sequence[str]
    """Names of the first NAMED cases; the verdict's params count all."""
    broken: Sequence[str]
    """The same of the broken ones."""


def judge_run(run: Run, rows: Sequence[Evaluation]) -> list[ComparisonSummary]:
    """Return the verdicts of a run, its columns given in their order.

    They are read from the columns where the run has ended; else all its outcomes are compared now.
    """
    pairs = pair_columns(run, rows).pairs
    comparisons = []
    for old, new in pairs:
        stored = _find_stored(old, new)
        if stored is not None:
            comparisons.append(stored)
    if run.is_open or len(comparisons) < len(pairs):
        comparisons = list(map(as_stored, compare_run(run, rows)))
    summaries = []
    for comparison in comparisons:
        verdict = Verdict(code=comparison.code, params=comparison.params)
        summary = ComparisonSummary(
            verdict=verdict, fixed=comparison.fixed, broken=comparison.broken
        )
        summaries.append(summary)
    return summaries


def list_metric_changes(run: Run, rows: Sequence[Evaluation]) -> list[str]:
    """Return a sentence for each named score or derived metric that compared columns differ in."""
    sentences: list[str] = []
    for old, new in pair_columns(run, rows).pairs:
        sentences += describe_metric_changes(old, new, _name(old, run))
    return sentences


def describe_metric_changes(old: Evaluation, new: Evaluation, name: str) -> list[str]:
    """Return such sentences for two columns; `name` is what the old one is called."""
    sentences = []
    changes = find_changes(old.figures.metrics, new.figures.metrics)
    for metric, (before, after) in changes.items():
        if before == after:
            continue
        difference = "" if before is None or after is None else f" ({after - before:+.3f})"
        sentence = _("%(metric)s: %(before)s → %(after)s%(difference)s, from %(old)s to %(new)s")
        params = {
            "metric": metric,
            "before": _show_metric(before),
            "after": _show_metric(after),
            "difference": difference,
            "old": name,
            "new": new.label,
        }
        sentences.append(sentence % params)
    return sentences


def _show_metric(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _find_stored(old: Evaluation, new: Evaluation) -> StoredComparison | None:
    """Return what the new column keeps of these two; None where that is of another one."""
    stored = new.figures.comparison
    if stored is None or stored.old != str(old.pk):
        return None
    return stored


def compare_run(run: Run, rows: Sequence[Evaluation]) -> list[ColumnComparison]:
    """Return the comparisons of a run, its columns given in their order."""
    pairs = pair_columns(run, rows).pairs
    comparisons = [compare_columns(old, new) for old, new in pairs]
    p_values = {}
    for index, comparison in enumerate(comparisons):
        p_value = deciding_p(comparison)
        if p_value is not None:
            p_values[index] = p_value
    # Every pair is one more chance to see a difference that is none: corrected for all together.
    adjusted = holm(p_values)
    compared = []
    for index, (old, new) in enumerate(pairs):
        name, p_value = _name(old, run), adjusted.get(index)
        verdict = judge_comparison(comparisons[index], old=name, new=new.label, p_value=p_value)
        compared.append(
            ColumnComparison(
                old=name,
                new=new.label,
                old_column=old,
                new_column=new,
                comparison=comparisons[index],
                verdict=verdict,
                adjusted_p=p_value,
            )
        )
    return compared


def _name(row: Evaluation, run: Run) -> str:
    return row.label if row.run_id == run.pk else f"{row.label} (baseline)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """Which columns are compared, and which have no partner."""

    pairs: Sequence[tuple[Evaluation, Evaluation]]
    """(old, new)."""
    only_new: Sequence[Evaluation] = ()
    """Columns of the run without a partner in its baseline."""
    only_old: Sequence[Evaluation] = ()
    """Columns of the baseline without a partner in the run."""


def pair_columns(run: Run, rows: Sequence[Evaluation]) -> Pairing:
    """Return each column with the baseline's like it, else with the run's first one.

    A column is like another one where both ask the same text of the same model; then where they
    ask the same prompt; then by their place. Two stored prompts are never taken for one another.
    """
    if run.baseline is None:
        return Pairing(pairs=[(rows[0], row) for row in rows[1:]])
    old = list(run.baseline.evaluations.order_by("position"))
    new = list(rows)
    partners: dict[UUID, Evaluation] = {}
    for likeness in LIKENESSES:
        for row in new:
            if row.pk in partners:
                continue
            partner = _find_alike(old, row, likeness)
            if partner is not None:
                partners[row.pk] = partner
                old.remove(partner)
    pairs, only_new = [], []
    for row in new:
        if row.pk in partners:
            pairs.append((partners[row.pk], row))
        else:
            only_new.append(row)
    return Pairing(pairs=pairs, only_new=only_new, only_old=old)


def _find_alike(
    old: Sequence[Evaluation], new: Evaluation, likeness: Likeness
) -> Evaluation | None:
    for row in old:
        if _alike(row, new, likeness):
            return row
    return None


def _alike(old: Evaluation, new: Evaluation, likeness: Likeness) -> bool:
    if _differ(old, new):
        return False
    what_counts = likeness(new)
    return what_counts is not None and likeness(old) == what_counts


def _differ(old: Evaluation, new: Evaluation) -> bool:
    """Whether the columns ask two prompts of which neither can be an edit of the other."""
    return None not in (old.prompt_id, new.prompt_id) and old.prompt_id != new.prompt_id


def _wording(row: Evaluation) -> tuple[str, object]:
    return ("version", row.version_id) if row.version_id else ("text", row.prompt_text)


def _model(row: Evaluation) -> tuple[str, str]:
    return row.provider, row.model


def _target(row: Evaluation) -> str:
    return json.dumps(row.target, sort_keys=True, default=str)


# What makes columns alike, the closest likeness first. None is like nothing.
LIKENESSES: Final[Sequence[Likeness]] = (
    lambda row: (_wording(row), _model(row), _target(row)),
    lambda row: (_wording(row), _model(row)),
    lambda row: row.prompt_id and (row.prompt_id, _model(row), _target(row)),
    lambda row: row.prompt_id and (row.prompt_id, _model(row)),
    lambda row: (row.position, _model(row)),
    _model,
    lambda row: row.position,
)


def remarks_on(run: Run, rows: Sequence[Evaluation]) -> list[str]:
    """Return what a reader of the figures has to know, in their language.

    What was not checked, what could not be paired with the baseline, and what did not fit when the
    run was made; one query where there is a baseline.
    """
    remarks = [*_unchecked_remarks(rows), *_list_defaults(rows)]
    if run.baseline is not None:
        pairing = pair_columns(run, rows)
        for row in pairing.only_new:
            text = _("“%(column)s” has no matching column in the baseline run and is not compared.")
            remarks.append(text % {"column": row.label})
        for row in pairing.only_old:
            text = _("“%(column)s” of the baseline run has no matching column in this run.")
            remarks.append(text % {"column": row.label})
    return remarks


def _list_defaults(rows: Sequence[Evaluation]) -> list[str]:
    """Return which parameters promptfoo sends though nobody set them."""
    models: dict[str, str] = {}
    for row in rows:
        target = Target.read(row.target)
        values = [f"{name} {target.parameters.get(name)}" for name in target.defaults or ()]
        if values:
            models[target.label or f"{target.kind}:{target.model}"] = ", ".join(values)
    text = _("%(model)s: sent with promptfoo's defaults, since the file sets none: %(values)s.")
    return [text % {"model": model, "values": values} for model, values in models.items()]


def _unchecked_remarks(rows: Sequence[Evaluation]) -> list[str]:
    remarks = []
    for row in rows:
        figures = row.figures
        unchecked, answers = figures.unchecked or 0, figures.answers
        params = {"column": row.label, "count": unchecked, "answers": answers}
        asked_nothing = answers == 0 and row.status == Evaluation.Status.COMPLETED
        if asked_nothing or (unchecked and unchecked == answers):
            remarks.append(
                _(
                    "“%(column)s”: nothing was checked, so there is no pass rate. Add assertions "
                    "to the cases, or import the suite again with --assert."
                )
                % params
            )
        elif unchecked:
            remarks.append(
                _(
                    "“%(column)s”: %(count)d of %(answers)d answers were not checked and count "
                    "neither as passed nor as failed."
                )
                % params
            )
    return remarks


def as_stored(compared: ColumnComparison) -> StoredComparison:
    """Return a comparison as its new column keeps it."""
    comparison = compared.comparison
    interval = None
    if comparison.interval is not None:
        interval = (comparison.interval.low, comparison.interval.high)
    return StoredComparison(
        old=str(compared.old_column.pk),
        code=compared.verdict.code,
        params=dict(compared.verdict.params),
        difference=comparison.difference,
        interval=interval,
        p_value=compared.adjusted_p,
        fixed=[pair.name for pair in comparison.fixed[:NAMED]],
        broken=[pair.name for pair in comparison.broken[:NAMED]],
    )


def verdict_text(stored: StoredComparison) -> str:
    """Return a stored comparison's verdict, in the language of the reader."""
    return str(Verdict(code=stored.code, params=stored.params))


class ShownVerdict(TypedDict):
    """A verdict in the reader's language; its code is for its colour."""

    code: str
    sentence: str


def verdict_between(old: Evaluation, new: Evaluation) -> ShownVerdict:
    """Return the stored verdict of two columns, else one made now; none or two queries."""
    stored = _find_stored(old, new)
    if stored is not None:
        return {"code": stored.code, "sentence": verdict_text(stored)}
    verdict = judge_comparison(compare_columns(old, new), old=old.label, new=new.label)
    return {"code": verdict.code, "sentence": str(verdict)}


class ColumnVerdict(ShownVerdict):
    """The verdict that a column keeps."""

    column: Evaluation


def list_verdicts(columns: Sequence[Evaluation]) -> list[ColumnVerdict]:
    """Return the stored verdicts of the columns that were compared; no query."""
    verdicts: list[ColumnVerdict] = []
    for column in columns:
        stored = column.figures.comparison
        if stored is not None:
            sentence = verdict_text(stored)
            verdicts.append({"column": column, "code": stored.code, "sentence": sentence})
    return verdicts
