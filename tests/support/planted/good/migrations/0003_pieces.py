"""In pieces, each of which is committed at once."""

import time

from django.db import migrations


def rename(apps, schema_editor):
    """Rename each tenth thing, slowly and without a transaction."""
    thing = apps.get_model("planted", "Thing")
    for row in thing.objects.order_by("pk")[::10]:
        row.name = row.name.upper()
        row.save()
        time.sleep(0.005)


def undo(apps, schema_editor):
    """Give all things their names again."""
    thing = apps.get_model("planted", "Thing")
    for row in thing.objects.order_by("pk")[::10]:
        row.name = row.name.lower()
        row.save()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("planted", "0002_size")]
    operations = [
        migrations.RunSQL("CREATE TABLE planted_marks (id integer)", "DROP TABLE planted_marks"),
        migrations.RunPython(rename, undo),
        migrations.RunSQL(
            "INSERT INTO planted_marks SELECT id FROM planted_things", migrations.RunSQL.noop
        ),
    ]
