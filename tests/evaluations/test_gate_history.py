"""Who changes a gate is named, and no gate stands on a suite that checks nothing."""

import re

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from core.errors import InvalidInputError, NotFoundError
from evaluations.models import GateEvent, ReleaseGate, TestCase
from evaluations.services import gates
from evaluations.services.suites import create_case, create_suite
from prompts.models import LabelRule
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db

NOTHING = "has an assertion, so the gate would accept every answer"
CHECK = [{"type": "contains", "value": "a"}]
# What a suite holds, and whether anything in it can fail an answer.
SUITES = [
    ([], False),
    ([{}], False),
    ([{"expected": "a"}], False),
    ([{"assertions": []}, {"expected": "b"}], False),
    ([{"assertions": CHECK, "enabled": False}], False),
    ([{"assertions": [{"type": "contains", "value": "a", "weight": 0}]}], None),
    ([{"assertions": CHECK}], True),
    ([{}, {"assertions": CHECK}], True),
    ([{"assertions": CHECK, "enabled": False}, {"assertions": CHECK}], True),
]


@pytest.fixture
def prompt():
    return create_prompt(title="P", name="p", content="x")


@pytest.fixture
def publisher(client, django_user_model, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    user = django_user_model.objects.create_user("鈴木", is_staff=True)
    user.groups.add(Group.objects.get(name="Publisher"))
    client.force_login(user)
    return client


def suite_of(cases, name="S"):
    suite = create_suite(name=name)
    for number, fields in enumerate(cases):
        create_case(suite_id=suite.pk, name=f"{number}", **fields)
    return suite


@pytest.mark.parametrize(("cases", "checks"), SUITES)
def test_a_gate_takes_a_suite_that_checks_something(publisher, prompt, cases, checks):
    suite = suite_of(cases)
    form = {"prompt": prompt.pk, "suite": suite.pk, "pass_rate": 0.8}
    page = publisher.post(reverse("admin:evaluations_releasegate_add"), form)
    by_page = ReleaseGate.objects.exists()
    ReleaseGate.objects.all().delete()
    assert checks is None or by_page is checks
    if by_page:
        gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)
        return
    assert NOTHING in page.content.decode()
    with pytest.raises(InvalidInputError, match=NOTHING):
        gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)


def test_no_gate_is_pointed_at_such_a_suite_or_opened_at_0(publisher, prompt):
    good, bad = suite_of([{"assertions": CHECK}]), suite_of([{}], "T")
    gate = gates.create_gate(prompt_id=prompt.pk, suite_id=good.pk, actor="owner")
    for fields, sentence in (
        ({"suite": bad.pk}, NOTHING),
        ({"pass_rate": 0}, "A gate with a rate of 0"),
    ):
        form = {"suite": good.pk, "pass_rate": 0.8} | fields
        address = reverse("admin:evaluations_releasegate_change", args=[gate.pk])
        assert sentence in publisher.post(address, form).content.decode()
    with pytest.raises(InvalidInputError, match=NOTHING):
        gates.edit_gate(gate_id=gate.pk, suite_id=bad.pk)
    with pytest.raises(InvalidInputError, match="would accept every answer"):
        gates.edit_gate(gate_id=gate.pk, pass_rate=0)
    gate.refresh_from_db()
    assert (gate.suite_id, gate.pass_rate) == (good.pk, 0.8)
    assert GateEvent.objects.count() == 1


