"""What callers of the API spend on models, by day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0008_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeySpending",
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
                    "caller",
                    models.CharField(
                        help_text="Who called: the identity of a key or a person.",
                        max_length=255,
                        verbose_name="caller",
                    ),
                ),
                ("day", models.DateField(help_text="The day (UTC).", verbose_name="day")),
                (
                    "nano_usd",
                    models.BigIntegerField(
                        default=0,
                        help_text="What was spent, in billionths of a dollar; running calls are reserved.",
                        verbose_name="nano USD",
                    ),
                ),
                (
                    "calls",
                    models.PositiveIntegerField(
                        default=0, help_text="How many calls were made.", verbose_name="calls"
                    ),
                ),
            ],
            options={
                "verbose_name": "key spending",
                "verbose_name_plural": "key spending",
                "db_table": "key_spending",
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller", "day"),
                        name="key_spending_unique",
                        violation_error_message="This caller already has a row for this day.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("nano_usd__gte", 0)),
                        name="key_spending_not_negative",
                        violation_error_message="The amount must not be negative.",
                    ),
                ],
            },
        ),
    ]
