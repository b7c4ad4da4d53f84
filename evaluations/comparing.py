"""Columns of runs compared: with the baseline's like them, else with the run's first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from evaluations.engine.statistics import (
    SENTENCES,
    Comparison,
    Verdict,
    deciding_p,
    holm,
    judge_comparison,
)
from evaluations.models import Evaluation, Run
from evaluations.summaries import compare_columns

__all__ = ["Comparing", "Judged", "as_stored", "compare_run", "judge_run", "sentence_of"]

NAMED: Final = 50  # flipped cases that are kept by name


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparing:
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
class Judged:
    """What most reports say of two columns: it is stored when a run ends."""

    verdict: Verdict
    fixed: Sequence[str]
    """Names of the first NAMED cases; the verdict's params count all."""
    broken: Sequence[str]
    """The same of the broken ones."""


def judge_run(run: Run, rows: Sequence[Evaluation]) -> list[Judged]:
    """Return the verdicts of a run, its columns given in their order.

    They are read from the columns where the run has ended; else all its outcomes are compared now.
    """
    stored = [_stored(old, new) for old, new in _pairs(run, rows)] if rows else []
    if run.is_open or not all(stored):
        stored = [as_stored(one) for one in compare_run(run, rows)]
    return [
        Judged(
            verdict=Verdict(code=one["code"], params=one["params"]),
            fixed=one["fixed"],
            broken=one["broken"],
        )
        for one in stored
    ]


def _stored(old: Evaluation, new: Evaluation) -> dict[str, Any]:
    """Return what the new column keeps of these two; empty where that is of another one."""
    found: dict[str, Any] = new.summary.get("comparison") or {}
    return found if found.get("old") == str(old.pk) else {}


def compare_run(run: Run, rows: Sequence[Evaluation]) -> list[Comparing]:
    """Return the comparisons of a run, its columns given in their order."""
    pairs = _pairs(run, rows)
    compared = [(old, new, compare_columns(old, new)) for old, new in pairs]
    p_values = {
        place: p_value
        for place, (_old, _new, found) in enumerate(compared)
        if (p_value := deciding_p(found)) is not None
    }
    adjusted = holm(p_values)
    return [
        Comparing(
            old=_name(old, run),
            new=new.label,
            old_column=old,
            new_column=new,
            comparison=found,
            verdict=judge_comparison(
                found, old=_name(old, run), new=new.label, p_value=adjusted.get(place)
            ),
            adjusted_p=adjusted.get(place),
        )
        for place, (old, new, found) in enumerate(compared)
    ]


def _name(row: Evaluation, run: Run) -> str:
    return row.label if row.run_id == run.pk else f"{row.label} (baseline)"


def _pairs(run: Run, rows: Sequence[Evaluation]) -> list[tuple[Evaluation, Evaluation]]:
    """Return (old, new): each column with the baseline's like it, else with the first one."""
    if run.baseline is None:
        return [(rows[0], row) for row in rows[1:]]
    before = list(run.baseline.evaluations.order_by("position"))
    found = []
    for row in rows:
        same = [one for one in before if (one.provider, one.model) == (row.provider, row.model)]
        by_place = same[row.position :] or same or before[row.position :] or before
        found += [(by_place[0], row)] if by_place else []
    return found


def as_stored(one: Comparing) -> dict[str, Any]:
    """Return a comparison as the JSON that its new column keeps."""
    found = one.comparison
    return {
        "old": str(one.old_column.pk),
        "code": one.verdict.code,
        "params": dict(one.verdict.params),
        "difference": found.difference,
        "interval": None if found.interval is None else [found.interval.low, found.interval.high],
        "p_value": one.adjusted_p,
        "fixed": [pair.name for pair in found.fixed[:NAMED]],
        "broken": [pair.name for pair in found.broken[:NAMED]],
    }


def sentence_of(stored: Mapping[str, Any]) -> str:
    """Return a stored comparison's verdict, in the language of the reader."""
    return str(_(SENTENCES[stored["code"]]) % stored["params"])
