"""Roles: groups whose permissions the apps declare, each in its own `roles.PERMISSIONS`.

A role has what the roles before it have. The groups are made by migrations; `manage.py sync_roles`
brings them back to what is declared. Permissions of other apps that somebody adds to a group stay.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from django.apps import apps as installed

__all__ = ["ROLES", "Grants", "declared_permissions", "grant"]

ROLES: Final = ("Viewer", "Editor", "Publisher", "Administrator")
Grants = Mapping[str, Sequence[str]]
"""Role → codenames of the permissions that it has beyond the roles before it."""


def declared_permissions() -> dict[str, Grants]:
    """Return app label → what its roles may, of every app that declares roles."""
    permissions = {}
    for config in installed.get_app_configs():
        # `core.roles` is this module: it declares none.
        if config.name != "core" and find_spec(f"{config.name}.roles"):
            permissions[config.label] = import_module(f"{config.name}.roles").PERMISSIONS
    return permissions


def grant(apps: Any, using: str, app_label: str, grants: Grants) -> dict[str, tuple[int, int]]:
    """Give each role's group exactly the app's permissions that it is to have.

    Args:
        apps: the registry of apps, or a migration's.
        using: the database.
        app_label: the app whose permissions these are.
        grants: role → codenames.

    Returns:
        role → how many permissions were added and how many taken away.
    """
    group_model = apps.get_model("auth", "Group")
    rows = apps.get_model("auth", "Permission").objects.using(using)
    permissions = rows.filter(content_type__app_label=app_label)
    of_app = {permission.codename: permission for permission in permissions}
    counts: dict[str, tuple[int, int]] = {}
    granted: set[str] = set()  # grows from role to role: each has what those before it have
    for role in ROLES:
        granted |= set(grants.get(role, ()))
        if apps is not installed:
            # An old migration meets today's grants, and tables that come with a later one.
            granted &= of_app.keys()
        group, _ = group_model.objects.using(using).get_or_create(name=role)
        # Of this app alone: what somebody added from another app stays.
        current = group.permissions.filter(content_type__app_label=app_label)
        current_names = {row.codename for row in current}
        missing = granted - current_names
        extra = current_names - granted
        group.permissions.add(*[of_app[name] for name in missing])
        group.permissions.remove(*[of_app[name] for name in extra])
        counts[role] = (len(missing), len(extra))
    return counts
