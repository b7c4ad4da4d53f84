"""Writes to many prompts at once: a few statements for all of them, one refusal for each.

What one prompt is refused stops none of the others; who calls shows the refusals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from core.errors import ApplicationError, InvalidInputError
from core.sentences import Sentence
from core.services import check_fields
from prompts.models import Prompt, PromptEvent, PromptLabel, PromptVersion
from prompts.releases_cache import forget_releases
from prompts.services.events import announce, check_reason, describe_changes
from prompts.services.labels import SYSTEM, Actor, GateRefusedError, check_mover, pass_gate
from prompts.services.webhooks import Refusal, describe_move, tell_of_moves, tell_of_refusals

__all__ = ["Changes", "add_tags", "delete_prompts", "label_newest", "restore_prompts"]

NOT_TAGS: Final = {field.name for field in Prompt._meta.concrete_fields} - {"tags"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What became of the prompts; one that is in neither had nothing to change."""

    changed: int = 0
    """How many are other than before."""
    refused: Sequence[tuple[Prompt, ApplicationError]] = ()
    """Each that was refused, and why."""


@transaction.atomic
def add_tags(prompts: Iterable[Prompt], *, tags: Iterable[str], actor: str = "") -> Changes:
    """Give all `prompts` the tags that they lack."""
    added = list(tags)
    changed: list[Prompt] = []
    events: list[PromptEvent] = []
    refused: list[tuple[Prompt, ApplicationError]] = []
    for prompt in prompts:
        before = prompt.tags
        missing = [tag for tag in added if tag not in before]
        if not missing:
            continue
        prompt.tags = [*before, *missing]
        try:
            check_fields(prompt, exclude=NOT_TAGS)
        except InvalidInputError as error:
            refused.append((prompt, error))
            continue
        details = describe_changes({"tags": before}, {"tags": prompt.tags})
        kind = PromptEvent.Kind.EDITED
        events.append(PromptEvent(prompt=prompt, kind=kind, actor=actor, details=details))
        changed.append(prompt)
    PromptEvent.objects.bulk_create(events)
    Prompt.objects.bulk_update(changed, ["tags"])
    if changed:
        forget_releases()
    return Changes(changed=len(changed), refused=refused)


@transaction.atomic
def label_newest(
    prompts: Iterable[Prompt], *, label: str, mover: Actor = SYSTEM, reason: str = ""
) -> Changes:
    """Let a label stand at the newest version of each prompt, where the checks pass.

    Raises:
        InvalidInputError: it is no label, or the reason is too long.
        LabelProtectedError: the mover may not move it.
    """
    rule = check_mover(label, mover)
    check_reason(reason)
    prompts = list(prompts)
    # Without the texts, which nothing here reads.
    newest = PromptVersion.objects.filter(
        prompt__in=prompts, number=F("prompt__current_version")
    ).defer("content", "variables", "config", "includes")
    versions = {version.prompt_id: version for version in newest}
    labels = PromptLabel.objects.filter(prompt__in=prompts, name=label).select_related("version")
    labels_by_prompt = {row.prompt_id: row for row in labels}
    events: list[PromptEvent] = []
    new: list[PromptLabel] = []
    moved: list[PromptLabel] = []
    told: list[dict[str, object]] = []
    refused: list[tuple[Prompt, ApplicationError]] = []
    refusals: list[Refusal] = []
    for prompt in prompts:
        version = versions[prompt.pk]
        row = labels_by_prompt.get(prompt.pk)
        if row is not None and row.version_id == version.pk:
            continue
        try:
            details = pass_gate(prompt, version, label, rule, mover)
        except GateRefusedError as error:  # nothing else: no check is overridden here
            refused.append((prompt, error))
            refusals.append((error.candidate, error.verdicts))
            continue
        events.append(_build_move(prompt, row, version, label, mover, reason, details))
        told.append(describe_move(prompt, label, row, version, details))
        if row is None:
            new.append(PromptLabel(prompt=prompt, name=label, version=version))
        else:
            row.version = version
            moved.append(row)
    # The events first: a trigger refuses a label that moves without one.
    PromptEvent.objects.bulk_create(events)
    PromptLabel.objects.bulk_create(new)
    PromptLabel.objects.bulk_update(moved, ["version"])
    tell_of_moves(told, actor=mover.name)
    tell_of_refusals(refusals, actor=mover.name)
    if events:
        forget_releases()
    return Changes(changed=len(events), refused=refused)


def _build_move(
    prompt: Prompt,
    standing: PromptLabel | None,
    version: PromptVersion,
    label: str,
    mover: Actor,
    reason: str,
    details: dict[str, object],
) -> PromptEvent:
    before = ""
    if standing is not None:
        before = str(standing.version.number)
    return PromptEvent(
        prompt=prompt,
        kind=PromptEvent.Kind.LABEL,
        label=label,
        before=before,
        after=str(version.number),
        actor=mover.name,
        reason=reason.strip(),
        details=details,
    )


@transaction.atomic
def delete_prompts(keys: Iterable[UUID | str], *, actor: str = "", reason: str = "") -> int:
    """Put prompts into the trash; return how many were in use until now."""
    prompts = list(Prompt.objects.filter(pk__in=list(keys)))
    announce(prompts, kind=PromptEvent.Kind.DELETED, actor=actor, reason=reason)
    Prompt.objects.filter(pk__in=[prompt.pk for prompt in prompts]).delete()
    forget_releases()
    return len(prompts)


@transaction.atomic
def restore_prompts(prompts: Iterable[Prompt], *, actor: str = "") -> Changes:
    """Take prompts out of the trash; one whose name is taken by now stays there."""
    deleted = [prompt for prompt in prompts if prompt.is_deleted]
    names = [prompt.name for prompt in deleted]
    taken = set(Prompt.objects.filter(name__in=names).values_list("name", flat=True))
    free: list[Prompt] = []
    refused: list[tuple[Prompt, ApplicationError]] = []
    for prompt in deleted:
        if prompt.name in taken:
            taken_name = Sentence("prompt.name-taken", name=prompt.name)
            refused.append((prompt, InvalidInputError({"name": taken_name})))
            continue
        taken.add(prompt.name)  # two in the trash may have the same name: the first one gets it
        free.append(prompt)
    announce(free, kind=PromptEvent.Kind.RESTORED, actor=actor)
    # By keys: the rows may come from a filter on `deleted_at`, which they leave now.
    keys = [prompt.pk for prompt in free]
    Prompt.all_objects.get_queryset().filter(pk__in=keys).restore()
    if free:
        forget_releases()
    return Changes(changed=len(free), refused=refused)
