"""The groups Viewer, Editor, Publisher and Administrator with their permissions here."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.roles import ROLES, grant
from prompts.roles import PERMISSIONS


def make_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("prompts")
    # Permissions come after all migrations; these groups need them now.
    config.models_module = True
    create_permissions(config, apps=apps, using=using, verbosity=0)
    config.models_module = None
    grant(apps, using, "prompts", PERMISSIONS)


def forget_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("prompts", "0003_guards_and_search"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, forget_roles)]
