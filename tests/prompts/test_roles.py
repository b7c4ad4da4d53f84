"""Who may what, and that strangers learn nothing."""

import io

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from core.roles import grant
from prompts import services
from prompts.models import Prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt():
    made = services.create_prompt(title="Secret plan", content="one")
    services.edit_prompt(prompt_id=made.pk, content="two")
    return made


@pytest.fixture
def enter(client, member):
    def enter_as(role):
        call_command("sync_roles", stdout=io.StringIO())
        if role:
            member.groups.add(Group.objects.get(name=role))
        client.force_login(member)
        return client

    return enter_as


def pages(key):
    base = "/admin/prompts/prompt/"
    return [
        base,
        f"{base}?q=secret",
        f"{base}{key}/change/",
        f"{base}{key}/diff/",
        f"{base}{key}/history/",
        "/admin/prompts/promptversion/",
        "/admin/prompts/prompttemplate/gallery/",
        "/admin/autocomplete/?term=secret&app_label=evaluations&model_name=evaluation&field_name=prompt",
    ]


def test_a_stranger_gets_403_whether_it_exists_or_not(enter, prompt):
    client = enter(None)
    missing = "00000000-0000-4000-8000-000000000000"
    for there, not_there in zip(pages(prompt.pk), pages(missing), strict=True):
        answers = client.get(there), client.get(not_there)
        assert [answer.status_code for answer in answers] == [403, 403], there
        assert b"Secret" not in answers[0].content
        assert answers[0].content == answers[1].content
    for action in ("move-label", "restore-version", "status", "restore", "roll-back-label"):
        for key in (prompt.pk, missing):
            assert client.post(f"/admin/prompts/prompt/{key}/{action}/").status_code == 403
    assert client.post("/admin/prompts/prompt/preview/").status_code == 403
    assert client.get("/admin/prompts/prompt/import/").status_code == 403


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("Viewer", set()),
        ("Editor", {"edit", "staging"}),
        ("Publisher", {"edit", "staging", "production", "delete"}),
        ("Administrator", {"edit", "staging", "production", "delete", "rules", "purge"}),
    ],
)
def test_what_each_role_may(enter, prompt, role, may):
    client = enter(role)
    base = f"/admin/prompts/prompt/{prompt.pk}/"
    assert client.get(f"{base}change/").status_code == 200
    done = set()
    if client.post(f"{base}restore-version/", {"number": "1"}).status_code == 302:
        done.add("edit")
    for label in ("staging", "production"):
        client.post(f"{base}move-label/", {"label": label, "number": "1"})
        done |= {label} if prompt.labels.filter(name=label).exists() else set()
    if client.get(f"{base}delete/").status_code == 200:
        done.add("delete")
    if client.get("/admin/prompts/labelrule/add/").status_code == 200:
        done.add("rules")
    client.post(f"{base}delete/", {"post": "yes"})
    rows = {
        "action": "purge_selected",
        "_selected_action": str(prompt.pk),
        "confirmed": "yes",
        "reason": "an order",
    }
    client.post("/admin/prompts/prompt/?state=deleted", rows)
    done |= set() if Prompt.all_objects.exists() else {"purge"}
    assert done == may


def test_the_command_brings_roles_back(member):
    def run(*options):
        out = io.StringIO()
        call_command("sync_roles", *options, stdout=out)
        return out.getvalue()

    assert "Every role has exactly the permissions declared" in run()
    editor = Group.objects.get(name="Editor")
    editor.permissions.remove(editor.permissions.get(codename="change_prompt"))
    with pytest.raises(SystemExit):
        run("--check")
    assert "Editor: prompts: 1 added" in run()
    assert "Every role has exactly the permissions declared" in run("--check")


def test_an_old_migration_meets_grants_of_tables_that_come_later():
    old = MigrationLoader(connection).project_state(("prompts", "0004_roles")).apps
    grants = {"Viewer": ["view_prompt", "view_tablethatcomeslater"]}
    assert grant(old, "default", "prompts", grants)["Viewer"][0] == 0
    with pytest.raises(KeyError, match="view_tablethatcomeslater"):
        grant(apps, "default", "prompts", grants)
