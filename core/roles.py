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
    found = {}
    for config in installed.get_app_configs():
        if find_spec(f"{config.name}.roles") and config.name != "core":
            found[config.label] = import_module(f"{config.name}.roles").PERMISSIONS
    return found


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
    of_app = {row.codename: row for row in rows.filter(content_type__app_label=app_label)}
    counts: dict[str, tuple[int, int]] = {}
    wanted: set[str] = set()
    for role in ROLES:
        wanted |= set(grants.get(role, ()))
        if apps is not installed:
            # An old migration meets today's grants, and tables that come with a later one.
            wanted &= of_app.keys()
        group, _ = group_model.objects.using(using).get_or_create(name=role)
        has = {row.codename for row in group.permissions.filter(content_type__app_label=app_label)}
        group.permissions.add(*(of_app[name] for name in sorted(wanted - has)))
        group.permissions.remove(*(of_app[name] for name in sorted(has - wanted)))
        counts[role] = (len(wanted - has), len(has - wanted))
    return counts
