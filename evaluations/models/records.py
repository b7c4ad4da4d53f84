"""Calls of models that did not come from a run: by the gateway, or told by another program."""

from datetime import timedelta

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json
from core.fields import JSONDocumentField
from core.models import SerialModel
from core.validators import validate_json_list, validate_json_object

__all__ = ["CallRecord"]


class CallRecord(SerialModel):
    """One call of a model: what was asked, what came, and where it is known from."""

    class Source(models.TextChoices):
        """Who tells of a call."""

        GATEWAY = "gateway", _("Gateway")
        TRACE = "trace", _("Trace")

    source = models.CharField(
        _("source"),
        max_length=16,
        choices=Source.choices,
        help_text=_("The gateway, or a trace that another program sent."),
    )
    trace_id = models.CharField(
        _("trace ID"),
        max_length=32,
        blank=True,
        default="",
        help_text=_("Trace that the call belongs to: 32 hexadecimal digits, or empty."),
    )
    span_id = models.CharField(
        _("span ID"),
        max_length=16,
        blank=True,
        default="",
        help_text=_("The call within its trace: 16 hexadecimal digits, or empty."),
    )
    name = models.CharField(
        _("name"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("What the program calls this step."),
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
    asked_at = models.DateTimeField(
        _("asked at"), help_text=_("When the request was sent (stored in UTC).")
    )
    answered_at = models.DateTimeField(
        _("answered at"), help_text=_("When the answer was complete (stored in UTC).")
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Parameters of the request, such as temperature."),
    )
    messages = JSONDocumentField(
        _("messages"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("Messages sent to the model."),
    )
    variables = JSONDocumentField(
        _("variables"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Values of the prompt variables, by name, where they are known."),
    )
    output = models.TextField(
        _("output"), blank=True, default="", help_text=_("What the model answered.")
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
        _("error"), blank=True, default="", help_text=_("Why there is no whole answer.")
    )
    prompt_name = models.CharField(
        _("prompt"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Name of the prompt, as it was told."),
    )
    prompt_number = models.PositiveIntegerField(
        _("version number"),
        null=True,
        blank=True,
        help_text=_("Number of the prompt's version, as it was told."),
    )
    version = models.ForeignKey(
        "prompts.PromptVersion",
        on_delete=models.SET_NULL,
        related_name="call_records",
        null=True,
        blank=True,
        verbose_name=_("version"),
        help_text=_("The version here; empty if there is none, or not any more."),
    )
    caller = models.CharField(
        _("caller"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Name of the API key or person."),
    )
    metadata = JSONDocumentField(
        _("metadata"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Any other data about the call."),
    )
    is_cut = models.BooleanField(
        _("cut"), default=False, help_text=_("Whether something was too long to be kept whole.")
    )
    received_at = models.DateTimeField(
        _("received at"),
        db_default=Now(),
        editable=False,
        help_text=_("When this was stored (in UTC)."),
    )

    class Meta:
        db_table = "call_records"
        verbose_name = _("record")
        verbose_name_plural = _("records")
        ordering = ("-asked_at", "-id")
        indexes = (
            models.Index(fields=["-asked_at", "-id"], name="idx_call_records_asked_at"),
            # Each source is kept for a time of its own.
            models.Index(fields=["source", "received_at"], name="idx_call_records_received"),
            models.Index(fields=["model", "-asked_at"], name="idx_call_records_model"),
            models.Index(fields=["prompt_name", "-asked_at"], name="idx_call_records_prompt"),
        )
        constraints = (
            # An exporter that heard no answer sends again.
            models.UniqueConstraint(
                fields=["trace_id", "span_id"],
                condition=~Q(trace_id="") & ~Q(span_id=""),
                name="call_records_span_once",
                violation_error_message=_("This call is already stored."),
            ),
            models.CheckConstraint(
                name="call_records_source_known",
                condition=Q(source__in=["gateway", "trace"]),
                violation_error_message=_("The source must be gateway or trace."),
            ),
            models.CheckConstraint(
                name="call_records_messages_is_list",
                condition=is_json("messages", "array"),
                violation_error_message=_("Messages must be a JSON list."),
            ),
            models.CheckConstraint(
                name="call_records_parameters_is_object",
                condition=is_json("parameters", "object"),
                violation_error_message=_("Parameters must be a JSON object."),
            ),
            models.CheckConstraint(
                name="call_records_variables_is_object",
                condition=is_json("variables", "object"),
                violation_error_message=_("Variables must be a JSON object."),
            ),
            models.CheckConstraint(
                name="call_records_metadata_is_object",
                condition=is_json("metadata", "object"),
                violation_error_message=_("Metadata must be a JSON object."),
            ),
            models.CheckConstraint(
                name="call_records_cost_not_negative",
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0),
                violation_error_message=_("The cost must be 0 US dollars or more."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.model or self.name or self.provider} {self.asked_at:%Y-%m-%d %H:%M:%S}"

    @property
    def latency(self) -> timedelta:
        """How long the call took; 0 where the clocks disagree."""
        return max(timedelta(0), self.answered_at - self.asked_at)
