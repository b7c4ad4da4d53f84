"""What webhooks are told of prompts: names and numbers, never a text.

Data is built only where somebody subscribes: an import makes thousands of versions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.events.services.outbox import announce, announce_many
from prompts.event_types import GATE_REFUSED, LABEL_MOVED, VERSION_CREATED
from prompts.extensions import Candidate, Verdict
from prompts.models import Prompt, PromptLabel, PromptVersion

__all__ = ["Refusal", "describe_move", "tell_of_moves", "tell_of_refusals", "tell_of_versions"]

Refusal = tuple[Candidate, Sequence[Verdict]]
"""The version that a label was to move to, and the checks that failed."""


def tell_of_versions(versions: Iterable[PromptVersion], *, actor: str) -> None:
    """Tell of versions that were made; each knows its prompt without a query."""

    def describe() -> Iterator[Mapping[str, object]]:
        for version in versions:
            yield {
                "prompt_id": str(version.prompt.pk),
                "name": version.prompt.name,
                "version": version.number,
                "content_hash": version.content_hash,
                "actor": actor,
            }

    announce_many(event_type=VERSION_CREATED, data=describe())


def describe_move(
    prompt: Prompt,
    label: str,
    standing: PromptLabel | None,
    version: PromptVersion | None,
    details: Mapping[str, object],
) -> dict[str, object]:
    """Return what is told of a move, but for who did it.

    Args:
        prompt: the prompt.
        label: its label.
        standing: where the label stood until now.
        version: where it stands now; None: it was removed.
        details: what the prompt's history keeps of the move.
    """
    action = "moved"
    if version is None:
        action = "removed"
    elif details.get("rolled_back"):
        action = "rolled_back"
    return {
        "prompt_id": str(prompt.pk),
        "name": prompt.name,
        "label": label,
        "action": action,
        "before": standing.version.number if standing else None,
        "after": version.number if version else None,
        "content_hash": version.content_hash if version else None,
        "overridden": bool(details.get("overridden")),
    }


def tell_of_moves(moves: Iterable[Mapping[str, object]], *, actor: str) -> None:
    """Tell of labels that were moved or removed; each as `describe_move` says it."""
    announce_many(event_type=LABEL_MOVED, data=[{**move, "actor": actor} for move in moves])


def tell_of_refusals(refusals: Iterable[Refusal], *, actor: str) -> None:
    """Tell of labels that release checks kept where they were."""
    for candidate, failed in refusals:
        checks = []
        for verdict in failed:
            checks.append({"check": verdict.check, "reason": verdict.reason})
        data = {
            "prompt_id": str(candidate.prompt_id),
            "name": candidate.name,
            "label": candidate.label,
            "version": candidate.number,
            "content_hash": candidate.content_hash,
            "actor": actor,
            "checks": checks,
        }
        announce(event_type=GATE_REFUSED, data=data)
