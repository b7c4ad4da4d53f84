"""What a prompt must have shown before a label that needs checks may move to it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from autoforge.core.models import TimestampedModel, UUIDModel
from evaluations.models.ranges import SCORE_RANGE
from evaluations.models.suites import TestSuite

__all__ = ["ReleaseGate"]


class ReleaseGate(UUIDModel, TimestampedModel):
    """A suite that a prompt has to pass."""

    prompt = models.ForeignKey(
        "prompts.Prompt",
        on_delete=models.CASCADE,
        related_name="release_gates",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt whose versions have to pass."),
    )
    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.CASCADE,
        related_name="release_gates",
        verbose_name=_("test suite"),
        help_text=_("The suite that they have to pass."),
    )
    pass_rate = models.FloatField(
        _("pass rate"),
        default=0.8,
        validators=SCORE_RANGE,
        help_text=_("The share of answers that have to pass, 0 to 1."),
    )
    lower_bound = models.FloatField(
        _("lower bound"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_(
            "The 95 percent interval of the pass rate has to begin here or above; empty: anywhere."
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
                violation_error_message=_("This prompt has a gate with this suite already."),
            ),
            models.CheckConstraint(
                name="release_gates_rates_0_to_1",
                condition=Q(pass_rate__range=(0, 1))
                & (Q(lower_bound__isnull=True) | Q(lower_bound__range=(0, 1))),
                violation_error_message=_("Rates are from 0 to 1."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.pass_rate:.0%} · {str(self.pk)[:8]}"
