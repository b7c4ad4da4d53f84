"""A column, and a value for each row, one after the other."""

import time

from django.db import migrations, models


def measure(apps, schema_editor):
    """Give each tenth thing a size, slowly."""
    thing = apps.get_model("planted", "Thing")
    for row in thing.objects.order_by("pk")[::10]:
        row.size = len(row.name)
        row.save()
        time.sleep(0.005)


class Migration(migrations.Migration):
    dependencies = [("planted", "0001_initial")]
    operations = [
        migrations.AddField("Thing", "size", models.IntegerField(null=True)),
        migrations.RunPython(measure, migrations.RunPython.noop),
        migrations.AlterField("Thing", "name", models.CharField(max_length=30)),
    ]
