"""Runs with their cases, model profiles, release gates, ratings."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import core.fields
import core.models
import core.validators


def delete_file_runs(apps, schema_editor):
    # Going back, every evaluation has a prompt again: those of files have none to go back to.
    rows = apps.get_model("evaluations", "Evaluation").objects.using(schema_editor.connection.alias)
    rows.filter(prompt__isnull=True).delete()
    rows.filter(status="stopped").update(status="cancelled")


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0002_roles"),
        ("prompts", "0004_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelProfile",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="Random identifier, made by AutoForge.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was created (UTC in the database).",
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    core.models.UpdatedAtField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was last changed (UTC in the database).",
                        verbose_name="updated at",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="What people and commands call it; no other profile has it.",
                        max_length=100,
                        unique=True,
                        validators=[
                            core.validators.validate_not_blank,
                            core.validators.validate_storable,
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "provider",
                    models.CharField(
                        help_text="Who runs the model: openai, anthropic, openai-compatible, local, echo.",
                        max_length=100,
                        verbose_name="provider",
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="The model's name there.",
                        max_length=255,
                        verbose_name="model",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Where its API is, if not at the usual place; keys are not sent elsewhere.",
                        max_length=500,
                        verbose_name="address",
                    ),
                ),
                (
                    "parameters",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="What the model is called with, such as the temperature.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="parameters",
                    ),
                ),
                (
                    "concurrency",
                    models.PositiveIntegerField(
                        default=4,
                        help_text="How many calls may be under way at once.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="calls at a time",
                    ),
                ),
                (
                    "requests_per_minute",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: no limit.",
                        null=True,
                        verbose_name="requests per minute",
                    ),
                ),
                (
                    "tokens_per_minute",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: no limit.",
                        null=True,
                        verbose_name="tokens per minute",
                    ),
                ),
                (
                    "timeout_seconds",
                    models.FloatField(
                        default=60.0,
                        help_text="How long to wait for one answer, in seconds.",
                        validators=[django.core.validators.MinValueValidator(0.1)],
                        verbose_name="time limit (s)",
                    ),
                ),
                (
                    "input_usd_per_million",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Empty: the published price, where it is known.",
                        max_digits=12,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="price of input (USD per million tokens)",
                    ),
                ),
                (
                    "output_usd_per_million",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Empty: the published price, where it is known.",
                        max_digits=12,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="price of output (USD per million tokens)",
                    ),
                ),
            ],
            options={
                "verbose_name": "model profile",
                "verbose_name_plural": "model profiles",
                "db_table": "model_profiles",
                "ordering": ("name",),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Rating",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        help_text="Rises with each row.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was created (UTC in the database).",
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    core.models.UpdatedAtField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was last changed (UTC in the database).",
                        verbose_name="updated at",
                    ),
                ),
                (
                    "passed",
                    models.BooleanField(
                        help_text="Whether the answer is good enough.", verbose_name="good"
                    ),
                ),
                (
                    "comment",
                    models.TextField(
                        blank=True, default="", help_text="Why.", verbose_name="comment"
                    ),
                ),
            ],
            options={
                "verbose_name": "rating",
                "verbose_name_plural": "ratings",
                "db_table": "ratings",
                "ordering": ("-created_at",),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ReleaseGate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="Random identifier, made by AutoForge.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was created (UTC in the database).",
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    core.models.UpdatedAtField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was last changed (UTC in the database).",
                        verbose_name="updated at",
                    ),
                ),
                (
                    "pass_rate",
                    models.FloatField(
                        default=0.8,
                        help_text="The share of answers that have to pass, 0 to 1.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                        verbose_name="pass rate",
                    ),
                ),
                (
                    "lower_bound",
                    models.FloatField(
                        blank=True,
                        help_text="The 95 percent interval of the pass rate has to begin here or above; empty: anywhere.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                        verbose_name="lower bound",
                    ),
                ),
            ],
            options={
                "verbose_name": "release gate",
                "verbose_name_plural": "release gates",
                "db_table": "release_gates",
                "ordering": ("prompt", "suite"),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="Random identifier, made by AutoForge.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was created (UTC in the database).",
                        verbose_name="created at",
                    ),
                ),
                (
                    "updated_at",
                    core.models.UpdatedAtField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="When this was last changed (UTC in the database).",
                        verbose_name="updated at",
                    ),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When this was deleted; empty while it is in use.",
                        null=True,
                        verbose_name="deleted at",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="What people call it.",
                        max_length=255,
                        validators=[core.validators.validate_storable],
                        verbose_name="name",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("completed", "Completed"),
                            ("stopped", "Stopped at a limit"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        help_text="Pending, running, or how it ended.",
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                (
                    "repeats",
                    models.PositiveIntegerField(
                        default=1,
                        help_text="How often each case is asked.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="repeats",
                    ),
                ),
                (
                    "planned",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Cases × columns × repeats.",
                        verbose_name="planned answers",
                    ),
                ),
                (
                    "use_cache",
                    models.BooleanField(
                        default=True,
                        help_text="Whether an answer to exactly the same request is taken again, free of cost.",
                        verbose_name="use earlier answers",
                    ),
                ),
                (
                    "only_stored",
                    models.BooleanField(
                        default=False,
                        help_text="Whether only earlier answers are scored and nobody is asked.",
                        verbose_name="stored answers only",
                    ),
                ),
                (
                    "max_cost_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="No call begins once this is spent; empty: no limit.",
                        max_digits=12,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost limit (USD)",
                    ),
                ),
                (
                    "max_calls",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="No call begins after this many; empty: no limit.",
                        null=True,
                        verbose_name="call limit",
                    ),
                ),
                (
                    "max_seconds",
                    models.FloatField(
                        blank=True,
                        help_text="No call begins after so many seconds of work; empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="time limit (s)",
                    ),
                ),
                (
                    "seconds_used",
                    models.FloatField(
                        default=0.0,
                        help_text="Over all its workers so far.",
                        verbose_name="seconds worked",
                    ),
                ),
                (
                    "settings",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="The judge, the embeddings, where the cases came from.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="settings",
                    ),
                ),
                (
                    "estimate",
                    core.fields.JSONDocumentField(
                        blank=True,
                        default=dict,
                        help_text="Calls, tokens and cost as they were expected before the start.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="estimate",
                    ),
                ),
                (
                    "worker",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Who is at it: host, process, and when that process began.",
                        max_length=200,
                        verbose_name="worker",
                    ),
                ),
                (
                    "worker_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="After this another worker may take it over.",
                        null=True,
                        verbose_name="lease until",
                    ),
                ),
                (
                    "cancel_requested",
                    models.BooleanField(
                        default=False,
                        help_text="Its worker stops as soon as it sees it.",
                        verbose_name="cancel requested",
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it began to run.",
                        null=True,
                        verbose_name="started at",
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When it ended.",
                        null=True,
                        verbose_name="finished at",
                    ),
                ),
                (
                    "message",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Why it stopped or failed; else empty.",
                        verbose_name="message",
                    ),
                ),
            ],
            options={
                "verbose_name": "run",
                "verbose_name_plural": "runs",
                "db_table": "evaluation_runs",
                "ordering": ("-created_at",),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RunCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        help_text="Rises with each row.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "position",
                    models.PositiveIntegerField(
                        help_text="From 0, in the run's order.", verbose_name="position"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="SHA-256 of what is asked and checked: the same case in every run.",
                        max_length=64,
                        verbose_name="key",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="What people call it.", max_length=255, verbose_name="name"
                    ),
                ),
                (
                    "weight",
                    models.FloatField(
                        default=1.0, help_text="How much it counts.", verbose_name="weight"
                    ),
                ),
                (
                    "document",
                    core.fields.JSONDocumentField(
                        default=dict,
                        help_text="Variables, expected answer, assertions, threshold, tags, metadata.",
                        validators=[core.validators.validate_json_object],
                        verbose_name="document",
                    ),
                ),
            ],
            options={
                "verbose_name": "case of a run",
                "verbose_name_plural": "cases of runs",
                "db_table": "evaluation_run_cases",
                "ordering": ("run", "position"),
            },
        ),
        migrations.AlterModelOptions(
            name="testcase",
            options={
                "ordering": ("suite", "position", "name"),
                "verbose_name": "test case",
                "verbose_name_plural": "test cases",
            },
        ),
        migrations.RemoveConstraint(
            model_name="evaluation",
            name="evaluations_status_known",
        ),
        migrations.AddField(
            model_name="evaluation",
            name="label",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What the column is called.",
                max_length=255,
                verbose_name="label",
            ),
        ),
        migrations.AddField(
            model_name="evaluation",
            name="position",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Its place among the run's columns, from 0.",
                verbose_name="position",
            ),
        ),
        migrations.AddField(
            model_name="evaluation",
            name="prompt_text",
            field=models.TextField(
                blank=True,
                default="",
                help_text="What was asked, where it came with a file; a chat is its messages as JSON.",
                verbose_name="prompt text",
            ),
        ),
        migrations.AddField(
            model_name="evaluation",
            name="summary",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=dict,
                help_text="Pass rate with interval, errors, cost and latency, when it has ended.",
                validators=[core.validators.validate_json_object],
                verbose_name="summary",
            ),
        ),
        migrations.AddField(
            model_name="evaluation",
            name="target",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=dict,
                help_text="The model with its address, limits and price; no key.",
                validators=[core.validators.validate_json_object],
                verbose_name="target",
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="metadata",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=dict,
                help_text="Anything else that belongs to the case.",
                validators=[core.validators.validate_json_object],
                verbose_name="metadata",
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="position",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Its place in the suite; then by name.",
                verbose_name="position",
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="tags",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=list,
                help_text="Words to find the case by.",
                validators=[core.validators.validate_tags],
                verbose_name="tags",
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="threshold",
            field=models.FloatField(
                blank=True,
                help_text="With one, the case passes where its score reaches it, from 0 to 1.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0.0),
                    django.core.validators.MaxValueValidator(1.0),
                ],
                verbose_name="threshold",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="details",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=dict,
                help_text="What scorers need of the answer besides its text: calls of tools as data, refused, flagged, logprobs.",
                validators=[core.validators.validate_json_object],
                verbose_name="details",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="attempts",
            field=models.PositiveIntegerField(
                default=0, help_text="How many requests it took.", verbose_name="requests"
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="cached",
            field=models.BooleanField(
                default=False,
                help_text="Taken from an earlier call, free of cost.",
                verbose_name="earlier answer",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="components",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=list,
                help_text="What each assertion said, why, and how exactly it compared.",
                validators=[core.validators.validate_json_list],
                verbose_name="components",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="finish_reason",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Why the model stopped: stop, length, content_filter, tool_calls.",
                max_length=50,
                verbose_name="finish reason",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="grading_calls",
            field=models.PositiveIntegerField(
                default=0, help_text="Calls that scoring took.", verbose_name="judge's calls"
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="grading_cost_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=10,
                help_text="What scoring cost in US dollars; empty if nothing or not known.",
                max_digits=18,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="judge's cost (USD)",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="messages",
            field=core.fields.JSONDocumentField(
                blank=True,
                default=list,
                help_text="What was sent.",
                validators=[core.validators.validate_json_list],
                verbose_name="messages",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="repeat",
            field=models.PositiveIntegerField(
                default=0, help_text="Which time it was asked, from 0.", verbose_name="repeat"
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="request_hash",
            field=models.CharField(
                blank=True,
                default="",
                help_text="SHA-256 of exactly what was sent, and which repeat it was.",
                max_length=64,
                verbose_name="request",
            ),
        ),
        migrations.AlterField(
            model_name="evaluation",
            name="prompt",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The prompt that is evaluated; empty where its text came with a file.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="evaluations",
                to="prompts.prompt",
                verbose_name="prompt",
            ),
        ),
        migrations.AlterField(
            model_name="evaluation",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("running", "Running"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                    ("stopped", "Stopped at a limit"),
                ],
                default="pending",
                help_text="Pending, running, or how it ended.",
                max_length=16,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="testresult",
            name="cost_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=10,
                help_text="What the call cost in US dollars; empty if it is not known.",
                max_digits=18,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="cost (USD)",
            ),
        ),
        migrations.AddConstraint(
            model_name="testcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("threshold__isnull", True), ("threshold__range", (0, 1)), _connector="OR"
                ),
                name="test_cases_threshold_0_to_1",
                violation_error_message="The threshold is from 0 to 1, or empty.",
            ),
        ),
        migrations.AddConstraint(
            model_name="testcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("tags"), function="JSON_TYPE", output_field=models.CharField()
                        ),
                        models.Value("array"),
                    )
                ),
                name="test_cases_tags_is_list",
                violation_error_message="Tags are a JSON list.",
            ),
        ),
        migrations.AddConstraint(
            model_name="testcase",
            constraint=models.CheckConstraint(
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
                name="test_cases_metadata_is_object",
                violation_error_message="Metadata are a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("name"),
                            models.Func(
                                models.Value(9),
                                models.Value(10),
                                models.Value(11),
                                models.Value(12),
                                models.Value(13),
                                models.Value(28),
                                models.Value(29),
                                models.Value(30),
                                models.Value(31),
                                models.Value(32),
                                models.Value(133),
                                models.Value(160),
                                models.Value(5760),
                                models.Value(8192),
                                models.Value(8193),
                                models.Value(8194),
                                models.Value(8195),
                                models.Value(8196),
                                models.Value(8197),
                                models.Value(8198),
                                models.Value(8199),
                                models.Value(8200),
                                models.Value(8201),
                                models.Value(8202),
                                models.Value(8232),
                                models.Value(8233),
                                models.Value(8239),
                                models.Value(8287),
                                models.Value(12288),
                                function="CHAR",
                            ),
                            function="TRIM",
                            output_field=models.CharField(),
                        ),
                        models.Value(""),
                    ),
                    _negated=True,
                ),
                name="model_profiles_name_not_blank",
                violation_error_message="A model profile needs a name that is not blank.",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprofile",
            constraint=models.CheckConstraint(
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
                name="model_profiles_parameters_is_object",
                violation_error_message="Parameters are a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(("concurrency__gte", 1)),
                name="model_profiles_concurrency_from_1",
                violation_error_message="At least one call is under way at a time.",
            ),
        ),
        migrations.AddField(
            model_name="rating",
            name="result",
            field=models.ForeignKey(
                db_index=False,
                help_text="The answer.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ratings",
                to="evaluations.testresult",
                verbose_name="test result",
            ),
        ),
        migrations.AddField(
            model_name="rating",
            name="user",
            field=models.ForeignKey(
                help_text="Who rated it.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddField(
            model_name="releasegate",
            name="prompt",
            field=models.ForeignKey(
                db_index=False,
                help_text="The prompt whose versions have to pass.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="release_gates",
                to="prompts.prompt",
                verbose_name="prompt",
            ),
        ),
        migrations.AddField(
            model_name="releasegate",
            name="suite",
            field=models.ForeignKey(
                help_text="The suite that they have to pass.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="release_gates",
                to="evaluations.testsuite",
                verbose_name="test suite",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="baseline",
            field=models.ForeignKey(
                blank=True,
                help_text="The run that this one is compared with.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="evaluations.run",
                verbose_name="baseline",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="suite",
            field=models.ForeignKey(
                blank=True,
                help_text="The suite whose cases were copied; empty for a file's.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="runs",
                to="evaluations.testsuite",
                verbose_name="test suite",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Who started it; empty for a command.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="started by",
            ),
        ),
        migrations.AddField(
            model_name="evaluation",
            name="run",
            field=models.ForeignKey(
                blank=True,
                help_text="The run that it is a column of.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="evaluations",
                to="evaluations.run",
                verbose_name="run",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["pending", "running", "completed", "failed", "cancelled", "stopped"],
                    )
                ),
                name="evaluations_status_known",
                violation_error_message="The status is pending, running, completed, stopped, cancelled or failed.",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("target"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="evaluations_target_is_object",
                violation_error_message="A target is a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("summary"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="evaluations_summary_is_object",
                violation_error_message="A summary is a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.UniqueConstraint(
                fields=("run", "position"),
                name="evaluations_position_unique",
                violation_error_message="Two columns of a run have the same position.",
            ),
        ),
        migrations.AddField(
            model_name="runcase",
            name="case",
            field=models.ForeignKey(
                blank=True,
                help_text="The case that was copied; empty if it came from a file or was deleted.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="evaluations.testcase",
                verbose_name="test case",
            ),
        ),
        migrations.AddField(
            model_name="runcase",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                help_text="The run that it belongs to.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="cases",
                to="evaluations.run",
                verbose_name="run",
            ),
        ),
        migrations.AddField(
            model_name="testresult",
            name="run_case",
            field=models.ForeignKey(
                blank=True,
                help_text="The case as it was asked.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="results",
                to="evaluations.runcase",
                verbose_name="case of the run",
            ),
        ),
        migrations.AddIndex(
            model_name="testresult",
            index=models.Index(fields=["request_hash"], name="idx_test_results_request_hash"),
        ),
        migrations.AddConstraint(
            model_name="testresult",
            constraint=models.UniqueConstraint(
                fields=("evaluation", "run_case", "repeat"),
                name="test_results_once",
                violation_error_message="This answer is stored already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="testresult",
            constraint=models.CheckConstraint(
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
                name="test_results_messages_is_list",
                violation_error_message="Messages are a JSON list.",
            ),
        ),
        migrations.AddConstraint(
            model_name="testresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("details"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="test_results_details_is_object",
                violation_error_message="Details are a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="testresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("components"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("array"),
                    )
                ),
                name="test_results_components_is_list",
                violation_error_message="Components are a JSON list.",
            ),
        ),
        migrations.AddConstraint(
            model_name="rating",
            constraint=models.UniqueConstraint(
                fields=("result", "user"),
                name="ratings_once",
                violation_error_message="You have rated this answer already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="releasegate",
            constraint=models.UniqueConstraint(
                fields=("prompt", "suite"),
                name="release_gates_once",
                violation_error_message="This prompt has a gate with this suite already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="releasegate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pass_rate__range", (0, 1)),
                    models.Q(
                        ("lower_bound__isnull", True),
                        ("lower_bound__range", (0, 1)),
                        _connector="OR",
                    ),
                ),
                name="release_gates_rates_0_to_1",
                violation_error_message="Rates are from 0 to 1.",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["-created_at"], name="idx_evaluation_runs_created_at"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["status"], name="idx_evaluation_runs_status"),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["pending", "running", "completed", "stopped", "cancelled", "failed"],
                    )
                ),
                name="evaluation_runs_status_known",
                violation_error_message="The status is pending, running, completed, stopped, cancelled or failed.",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(("repeats__gte", 1)),
                name="evaluation_runs_repeats_from_1",
                violation_error_message="Each case is asked at least once.",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("max_cost_usd__isnull", True), ("max_cost_usd__gte", 0), _connector="OR"
                    ),
                    models.Q(("max_calls__isnull", True), ("max_calls__gte", 0), _connector="OR"),
                    models.Q(
                        ("max_seconds__isnull", True), ("max_seconds__gte", 0), _connector="OR"
                    ),
                ),
                name="evaluation_runs_limits_not_negative",
                violation_error_message="Limits are 0 or more.",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("settings"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="evaluation_runs_settings_is_object",
                violation_error_message="Settings are a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("estimate"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="evaluation_runs_estimate_is_object",
                violation_error_message="An estimate is a JSON object.",
            ),
        ),
        migrations.AddConstraint(
            model_name="runcase",
            constraint=models.UniqueConstraint(
                fields=("run", "position"),
                name="evaluation_run_cases_position_unique",
                violation_error_message="Two cases of a run have the same position.",
            ),
        ),
        migrations.AddConstraint(
            model_name="runcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("document"),
                            function="JSON_TYPE",
                            output_field=models.CharField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="evaluation_run_cases_document_is_object",
                violation_error_message="A case is a JSON object.",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, delete_file_runs),
    ]
