"""What webhooks are told of prompts: each change once, none that is undone, and never a text."""

import json
import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.events.models import WebhookDelivery
from core.events.services import endpoints
from prompts import extensions, interface, services
from prompts.exporting import Archived, ArchivedVersion
from prompts.importing import Row
from prompts.models import LabelRule, Prompt
from prompts.services import Actor, GateRefusedError

pytestmark = pytest.mark.django_db

TEXT = "a text that nobody else is to read"
TYPES = ["gate.refused", "label.moved", "prompt.version.created"]
EDITOR = Actor(name="ed", may_move=True, may_move_protected=True)


@pytest.fixture
def subscribed():
    return endpoints.create_endpoint(
        name="team", url="https://127.0.0.1:9/hook", event_types=TYPES
    ).endpoint


@pytest.fixture
def refusing(monkeypatch):
    """Let `production` need one check, which nothing passes."""
    monkeypatch.setattr(extensions, "_checks", {})
    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})
    verdict = interface.Verdict(passed=False, reason="never evaluated")
    interface.register_check("evaluated", lambda _candidate: verdict)


def take():
    """Return type and data of what was announced since the last call."""
    rows = WebhookDelivery.objects.order_by("next_attempt_at", "created_at")
    bodies = list(rows.values_list("body", flat=True))
    assert TEXT not in "".join(bodies)
    WebhookDelivery.objects.all().delete()
    events = [json.loads(body) for body in bodies]
    return [(event["type"], event["data"]) for event in events]


def create(title="Reply", **fields):
    return services.create_prompt(title=title, content=TEXT, author="anna", **fields)


def version(prompt, number, actor):
    content_hash = prompt.versions.get(number=number).content_hash
    assert re.fullmatch("[0-9a-f]{64}", content_hash)
    data = {
        "prompt_id": str(prompt.pk),
        "name": prompt.name,
        "version": number,
        "content_hash": content_hash,
        "actor": actor,
    }
    return "prompt.version.created", data


def move(prompt, label, before, after, actor="ed", action="moved", overridden=False):
    content_hash = prompt.versions.get(number=after).content_hash if after else None
    data = {
        "prompt_id": str(prompt.pk),
        "name": prompt.name,
        "label": label,
        "action": action,
        "before": before,
        "after": after,
        "content_hash": content_hash,
        "overridden": overridden,
        "actor": actor,
    }
    return "label.moved", data


def test_versions(subscribed):
    prompt = create()
    assert take() == [version(prompt, 1, "anna")]
    services.edit_prompt(prompt_id=prompt.pk, content=f"{TEXT}, again", author="ben")
    assert take() == [version(prompt, 2, "ben")]
    services.edit_prompt(prompt_id=prompt.pk, title="Other", tags=["a"], author="ben")
    services.set_status([prompt], status=Prompt.Status.ACTIVE)
    assert take() == []
    services.restore_version(prompt_id=prompt.pk, number=1, author="cat")
    assert take() == [version(prompt, 3, "cat")]


def test_nothing_is_told_of_what_is_undone(subscribed):
    with pytest.raises(RuntimeError), transaction.atomic():
        create()
        raise RuntimeError
    assert take() == []


def test_labels(subscribed):
    prompt = create()
    services.edit_prompt(prompt_id=prompt.pk, content=f"{TEXT}, again")
    take()
    key = {"prompt_id": prompt.pk, "label": "staging", "mover": EDITOR}
    services.move_label(**key, number=1)
    services.move_label(**key, number=1)  # it stands there already
    assert take() == [move(prompt, "staging", None, 1)]
    services.move_label(**key, number=2, reason=TEXT)
    assert take() == [move(prompt, "staging", 1, 2)]
    services.roll_back_label(**key)
    assert take() == [move(prompt, "staging", 2, 1, action="rolled_back")]
    services.remove_label(**key)
    assert take() == [move(prompt, "staging", 1, None, action="removed")]


def refusal(prompt, number=1):
    data = {
        "prompt_id": str(prompt.pk),
        "name": prompt.name,
        "label": "production",
        "version": number,
        "content_hash": prompt.versions.get(number=number).content_hash,
        "actor": "ed",
        "checks": [{"check": "evaluated", "reason": "never evaluated"}],
    }
    return "gate.refused", data


def test_a_refusal_is_told_although_its_transaction_is_undone(subscribed, refusing):
    prompt = create()
    take()
    key = {"prompt_id": prompt.pk, "label": "production", "number": 1}
    with pytest.raises(GateRefusedError):
        services.move_label(**key, mover=EDITOR)
    assert take() == [refusal(prompt)]
    services.move_label(**key, override=True, reason="now")
    assert take() == [move(prompt, "production", None, 1, actor="", overridden=True)]


def test_a_refusal_within_a_larger_change_goes_with_it(subscribed, refusing):
    prompt = create()
    take()
    with pytest.raises(GateRefusedError), transaction.atomic():
        services.move_label(prompt_id=prompt.pk, label="production", number=1, mover=EDITOR)
    assert take() == []


def test_many_labels(subscribed, refusing):
    prompts = [create("One"), create("Two")]
    take()
    services.label_newest(prompts, label="staging", mover=EDITOR)
    assert sorted(take(), key=str) == sorted(
        [move(prompt, "staging", None, 1) for prompt in prompts], key=str
    )
    services.edit_prompt(prompt_id=prompts[0].pk, content="two")
    take()
    prompts[0].refresh_from_db()
    services.label_newest(prompts, label="staging", mover=EDITOR)
    assert take() == [move(prompts[0], "staging", 1, 2)]
    services.label_newest(prompts[1:], label="production", mover=EDITOR)
    assert take() == [refusal(prompts[1])]


def test_an_import_of_many_is_told_in_few_statements(subscribed):
    rows = [
        Row(
            line=number,
            title=f"t{number}",
            content=TEXT,
            metadata={},
            title_column="title",
            content_column="content",
        )
        for number in range(1, 301)
    ]
    statements = []

    def note(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        services.import_rows(rows, services.ImportOptions(author="anna"), pytest.fail)
    told = [sql for sql in statements if "webhook_" in sql]
    # Who is subscribed, the endpoints, and 300 deliveries: SQLite takes 71 in a statement.
    assert len(told) <= 7
    assert {data["name"] for _type, data in take()} == {f"t{number}" for number in range(1, 301)}


def test_an_archive(subscribed):
    first = ArchivedVersion(number=1, content=TEXT)
    row = Archived(name="reply", title="Reply", versions=(first,))
    services.restore_archive([row], author="anna")
    prompt = Prompt.objects.get()
    [(_type, data)] = take()
    assert (data["name"], data["version"]) == ("reply", 1)
    more = (first, ArchivedVersion(number=2, content=f"{TEXT}, again"))
    services.restore_archive([Archived(name="reply", title="Reply", versions=more)], author="anna")
    assert take() == [version(prompt, 2, "anna")]


def test_without_an_endpoint_nothing_is_asked():
    create()
    with CaptureQueriesContext(connection) as queries:
        create("Two")
    assert not any("webhook_" in query["sql"] for query in queries)
