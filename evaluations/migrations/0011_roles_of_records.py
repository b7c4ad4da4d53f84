"""The roles' permissions for records of calls."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.roles import ROLES, grant
from evaluations.roles import PERMISSIONS

NEW = ("callrecord",)


def make_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("evaluations")
    # Permissions come after all migrations; these groups need them now.
    config.models_module = True
    create_permissions(config, apps=apps, using=using, verbosity=0)
    config.models_module = None
    grant(apps, using, "evaluations", PERMISSIONS)


def forget_roles(apps, schema_editor):
    old = {
        role: [name for name in PERMISSIONS[role] if name.split("_")[1] not in NEW]
        for role in ROLES
    }
    grant(apps, schema_editor.connection.alias, "evaluations", old)


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0010_call_records")]

    operations = [migrations.RunPython(make_roles, forget_roles)]
