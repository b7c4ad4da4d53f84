"""The roles' permissions for API keys."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.access.roles import PERMISSIONS
from core.roles import grant


def make_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("access")
    # Permissions come after all migrations; these groups need them now.
    config.models_module = True
    create_permissions(config, apps=apps, using=using, verbosity=0)
    config.models_module = None
    grant(apps, using, "access", PERMISSIONS)


def forget_roles(apps, schema_editor):
    grant(apps, schema_editor.connection.alias, "access", {})


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [migrations.RunPython(make_roles, forget_roles)]
