"""The columns that count: of runs that are not deleted, and those that are done."""

from django.db.models import Q, QuerySet

from evaluations.models import Evaluation

__all__ = ["list_completed", "list_kept"]


def list_kept() -> QuerySet[Evaluation]:
    """Return the evaluations whose run, if they have one, is not deleted."""
    return Evaluation.objects.filter(Q(run__isnull=True) | Q(run__deleted_at__isnull=True))


def list_completed() -> QuerySet[Evaluation]:
    """Return those of them that are completed."""
    return list_kept().filter(status=Evaluation.Status.COMPLETED)
