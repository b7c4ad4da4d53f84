"""What a prompt must have shown before a label that needs checks may move; who decided so."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import ImmutableModel, SerialModel, TimestampedModel, UUIDModel
from core.validators import validate_json_object, validate_storable
from evaluations.models.ranges import SCORE_RANGE
from evaluations.models.suites import TestSuite

__all__ = ["GateEvent", "ReleaseGate"]


class ReleaseGate(UUIDModel, TimestampedModel):
    """A suite that a prompt has to pass."""

    prompt = models.ForeignKey(
        "prompts.Prompt",
        on_delete=models.CASCADE,
        related_name="release_gates",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt whose versions must pass."),
    )
    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.CASCADE,
        related_name="release_gates",
        verbose_name=_("test suite"),
        help_text=_("The suite that they must pass."),
    )
    pass_rate = models.FloatField(
        _("pass rate"),
        default=0.8,
        validators=SCORE_RANGE,
        help_text=_("Required pass rate, from 0 to 1."),
    )
    lower_bound = models.FloatField(
        _("lower bound"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_(
            "Required lower bound of the 95% confidence interval of the pass rate; "
            "leave blank for none."
        ),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "release_gates"
        verbose_name = _("release gate")
        verbose_name_plural = _("release gates")
        ordering = ("prompt", "suite")
        constraints = (
            models.UniqueConstraint(
                fields=["prompt", "suite"],
                name="release_gates_once",
                violation_error_message=_("This prompt already has a gate for this suite."),
            ),
            models.CheckConstraint(
                name="release_gates_rates_0_to_1",
                condition=Q(pass_rate__range=(0, 1))
                & (Q(lower_bound__isnull=True) | Q(lower_bound__range=(0, 1))),
                violation_error_message=_("Rates must be from 0 to 1."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.pass_rate:.0%} · {str(self.pk)[:8]}"


class GateEvent(SerialModel, ImmutableModel):
    """One change of a gate: who made it, and what was before and after. It outlives the gate."""

    class Kind(models.TextChoices):
        """What happened."""

        CREATED = "created", _("created")
        CHANGED = "changed", _("changed")
        DELETED = "deleted", _("deleted")

    prompt = models.ForeignKey(
        "prompts.Prompt",
        on_delete=models.CASCADE,
        related_name="gate_events",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that the gate belongs to."),
    )
    gate = models.UUIDField(_("release gate"), help_text=_("The ID of the gate."))
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
    changes = JSONDocumentField(
        _("changes"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Fields with their values before and after."),
    )

    class Meta(ImmutableModel.Meta):
        db_table = "gate_events"
        verbose_name = _("gate event")
        verbose_name_plural = _("gate events")
        ordering = ("-id",)
        default_permissions = ()
        indexes = (models.Index(fields=["prompt", "-id"], name="idx_gate_events_prompt"),)
        constraints = (
            models.CheckConstraint(
                name="gate_events_kind_known",
                condition=Q(kind__in=["created", "changed", "deleted"]),
                violation_error_message=_("The event must be of a known kind."),
            ),
            models.CheckConstraint(
                name="gate_events_changes_is_object",
                condition=is_json("changes", "object"),
                violation_error_message=_("Changes must be a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.actor}".rstrip()
