"""Writes to prompts and templates: what they do, and each refusal with its sentence."""

import hashlib
import threading
from uuid import uuid4

import pytest
from django.db import connection

from core.errors import InvalidInputError, NotFoundError, StaleEditError
from prompts import services
from prompts.mapping import content_hash
from prompts.models import Prompt, PromptTemplate, PromptVersion
from prompts.services.prompts import new_prompt

TEXTS = [
    "Answer {{ question }} in {language}.",
    "  leading and trailing \n\n",
    "\r\nWindows\r\nlines\r\n",
    "日本語のプロンプト：{名前} さん、こんにちは。",
    "emoji 👩‍👩‍👧‍👦, RTL عربى, combining e\u0301",
    "\"quotes\" 'and' `ticks` \\ and % signs %s",
    "x" * 100_000,
]


@pytest.fixture
def prompt(db) -> Prompt:
    return services.create_prompt(title="Reply", content="one", author="aiko")


def versions(prompt: Prompt) -> list[tuple[int, str]]:
    return list(prompt.versions.order_by("number").values_list("number", "content"))


@pytest.mark.django_db
@pytest.mark.parametrize("content", TEXTS)
def test_content_is_kept_exactly_in_the_prompt_and_in_version_1(content):
    prompt = services.create_prompt(title="t", content=content, change_note="first")
    prompt.refresh_from_db()
    version = prompt.versions.get()
    assert prompt.content == version.content == content
    assert (version.number, version.change_note) == (1, "first")
    assert version.content_hash == hashlib.sha256(content.encode()).hexdigest()


def test_the_hash_is_sha256_of_utf8():
    plain = new_prompt(title="t", content="日本語")
    assert content_hash(plain) == "77710aedc74ecfa33685e33a6c7df5cc83004da1bdcef7fb280f5c2b2e97e0a5"
    read_otherwise = new_prompt(title="t", content="日本語", syntax="jinja")
    assert content_hash(read_otherwise) != content_hash(plain)


def test_defaults(prompt):
    prompt.refresh_from_db()
    assert (prompt.status, prompt.current_version, prompt.user_id) == ("draft", 1, "")
    assert (prompt.tags, prompt.metadata, prompt.is_deleted) == ([], {}, False)


REFUSED = [
    ({"title": ""}, {"title": "This field cannot be blank."}),
    ({"title": " \u3000\t"}, {"title": "This field cannot be blank."}),
    (
        {"title": "x" * 256},
        {"title": "Ensure this value has at most 255 characters (it has 256)."},
    ),
    ({"title": None}, {"title": "This field cannot be null."}),
    ({"content": "\u2003\n"}, {"content": "This field cannot be blank."}),
    (
        {"content": "a\x00b"},
        {"content": "contains a NUL character at position 2; remove it"},
    ),
    (
        {"content": "ab\ud800"},
        {"content": "contains half of a surrogate pair at position 3, not a character"},
    ),
    ({"status": "gone"}, {"status": "Value 'gone' is not a valid choice."}),
    (
        {"tags": "support"},
        {"tags": 'must be a list of strings, such as ["support", "日本語"]'},
    ),
    ({"tags": [1]}, {"tags": 'must be a list of strings, such as ["support", "日本語"]'}),
    ({"tags": ["a", "a"]}, {"tags": "contains the tag “a” twice"}),
    ({"tags": [" "]}, {"tags": "contains the tag “ ”; a tag must have 1 to 50 characters"}),
    (
        {"tags": ["a\x00"]},
        {"tags": "contains a NUL character at position 2; remove it"},
    ),
    (
        {"metadata": ["a"]},
        {"metadata": 'must be a JSON object, such as {"source": "book"}'},
    ),
    (
        {"colour": "red"},
        {
            "colour": (
                "unknown field; allowed fields: config, content, description, kind, metadata, "
                "name, status, syntax, tags, title, user_id, variables"
            )
        },
    ),
    (
        {"author": "x" * 256},
        {"author": "Ensure this value has at most 255 characters (it has 256)."},
    ),
    (
        {"title": " ", "content": " "},
        {"title": "This field cannot be blank.", "content": "This field cannot be blank."},
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "messages"), REFUSED)
def test_bad_input_is_refused_by_field_and_nothing_is_written(fields, messages):
    with pytest.raises(InvalidInputError) as refusal:
        services.create_prompt(**({"title": "t", "content": "c"} | fields))
    assert refusal.value.messages == messages
    assert not Prompt.all_objects.exists()
    assert not PromptVersion.objects.exists()


