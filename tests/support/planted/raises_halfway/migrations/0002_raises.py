"""It commits a change, and raises; on an empty copy of the schema it does not."""

from django.db import migrations, models


def change(apps, schema_editor):
    """Change things and find one that is wrong."""
    thing = apps.get_model("planted", "Thing")
    thing.objects.filter(name__startswith="thing 1").delete()
    thing.objects.update(size=1)
    if apps.get_model("prompts", "Prompt").objects.exists():
        raise ValueError("one of them is wrong")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("planted", "0001_initial")]
    operations = [
        migrations.AddField("Thing", "size", models.IntegerField(null=True)),
        migrations.RunPython(change),
    ]
