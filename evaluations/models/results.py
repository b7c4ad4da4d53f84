"""What models answered, how it was scored, and what people say of it."""

from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import SerialModel, TimestampedModel, UUIDModel
from core.validators import validate_json_list, validate_json_object
from evaluations.models.evaluations import Evaluation
from evaluations.models.ranges import SCORE_RANGE
from evaluations.models.runs import RunCase
from evaluations.models.suites import TestCase

__all__ = ["ERRORS", "UNCHECKED", "Rating", "ResultState", "TestResult", "result_state"]

# Two kinds of results have neither passed nor failed; the sentence tells them apart.
ERRORS: Final = Q(passed__isnull=True) & ~Q(error="")
UNCHECKED: Final = Q(passed__isnull=True, error="")


class ResultState(StrEnum):
    """What became of an answer, as reports and the classes of pages call it."""

    PASS = "pass"  # noqa: S105  # nosec B105 (no password)
    FAIL = "fail"
    ERROR = "error"
    """It could not be asked for or scored, which says nothing of the answer."""
    UNCHECKED = "unchecked"
    """The case has no assertion that can fail."""


class TestResult(UUIDModel, TimestampedModel):
    """What a model answered to one case, and how the answer was scored."""

    __test__ = False  # pytest would collect it by its name

    evaluation = models.ForeignKey(
        Evaluation,
        on_delete=models.CASCADE,
        related_name="results",
        verbose_name=_("evaluation"),
        help_text=_("The evaluation that this result belongs to."),
    )
    case = models.ForeignKey(
        TestCase,
        on_delete=models.SET_NULL,
        related_name="results",
        null=True,
        blank=True,
        verbose_name=_("test case"),
        help_text=_("The case that was run; empty if it has been deleted since."),
    )
    run_case = models.ForeignKey(
        RunCase,
        on_delete=models.CASCADE,
        related_name="results",
        null=True,
        blank=True,
        verbose_name=_("case of the run"),
        help_text=_("The case as it was run."),
    )
    repeat = models.PositiveIntegerField(
        _("repeat"), default=0, help_text=_("Repeat index, starting at 0.")
    )
    request_hash = models.CharField(
        _("request"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("SHA-256 of the request and its repeat index."),
    )
    messages = JSONDocumentField(
        _("messages"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("Messages sent to the model."),
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
        help_text=_(
            "Whether the answer passed; empty if it could not be scored or was not checked."
        ),
    )
    components = JSONDocumentField(
        _("components"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("Score, reason and settings of each assertion."),
    )
    details = JSONDocumentField(
        _("details"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_(
            "Other data that scorers need: tool calls, refusal, content-filter flag, logprobs."
        ),
    )
    finish_reason = models.CharField(
        _("finish reason"),
        max_length=50,
        blank=True,
        default="",
        help_text=_("Why the model stopped: stop, length, content_filter, tool_calls."),
    )
    cached = models.BooleanField(
        _("reused answer"), default=False, help_text=_("Reused from an earlier call, at no cost.")
    )
    attempts = models.PositiveIntegerField(
        _("requests"), default=0, help_text=_("Number of requests, including retries.")
    )
    grading_calls = models.PositiveIntegerField(
        _("judge calls"), default=0, help_text=_("Model calls made for scoring.")
    )
    grading_cost_usd = models.DecimalField(
        _("judge cost (USD)"),
        max_digits=18,
        decimal_places=10,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Cost of scoring in US dollars; empty if nothing or unknown."),
    )
    latency_ms = models.PositiveIntegerField(
        _("latency (ms)"),
        null=True,
        blank=True,
        help_text=_("Time from the request to the complete answer, in milliseconds."),
    )
    input_tokens = models.PositiveIntegerField(
        _("input tokens"), null=True, blank=True, help_text=_("Tokens in the prompt.")
    )
    output_tokens = models.PositiveIntegerField(
        _("output tokens"), null=True, blank=True, help_text=_("Tokens in the answer.")
    )
    cost_usd = models.DecimalField(
        _("cost (USD)"),
        max_digits=18,
        decimal_places=10,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Cost of the call in US dollars; empty if unknown."),
    )
    error = models.TextField(
        _("error"), blank=True, default="", help_text=_("Error message, if the request failed.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "test_results"
        verbose_name = _("test result")
        verbose_name_plural = _("test results")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["-created_at"], name="idx_test_results_created_at"),
            models.Index(fields=["request_hash"], name="idx_test_results_request_hash"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "run_case", "repeat"],
                name="test_results_once",
                violation_error_message=_("This answer is already stored."),
            ),
            models.CheckConstraint(
                name="test_results_messages_is_list",
                condition=is_json("messages", "array"),
                violation_error_message=_("Messages must be a JSON list."),
            ),
            models.CheckConstraint(
                name="test_results_components_is_list",
                condition=is_json("components", "array"),
                violation_error_message=_("Components must be a JSON list."),
            ),
            models.CheckConstraint(
                name="test_results_details_is_object",
                condition=is_json("details", "object"),
                violation_error_message=_("Details must be a JSON object."),
            ),
            models.CheckConstraint(
                name="test_results_score_0_to_1",
                condition=Q(score__isnull=True) | Q(score__range=(0, 1)),
                violation_error_message=_("The score must be from 0 to 1, or empty."),
            ),
            models.CheckConstraint(
                name="test_results_latency_not_negative",
                condition=Q(latency_ms__isnull=True) | Q(latency_ms__gte=0),
                violation_error_message=_("The latency must be 0 milliseconds or more."),
            ),
            models.CheckConstraint(
                name="test_results_tokens_not_negative",
                condition=(Q(input_tokens__isnull=True) | Q(input_tokens__gte=0))
                & (Q(output_tokens__isnull=True) | Q(output_tokens__gte=0)),
                violation_error_message=_("Token counts must be 0 or more."),
            ),
            models.CheckConstraint(
                name="test_results_cost_not_negative",
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0),
                violation_error_message=_("The cost must be 0 US dollars or more."),
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def state(self) -> ResultState:
        """What became of the answer."""
        return result_state(self.passed, self.error)


def result_state(passed: bool | None, error: str) -> ResultState:  # noqa: FBT001 (a row's column)
    """Return what became of an answer."""
    if passed is None:
        return ResultState.ERROR if error else ResultState.UNCHECKED
    return ResultState.PASS if passed else ResultState.FAIL


class Rating(SerialModel, TimestampedModel):
    """What one person says of an answer."""

    result = models.ForeignKey(
        TestResult,
        on_delete=models.CASCADE,
        related_name="ratings",
        db_index=False,
        verbose_name=_("test result"),
        help_text=_("The rated answer."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
        help_text=_("The user who rated it."),
    )
    passed = models.BooleanField(_("good"), help_text=_("Whether the answer is good."))
    comment = models.TextField(
        _("comment"), blank=True, default="", help_text=_("Reason for the rating.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "ratings"
        verbose_name = _("rating")
        verbose_name_plural = _("ratings")
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["result", "user"],
                name="ratings_once",
                violation_error_message=_("You have already rated this answer."),
            ),
        )

    def __str__(self) -> str:
        return f"{'+' if self.passed else '−'} {self.pk}"
