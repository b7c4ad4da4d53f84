"""What a report says of single answers: errors, and answers that were cut, filtered or empty."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q, TextField
from django.db.models.functions import Cast, Left
from django.utils.translation import gettext as _

from evaluations.finish_reasons import REMARKABLE, explain_finish
from evaluations.models import TestResult
from evaluations.reporting.report import ColumnReport, Report

__all__ = ["list_notes"]

CHUNK: Final = 1000
CASES_SHOWN: Final = 5  # names of cases beside one note
NOTES_SHOWN: Final = 10  # different notes on one column
LONGEST: Final = 500  # characters of a note


@dataclass(slots=True)
class _Cases:
    """Those about which the same is to be said."""

    count: int = 0
    names: list[str] = field(default_factory=list)


def list_notes(report: Report) -> Iterator[str]:
    """Yield a line for each note on a column: what, how often, and the first cases.

    One query for each column; no more is held than is shown.
    """
    for column in report.columns:
        by_sentence, others = _collect(column)
        for sentence, cases in by_sentence.items():
            names = ", ".join(cases.names)
            more = f" … (+{cases.count - CASES_SHOWN})" if cases.count > CASES_SHOWN else ""
            yield f"{column.label}: {sentence} [{cases.count} × {names}{more}]"
        if others:
            yield f"{column.label}: " + _("… and %(count)d more notes") % {"count": others}


def _collect(column: ColumnReport) -> tuple[dict[str, _Cases], int]:
    """Return the first different sentences with their cases, and how many answers have others."""
    rows = (
        TestResult.objects.filter(REMARKABLE | ~Q(error=""))
        .filter(evaluation=column.evaluation, run_case__isnull=False)
        .order_by("run_case__position", "repeat")
        .values_list(
            Left("output", 1),
            "error",
            "finish_reason",
            Cast("details", TextField()),
            "run_case__name",
        )
    )
    by_sentence: dict[str, _Cases] = {}
    others = 0
    for output, error, reason, details, name in rows.iterator(chunk_size=CHUNK):
        # An error says more than how the answer ended.
        sentence = error or explain_finish(
            output=output, error=error, finish_reason=reason, details=details
        )
        sentence = " ".join(sentence.split())[:LONGEST]
        if sentence not in by_sentence and len(by_sentence) == NOTES_SHOWN:
            others += 1
            continue
        cases = by_sentence.setdefault(sentence, _Cases())
        cases.count += 1
        if len(cases.names) < CASES_SHOWN:
            cases.names.append(name)
    return by_sentence, others
