"""Tables of evaluations: suites of test cases, evaluations of a prompt version, results.

Rules that the database can hold are constraints here; the rest is for `evaluations.services`.
Prompts are named by string: this app knows the other one's models only through foreign keys.
"""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from autoforge.core.constraints import is_json, not_blank
from autoforge.core.fields import JSONDocumentField
from autoforge.core.models import SoftDeleteModel, TimestampedModel, UUIDModel
from autoforge.core.validators import (
    validate_json_list,
    validate_json_object,
    validate_not_blank,
    validate_storable,
)

__all__ = ["Evaluation", "TestCase", "TestResult", "TestSuite"]

SCORE_RANGE = (MinValueValidator(0.0), MaxValueValidator(1.0))


class TestSuite(UUIDModel, SoftDeleteModel):
    """A named set of test cases."""

    __test__ = False  # pytest would collect it by its name

    name = models.CharField(
        _("name"),
        max_length=255,
        validators=[validate_not_blank, validate_storable],
        help_text=_("What people call it; no other suite has it."),
    )
    description = models.TextField(
        _("description"), blank=True, default="", help_text=_("What the suite tests, and why.")
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "test_suites"
        verbose_name = _("test suite")
        verbose_name_plural = _("test suites")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True),
                name="test_suites_name_unique",
                violation_error_message=_("Another test suite has this name already."),
            ),
            models.CheckConstraint(
                name="test_suites_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A test suite needs a name that is not blank."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class TestCase(UUIDModel, TimestampedModel):
    """One input with what is expected of the answer."""

    __test__ = False  # pytest would collect it by its name

    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.CASCADE,
        related_name="cases",
        db_index=False,
        verbose_name=_("test suite"),
        help_text=_("The suite that this case belongs to."),
    )
    name = models.CharField(
        _("name"),
        max_length=255,
        validators=[validate_not_blank, validate_storable],
        help_text=_("What people call it; unique in its suite."),
    )
    variables = JSONDocumentField(
        _("variables"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Values of the prompt's variables by name."),
    )
    expected = models.TextField(
        _("expected answer"), blank=True, default="", help_text=_("The answer to compare with.")
    )
    assertions = JSONDocumentField(
        _("assertions"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("A list of checks of the answer, each an object with a type and a value."),
    )
    weight = models.FloatField(
        _("weight"),
        default=1.0,
        validators=[MinValueValidator(0.0)],
        help_text=_("How much the case counts in the overall score, 0 or more."),
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Only enabled cases are run.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "test_cases"
        verbose_name = _("test case")
        verbose_name_plural = _("test cases")
        ordering = ("suite", "name")
        indexes = (models.Index(fields=["-updated_at"], name="idx_test_cases_updated_at"),)
        constraints = (
            models.UniqueConstraint(
                fields=["suite", "name"],
                name="test_cases_name_unique",
                violation_error_message=_("This suite has a case of that name already."),
            ),
            models.CheckConstraint(
                name="test_cases_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A test case needs a name that is not blank."),
            ),
            models.CheckConstraint(
                name="test_cases_weight_not_negative",
                condition=Q(weight__gte=0),
                violation_error_message=_("The weight is 0 or more."),
            ),
            models.CheckConstraint(
                name="test_cases_variables_is_object",
                condition=is_json("variables", "object"),
                violation_error_message=_("Variables are a JSON object."),
            ),
            models.CheckConstraint(
                name="test_cases_assertions_is_list",
                condition=is_json("assertions", "array"),
                violation_error_message=_("Assertions are a JSON list."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Evaluation(UUIDModel, SoftDeleteModel):
    """One run of a prompt version over a suite against a model."""

    class Status(models.TextChoices):
        """Where an evaluation is in its life."""

        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    prompt = models.ForeignKey(
        "prompts.Prompt",
        on_delete=models.CASCADE,
        related_name="evaluations",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that is evaluated."),
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
        help_text=_("Pending, running, or how it ended."),
    )
    overall_score = models.FloatField(
        _("overall score"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_("Weighted mean of the results' scores from 0 to 1; empty if there is none."),
    )
    provider = models.CharField(
        _("provider"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("Who runs the model, such as openai."),
    )
    model = models.CharField(
        _("model"), max_length=255, blank=True, default="", help_text=_("The model's name there.")
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("What the model is called with, such as the temperature."),
    )
    started_at = models.DateTimeField(
        _("started at"), null=True, blank=True, help_text=_("When it began to run.")
    )
    finished_at = models.DateTimeField(
        _("finished at"), null=True, blank=True, help_text=_("When it ended.")
    )
    error = models.TextField(
        _("error"), blank=True, default="", help_text=_("Why it failed; empty if it did not.")
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
                condition=Q(status__in=["pending", "running", "completed", "failed", "cancelled"]),
                violation_error_message=_(
                    "The status is pending, running, completed, failed or cancelled."
                ),
            ),
            models.CheckConstraint(
                name="evaluations_overall_score_0_to_1",
                condition=Q(overall_score__isnull=True) | Q(overall_score__range=(0, 1)),
                violation_error_message=_("The overall score is from 0 to 1, or empty."),
            ),
            models.CheckConstraint(
                name="evaluations_finished_after_started",
                # One that fails or is cancelled before it begins has no start.
                condition=Q(finished_at__isnull=True)
                | Q(started_at__isnull=True)
                | Q(finished_at__gte=F("started_at")),
                violation_error_message=_("An evaluation does not end before it starts."),
            ),
            models.CheckConstraint(
                name="evaluations_parameters_is_object",
                condition=is_json("parameters", "object"),
                violation_error_message=_("Parameters are a JSON object."),
            ),
        )

    def clean(self) -> None:
        """Refuse a version of another prompt.

        Raises:
            ValidationError: for the field `version`.
        """
        if self.version is not None and self.version.prompt_id != self.prompt_id:
            raise ValidationError({"version": _("This version belongs to another prompt.")})

    def __str__(self) -> str:
        # Never the prompt's title: it would cost every list a query a row.
        return f"{self.get_status_display()} · {str(self.pk)[:8]}"


class TestResult(UUIDModel, TimestampedModel):
    """What a model answered to one case, and how the answer was scored."""

    __test__ = False  # pytest would collect it by its name

    evaluation = models.ForeignKey(
        Evaluation,
        on_delete=models.CASCADE,
        related_name="results",
        verbose_name=_("evaluation"),
        help_text=_("The evaluation that this belongs to."),
    )
    case = models.ForeignKey(
        TestCase,
        on_delete=models.SET_NULL,
        related_name="results",
        null=True,
        blank=True,
        verbose_name=_("test case"),
        help_text=_("The case that was run; empty if it was deleted since."),
    )
    output = models.TextField(
        _("output"), blank=True, default="", help_text=_("What the model answered.")
    )
    score = models.FloatField(
        _("score"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_("From 0 to 1; empty if it could not be scored."),
    )
    passed = models.BooleanField(
        _("passed"),
        null=True,
        blank=True,
        help_text=_("Whether the answer is good enough; empty if it could not be scored."),
    )
    latency_ms = models.PositiveIntegerField(
        _("latency (ms)"),
        null=True,
        blank=True,
        help_text=_("Time from the request to the whole answer, in milliseconds."),
    )
    input_tokens = models.PositiveIntegerField(
        _("input tokens"), null=True, blank=True, help_text=_("Tokens of the prompt.")
    )
    output_tokens = models.PositiveIntegerField(
        _("output tokens"), null=True, blank=True, help_text=_("Tokens of the answer.")
    )
    cost_usd = models.DecimalField(
        _("cost (USD)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("What the call cost in US dollars; empty if it is not known."),
    )
    error = models.TextField(
        _("error"), blank=True, default="", help_text=_("Why there is no answer; else empty.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "test_results"
        verbose_name = _("test result")
        verbose_name_plural = _("test results")
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["-created_at"], name="idx_test_results_created_at"),)
        constraints = (
            models.CheckConstraint(
                name="test_results_score_0_to_1",
                condition=Q(score__isnull=True) | Q(score__range=(0, 1)),
                violation_error_message=_("The score is from 0 to 1, or empty."),
            ),
            models.CheckConstraint(
                name="test_results_latency_not_negative",
                condition=Q(latency_ms__isnull=True) | Q(latency_ms__gte=0),
                violation_error_message=_("The latency is 0 milliseconds or more."),
            ),
            models.CheckConstraint(
                name="test_results_tokens_not_negative",
                condition=(Q(input_tokens__isnull=True) | Q(input_tokens__gte=0))
                & (Q(output_tokens__isnull=True) | Q(output_tokens__gte=0)),
                violation_error_message=_("Token counts are 0 or more."),
            ),
            models.CheckConstraint(
                name="test_results_cost_not_negative",
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0),
                violation_error_message=_("The cost is 0 US dollars or more."),
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)[:8]
