"""Labels: who may move them, what must hold before, what is recorded."""

import pytest
from django.contrib.auth.models import Permission
from django.utils.translation import gettext, override

from core.errors import InvalidInputError, NotFoundError, StaleEditError
from prompts import extensions, interface, services
from prompts.models import LabelRule, Prompt, PromptEvent, PromptLabel

pytestmark = pytest.mark.django_db

EDITOR = services.Actor(name="ed", may_move=True)
PUBLISHER = services.Actor(name="pat", may_move=True, may_move_protected=True)
ADMIN = services.Actor(name="ada", may_move=True, may_move_protected=True, may_override=True)


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


# Moves in turn ("back" rolls back, "off" takes the label off), then where it stands after each
# further roll back; None: there is nothing before.
HISTORIES = [
    ([1], [None]),
    ([1, 2, 3], [2, 1, None]),
    ([1, 2, 3, "back"], [1, None]),
    ([1, 2, "back", 3], [1, None]),
    ([1, 2, 3, "back", 3], [2, 1, None]),
    ([1, 2, "back", 2, 3], [2, 1, None]),
    ([1, 2, 1], [2, 1, None]),
    ([3, 1, 2], [1, 3, None]),
    ([1, "off", 2], [1, None]),
    ([1, 2, "off", 2], [1, None]),
    ([1, 2, "off", 3], [2, 1, None]),
    ([1, "off"], [None]),
    ([1, "off", 1], [None]),
    ([1, 2, 3, 2], [3, 2, 1, None]),
]


@pytest.mark.parametrize(("history", "further"), HISTORIES)
def test_rolling_back_goes_further_back_each_time(prompt, history, further):
    of_staging = {"prompt_id": prompt.pk, "label": "staging"}
    for step in history:
        if step == "back":
            services.roll_back_label(**of_staging, reason="wrong answers")
        elif step == "off":
            services.remove_label(**of_staging)
        else:
            services.move_label(**of_staging, number=step)
    for number in further:
        if number is None:
            with pytest.raises(NotFoundError, match="has no earlier version to return"):
                services.find_roll_back(**of_staging)
            with pytest.raises(NotFoundError, match="has no earlier version to return"):
                services.roll_back_label(**of_staging)
            continue
        shown = services.find_roll_back(**of_staging)
        standing = services.roll_back_label(**of_staging, expected=shown)
        assert (shown.target, standing.version.number) == (number, number)
        event = PromptEvent.objects.filter(kind="label").first()
        assert (event.before, event.after) == (str(shown.current), str(number))
        assert event.details == {"rolled_back": True}


def test_the_labels_of_other_prompts_and_other_labels_stay_where_they_are(prompt):
    other = services.create_prompt(title="Other", content="uno")
    services.edit_prompt(prompt_id=other.pk, content="due")
    for label, number in (("staging", 2), ("staging", 1), ("beta", 1), ("beta", 2)):
        services.move_label(prompt_id=other.pk, label=label, number=number)
    for label, number in (("beta", 2), ("staging", 1), ("staging", 3), ("gamma", 1), ("gamma", 2)):
        services.move_label(prompt_id=prompt.pk, label=label, number=number)
    services.move_label(prompt_id=other.pk, label="staging", number=2)  # the newest of that name
    shown = services.find_roll_back(prompt_id=prompt.pk, label="staging")
    assert (shown.current, shown.target) == (3, 1)
    services.roll_back_label(prompt_id=prompt.pk, label="staging")
    services.remove_label(prompt_id=prompt.pk, label="gamma")
    rows = PromptLabel.objects.exclude(name="latest").order_by("prompt__title", "name")
    assert list(rows.values_list("prompt__title", "name", "version__number")) == [
        ("Other", "beta", 2),
        ("Other", "staging", 2),
        ("Reply", "beta", 2),
        ("Reply", "staging", 1),
    ]
    assert len(moves(other)) == 5
    for row in PromptLabel.objects.select_related("version"):
        assert row.version.prompt_id == row.prompt_id


