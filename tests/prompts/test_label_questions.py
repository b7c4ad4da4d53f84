"""Rolling back and taking off a protected label ask on a page, also without JavaScript."""

import html

import pytest

from prompts import services
from prompts.models import LabelRule, PromptEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt():
    made = services.create_prompt(title="Reply", content="one", change_note="the first")
    for text in ("two", "three"):
        services.edit_prompt(prompt_id=made.pk, content=text)
    for label in ("production", "staging"):
        for number in (1, 2, 3):
            services.move_label(prompt_id=made.pk, label=label, number=number)
    return made


@pytest.fixture
def send(client, owner, prompt):
    client.force_login(owner)

    def send(page, **values):
        address = f"/admin/prompts/prompt/{prompt.pk}/{page}/"
        if values.pop("method", "post") == "get":
            response = client.get(address, values, follow=True)
        else:
            response = client.post(address, values, follow=True)
        return html.unescape(response.content.decode())

    return send


def stands_at(prompt, label):
    row = prompt.labels.filter(name=label).select_related("version").first()
    return row.version.number if row else None


@pytest.mark.parametrize("method", ["get", "post"])
def test_rolling_back_asks_and_says_from_where_to_where(send, prompt, method):
    page = send("roll-back-label", method=method, label="production")
    assert "“production” moves from version 3 back to version 2" in page
    assert "required" in page.split('name="reason"')[1].split(">")[0]
    assert stands_at(prompt, "production") == 3


def test_rolling_back_twice(send, prompt):
    answer = {"label": "production", "confirmed": "yes", "current": "3", "target": "2"}
    page = send("roll-back-label", **answer)
    assert "is protected; enter a reason" in page
    assert stands_at(prompt, "production") == 3
    page = send("roll-back-label", **answer, reason="wrong answers")
    assert "Label “production” now points to version 2." in page
    assert "rolled back" in page
    assert "wrong answers" in page
    page = send("roll-back-label", **answer, reason="again")  # the page of before
    assert "has since moved to version 2" in page
    assert "again" in page  # what was typed is kept
    page = send("roll-back-label", method="get", label="production")
    assert "moves from version 2 back to version 1" in page
    send("roll-back-label", label="production", confirmed="yes", reason="further")
    assert stands_at(prompt, "production") == 1
    page = send("roll-back-label", method="get", label="production")
    assert "has no earlier version to return" in page


def test_the_history_says_that_checks_were_not_run(send, prompt):
    LabelRule.objects.filter(label="production").update(needs_checks=True)
    assert "Release checks are not run again" in send(
        "roll-back-label", method="get", label="production"
    )
    page = send("roll-back-label", label="production", confirmed="yes", reason="wrong")
    assert "release checks not run: the label has pointed to this version before" in page


def test_taking_off(send, prompt):
    assert "removed" in send("remove-label", label="staging")
    assert stands_at(prompt, "staging") is None
    assert "has no label" in send("remove-label", label="staging")
    page = send("remove-label", label="production")
    assert ("“production” points to version 3. Programs that read “production” will get an") in page
    assert stands_at(prompt, "production") == 3
    assert "enter a reason" in send("remove-label", label="production", confirmed="yes")
    page = send("remove-label", label="production", confirmed="yes", reason="retired")
    assert "Label “production” removed." in page
    assert stands_at(prompt, "production") is None
    assert PromptEvent.objects.filter(kind="label").first().reason == "retired"


def test_who_may_not_is_refused(client, member, prompt):
    from django.contrib.auth.models import Permission

    member.user_permissions.set(
        Permission.objects.filter(codename__in=["view_prompt", "move_label"])
    )
    client.force_login(member)
    address = f"/admin/prompts/prompt/{prompt.pk}/roll-back-label/"
    answer = {"label": "production", "confirmed": "yes", "reason": "x"}
    page = html.unescape(client.post(address, answer).content.decode())
    assert "the label “production” is protected; ask someone with the" in page
    assert stands_at(prompt, "production") == 3
    member.user_permissions.set(Permission.objects.filter(codename="view_prompt"))
    assert client.get(address).status_code == 403
