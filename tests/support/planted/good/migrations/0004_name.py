"""The column as it was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("planted", "0003_pieces")]
    operations = [
        migrations.AlterField("Thing", "name", models.CharField(max_length=20)),
    ]
