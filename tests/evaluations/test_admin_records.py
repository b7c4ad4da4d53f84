"""Pages of single evaluations and results: what a run found is read, what people wrote edited."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Evaluation
from evaluations.release_gates import check_release
from evaluations.roles import PERMISSIONS
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from prompts.interface import Candidate, get_prompt_text
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = ("prompt", "version", "suite", "status", "overall_score", "provider", "model",
          "parameters", "error")  # fmt: skip


@pytest.fixture
def text():
    return get_prompt_text(prompt_id=create_prompt(title="P", content="c").pk)


@pytest.fixture
def editor(client):
    user = User.objects.create_user("e", password="e", is_staff=True)
    names = PERMISSIONS["Viewer"] + PERMISSIONS["Editor"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def url(name, *arguments):
    return reverse(f"admin:evaluations_{name}", args=arguments)


def forged(text):
    return {
        "prompt": text.prompt_id, "version": text.version_id, "status": "completed",
        "overall_score": "1.0", "provider": "echo", "parameters": "{}",
    }  # fmt: skip


def candidate(text):
    return Candidate(
        prompt_id=text.prompt_id, version_id=text.version_id, name=text.name, number=1,
        content_hash=text.content_hash, label="production",
    )  # fmt: skip


def test_what_a_run_found_is_read_only(editor, text):
    case = Case(name="a", assertions=(Assertion(type="contains", value="not this"),))
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    row = execute_run(create_run(Plan(columns=[column]), [(None, case)]).pk).evaluations.get()
    before = Evaluation.objects.filter(pk=row.pk).values().get()
    page = editor.get(url("evaluation_change", row.pk))
    assert page.status_code == 200
    assert [name for name in FIELDS if f'name="{name}"' in page.content.decode()] == []
    assert editor.post(url("evaluation_change", row.pk), forged(text)).status_code == 403
    assert Evaluation.objects.filter(pk=row.pk).values().get() == before
    result = row.results.get()
    kept = row.results.values().get()
    sent = {"passed": "true", "score": "1", "output": "not this"}
    assert editor.get(url("testresult_change", result.pk)).status_code == 200
    assert editor.post(url("testresult_change", result.pk), sent).status_code == 403
    assert row.results.values().get() == kept
    assert not check_release(candidate(text)).passed


def test_what_people_write_is_edited_and_releases_nothing(editor, text):
    assert editor.post(url("evaluation_add"), forged(text) | {"status": "pending"}).url
    row = Evaluation.objects.get()
    page = editor.get(url("evaluation_change", row.pk)).content.decode()
    assert [name for name in FIELDS if f'name="{name}"' not in page] == []
    assert editor.post(url("evaluation_change", row.pk), forged(text)).status_code == 302
    row.refresh_from_db()
    assert (row.status, row.overall_score) == ("completed", 1.0)
    assert check_release(candidate(text)).reason == "this content has not been evaluated yet"