@pytest.mark.parametrize("language", ["en", "ja"])
def test_roll_backs_of_before_they_were_marked_are_known_by_their_reason(prompt, language):
    with override(language):
        reason = gettext("Rolled back from version %(number)s") % {"number": 2}
    for number, why in ((1, ""), (2, ""), (1, reason)):
        services.move_label(prompt_id=prompt.pk, label="staging", number=number, reason=why)
    with pytest.raises(NotFoundError, match="has no earlier version to return"):
        services.roll_back_label(prompt_id=prompt.pk, label="staging")


def test_a_label_that_has_moved_meanwhile_is_not_rolled_back(prompt):
    of_staging = {"prompt_id": prompt.pk, "label": "staging"}
    for number in (1, 2):
        services.move_label(**of_staging, number=number)
    shown = services.find_roll_back(**of_staging)
    services.move_label(**of_staging, number=3)
    with pytest.raises(StaleEditError, match="“staging” has since moved to version 3"):
        services.roll_back_label(**of_staging, expected=shown)
    assert PromptLabel.objects.get().version.number == 3


@pytest.mark.parametrize("change", [services.remove_label, services.roll_back_label])
def test_a_protected_label_wants_a_reason(prompt, change):
    of_production = {"prompt_id": prompt.pk, "label": "production"}
    for number in (1, 2):
        services.move_label(**of_production, number=number)
    for reason in ("", "  "):
        with pytest.raises(InvalidInputError, match="the label “production” is protected; enter a"):
            change(**of_production, mover=PUBLISHER, reason=reason)
    with pytest.raises(services.LabelProtectedError, match="is protected; ask someone with the"):
        change(**of_production, mover=EDITOR, reason="why")
    assert PromptLabel.objects.get().version.number == 2
    change(**of_production, mover=PUBLISHER, reason=" wrong answers ")
    assert moves(prompt)[-1][3:] == ("pat", "wrong answers")


def test_rolling_back_passes_the_gate_and_the_history_says_so(prompt, gate):
    of_production = {"prompt_id": prompt.pk, "label": "production"}
    for number in (1, 2):
        services.move_label(**of_production, number=number, override=True, reason="x")
    with pytest.raises(services.GateRefusedError):
        services.move_label(**of_production, number=1, mover=PUBLISHER, reason="x")
    services.roll_back_label(**of_production, mover=PUBLISHER, reason="wrong answers")
    event = PromptEvent.objects.filter(kind="label").first()
    assert (event.before, event.after, event.reason) == ("2", "1", "wrong answers")
    assert event.details == {"rolled_back": True, "checks_skipped": True}


def test_a_label_of_many_prompts(prompt, gate):
    others = [services.create_prompt(title=f"t{n}", content=f"c{n}") for n in range(3)]
    gate.update(prompt.versions.values_list("content_hash", flat=True))
    gate.update(others[0].versions.values_list("content_hash", flat=True))
    services.move_label(prompt_id=prompt.pk, label="production", number=1)
    services.move_label(
        prompt_id=others[1].pk, label="production", number=1, override=True, reason="x"
    )
    prompt.refresh_from_db()
    rows = [prompt, *others]
    changes = services.label_newest(rows, label="production", mover=PUBLISHER, reason=" all ")
    assert changes.changed == 2
    [(refused, error)] = changes.refused
    assert refused == others[2]
    assert "never evaluated" in str(error)
    assert moves(prompt)[-1] == ("production", "1", "3", "pat", "all")
    assert moves(others[0])[-1] == ("production", "", "1", "pat", "all")
    again = services.label_newest([prompt, *others[:2]], label="production", mover=PUBLISHER)
    assert (again.changed, again.refused) == (0, [])
    with pytest.raises(services.LabelProtectedError):
        services.label_newest(rows, label="production", mover=EDITOR)
    with pytest.raises(InvalidInputError, match="the limit is 500"):
        services.label_newest(rows, label="staging", reason="x" * 501)


