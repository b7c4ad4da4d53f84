"""Records of calls as the list shows and searches them: their beginnings, never whole texts."""

from typing import Any, Final

from django.db.models import CharField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Substr

from evaluations.models import CallRecord

__all__ = ["list_models", "list_prompt_names", "search", "with_beginnings"]

BEGINNING: Final = 200
"""Characters of a text in the list."""
MOST_CHOICES: Final = 100
"""Models, or prompts, to filter by."""
SEARCHED: Final = (
    *("asked_text", "output", "model", "name", "prompt_name", "caller", "trace_id", "error"),
)
# They may be hundreds of thousands of characters each: a list of 50 would read megabytes.
LARGE: Final = ("messages", "output", "variables", "parameters", "metadata")


def with_beginnings(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows without their texts, with how the last message and the answer begin.

    They stand in `asked` and `answered`.
    """
    last = Func(
        F("messages"), Value("$[#-1].content"), function="JSON_EXTRACT", output_field=TextField()
    )
    asked = Substr(last, 1, BEGINNING, output_field=CharField())
    answered = Substr(F("output"), 1, BEGINNING, output_field=CharField())
    shown: QuerySet[Any] = rows.defer(*LARGE).annotate(asked=asked, answered=answered)
    return shown


def search(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return the rows that contain every word, in what was asked or in what came.

    Args:
        rows: where to search.
        text: short, and of few words.
    """
    rows = rows.alias(asked_text=Cast("messages", TextField()))
    for word in text.split():
        matches = Q()
        for name in SEARCHED:
            matches |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(matches)
    return rows


def list_models() -> list[str]:
    """Return names of models that records have, by name."""
    return _list_values("model")


def list_prompt_names() -> list[str]:
    """Return names of prompts that records have, by name."""
    return _list_values("prompt_name")


def _list_values(name: str) -> list[str]:
    rows = CallRecord.objects.exclude(**{name: ""}).order_by(name)
    return list(rows.values_list(name, flat=True).distinct()[:MOST_CHOICES])
