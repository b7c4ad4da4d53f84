import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from core.errors import ImmutableRowError
from prompts import services
from prompts.models import Prompt, PromptTemplate, PromptVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt() -> Prompt:
    return services.create_prompt(title="Reply", content="Answer politely.")


def stored(prompt: Prompt) -> Prompt:
    return Prompt.all_objects.get(pk=prompt.pk)


def test_the_database_sets_both_times_in_utc_on_insert(prompt):
    now = datetime.now(UTC)
    assert prompt.created_at == stored(prompt).created_at
    assert abs(now - prompt.created_at) < timedelta(minutes=1)
    assert prompt.created_at.tzinfo is UTC
    assert prompt.updated_at == prompt.created_at


def test_the_database_sets_both_times_even_for_raw_sql(prompt):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO prompt_templates (id, name, category, content, parameters)"
            " VALUES ('0123456789abcdef0123456789abcdef', 'raw', '', 'text', '[]')"
        )
    template = PromptTemplate.objects.get(name="raw")
    assert template.created_at is not None
    assert template.updated_at is not None


@pytest.mark.parametrize(
    "write",
    [
        lambda prompt: prompt.save(),
        lambda prompt: prompt.save(update_fields=["title"]),
        lambda prompt: Prompt.objects.filter(pk=prompt.pk).update(title="x"),
        lambda prompt: Prompt.objects.bulk_update([prompt], ["title"]),
        lambda prompt: prompt.delete(),
        lambda prompt: Prompt.objects.filter(pk=prompt.pk).delete(),
    ],
    ids=["save", "save-some-fields", "update", "bulk-update", "delete", "bulk-delete"],
)
def test_every_write_moves_updated_at_and_leaves_created_at(prompt, write):
    time.sleep(0.01)  # the database's clock has milliseconds
    write(prompt)
    assert stored(prompt).updated_at > prompt.created_at
    assert stored(prompt).created_at == prompt.created_at


def test_a_saved_instance_can_be_saved_again_and_shows_a_time(prompt):
    prompt.save()
    first = prompt.updated_at
    prompt.save()
    assert isinstance(first, datetime)
    assert prompt.updated_at >= first


def test_delete_hides_and_restore_brings_back(prompt):
    assert prompt.delete() == (1, {"prompts.Prompt": 1})
    assert prompt.is_deleted
    assert not Prompt.objects.exists()
    assert stored(prompt).is_deleted
    prompt.restore()
    assert Prompt.objects.get() == prompt
    assert not stored(prompt).is_deleted


def test_deleting_twice_keeps_the_first_time(prompt):
    prompt.delete()
    first = stored(prompt).deleted_at
    assert prompt.delete() == (0, {})
    assert Prompt.all_objects.all().delete() == (0, {})
    assert stored(prompt).deleted_at == first


def test_bulk_delete_and_restore_count_what_they_changed(prompt):
    other = services.create_prompt(title="Other", content="text")
    other.delete()
    assert Prompt.all_objects.all().delete() == (1, {"prompts.Prompt": 1})
    assert Prompt.all_objects.deleted().count() == 2
    assert Prompt.all_objects.all().restore() == 2
    assert Prompt.all_objects.alive().count() == 2


def test_a_deleted_prompt_keeps_its_versions_and_is_found_from_them(prompt):
    prompt.delete()
    assert PromptVersion.objects.get().prompt == prompt


def test_hard_delete_takes_the_versions_along(prompt):
    count, per_model = prompt.hard_delete()
    assert (count, per_model) == (2, {"prompts.PromptVersion": 1, "prompts.Prompt": 1})
    assert not PromptVersion.objects.exists()


def test_bulk_hard_delete_takes_the_versions_along(prompt):
    Prompt.all_objects.all().hard_delete()
    assert not PromptVersion.objects.exists()


IMMUTABLE = {
    "save": lambda version: version.save(),
    "save-some-fields": lambda version: version.save(update_fields=["content"]),
    "delete": lambda version: version.delete(),
    "update": lambda version: PromptVersion.objects.update(content="x"),
    "bulk-update": lambda version: PromptVersion.objects.bulk_update([version], ["content"]),
    "bulk-delete": lambda version: PromptVersion.objects.all().delete(),
    "reverse": lambda version: version.prompt.versions.update(content="x"),
    "upsert": lambda version: PromptVersion.objects.bulk_create(
        [version], update_conflicts=True, update_fields=["content"], unique_fields=["id"]
    ),
    "update-or-create": lambda version: PromptVersion.objects.update_or_create(
        pk=version.pk, defaults={"content": "x"}
    ),
}


@pytest.mark.parametrize("attempt", IMMUTABLE.values(), ids=IMMUTABLE)
def test_a_version_never_changes(prompt, attempt):
    version = prompt.versions.get()
    version.content = "changed"
    with pytest.raises(ImmutableRowError):
        attempt(version)
    assert prompt.versions.get().content == "Answer politely."


def test_keys_are_random_uuids(prompt):
    assert prompt.pk.version == 4
