"""Reads of prompts: each is one query, whatever the number of rows."""

from datetime import date, datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from autoforge.core.errors import NotFoundError
from prompts.models import Prompt, PromptTemplate, PromptVersion

__all__ = [
    "count_prompts_by_status",
    "count_templates",
    "daily_versions",
    "get_prompt",
    "get_version",
    "list_versions",
    "recent_versions",
    "search_prompts",
]


def get_prompt(prompt_id: UUID | str) -> Prompt:
    """Return the prompt.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted.
    """
    try:
        return Prompt.objects.get(pk=prompt_id)
    except (Prompt.DoesNotExist, ValidationError) as error:
        raise NotFoundError(f"there is no prompt {prompt_id}") from error


def get_version(prompt_id: UUID | str, number: int) -> PromptVersion:
    """Return version `number` of the prompt.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
    """
    try:
        return PromptVersion.objects.select_related("prompt").get(
            prompt_id=prompt_id, prompt__deleted_at__isnull=True, number=number
        )
    except (PromptVersion.DoesNotExist, ValidationError) as error:
        raise NotFoundError(f"there is no version {number} of a prompt {prompt_id}") from error


def list_versions(prompt_id: UUID | str) -> QuerySet[PromptVersion]:
    """Return the prompt's versions, the newest first."""
    return PromptVersion.objects.filter(prompt_id=prompt_id).order_by("-number")


def search_prompts(text: str) -> QuerySet[Prompt]:
    """Return prompts whose title or content holds every word of `text`."""
    found = Prompt.objects.all()
    for word in text.split():
        found = found.filter(Q(title__icontains=word) | Q(content__icontains=word))
    return found


def count_prompts_by_status() -> dict[str, int]:
    """Return status → number of prompts, every status included."""
    rows = Prompt.objects.order_by().values_list("status").annotate(Count("pk"))
    return dict.fromkeys(Prompt.Status.values, 0) | dict(rows)


def count_templates() -> int:
    """Return how many templates are in use."""
    return PromptTemplate.objects.count()


def daily_versions(since: datetime) -> dict[date, int]:
    """Return day (in the current time zone) → number of versions made, since `since`."""
    rows = (
        PromptVersion.objects.filter(created_at__gte=since)
        .order_by()
        .values_list(TruncDate("created_at"))
        .annotate(Count("pk"))
    )
    return dict(rows)


def recent_versions(limit: int = 10) -> QuerySet[PromptVersion]:
    """Return the newest versions of prompts that are not deleted, with their prompts."""
    return PromptVersion.objects.filter(prompt__deleted_at__isnull=True).select_related("prompt")[
        :limit
    ]
