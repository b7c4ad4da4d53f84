"""How a run or one of its columns came out: "completed" alone says too little."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from evaluations.stored import Summary

__all__ = ["Outcome", "completed_outcome"]


class Outcome(models.TextChoices):
    """What a completed run came to, where it is not simply complete."""

    ONLY_ERRORS = "only-errors", _("Only errors")
    SOME_ERRORS = "some-errors", _("Completed with errors")
    NOTHING_CHECKED = "nothing-checked", _("Nothing was checked")


def completed_outcome(summaries: Iterable[Summary]) -> Outcome | None:
    """Return what is to be said besides "completed"; None where every answer was compared.

    Args:
        summaries: what the columns keep; one without figures says nothing.
    """
    counted = [summary for summary in summaries if summary.answers is not None]
    answers = sum(summary.answers or 0 for summary in counted)
    errors = sum(summary.errors or 0 for summary in counted)
    unchecked = sum(summary.unchecked or 0 for summary in counted)
    if not answers:
        return None
    if errors == answers:
        return Outcome.ONLY_ERRORS
    if errors:
        return Outcome.SOME_ERRORS
    return Outcome.NOTHING_CHECKED if unchecked == answers else None
