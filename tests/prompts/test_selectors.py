from uuid import uuid4

import pytest

from core.errors import NotFoundError
from prompts import interface, selectors, services

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt():
    prompt = services.create_prompt(title="要約", content="会議を要約してください")
    return services.edit_prompt(prompt_id=prompt.pk, content="会議を三行で要約してください")


def test_get_prompt_and_version(prompt):
    assert selectors.get_prompt(prompt.pk) == prompt
    assert selectors.get_version(prompt.pk, 1).content == "会議を要約してください"
    assert [version.number for version in selectors.list_versions(prompt.pk)] == [2, 1]


@pytest.mark.parametrize("key", ["not-a-uuid", uuid4()])
def test_what_is_not_there_is_refused(key):
    with pytest.raises(NotFoundError, match=f"^there is no prompt “{key}”$"):
        selectors.get_prompt(key)
    with pytest.raises(NotFoundError, match=f"^prompt “{key}” has no version 1$"):
        selectors.get_version(key, 1)


def test_a_deleted_prompt_is_not_there(prompt):
    services.delete_prompt(prompt_id=prompt.pk)
    for read in (
        lambda: selectors.get_prompt(prompt.pk),
        lambda: selectors.get_version(prompt.pk, 1),
        lambda: interface.get_prompt_text(prompt_id=prompt.pk),
    ):
        with pytest.raises(NotFoundError):
            read()
    assert list(selectors.recent_versions()) == []
    assert selectors.count_prompts_by_status()["draft"] == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [("要約", True), ("三行 会議", True), ("三行 英語", False), ("", True), ("100%", False)],
)
def test_search_needs_every_word_in_title_or_content(prompt, text, found):
    assert selectors.search_prompts(text).exists() is found


def test_counts_name_every_status(prompt):
    services.create_template(name="t", content="c")
    assert selectors.count_prompts_by_status() == {"draft": 1, "active": 0, "archived": 0}
    assert selectors.count_templates() == 1


def test_recent_versions_come_newest_first_in_one_query(prompt, django_assert_num_queries):
    with django_assert_num_queries(1):
        rows = [(version.number, version.prompt.title) for version in selectors.recent_versions()]
    assert rows == [(2, "要約"), (1, "要約")]


def test_the_interface_gives_frozen_values(prompt):
    current = interface.get_prompt_text(prompt_id=prompt.pk)
    first = interface.get_prompt_text(prompt_id=prompt.pk, number=1)
    assert (current.number, first.number) == (2, 1)
    assert (first.title, first.content) == ("要約", "会議を要約してください")
    assert len(first.content_hash) == 64
    with pytest.raises(AttributeError):
        first.content = "changed"
