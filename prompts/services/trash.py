"""What is in the trash for long enough goes for good."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import RestrictedError
from django.utils import timezone

from autoforge.core.errors import ApplicationError, InvalidInputError
from prompts.models import Prompt
from prompts.releases_cache import forget_releases

__all__ = ["EvaluatedError", "find_purgeable", "purge_prompts"]


class EvaluatedError(ApplicationError):
    """Something that is kept depends on the prompt."""


def find_purgeable(*, older_than_days: int) -> list[UUID]:
    """Return the keys of the prompts that have been in the trash for that long.

    Raises:
        InvalidInputError: the age is negative.
    """
    if older_than_days < 0:
        raise InvalidInputError({"older_than_days": "must be 0 or more"})
    until = timezone.now() - timedelta(days=older_than_days)
    rows = Prompt.all_objects.deleted().filter(deleted_at__lte=until).order_by("deleted_at")
    return list(rows.values_list("pk", flat=True))


@transaction.atomic
def purge_prompts(keys: Iterable[UUID]) -> int:
    """Remove deleted prompts with all that hangs on them; return how many there were.

    Prompts that are in use are left alone.

    Raises:
        EvaluatedError: something that is kept depends on one; nothing was removed.
    """
    count = 0
    for prompt in Prompt.all_objects.deleted().filter(pk__in=list(keys)):
        try:
            prompt.hard_delete()
        except RestrictedError as error:
            raise EvaluatedError(
                f"“{prompt.title}” cannot be removed: {len(error.restricted_objects)} rows that "
                "are kept depend on it"
            ) from error
        count += 1
    forget_releases()
    return count