def test_tags_and_the_trash_of_many_prompts():
    rows = [services.create_prompt(title=f"t{n}", content="c") for n in range(3)]
    services.edit_prompt(prompt_id=rows[0].pk, tags=[f"tag{n}" for n in range(20)])
    rows[0].refresh_from_db()
    changes = services.add_tags(rows, tags=["x" * 50, "y" * 51])
    assert changes.changed == 0
    assert [prompt for prompt, _error in changes.refused] == rows
    assert services.restore_prompts(rows).changed == 0  # none is deleted
    assert services.delete_prompts([row.pk for row in rows], actor="ed") == 3
    assert services.delete_prompts([row.pk for row in rows]) == 0
    services.create_prompt(title="new", name=rows[1].name, content="c")
    Prompt.all_objects.filter(pk=rows[2].pk).update(name=rows[0].name)
    deleted = list(Prompt.all_objects.deleted().order_by("title"))
    changes = services.restore_prompts(deleted, actor="ed")
    assert changes.changed == 1
    assert [(prompt.title, str(error)) for prompt, error in changes.refused] == [
        ("t1", "name: a prompt with the name “t1” already exists"),
        ("t2", "name: a prompt with the name “t0” already exists"),
    ]


@pytest.mark.parametrize(
    ("label", "number", "mover", "error", "sentence"),
    [
        ("latest", 1, ADMIN, InvalidInputError, "“latest” always points to the newest version"),
        ("Über all", 1, ADMIN, InvalidInputError, "lower-case"),
        ("staging", 9, ADMIN, NotFoundError, "has no version 9"),
        ("staging", 1, services.Actor(), services.LabelProtectedError, "Can move labels"),
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


def test_a_check_is_told_what_is_to_move_and_a_refusal_what_each_said(prompt, gate):
    seen = []

    def check(candidate):
        seen.append(candidate)
        return interface.Verdict(passed=True, reason="looks good")

    interface.register_check("looked at", check)
    version = prompt.versions.get(number=2)
    with pytest.raises(services.GateRefusedError) as caught:
        services.move_label(prompt_id=prompt.pk, label="production", number=2, mover=PUBLISHER)
    assert seen == [
        interface.Candidate(
            prompt_id=prompt.pk,
            version_id=version.pk,
            name=prompt.name,
            number=2,
            content_hash=version.content_hash,
            label="production",
        )
    ]
    assert [(one.check, one.passed, one.reason) for one in caught.value.verdicts] == [
        ("evaluated", False, "never evaluated")
    ]
    assert str(caught.value) == (
        "“production” cannot move to version 2 because a release check fails "
        "(evaluated: never evaluated); fix it, or override the check, which "
        "requires a permission and a written reason"
    )
    services.move_label(
        prompt_id=prompt.pk, label="production", number=2, mover=ADMIN, reason="x", override=True
    )
    assert PromptEvent.objects.get(prompt=prompt, kind="label").details == {
        "checks": {"evaluated": [False, "never evaluated"], "looked at": [True, "looks good"]},
        "overridden": True,
    }


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        ([], (False, False, False)),
        (["move_label"], (True, False, False)),
        (["move_label", "move_protected_label"], (True, True, False)),
        (["override_gate"], (False, False, True)),
    ],
)
def test_a_user_moves_what_their_permissions_allow(member, permissions, may):
    member.user_permissions.set(
        Permission.objects.filter(content_type__app_label="prompts", codename__in=permissions)
    )
    mover = services.Actor.from_user(member)
    assert mover.name == "member"
    assert (mover.may_move, mover.may_move_protected, mover.may_override) == may


def test_a_label_that_is_nowhere_cannot_be_taken_off(prompt):
    with pytest.raises(NotFoundError, match=f"^“{prompt.name}” has no label “staging”$"):
        services.remove_label(prompt_id=prompt.pk, label="staging")
    assert moves(prompt) == []


def test_an_override_needs_a_permission_and_a_reason(prompt, gate):
    move = {"prompt_id": prompt.pk, "label": "production", "number": 2, "override": True}
    with pytest.raises(services.LabelProtectedError, match="despite failed checks"):
        services.move_label(**move, mover=PUBLISHER, reason="urgent")
    with pytest.raises(InvalidInputError, match="written reason"):
        services.move_label(**move, mover=ADMIN, reason="  ")
    services.move_label(**move, mover=ADMIN, reason="urgent")
    event = PromptEvent.objects.get(prompt=prompt, kind="label")
    assert (event.reason, event.details["overridden"]) == ("urgent", True)


def test_a_status_leaves_a_row(prompt):
    services.edit_prompt(prompt_id=prompt.pk, status="archived", author="ed", change_note="old")
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
