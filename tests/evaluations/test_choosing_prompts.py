"""The page that starts a run finds any prompt, with and without JavaScript."""

import html

import pytest

from evaluations.models import TestSuite
from prompts import services
from prompts.models import Prompt

pytestmark = pytest.mark.django_db

ADD = "/admin/evaluations/run/add/"


@pytest.fixture
def old():
    """The oldest of more prompts than any list shows."""
    made = services.create_prompt(title="議事録の要約", name="minutes", content="最初")
    rows = [Prompt(title=f"Later {n}", name=f"later-{n}", content="newer") for n in range(220)]
    Prompt.objects.bulk_create(rows)
    return made


@pytest.fixture
def page(client, owner, old):
    client.force_login(owner)

    def page(**query):
        return html.unescape(client.get(ADD, query).content.decode())

    return page


def test_at_first_the_newest_are_offered_and_it_says_that_there_are_more(page):
    text = page()
    assert text.count('href="?prompt=') == 20
    assert "Only the first 20 are shown" in text


@pytest.mark.parametrize(
    "text", ["minutes", "議事録の要約", "議事録", "最初", "ＭＩＮＵＴＥＳ", "key"]
)
def test_any_prompt_is_found(page, old, text):
    text = page(prompt=str(old.pk) if text == "key" else text)
    assert f"/admin/prompts/prompt/{old.pk}/change/#evaluations" in text  # it is chosen
    assert 'name="versions"' in text


def test_a_name_that_is_typed_whole_beats_what_begins_like_it(page):
    assert 'name="versions"' in page(prompt="later-2")
    text = page(prompt="later")
    assert 'name="versions"' not in text
    assert text.count('href="?prompt=') == 20


@pytest.mark.parametrize("text", ["nobody has this", "x" * 1001, "word " * 40])
def test_nothing_is_found(page, text):
    assert "No matching prompts." in page(prompt=text)


def test_the_box_is_answered_while_somebody_types(client, owner, old, member):
    suite = TestSuite.objects.create(name="S")
    client.force_login(owner)
    query = {"prompt": "minut", "suite": str(suite.pk)}
    [match] = client.get("/admin/evaluations/run/find-prompts/", query).json()["matches"]
    assert (match["title"], match["name"]) == ("議事録の要約", "minutes")
    chosen = client.get(match["address"]).content.decode()
    assert 'name="versions"' in chosen
    assert f'value="{suite.pk}" selected' in chosen
    client.force_login(member)
    assert client.get("/admin/evaluations/run/find-prompts/").status_code == 403
