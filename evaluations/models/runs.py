"""Runs: what is asked of whom, within which limits, and who is at it."""

from typing import Final

from django.conf import settings as django_settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import SerialModel, SoftDeleteModel, UUIDModel
from core.validators import validate_json_object, validate_storable
from evaluations.models.suites import TestCase, TestSuite

__all__ = ["OPEN", "Run", "RunCase"]


class Run(UUIDModel, SoftDeleteModel):
    """Cases asked of one or more columns (evaluations), each `repeats` times."""

    class Status(models.TextChoices):
        """Where a run is in its life."""

        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        STOPPED = "stopped", _("Stopped at limit")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    name = models.CharField(
        _("name"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Display name."),
    )
    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.SET_NULL,
        related_name="runs",
        null=True,
        blank=True,
        verbose_name=_("test suite"),
        help_text=_("The suite whose cases were copied; empty if they came from a file."),
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status.choices,
        default=Status.PENDING,
        help_text=_("Pending, running, or the final status."),
    )
    repeats = models.PositiveIntegerField(
        _("repeats"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("How many times each case is run."),
    )
    planned = models.PositiveIntegerField(
        _("planned answers"), default=0, help_text=_("Cases × columns × repeats.")
    )
    use_cache = models.BooleanField(
        _("reuse earlier answers"),
        default=True,
        help_text=_("Whether the stored answer to an identical request is reused, at no cost."),
    )
    only_stored = models.BooleanField(
        _("stored answers only"),
        default=False,
        help_text=_("Whether only stored answers are scored, without calling a model."),
    )
    max_cost_usd = models.DecimalField(
        _("cost limit (USD)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("No further calls once this amount is spent; leave blank for no limit."),
    )
    max_calls = models.PositiveIntegerField(
        _("call limit"),
        null=True,
        blank=True,
        help_text=_("No further calls after this number; leave blank for no limit."),
    )
    max_seconds = models.FloatField(
        _("time limit (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("No further calls after this many seconds of work; leave blank for no limit."),
    )
    seconds_used = models.FloatField(
        _("time worked (s)"), default=0.0, help_text=_("Total over all workers so far.")
    )
    settings = JSONDocumentField(
        _("settings"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("The judge, the embedding model and the source of the cases."),
    )
    estimate = JSONDocumentField(
        _("estimate"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Expected calls, tokens and cost, estimated before the start."),
    )
    baseline = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("baseline"),
        help_text=_("The run that this one is compared with."),
    )
    worker = models.CharField(
        _("worker"),
        max_length=200,
        blank=True,
        default="",
        help_text=_("Worker holding the lease: host, PID and process start time."),
    )
    worker_until = models.DateTimeField(
        _("leased until"),
        null=True,
        blank=True,
        help_text=_("After this time, another worker may take over the run."),
    )
    cancel_requested = models.BooleanField(
        _("cancel requested"), default=False, help_text=_("The worker stops as soon as it notices.")
    )
    started_at = models.DateTimeField(
        _("started at"), null=True, blank=True, help_text=_("When it started running.")
    )
    finished_at = models.DateTimeField(
        _("finished at"), null=True, blank=True, help_text=_("When it finished.")
    )
    message = models.TextField(
        _("message"),
        blank=True,
        default="",
        help_text=_("Why the run stopped or failed; otherwise empty."),
    )
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("started by"),
        help_text=_("The user who started it; empty if started by a command."),
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "evaluation_runs"
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["-created_at"], name="idx_evaluation_runs_created_at"),
            models.Index(fields=["status"], name="idx_evaluation_runs_status"),
        )
        constraints = (
            models.CheckConstraint(
                name="evaluation_runs_status_known",
                condition=Q(
                    status__in=[
                        "pending",
                        "running",
                        "completed",
                        "stopped",
                        "cancelled",
                        "failed",
                    ]
                ),
                violation_error_message=_(
                    "The status must be pending, running, completed, stopped, cancelled or failed."
                ),
            ),
            models.CheckConstraint(
                name="evaluation_runs_repeats_from_1",
                condition=Q(repeats__gte=1),
                violation_error_message=_("Each case must be run at least once."),
            ),
            models.CheckConstraint(
                name="evaluation_runs_limits_not_negative",
                condition=(Q(max_cost_usd__isnull=True) | Q(max_cost_usd__gte=0))
                & (Q(max_calls__isnull=True) | Q(max_calls__gte=0))
                & (Q(max_seconds__isnull=True) | Q(max_seconds__gte=0)),
                violation_error_message=_("Limits must be 0 or more."),
            ),
            models.CheckConstraint(
                name="evaluation_runs_settings_is_object",
                condition=is_json("settings", "object"),
                violation_error_message=_("Settings must be a JSON object."),
            ),
            models.CheckConstraint(
                name="evaluation_runs_estimate_is_object",
                condition=is_json("estimate", "object"),
                violation_error_message=_("An estimate must be a JSON object."),
            ),
        )

    @property
    def is_open(self) -> bool:
        """Whether it is worked on, or will be."""
        return self.status in OPEN

    def __str__(self) -> str:
        return self.name or str(self.pk)[:8]


OPEN: Final = (Run.Status.PENDING, Run.Status.RUNNING)


class RunCase(SerialModel):
    """A case as it was when its run was made."""

    run = models.ForeignKey(
        Run,
        on_delete=models.CASCADE,
        related_name="cases",
        db_index=False,
        verbose_name=_("run"),
        help_text=_("The run that this case belongs to."),
    )
    position = models.PositiveIntegerField(
        _("position"), help_text=_("Position in the run, starting at 0.")
    )
    case = models.ForeignKey(
        TestCase,
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("test case"),
        help_text=_("The case that was copied; empty if it came from a file or has been deleted."),
    )
    key = models.CharField(
        _("key"),
        max_length=64,
        help_text=_(
            "SHA-256 of the inputs and assertions; identical cases have the same key in every run."
        ),
    )
    name = models.CharField(_("name"), max_length=255, help_text=_("Display name."))
    weight = models.FloatField(
        _("weight"), default=1.0, help_text=_("Weight in the overall score.")
    )
    document = JSONDocumentField(
        _("document"),
        default=dict,
        validators=[validate_json_object],
        help_text=_("Variables, expected answer, assertions, threshold, tags, metadata."),
    )

    class Meta:
        db_table = "evaluation_run_cases"
        verbose_name = _("case of a run")
        verbose_name_plural = _("cases of runs")
        ordering = ("run", "position")
        constraints = (
            models.UniqueConstraint(
                fields=["run", "position"],
                name="evaluation_run_cases_position_unique",
                violation_error_message=_("Two cases of a run cannot have the same position."),
            ),
            models.CheckConstraint(
                name="evaluation_run_cases_document_is_object",
                condition=is_json("document", "object"),
                violation_error_message=_("A case must be a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return self.name
