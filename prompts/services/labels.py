"""Labels: where they stand, who may move them, and what must be true before they do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from autoforge.core.errors import ApplicationError, InvalidInputError, NotFoundError
from autoforge.core.writing import find_row
from prompts import extensions
from prompts.models import LabelRule, Prompt, PromptEvent, PromptLabel, PromptVersion
from prompts.naming import validate_label
from prompts.releases_cache import forget_releases
from prompts.services.events import announce

__all__ = [
    "SYSTEM",
    "GateRefusedError",
    "LabelProtectedError",
    "Mover",
    "move_label",
    "remove_label",
    "roll_back_label",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
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
    def from_user(cls, user: Any) -> "Mover":
        """Return what a user of the admin may."""
        return cls(
            name=user.get_username(),
            may_move=user.has_perm("prompts.move_label"),
            may_move_protected=user.has_perm("prompts.move_protected_label"),
            may_override=user.has_perm("prompts.override_gate"),
        )


SYSTEM: Final = Mover(may_move=True, may_move_protected=True, may_override=True)
"""Who runs a command on the server."""


class LabelProtectedError(ApplicationError):
    """The mover lacks a permission."""


class GateRefusedError(ApplicationError):
    """Checks did not pass.

    Attributes:
        verdicts: what each of them said.
    """

    def __init__(self, sentence: str, verdicts: Iterable[extensions.Verdict]) -> None:
        super().__init__(sentence)
        self.verdicts = tuple(verdicts)


@transaction.atomic
def move_label(
    *,
    prompt_id: UUID | str,
    label: str,
    number: int,
    mover: Mover = SYSTEM,
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
    prompt = find_row(Prompt, prompt_id)
    rule = _checked_rule(label, mover)
    version = PromptVersion.objects.filter(prompt=prompt, number=number).first()
    if version is None:
        raise NotFoundError(
            _("“%(name)s” has no version %(number)d") % {"name": prompt.name, "number": number}
        )
    standing = _standing(prompt, label)
    if standing is not None and standing.version_id == version.pk:
        return standing
    details = _pass_gate(prompt, version, label, rule, mover, reason.strip(), override)
    _announce(prompt, label, standing, str(number), mover, reason, details)
    if standing is None:
        standing = PromptLabel(prompt=prompt, name=label)
    standing.version = version
    standing.save()
    forget_releases()
    return standing


@transaction.atomic
def remove_label(
    *, prompt_id: UUID | str, label: str, mover: Mover = SYSTEM, reason: str = ""
) -> None:
    """Take a label off a prompt.

    Raises:
        InvalidInputError: it is `latest`, which moves by itself.
        NotFoundError: there is no such prompt or label.
        LabelProtectedError: the mover may not.
    """
    prompt = find_row(Prompt, prompt_id)
    _checked_rule(label, mover)
    standing = _standing(prompt, label)
    if standing is None:
        raise NotFoundError(
            _("“%(name)s” has no label “%(label)s”") % {"name": prompt.name, "label": label}
        )
    _announce(prompt, label, standing, "", mover, reason, {})
    standing.delete()
    forget_releases()


@transaction.atomic
def roll_back_label(
    *,
    prompt_id: UUID | str,
    label: str,
    mover: Mover = SYSTEM,
    reason: str = "",
    override: bool = False,
) -> PromptLabel:
    """Let a label stand where it stood before its last move; the same rules hold.

    Raises:
        NotFoundError: there is no such prompt, or its label has not moved yet.
        InvalidInputError, LabelProtectedError, GateRefusedError: as for `move_label`.
    """
    prompt = find_row(Prompt, prompt_id)
    last = PromptEvent.objects.filter(prompt=prompt, kind="label", label=label).first()
    if last is None or not last.before or not last.after:
        sentence = _("the label “%(label)s” of “%(name)s” has stood nowhere before")
        raise NotFoundError(sentence % {"label": label, "name": prompt.name})
    return move_label(
        prompt_id=prompt.pk,
        label=label,
        number=int(last.before),
        mover=mover,
        reason=reason or _("Rolled back from version %(number)s") % {"number": last.after},
        override=override,
    )


def _checked_rule(label: str, mover: Mover) -> LabelRule:
    try:
        validate_label(label)
    except ValidationError as error:
        raise InvalidInputError({"label": " ".join(error.messages)}) from error
    rule = LabelRule.objects.filter(label=label).first() or LabelRule(label=label)
    if not mover.may_move:
        raise LabelProtectedError(_("moving labels needs the permission “Can move labels”"))
    if rule.is_protected and not mover.may_move_protected:
        raise LabelProtectedError(
            _(
                "the label “%(label)s” is protected: ask somebody with the permission "
                "“Can move protected labels” (the role Publisher has it)"
            )
            % {"label": label}
        )
    return rule


def _standing(prompt: Prompt, label: str) -> PromptLabel | None:
    return PromptLabel.objects.select_related("version").filter(prompt=prompt, name=label).first()


def _pass_gate(
    prompt: Prompt,
    version: PromptVersion,
    label: str,
    rule: LabelRule,
    mover: Mover,
    reason: str,
    override: bool,  # noqa: FBT001 (a step of move_label, named there)
) -> dict[str, Any]:
    """Return what the event keeps of the checks; refuse where one fails."""
    if not rule.needs_checks:
        return {}
    verdicts = extensions.run_checks(
        extensions.Candidate(
            prompt_id=prompt.pk,
            version_id=version.pk,
            name=prompt.name,
            number=version.number,
            content_hash=version.content_hash,
            label=label,
        )
    )
    failed = [verdict for verdict in verdicts if not verdict.passed]
    said = {verdict.check: [verdict.passed, verdict.reason] for verdict in verdicts}
    if not failed:
        return {"checks": said}
    why = "; ".join(f"{verdict.check}: {verdict.reason}" for verdict in failed)
    if not override:
        raise GateRefusedError(
            _(
                "“%(label)s” cannot move to version %(number)d, a check fails (%(why)s); mend it, "
                "or override with the permission for it and a written reason"
            )
            % {"label": label, "number": version.number, "why": why},
            failed,
        )
    if not mover.may_override:
        raise LabelProtectedError(
            _(
                "moving a label against failed checks needs the permission “Can move a label "
                "against failed checks” (the role Administrator has it)"
            )
        )
    if not reason:
        raise InvalidInputError({"reason": _("an override needs a written reason")})
    return {"checks": said, "overridden": True}


def _announce(
    prompt: Prompt,
    label: str,
    standing: PromptLabel | None,
    after: str,
    mover: Mover,
    reason: str,
    details: dict[str, Any],
) -> None:
    announce(
        [prompt],
        kind=PromptEvent.Kind.LABEL,
        actor=mover.name,
        reason=reason.strip(),
        label=label,
        before=str(standing.version.number) if standing else "",
        after=after,
        details=details,
    )
