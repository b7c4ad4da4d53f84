"""The Administrator's permissions for webhooks."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.events.roles import PERMISSIONS
from core.roles import grant


def grant_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("events")
    # Permissions come after all migrations; these groups need them now.
    config.models_module = True
    create_permissions(config, apps=apps, using=using, verbosity=0)
    config.models_module = None
    grant(apps, using, "events", PERMISSIONS)


def forget_roles(apps, schema_editor):
    grant(apps, schema_editor.connection.alias, "events", {})


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(grant_roles, forget_roles)]
