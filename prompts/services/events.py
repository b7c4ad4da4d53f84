"""Rows of the timeline: each is written before what it announces (the database insists)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.errors import InvalidInputError
from core.sentences import Sentence
from prompts.models import Prompt, PromptEvent

__all__ = ["announce", "check_reason", "describe_changes"]

REASON_MAX_LENGTH: Final = 500
EXCERPT: Final = 500  # characters of a value before and after


def announce(
    prompts: Iterable[Prompt],
    *,
    kind: str,
    actor: str = "",
    reason: str = "",
    **fields: object,
) -> None:
    """Write an event for each of the prompts.

    Raises:
        InvalidInputError: the reason is too long.
    """
    check_reason(reason)
    events = []
    for prompt in prompts:
        events.append(PromptEvent(prompt=prompt, kind=kind, actor=actor, reason=reason, **fields))
    PromptEvent.objects.bulk_create(events)


def check_reason(reason: str) -> None:
    """Refuse a reason that does not fit.

    Raises:
        InvalidInputError: it is too long.
    """
    if len(reason) > REASON_MAX_LENGTH:
        raise InvalidInputError(
            {"reason": Sentence("audit.reason-too-long", size=len(reason), limit=REASON_MAX_LENGTH)}
        )


def describe_changes(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, object]:
    """Return field → [before, after], long texts cut."""
    changes: dict[str, object] = {}
    for name in sorted(after):
        changes[name] = [_shorten(before[name]), _shorten(after[name])]
    return changes


def _shorten(value: object) -> Any:
    if isinstance(value, str) and len(value) > EXCERPT:
        return f"{value[:EXCERPT]}…"
    return value
