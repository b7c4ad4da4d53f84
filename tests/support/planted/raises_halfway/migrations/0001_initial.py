"""A table with rows."""

from django.db import migrations, models


def fill(apps, schema_editor):
    """Write a thousand things."""
    thing = apps.get_model("planted", "Thing")
    thing.objects.bulk_create([thing(name=f"thing {number}") for number in range(1_000)])


class Migration(migrations.Migration):
    initial = True
    dependencies = [("prompts", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Thing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20)),
            ],
            options={"db_table": "planted_things"},
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
