"""Labels: where they stand, who may move them, and what must be true before they do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from core.errors import (
    ApplicationError,
    InvalidInputError,
    NotFoundError,
    StaleEditError,
)
from core.sentences import Sentence
from core.services import find_row
from prompts import extensions
from prompts.models import LabelRule, Prompt, PromptEvent, PromptLabel, PromptVersion
from prompts.naming import validate_label
from prompts.releases_cache import forget_releases
from prompts.services.events import announce
from prompts.services.webhooks import describe_move, tell_of_moves, tell_of_refusals

__all__ = [
    "SYSTEM",
    "Actor",
    "GateRefusedError",
    "LabelProtectedError",
    "RollBack",
    "check_mover",
    "find_roll_back",
    "move_label",
    "pass_gate",
    "remove_label",
    "roll_back_label",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who moves a label, and what they may."""

    name: str = ""
    """Recorded with the move."""
    may_move: bool = False
    """Whether they may move labels at all."""
    may_move_protected: bool = False
    """Whether they may move protected labels."""
    may_override: bool = False
    """Whether they may move a label against failed checks."""

    @classmethod
    def from_user(cls, user: Any) -> "Actor":
        """Return what a user of the admin may."""
        return cls(
            name=user.get_username(),
            may_move=user.has_perm("prompts.move_label"),
            may_move_protected=user.has_perm("prompts.move_protected_label"),
            may_override=user.has_perm("prompts.override_gate"),
        )


SYSTEM: Final = Actor(may_move=True, may_move_protected=True, may_override=True)
"""Who runs a command on the server."""


class LabelProtectedError(ApplicationError):
    """The mover lacks a permission."""


class GateRefusedError(ApplicationError):
    """Checks did not pass.

    Attributes:
        candidate: the version that was to be released.
        verdicts: what each of them said.
    """

    def __init__(
        self,
        code: str,
        candidate: extensions.Candidate,
        verdicts: Iterable[extensions.Verdict],
        **params: Any,
    ) -> None:
        super().__init__(code, **params)
        self.candidate = candidate
        self.verdicts = tuple(verdicts)


def move_label(
    *,
    prompt_id: UUID | str,
    label: str,
    number: int,
    mover: Actor = SYSTEM,
    reason: str = "",
    override: bool = False,
) -> PromptLabel:
    """Let a label stand at version `number`; where it stands there already nothing happens.

    Args:
        prompt_id: the prompt.
        label: its label, made if the prompt has none of that name.
        number: the version.
        mover: who does it.
        reason: why; required to override.
        override: whether to move it although a check fails.

    Raises:
        InvalidInputError: the label has no proper name, or an override no reason.
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
        LabelProtectedError: the mover may not.
        GateRefusedError: a check fails.
    """
    try:
        with transaction.atomic():
            return _move(prompt_id, label, number, mover, reason.strip(), override=override)
    except GateRefusedError as error:
        # After what was begun is undone: what is told of the refusal would be undone with it.
        tell_of_refusals([(error.candidate, error.verdicts)], actor=mover.name)
        raise


def _move(
    prompt_id: UUID | str, label: str, number: int, mover: Actor, reason: str, *, override: bool
) -> PromptLabel:
    prompt = find_row(Prompt, prompt_id)
    rule = check_mover(label, mover)
    version = PromptVersion.objects.filter(prompt=prompt, number=number).first()
    if version is None:
        raise NotFoundError("label.version-missing", name=prompt.name, number=number)
    standing = _standing(prompt, label)
    if standing is not None and standing.version_id == version.pk:
        return standing
    details = pass_gate(prompt, version, label, rule, mover, reason, override=override)
    _announce(prompt, label, standing, version, mover, reason, details)
    return _stand(prompt, label, standing, version)


@transaction.atomic
def remove_label(
    *, prompt_id: UUID | str, label: str, mover: Actor = SYSTEM, reason: str = ""
) -> None:
    """Take a label off a prompt.

    Args:
        prompt_id: the prompt.
        label: its label.
        mover: who does it.
        reason: why; required where the label is protected.

    Raises:
        InvalidInputError: it is `latest`, which moves by itself; or a reason is missing.
        NotFoundError: there is no such prompt or label.
        LabelProtectedError: the mover may not.
    """
    prompt = find_row(Prompt, prompt_id)
    rule = check_mover(label, mover)
    standing = _standing(prompt, label)
    if standing is None:
        raise NotFoundError("label.missing", name=prompt.name, label=label)
    _need_reason(rule, reason)
    _announce(prompt, label, standing, None, mover, reason, {})
    standing.delete()
    forget_releases()


@dataclass(frozen=True, kw_only=True, slots=True)
class RollBack:
    """From where to where a label rolls back."""

    current: int
    """The version that it stands at."""
    target: int
    """The version that it stood at before."""


def find_roll_back(*, prompt_id: UUID | str, label: str) -> RollBack:
    """Return where a label goes when it is rolled back.

    That is the version that stood before the current one in the label's history. What was rolled
    back is out of that history: the next roll back goes further back, never forward again.

    Raises:
        NotFoundError: there is no such prompt, its label stands nowhere or stood nowhere before.
    """
    prompt = find_row(Prompt, prompt_id)
    numbers = _history(prompt, label)
    if _standing(prompt, label) is None or len(numbers) < 2:
        raise NotFoundError("label.no-earlier", label=label, name=prompt.name)
    return RollBack(current=numbers[-1], target=numbers[-2])


