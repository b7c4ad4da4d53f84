"""Labels that point at versions, the rules of labels, and the record of what happened."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import ImmutableModel, SerialModel, TimestampedModel
from core.validators import validate_json_object, validate_storable
from prompts.models.prompts import Prompt
from prompts.models.versions import PromptVersion
from prompts.naming import LABEL_MAX_LENGTH, validate_label

__all__ = ["LabelRule", "PromptEvent", "PromptLabel"]


class PromptEvent(SerialModel, ImmutableModel):
    """One thing that happened to a prompt; written before it happens, never changed.

    The database itself refuses a status or a label that the newest event of its kind does not
    announce (see the migration of triggers).
    """

    class Kind(models.TextChoices):
        """What happened."""

        EDITED = "edited", _("edited")
        STATUS = "status", _("status")
        LABEL = "label", _("label")
        DELETED = "deleted", _("deleted")
        RESTORED = "restored", _("restored")

    prompt = models.ForeignKey(
        Prompt,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that the event belongs to."),
    )
    kind = models.CharField(
        _("kind"), max_length=16, choices=Kind.choices, help_text=_("What happened.")
    )
    actor = models.CharField(
        _("user"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("The user who did it; empty if unknown."),
    )
    reason = models.CharField(
        _("reason"),
        max_length=500,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Reason, up to 500 characters."),
    )
    label = models.CharField(
        _("label"),
        max_length=LABEL_MAX_LENGTH,
        blank=True,
        default="",
        help_text=_("The label that was moved."),
    )
    before = models.CharField(
        _("from"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Status or version number before the change; empty if there was none."),
    )
    after = models.CharField(
        _("to"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Status or version number after the change; empty if there is none."),
    )
    details = JSONDocumentField(
        _("details"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_(
            "Changed fields with their values before and after, and failed release checks."
        ),
    )

    class Meta(ImmutableModel.Meta):
        db_table = "prompt_events"
        verbose_name = _("event")
        verbose_name_plural = _("timeline")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["prompt", "-id"], name="idx_prompt_events_prompt"),
            models.Index(fields=["prompt", "label", "-id"], name="idx_prompt_events_label"),
        )
        constraints = (
            models.CheckConstraint(
                name="prompt_events_kind_known",
                condition=Q(kind__in=["edited", "status", "label", "deleted", "restored"]),
                violation_error_message=_("The event must be of a known kind."),
            ),
            models.CheckConstraint(
                name="prompt_events_details_is_object",
                condition=is_json("details", "object"),
                violation_error_message=_("Details must be a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.label}".rstrip()


class PromptLabel(SerialModel, TimestampedModel):
    """Where a label of a prompt stands."""

    prompt = models.ForeignKey(
        Prompt,
        on_delete=models.CASCADE,
        related_name="labels",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that has the label."),
    )
    name = models.CharField(
        _("label"),
        max_length=LABEL_MAX_LENGTH,
        validators=[validate_label],
        help_text=_("Name of the label, such as production."),
    )
    version = models.ForeignKey(
        PromptVersion,
        on_delete=models.CASCADE,
        related_name="labels",
        verbose_name=_("version"),
        help_text=_("The version that the label points to."),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "prompt_labels"
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = ("name",)
        permissions = (
            ("move_label", _("Can move labels")),
            ("move_protected_label", _("Can move protected labels")),
            ("override_gate", _("Can move a label against failed checks")),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["prompt", "name"],
                name="prompt_labels_name_unique",
                violation_error_message=_("This prompt already has this label."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class LabelRule(SerialModel, TimestampedModel):
    """What it takes to move a label; a label without a rule moves freely."""

    label = models.CharField(
        _("label"),
        max_length=LABEL_MAX_LENGTH,
        unique=True,
        validators=[validate_label],
        help_text=_("The label that the rule applies to, such as production."),
    )
    is_protected = models.BooleanField(
        _("protected"),
        default=False,
        help_text=_("Only users with the permission for protected labels can move it."),
    )
    needs_checks = models.BooleanField(
        _("needs checks"),
        default=False,
        help_text=_("The label can only move to a version that passes every release check."),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "prompt_label_rules"
        verbose_name = _("label rule")
        verbose_name_plural = _("label rules")
        ordering = ("label",)

    def __str__(self) -> str:
        return self.label
