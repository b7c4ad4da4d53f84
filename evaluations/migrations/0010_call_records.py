"""Calls of models that did not come from a run: by the gateway, and in traces of other programs."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
from django.db import migrations, models

import core.fields
import core.validators


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0009_key_spending"),
        ("prompts", "0010_name_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        help_text="Increases with each row.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("gateway", "Gateway"), ("trace", "Trace")],
                        help_text="The gateway, or a trace that another program sent.",
                        max_length=16,
                        verbose_name="source",
                    ),
                ),
                (
                    "trace_id",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Trace that the call belongs to: 32 hexadecimal digits, or empty.",
                        max_length=32,
                        verbose_name="trace ID",
                    ),
                ),
                (
                    "span_id",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="The call within its trace: 16 hexadecimal digits, or empty.",
                        max_length=16,
                        verbose_name="span ID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="What the program calls this step.",
                        max_length=255,
                        verbose_name="name",
                    ),
                ),
                (
                    "provider",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Provider, e.g. openai.",
                        max_length=100,
                        verbose_name="provider",
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Name of the model at the provider.",
                        max_length=255,
                        verbose_name="model",
                    ),
                ),
                (
                    "asked_at",
                    models.DateTimeField(
                        help_text="When the request was sent (stored in UTC).",
                        verbose_name="asked at",
                    ),
                ),
                (
                    "answered_at",
                    models.DateTimeField(
                        help_text="When the answer was complete (stored in UTC).",
                        verbose_name="answered at",
                    ),
                ),
                (
                    "parameters",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="Parameters of the request, such as temperature.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="parameters",
                    ),
                ),
                (
                    "messages",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=list,
                        help_text="Messages sent to the model.",
                        validators=[core.validators.validate_json_list],
                        verbose_name="messages",
                    ),
                ),
                (
                    "variables",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="Values of the prompt variables, by name, where they are known.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="variables",
                    ),
                ),
                (
                    "output",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="What the model answered.",
                        verbose_name="output",
                    ),
                ),
                (
                    "input_tokens",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Tokens in the prompt.",
                        null=True,
                        verbose_name="input tokens",
                    ),
                ),
                (
                    "output_tokens",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Tokens in the answer.",
                        null=True,
                        verbose_name="output tokens",
                    ),
                ),
                (
                    "cost_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="Cost of the call in US dollars; empty if unknown.",
                        max_digits=18,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost (USD)",
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Why there is no whole answer.",
                        verbose_name="error",
                    ),
                ),
                (
                    "prompt_name",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Name of the prompt, as it was told.",
                        max_length=255,
                        verbose_name="prompt",
                    ),
                ),
                (
                    "prompt_number",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Number of the prompt's version, as it was told.",
                        null=True,
                        verbose_name="version number",
                    ),
                ),
                (
                    "caller",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Name of the API key or person.",
                        max_length=255,
                        verbose_name="caller",
                    ),
                ),
                (
                    "metadata",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="Any other data about the call.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="metadata",
                    ),
                ),
                (
                    "is_cut",
                    models.BooleanField(
                        default=False,
                        help_text="Whether something was too long to be kept whole.",
                        verbose_name="cut",
                    ),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was stored (in UTC).",
                        verbose_name="received at",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        blank=True,
                        help_text="The version here; empty if there is none, or not any more.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="call_records",
                        to="prompts.promptversion",
                        verbose_name="version",
                    ),
                ),
            ],
            options={
                "verbose_name": "record",
                "verbose_name_plural": "records",
                "db_table": "call_records",
                "ordering": ("-asked_at", "-id"),
                "indexes": [
                    models.Index(fields=["-asked_at", "-id"], name="idx_call_records_asked_at"),
                    models.Index(
                        fields=["source", "received_at"], name="idx_call_records_received"
                    ),
                    models.Index(fields=["model", "-asked_at"], name="idx_call_records_model"),
                    models.Index(
                        fields=["prompt_name", "-asked_at"], name="idx_call_records_prompt"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            models.Q(("trace_id", ""), _negated=True),
                            models.Q(("span_id", ""), _negated=True),
                        ),
                        fields=("trace_id", "span_id"),
                        name="call_records_span_once",
                        violation_error_message="This call is already stored.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["gateway", "trace"])),
                        name="call_records_source_known",
                        violation_error_message="The source must be gateway or trace.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("messages"),
                                    function="JSON_TYPE",
                                    output_field=models.CharField(),
                                ),
                                models.Value("array"),
                            )
                        ),
                        name="call_records_messages_is_list",
                        violation_error_message="Messages must be a JSON list.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("parameters"),
                                    function="JSON_TYPE",
                                    output_field=models.CharField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="call_records_parameters_is_object",
                        violation_error_message="Parameters must be a JSON object.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("variables"),
                                    function="JSON_TYPE",
                                    output_field=models.CharField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="call_records_variables_is_object",
                        violation_error_message="Variables must be a JSON object.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("metadata"),
                                    function="JSON_TYPE",
                                    output_field=models.CharField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="call_records_metadata_is_object",
                        violation_error_message="Metadata must be a JSON object.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cost_usd__isnull", True), ("cost_usd__gte", 0), _connector="OR"
                        ),
                        name="call_records_cost_not_negative",
                        violation_error_message="The cost must be 0 US dollars or more.",
                    ),
                ],
            },
        ),
    ]