@transaction.atomic
def roll_back_label(
    *,
    prompt_id: UUID | str,
    label: str,
    mover: Actor = SYSTEM,
    reason: str = "",
    expected: RollBack | None = None,
) -> PromptLabel:
    """Let a label stand where it stood before.

    The version has stood there already: release checks are not run again, and the history says so.

    Args:
        prompt_id: the prompt.
        label: its label.
        mover: who does it.
        reason: why; required where the label is protected.
        expected: what a person was shown; refused if the label has moved since.

    Raises:
        NotFoundError: there is no such prompt, or its label has not moved yet.
        StaleEditError: the label has moved since.
        InvalidInputError: a reason is missing.
        LabelProtectedError: the mover may not.
    """
    prompt = find_row(Prompt, prompt_id)
    rule = check_mover(label, mover)
    step = find_roll_back(prompt_id=prompt.pk, label=label)
    if expected is not None and expected != step:
        raise StaleEditError("label.moved", label=label, number=step.current)
    _need_reason(rule, reason)
    version = PromptVersion.objects.get(prompt=prompt, number=step.target)
    standing = _standing(prompt, label)
    details = {"rolled_back": True}
    if rule.needs_checks:
        details["checks_skipped"] = True
    why = reason.strip() or _rolled_back_from(step.current)
    _announce(prompt, label, standing, version, mover, why, details)
    return _stand(prompt, label, standing, version)


def _history(prompt: Prompt, label: str) -> list[int]:
    """Return the versions that a label stood at, the current one last, without what was undone."""
    numbers: list[int] = []
    moves = PromptEvent.objects.filter(prompt=prompt, kind=PromptEvent.Kind.LABEL, label=label)
    for move in moves.order_by("id"):
        if not move.after:  # taken off: where it stood still counts
            continue
        number = int(move.after)
        if _is_roll_back(move) and number in numbers:
            while numbers[-1] != number:
                numbers.pop()
        elif not numbers or numbers[-1] != number:
            numbers.append(number)
    return numbers


def _is_roll_back(move: PromptEvent) -> bool:
    if move.details.get("rolled_back"):
        return True
    # Before roll backs were marked, nothing but their reason told them apart.
    sentences = set()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            sentences.add(_rolled_back_from(move.before))
    return move.reason in sentences


def _rolled_back_from(number: object) -> str:
    return _("Rolled back from version %(number)s") % {"number": number}


def _stand(
    prompt: Prompt, label: str, standing: PromptLabel | None, version: PromptVersion
) -> PromptLabel:
    """Let a label stand at a version; the event that announces it is written."""
    if standing is None:
        standing = PromptLabel(prompt=prompt, name=label)
    standing.version = version
    standing.save()
    forget_releases()
    return standing


def _need_reason(rule: LabelRule, reason: str) -> None:
    if rule.is_protected and not reason.strip():
        raise InvalidInputError({"reason": Sentence("label.reason", label=rule.label)})


def check_mover(label: str, mover: Actor) -> LabelRule:
    """Return the rule of a label, an empty one where it has none.

    Raises:
        InvalidInputError: it is no label, or it is `latest`, which moves by itself.
        LabelProtectedError: the mover may not move it.
    """
    try:
        validate_label(label)
    except ValidationError as error:
        raise InvalidInputError({"label": " ".join(error.messages)}) from error
    rule = LabelRule.objects.filter(label=label).first()
    if rule is None:
        rule = LabelRule(label=label)
    if not mover.may_move:
        raise LabelProtectedError("label.permission")
    if rule.is_protected and not mover.may_move_protected:
        raise LabelProtectedError("label.protected", label=label)
    return rule


def _standing(prompt: Prompt, label: str) -> PromptLabel | None:
    return PromptLabel.objects.select_related("version").filter(prompt=prompt, name=label).first()


def pass_gate(
    prompt: Prompt,
    version: PromptVersion,
    label: str,
    rule: LabelRule,
    mover: Actor,
    reason: str = "",
    *,
    override: bool = False,
) -> dict[str, object]:
    """Return what the event keeps of the checks.

    Raises:
        GateRefusedError: one fails.
        LabelProtectedError: it is to be overridden, and the mover may not.
        InvalidInputError: an override has no reason.
    """
    if not rule.needs_checks:
        return {}
    candidate = extensions.Candidate(
        prompt_id=prompt.pk,
        version_id=version.pk,
        name=prompt.name,
        number=version.number,
        content_hash=version.content_hash,
        label=label,
    )
    verdicts = extensions.run_checks(candidate)
    checks: dict[str, list[object]] = {}
    failed: list[extensions.Verdict] = []
    reasons: list[str] = []
    for verdict in verdicts:
        checks[verdict.check] = [verdict.passed, verdict.reason]
        if not verdict.passed:
            failed.append(verdict)
            reasons.append(f"{verdict.check}: {verdict.reason}")
    if not failed:
        return {"checks": checks}
    why = "; ".join(reasons)
    if not override:
        raise GateRefusedError(
            "label.gate", candidate, failed, label=label, number=version.number, why=why
        )
    if not mover.may_override:
        raise LabelProtectedError("label.override-permission")
    if not reason:
        raise InvalidInputError({"reason": Sentence("label.override-reason")})
    return {"checks": checks, "overridden": True}


def _announce(
    prompt: Prompt,
    label: str,
    standing: PromptLabel | None,
    version: PromptVersion | None,
    mover: Actor,
    reason: str,
    details: dict[str, Any],
) -> None:
    """Write a move into the history, and tell webhooks of it; without a version it is a removal."""
    before = str(standing.version.number) if standing else ""
    after = str(version.number) if version else ""
    announce(
        [prompt],
        kind=PromptEvent.Kind.LABEL,
        actor=mover.name,
        reason=reason.strip(),
        label=label,
        before=before,
        after=after,
        details=details,
    )
    move = describe_move(prompt, label, standing, version, details)
    tell_of_moves([move], actor=mover.name)