def test_who_made_changed_and_deleted_a_gate_is_named(publisher, prompt):
    first, second = suite_of([{"assertions": CHECK}]), suite_of([{"assertions": CHECK}], "T")
    form = {"prompt": prompt.pk, "suite": first.pk, "pass_rate": 0.8}
    assert publisher.post(reverse("admin:evaluations_releasegate_add"), form).status_code == 302
    gate = ReleaseGate.objects.get()
    address = reverse("admin:evaluations_releasegate_change", args=[gate.pk])
    form = {"suite": second.pk, "pass_rate": 0.5, "lower_bound": 0.25}
    assert publisher.post(address, form).status_code == 302
    assert publisher.post(address, form).status_code == 302  # nothing differs: no event
    page = publisher.get(address).content.decode()
    changed = "test suite: S → T; pass rate: 80.0% → 50.0%; lower bound: – → 25.0%"
    assert changed in page
    assert page.count("<bdi>鈴木</bdi>") == 2
    assert "prompt: – → p; test suite: – → S; pass rate: – → 80.0%" in page
    delete = reverse("admin:evaluations_releasegate_delete", args=[gate.pk])
    assert publisher.post(delete, {"post": "yes"}).status_code == 302
    assert [(event.kind, event.actor) for event in GateEvent.objects.all()] == [
        ("deleted", "鈴木"),
        ("changed", "鈴木"),
        ("created", "鈴木"),
    ]
    history = reverse("admin:evaluations_releasegate_of_prompt", args=[prompt.pk])
    page = publisher.get(reverse("admin:prompts_prompt_change", args=[prompt.pk])).content.decode()
    assert history in page
    page = publisher.get(history).content.decode()
    for part in ("Release gate history", changed, "test suite: T → –"):
        assert part in page


def test_gates_deleted_in_bulk_are_named_too(publisher, prompt):
    suites = [suite_of([{"assertions": CHECK}], f"S{number}") for number in range(3)]
    keys = [gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk).pk for suite in suites]
    form = {"action": "delete_selected", "_selected_action": keys}
    address = reverse("admin:evaluations_releasegate_changelist")
    question = publisher.post(address, form, follow=True).content.decode()
    assert ReleaseGate.objects.count() == 3
    confirmation = re.search(r'action="(/admin/bulk/[^"]+)"', question)[1]
    answer = publisher.post(confirmation, {"confirmed": "yes"}, follow=True)
    assert answer.status_code == 200
    assert not ReleaseGate.objects.exists()
    assert GateEvent.objects.filter(kind="deleted", actor="鈴木").count() == 3


def test_what_a_gate_refuses(prompt):
    suite = suite_of([{"assertions": CHECK}])
    gate = gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)
    with pytest.raises(InvalidInputError, match="already has a gate for this suite"):
        gates.create_gate(prompt_id=prompt.pk, suite_id=suite.pk)
    with pytest.raises(InvalidInputError, match="prompt_id"):
        gates.edit_gate(gate_id=gate.pk, prompt_id=prompt.pk)
    with pytest.raises(InvalidInputError):
        gates.edit_gate(gate_id=gate.pk, pass_rate=2)
    TestCase.objects.filter(suite=suite).update(assertions=[{"type": 3}])
    with pytest.raises(InvalidInputError, match="case “0”"):
        gates.edit_gate(gate_id=gate.pk, pass_rate=0.9)
    suite.delete()
    with pytest.raises(InvalidInputError, match="this suite does not exist or has been deleted"):
        gates.edit_gate(gate_id=gate.pk, pass_rate=0.9)
    gates.delete_gate(gate_id=gate.pk)
    with pytest.raises(NotFoundError, match=r"^release gate .* does not exist"):
        gates.delete_gate(gate_id=gate.pk)
    assert str(GateEvent.objects.first()) == "deleted"


def test_a_gate_that_stops_nothing_yet_says_so(client, owner):
    """Without a label rule that needs checks, every label moves past every gate."""
    client.force_login(owner)
    warning = "No label requires release checks, so"
    changelist = reverse("admin:evaluations_releasegate_changelist")
    assert warning not in client.get(changelist).content.decode()
    prompt, suite = create_prompt(title="P", content="c"), create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", assertions=[{"type": "contains", "value": "a"}])
    data = {"prompt": prompt.pk, "suite": suite.pk, "pass_rate": "1", "lower_bound": ""}
    answer = client.post(reverse("admin:evaluations_releasegate_add"), data, follow=True)
    assert ReleaseGate.objects.count() == 1
    assert warning in answer.content.decode()
    assert warning in client.get(changelist).content.decode()
    corrected = client.get(f"{changelist}?state=all", follow=True)
    assert corrected.content.decode().count(warning) == 1
    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})
    assert warning not in client.get(changelist).content.decode()
