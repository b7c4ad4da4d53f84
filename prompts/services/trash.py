"""What is in the trash for long enough goes for good."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.errors import InvalidInputError
from core.sentences import Sentence
from core.services import delete_in_batches
from prompts.models import Prompt, PromptTemplate
from prompts.releases_cache import forget_releases

__all__ = ["find_first_deletion", "find_purgeable", "purge_prompts", "purge_templates"]

CHUNK: Final = 100  # prompts that are removed by one statement a table


def find_purgeable(*, older_than_days: int) -> list[UUID]:
    """Return the keys of the prompts that have been in the trash for that long.

    Raises:
        InvalidInputError: the age is negative.
    """
    if older_than_days < 0:
        raise InvalidInputError({"older_than_days": Sentence("trash.days")})
    until = timezone.now() - timedelta(days=older_than_days)
    rows = Prompt.all_objects.deleted().filter(deleted_at__lte=until).order_by("deleted_at")
    return list(rows.values_list("pk", flat=True))


def find_first_deletion(keys: Iterable[UUID]) -> datetime | None:
    """Return when the first of these prompts was put into the trash; None: none of them was."""
    rows = Prompt.all_objects.deleted().filter(pk__in=list(keys)).order_by("deleted_at")
    return rows.values_list("deleted_at", flat=True).first()


@transaction.atomic
def purge_prompts(keys: Iterable[UUID]) -> int:
    """Remove deleted prompts with all that hangs on them; return how many there were.

    Prompts that are in use are left alone.
    """
    rows = Prompt.all_objects.deleted().filter(pk__in=list(keys))
    purged = list(rows.values_list("pk", flat=True))
    for start in range(0, len(purged), CHUNK):
        chunk = purged[start : start + CHUNK]
        Prompt.all_objects.get_queryset().filter(pk__in=chunk).hard_delete()
    forget_releases()
    return len(purged)


def purge_templates(*, before: datetime) -> int:
    """Remove templates that were put into the trash before then; return how many there were."""
    rows = PromptTemplate.all_objects.deleted().filter(deleted_at__lt=before)
    return delete_in_batches(rows.order_by())
