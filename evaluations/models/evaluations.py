"""One column of a run: a prompt's version asked of one model."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import SoftDeleteModel, UUIDModel
from core.validators import validate_json_object
from evaluations.models.outcomes import completed_outcome
from evaluations.models.ranges import SCORE_RANGE
from evaluations.models.runs import Run
from evaluations.models.suites import TestSuite
from evaluations.stored import Summary

__all__ = ["Evaluation"]


class Evaluation(UUIDModel, SoftDeleteModel):
    """One run of a prompt version over a suite against a model."""

    class Status(models.TextChoices):
        """Where an evaluation is in its life."""

        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        STOPPED = "stopped", _("Stopped at limit")

    run = models.ForeignKey(
        Run,
        on_delete=models.CASCADE,
        related_name="evaluations",
        null=True,
        blank=True,
        verbose_name=_("run"),
        help_text=_("The run that this column belongs to."),
    )
    position = models.PositiveIntegerField(
        _("position"),
        default=0,
        help_text=_("Position among the columns of the run, starting at 0."),
    )
    label = models.CharField(
        _("label"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Display name of the column."),
    )
    prompt = models.ForeignKey(
        "prompts.Prompt",
        on_delete=models.CASCADE,
        related_name="evaluations",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that is evaluated; empty if its text came from a file."),
    )
    version = models.ForeignKey(
        "prompts.PromptVersion",
        on_delete=models.RESTRICT,
        related_name="evaluations",
        null=True,
        blank=True,
        verbose_name=_("version"),
        help_text=_("The version that is evaluated; empty until the evaluation starts."),
    )
    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.SET_NULL,
        related_name="evaluations",
        null=True,
        blank=True,
        verbose_name=_("test suite"),
        help_text=_("The suite whose cases are run."),
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status.choices,
        default=Status.PENDING,
        help_text=_("Pending, running, or the final status."),
    )
    overall_score = models.FloatField(
        _("overall score"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_("Weighted mean of the result scores, from 0 to 1; empty if there is none."),
    )
    provider = models.CharField(
        _("provider"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("Provider, e.g. openai."),
    )
    model = models.CharField(
        _("model"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Name of the model at the provider."),
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Parameters sent to the model, such as the temperature."),
    )
    prompt_text = models.TextField(
        _("prompt text"),
        blank=True,
        default="",
        help_text=_(
            "The text sent to the model, if it came from a file; a chat is stored as JSON messages."
        ),
    )
    target = JSONDocumentField(
        _("target"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("The model with its address, limits and prices, without the key."),
    )
    summary = JSONDocumentField(
        _("summary"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_(
            "Pass rate with confidence interval, errors, cost and latency, once it has finished."
        ),
    )
    started_at = models.DateTimeField(
        _("started at"), null=True, blank=True, help_text=_("When it started running.")
    )
    finished_at = models.DateTimeField(
        _("finished at"), null=True, blank=True, help_text=_("When it finished.")
    )
    error = models.TextField(
        _("error"), blank=True, default="", help_text=_("Error message; empty if it did not fail.")
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "evaluations"
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["prompt"], name="idx_evaluations_prompt_id"),
            models.Index(fields=["status"], name="idx_evaluations_status"),
            models.Index(fields=["-created_at"], name="idx_evaluations_created_at"),
        )
        constraints = (
            models.CheckConstraint(
                name="evaluations_status_known",
                condition=Q(
                    status__in=["pending", "running", "completed", "failed", "cancelled", "stopped"]
                ),
                violation_error_message=_(
                    "The status must be pending, running, completed, stopped, cancelled or failed."
                ),
            ),
            models.CheckConstraint(
                name="evaluations_overall_score_0_to_1",
                condition=Q(overall_score__isnull=True) | Q(overall_score__range=(0, 1)),
                violation_error_message=_("The overall score must be from 0 to 1, or empty."),
            ),
            models.CheckConstraint(
                name="evaluations_finished_after_started",
                # One that fails or is cancelled before it begins has no start.
                condition=Q(finished_at__isnull=True)
                | Q(started_at__isnull=True)
                | Q(finished_at__gte=F("started_at")),
                violation_error_message=_("An evaluation cannot finish before it starts."),
            ),
            models.CheckConstraint(
                name="evaluations_target_is_object",
                condition=is_json("target", "object"),
                violation_error_message=_("A target must be a JSON object."),
            ),
            models.CheckConstraint(
                name="evaluations_summary_is_object",
                condition=is_json("summary", "object"),
                violation_error_message=_("A summary must be a JSON object."),
            ),
            models.UniqueConstraint(
                fields=["run", "position"],
                name="evaluations_position_unique",
                violation_error_message=_("Two columns of a run cannot have the same position."),
            ),
            models.CheckConstraint(
                name="evaluations_parameters_is_object",
                condition=is_json("parameters", "object"),
                violation_error_message=_("Parameters must be a JSON object."),
            ),
        )

    @property
    def title(self) -> str:
        """What people call what was asked: the prompt's title, or the label of a file's."""
        return self.prompt.title if self.prompt else self.label

    @property
    def figures(self) -> Summary:
        """What `summary` holds, read."""
        return Summary.read(self.summary)

    @property
    def outcome(self) -> tuple[str, str]:
        """How it stands: a code for its colour, and the words for it."""
        if self.status == self.Status.COMPLETED:
            came_out = completed_outcome([self.figures])
            if came_out is not None:
                return came_out.value, str(came_out.label)
        return self.status, self.get_status_display()

    @property
    def percent_passed(self) -> str:
        """The pass rate of an evaluation that has ended, such as 87.5 %."""
        rate = self.figures.pass_rate
        return "–" if rate is None else f"{rate:.1%}"

    @property
    def percent_interval(self) -> str:
        """The 95 percent interval of the pass rate."""
        interval = self.figures.pass_interval
        return "–" if not interval else f"{interval[0]:.1%}–{interval[1]:.1%}"

    def clean(self) -> None:
        """Refuse a version of another prompt.

        Raises:
            ValidationError: for the field `version`.
        """
        if self.version is not None and self.version.prompt_id != self.prompt_id:
            raise ValidationError({"version": _("This version belongs to a different prompt.")})

    def __str__(self) -> str:
        # Never the prompt's title: it would cost every list a query a row.
        return f"{self.get_status_display()} · {str(self.pk)[:8]}"