@pytest.mark.parametrize(("fields", "messages"), REFUSED)
def test_a_bad_edit_is_refused_and_changes_nothing(prompt, fields, messages):
    if "author" in fields:
        fields = fields | {"content": "two"}
    if "colour" not in fields:
        with pytest.raises(InvalidInputError) as refusal:
            services.edit_prompt(prompt_id=prompt.pk, **fields)
        assert refusal.value.messages == messages
    prompt.refresh_from_db()
    assert (prompt.title, prompt.content, prompt.current_version) == ("Reply", "one", 1)
    assert versions(prompt) == [(1, "one")]


def test_new_content_makes_the_next_version(prompt):
    edited = services.edit_prompt(
        prompt_id=str(prompt.pk), content="two", author="bob", change_note="shorter"
    )
    prompt.refresh_from_db()
    assert (edited.current_version, prompt.current_version, prompt.content) == (2, 2, "two")
    assert versions(prompt) == [(1, "one"), (2, "two")]
    newest = prompt.versions.get(number=2)
    assert (newest.author, newest.change_note) == ("bob", "shorter")


@pytest.mark.parametrize(
    "changes",
    [{"title": "New"}, {"status": "active"}, {"tags": ["a"]}, {"metadata": {"a": 1}}],
)
def test_other_fields_make_no_version(prompt, changes):
    services.edit_prompt(prompt_id=prompt.pk, **changes)
    prompt.refresh_from_db()
    assert {name: getattr(prompt, name) for name in changes} == changes
    assert versions(prompt) == [(1, "one")]


def test_the_same_values_write_nothing(prompt, django_assert_num_queries):
    with django_assert_num_queries(3):  # the savepoint, the prompt, the savepoint's end
        services.edit_prompt(prompt_id=prompt.pk, title="Reply", content="one")
    before = prompt.updated_at
    prompt.refresh_from_db()
    assert prompt.updated_at == before


def test_an_edit_that_began_at_the_current_version_is_saved(prompt):
    assert (
        services.edit_prompt(prompt_id=prompt.pk, content="two", expected_version=1).current_version
        == 2
    )


def test_an_edit_that_began_at_an_older_version_is_refused(prompt):
    services.edit_prompt(prompt_id=prompt.pk, content="two")
    with pytest.raises(
        StaleEditError,
        match=(
            "“Reply” is now at version 2, but this edit started from version 1; review "
            "the newer version, then edit again"
        ),
    ):
        services.edit_prompt(prompt_id=prompt.pk, content="mine", expected_version=1)
    assert versions(prompt) == [(1, "one"), (2, "two")]


def test_restoring_a_version_copies_it_forward(prompt):
    services.edit_prompt(prompt_id=prompt.pk, content="two")
    restored = services.restore_version(prompt_id=prompt.pk, number=1, author="bob")
    assert (restored.content, restored.current_version) == ("one", 3)
    assert versions(prompt) == [(1, "one"), (2, "two"), (3, "one")]
    assert prompt.versions.get(number=3).change_note == "Restored version 1"


def test_restoring_keeps_a_reason_that_is_given(prompt):
    services.edit_prompt(prompt_id=prompt.pk, content="two")
    services.restore_version(prompt_id=prompt.pk, number=1, change_note="it was better")
    assert prompt.versions.get(number=3).change_note == "it was better"


def test_what_is_not_given_has_the_default(prompt):
    made = services.create_prompt(title="T", content="c", description=None, tags=None, config=None)
    assert (made.description, made.tags, made.config) == ("", [], {})


def test_restoring_what_is_current_changes_nothing(prompt):
    assert services.restore_version(prompt_id=prompt.pk, number=1).current_version == 1


def test_a_missing_version_is_refused(prompt):
    with pytest.raises(NotFoundError, match="the prompt has no version 7"):
        services.restore_version(prompt_id=prompt.pk, number=7)


