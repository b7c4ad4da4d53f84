"""The same rights by both doors: what a role may over HTTP, it may in the admin, and vice versa."""

import json
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import RequestFactory

from autoforge.api.mount import ROUTER, document
from core.roles import ROLES

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "00000000-0000-0000-0000-000000000001"
VALUES = {"name": "nothing", "label": "nothing", "number": "1", "id": NOBODY}
# Permissions that are none of a model's own four: how the admin's pages ask for them.
ASKED_BY = {
    "prompts.move_label": ("prompts.Prompt", "has_label_permission"),
    "prompts.purge_prompt": ("prompts.Prompt", "has_purge_permission"),
}


def list_operations() -> list[tuple[str, str, str]]:
    """Return method, path and permission of every operation."""
    operations = []
    for path, methods in json.loads(document())["paths"].items():
        address = path
        for name, value in VALUES.items():
            address = address.replace(f"{{{name}}}", value)
        for method, operation in methods.items():
            if isinstance(operation, dict) and "responses" in operation:
                operations.append((method.upper(), address, operation["x-permission"]))
    return operations


OPERATIONS = list_operations()
PERMISSIONS = sorted({permission for *_operation, permission in OPERATIONS if permission})


def test_the_table_holds_every_operation():
    routed = sum(len(route.callback.view_class.api_endpoints) for route in ROUTER.urls)
    assert len(OPERATIONS) == routed > 40
    assert not [path for _method, path, _permission in OPERATIONS if "{" in path]


@pytest.mark.parametrize("role", ROLES)
def test_every_role_meets_its_rights_at_every_operation(api, role):
    client = api(role)
    may = set(client.get("me").json()["permissions"])
    wrong = []
    for method, path, permission in OPERATIONS:
        answer = client.client.generic(method, path, data=b"{}", content_type="application/json")
        is_refused = answer.status_code == 403 and answer.json()["code"] == "access.may-not"
        is_allowed = not permission or permission in may
        if is_refused is is_allowed:
            wrong.append((method, path, permission, answer.status_code))
    assert not wrong


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("permission", PERMISSIONS)
def test_the_admin_asks_for_the_same(api, role, permission):
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    request = RequestFactory().get("/")
    request.user = user
    may = permission in set(api(role).get("me").json()["permissions"])
    assert user.has_perm(permission) is may
    app, _, codename = permission.partition(".")
    action, _, model = codename.partition("_")
    label, method = ASKED_BY.get(permission, (f"{app}.{model}", f"has_{action}_permission"))
    page = admin.site._registry.get(apps.get_model(label))
    if page is None:
        # Shown and changed on the page of what it belongs to, which asks for it by name.
        sources = (ROOT / app / "admin").glob("*.py")
        named = any(permission in source.read_text(encoding="utf-8") for source in sources)
        assert action == "view" or named, permission
        return
    assert getattr(page, method)(request) is may
