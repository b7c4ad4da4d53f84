"""The groups Viewer, Editor, Publisher and Administrator with their permissions here."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.roles import ROLES, grant
from evaluations.roles import PERMISSIONS

TABLES = ("evaluation", "testcase", "testresult", "testsuite")  # those that are there by now
OURS = {
    role: [name for name in names if name.split("_")[1] in TABLES]
    for role, names in PERMISSIONS.items()
}


def make_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("evaluations")
    # Permissions come after all migrations; these groups need them now.
    config.models_module = True
    create_permissions(config, apps=apps, using=using, verbosity=0)
    config.models_module = None
    grant(apps, using, "evaluations", OURS)


def forget_roles(apps, schema_editor):
    grant(apps, schema_editor.connection.alias, "evaluations", dict.fromkeys(ROLES, ()))


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0001_initial"),
        ("prompts", "0004_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, forget_roles)]