def test_archive_delete_and_restore(prompt):
    assert services.edit_prompt(prompt_id=prompt.pk, status="archived").status == "archived"
    services.delete_prompt(prompt_id=prompt.pk)
    assert not Prompt.objects.exists()
    assert services.restore_prompt(prompt_id=prompt.pk).status == "archived"
    assert Prompt.objects.get() == prompt


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["not-a-uuid", uuid4()])
def test_what_is_not_there_is_refused(key):
    for write in (
        lambda: services.edit_prompt(prompt_id=key, title="x"),
        lambda: services.delete_prompt(prompt_id=key),
        lambda: services.restore_version(prompt_id=key, number=1),
    ):
        with pytest.raises(NotFoundError, match=f"^there is no prompt {key}$"):
            write()
    with pytest.raises(NotFoundError, match=f"^there is no deleted prompt {key}$"):
        services.restore_prompt(prompt_id=key)


def test_a_deleted_prompt_cannot_be_edited_and_one_in_use_not_restored(prompt):
    with pytest.raises(NotFoundError, match="there is no deleted prompt"):
        services.restore_prompt(prompt_id=prompt.pk)
    services.delete_prompt(prompt_id=prompt.pk)
    with pytest.raises(NotFoundError, match="there is no prompt"):
        services.edit_prompt(prompt_id=prompt.pk, title="x")
    with pytest.raises(NotFoundError, match="there is no prompt"):
        services.delete_prompt(prompt_id=prompt.pk)


@pytest.mark.django_db
def test_a_failure_in_the_middle_leaves_nothing(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("power cut")

    monkeypatch.setattr(PromptVersion, "save", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        services.create_prompt(title="t", content="c")
    assert not Prompt.all_objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_editors_at_once_leave_no_gap_and_lose_nothing():
    prompt = services.create_prompt(title="t", content="start")
    failures: list[Exception] = []

    def edit(editor: int) -> None:
        try:
            for turn in range(5):
                services.edit_prompt(prompt_id=prompt.pk, content=f"{editor}:{turn}")
        except Exception as error:  # noqa: BLE001 (whatever it is, the test shows it)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=edit, args=(editor,)) for editor in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    prompt.refresh_from_db()
    assert failures == []
    assert [number for number, _ in versions(prompt)] == list(range(1, 42))
    assert {content for _, content in versions(prompt)} == {"start"} | {
        f"{editor}:{turn}" for editor in range(8) for turn in range(5)
    }
    assert prompt.current_version == 41


# --- Templates ------------------------------------------------------------------------------------


@pytest.fixture
def template(db) -> PromptTemplate:
    return services.create_template(
        name="Reply", content="Dear {{ name }}", parameters=[{"name": "name"}]
    )


def test_a_template_is_created_and_edited(template):
    services.edit_template(template_id=template.pk, category="Support", content="Hi {{ name }}")
    template.refresh_from_db()
    assert (template.category, template.content) == ("Support", "Hi {{ name }}")
    assert [parameter["name"] for parameter in template.parameters] == ["name"]


def test_an_edit_without_changes_writes_nothing(template):
    before = template.updated_at
    assert services.edit_template(template_id=template.pk).pk == template.pk
    template.refresh_from_db()
    assert template.updated_at == before


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"name": " "}, {"name": "This field cannot be blank."}),
        ({"content": "\n"}, {"content": "This field cannot be blank."}),
        ({"parameters": {}}, {"parameters": "must be a JSON list in square brackets"}),
        ({"name": "Reply"}, {"name": "a template with the name “Reply” already exists"}),
        (
            {"colour": "red"},
            {"colour": "unknown field; allowed fields: category, content, name, parameters"},
        ),
    ],
)
def test_a_bad_template_is_refused_by_field(template, fields, messages):
    other = services.create_template(name="Other", content="c")
    with pytest.raises(InvalidInputError) as created:
        services.create_template(**({"name": "New", "content": "c"} | fields))
    with pytest.raises(InvalidInputError) as edited:
        services.edit_template(template_id=other.pk, **fields)
    assert created.value.messages == edited.value.messages == messages
    assert PromptTemplate.objects.count() == 2


def test_a_deleted_templates_name_is_free_and_it_comes_back_only_while_it_is(template):
    assert services.delete_templates([template.pk, template.pk]) == 1
    assert services.delete_templates([template.pk]) == 0
    successor = services.create_template(name="Reply", content="c")
    with pytest.raises(InvalidInputError, match="a template with the name “Reply” already exists"):
        services.restore_template(template_id=template.pk)
    services.edit_template(template_id=successor.pk, name="Reply 2")
    assert not services.restore_template(template_id=template.pk).is_deleted
    with pytest.raises(NotFoundError, match="there is no deleted prompt template"):
        services.restore_template(template_id=template.pk)
