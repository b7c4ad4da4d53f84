"""Labels: who may move them, what must hold before, what is recorded."""

import pytest

from autoforge.core.errors import InvalidInputError, NotFoundError
from prompts import extensions, interface, services
from prompts.models import LabelRule, PromptEvent, PromptLabel

pytestmark = pytest.mark.django_db

EDITOR = services.Mover(name="ed", may_move=True)
PUBLISHER = services.Mover(name="pat", may_move=True, may_move_protected=True)
ADMIN = services.Mover(name="ada", may_move=True, may_move_protected=True, may_override=True)


@pytest.fixture
def prompt():
    made = services.create_prompt(title="Reply", content="one")
    for text in ("two", "three"):
        services.edit_prompt(prompt_id=made.pk, content=text)
    return made


@pytest.fixture
def gate(monkeypatch):
    """Let `production` need one check alone, which passes the contents that are in the set."""
    monkeypatch.setattr(extensions, "_checks", {})
    good = set()

    def check(candidate):
        passed = candidate.content_hash in good
        return interface.Verdict(passed=passed, reason="seen" if passed else "never evaluated")

    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})
    interface.register_check("evaluated", check)
    return good


def test_a_check_is_forgotten(prompt, gate):
    interface.unregister_check("evaluated")
    services.move_label(prompt_id=prompt.pk, label="production", number=1, mover=PUBLISHER)
    assert moves(prompt)[-1][2] == "1"


def moves(prompt):
    rows = PromptEvent.objects.filter(prompt=prompt, kind="label").order_by("id")
    return list(rows.values_list("label", "before", "after", "actor", "reason"))


def test_every_move_is_recorded(prompt):
    for number, why in ((1, "first"), (3, "better"), (3, "again")):
        services.move_label(
            prompt_id=prompt.pk, label="staging", number=number, mover=EDITOR, reason=why
        )
    services.remove_label(prompt_id=prompt.pk, label="staging", mover=EDITOR)
    assert moves(prompt) == [
        ("staging", "", "1", "ed", "first"),
        ("staging", "1", "3", "ed", "better"),
        ("staging", "3", "", "ed", ""),
    ]
    assert not PromptLabel.objects.exists()


def test_roll_back(prompt):
    for number in (1, 3):
        services.move_label(prompt_id=prompt.pk, label="staging", number=number)
    standing = services.roll_back_label(prompt_id=prompt.pk, label="staging", mover=EDITOR)
    assert standing.version.number == 1
    assert moves(prompt)[-1] == ("staging", "3", "1", "ed", "Rolled back from version 3")


def test_there_must_be_something_to_roll_back_to(prompt):
    services.move_label(prompt_id=prompt.pk, label="staging", number=1)
    with pytest.raises(NotFoundError, match="has stood nowhere before"):
        services.roll_back_label(prompt_id=prompt.pk, label="staging")


@pytest.mark.parametrize(
    ("label", "number", "mover", "error", "sentence"),
    [
        ("latest", 1, ADMIN, InvalidInputError, "always stands at the newest version"),
        ("Über all", 1, ADMIN, InvalidInputError, "lower-case"),
        ("staging", 9, ADMIN, NotFoundError, "has no version 9"),
        ("staging", 1, services.Mover(), services.LabelProtectedError, "Can move labels"),
        ("production", 1, EDITOR, services.LabelProtectedError, "is protected"),
    ],
)
def test_refusals(prompt, label, number, mover, error, sentence):
    with pytest.raises(error, match=sentence):
        services.move_label(prompt_id=prompt.pk, label=label, number=number, mover=mover)
    assert moves(prompt) == []


def test_the_gate_opens_for_exactly_this_content(prompt, gate):
    with pytest.raises(services.GateRefusedError, match="evaluated: never evaluated"):
        services.move_label(prompt_id=prompt.pk, label="production", number=1, mover=PUBLISHER)
    gate.add(prompt.versions.get(number=1).content_hash)
    services.move_label(prompt_id=prompt.pk, label="production", number=1, mover=PUBLISHER)
    with pytest.raises(services.GateRefusedError):
        services.move_label(prompt_id=prompt.pk, label="production", number=2, mover=PUBLISHER)
    event = PromptEvent.objects.get(prompt=prompt, kind="label")
    assert event.details == {"checks": {"evaluated": [True, "seen"]}}


def test_an_override_needs_a_permission_and_a_reason(prompt, gate):
    move = {"prompt_id": prompt.pk, "label": "production", "number": 2, "override": True}
    with pytest.raises(services.LabelProtectedError, match="against failed checks"):
        services.move_label(**move, mover=PUBLISHER, reason="urgent")
    with pytest.raises(InvalidInputError, match="written reason"):
        services.move_label(**move, mover=ADMIN, reason="  ")
    services.move_label(**move, mover=ADMIN, reason="urgent")
    event = PromptEvent.objects.get(prompt=prompt, kind="label")
    assert (event.reason, event.details["overridden"]) == ("urgent", True)


def test_a_status_leaves_a_row(prompt):
    services.archive_prompt(prompt_id=prompt.pk, actor="ed", reason="old")
    prompt.refresh_from_db()
    services.set_status([prompt], status="active", actor="pat")
    rows = PromptEvent.objects.filter(prompt=prompt, kind="status").order_by("id")
    assert list(rows.values_list("before", "after", "actor", "reason")) == [
        ("draft", "archived", "ed", "old"),
        ("archived", "active", "pat", ""),
    ]


def test_other_fields_leave_a_row_with_both_values(prompt):
    services.edit_prompt(prompt_id=prompt.pk, title="Answer", tags=["x"], author="ed")
    event = PromptEvent.objects.get(prompt=prompt, kind="edited")
    assert event.actor == "ed"
    assert event.details == {"tags": [[], ["x"]], "title": ["Reply", "Answer"]}
