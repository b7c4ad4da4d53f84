"""What the database itself refuses, by every road, also after Django has remade the tables."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from core.errors import ImmutableRowError
from prompts import services
from prompts.models import Prompt, PromptEvent, PromptLabel, PromptVersion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def prompt():
    made = services.create_prompt(title="Reply", content="one")
    services.edit_prompt(prompt_id=made.pk, content="two")
    services.move_label(prompt_id=made.pk, label="staging", number=1)
    made.refresh_from_db()
    return made


def raw(sql, *params):
    def run():
        with connection.cursor() as cursor:
            cursor.execute(sql, params)

    return run


def versions():
    return PromptVersion.objects.order_by("number")


REFUSED = {
    "save": lambda: versions()[0].save(),  # noqa: PLW0108 (as all the others)
    "save forced": lambda: models.Model.save_base(versions()[0], force_update=True),
    "update": lambda: versions().update(content="x"),
    "update by Django": lambda: models.QuerySet(PromptVersion).update(content="x"),
    "bulk_update": lambda: models.QuerySet(PromptVersion).bulk_update(versions(), ["content"]),
    "delete": lambda: versions()[0].delete(),  # noqa: PLW0108 (as above)
    "delete by Django": lambda: models.QuerySet(PromptVersion).delete(),
    "raw update": raw("UPDATE prompt_versions SET content = 'x'"),
    "raw number": raw("UPDATE prompt_versions SET number = number + 10"),
    "raw delete": raw("DELETE FROM prompt_versions WHERE number = 1"),
    "raw replace": raw(
        "INSERT OR REPLACE INTO prompt_versions SELECT * FROM prompt_versions WHERE number = 1"
    ),
    "event update": raw("UPDATE prompt_events SET actor = 'x'"),
    "event delete": raw("DELETE FROM prompt_events"),
    "status": lambda: Prompt.objects.update(status="active"),
    "raw status": raw("UPDATE prompts SET status = 'archived'"),
    "label": lambda: PromptLabel.objects.update(version=versions()[1]),
    "raw label": raw("DELETE FROM prompt_labels"),
    "new label": lambda: PromptLabel.objects.create(
        prompt=Prompt.objects.get(), name="own", version=versions()[0]
    ),
}


def state():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Prompt, PromptVersion, PromptEvent, PromptLabel)
    ]


def assert_all_refused():
    before = state()
    for name, attempt in REFUSED.items():
        with pytest.raises((DatabaseError, ImmutableRowError)), transaction.atomic():
            attempt()
        assert state() == before, name


def test_every_road_is_closed(prompt):
    assert_all_refused()


@pytest.mark.parametrize("model", [Prompt, PromptVersion, PromptEvent, PromptLabel])
def test_guards_and_index_outlive_a_remake(prompt, model):
    def triggers():
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY 1")
            return cursor.fetchall()

    before = triggers()
    with connection.schema_editor() as editor:
        editor._remake_table(model)
    assert triggers() == before
    assert len(before) == 13
    assert_all_refused()
    services.edit_prompt(prompt_id=prompt.pk, title="Reimagined")
    services.create_prompt(title="Another", content="three")
    from prompts import selectors

    assert [found.title for found in selectors.search_prompts("imagin")] == ["Reimagined"]
    assert [found.title for found in selectors.search_prompts("three")] == ["Another"]


def test_a_trigger_that_does_not_fit_any_more_says_so(prompt):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER odd AFTER UPDATE ON prompts "
            "WHEN NEW.description IS NULL BEGIN SELECT 1; END"
        )
    field = Prompt._meta.get_field("description")
    with (
        pytest.raises(DatabaseError, match=r"trigger \w+ does not fit|no such column"),
        connection.schema_editor() as editor,
    ):
        editor._remake_table(Prompt, delete_field=field)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER odd")
    assert Prompt.objects.get().description == ""


def test_what_is_removed_for_good_takes_everything_along(prompt):
    services.delete_prompt(prompt_id=prompt.pk, actor="aiko", reason="old")
    assert services.purge_prompts(services.find_purgeable(older_than_days=1)) == 0
    assert services.purge_prompts(services.find_purgeable(older_than_days=0)) == 1
    assert state() == [[], [], [], []]
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM prompt_search_keys)")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM prompt_search")
        assert cursor.fetchone() == (0,)


def test_a_flush_empties_guarded_tables_and_leaves_the_guards():
    prompt = services.create_prompt(title="Reply", content="one")
    call_command("flush", interactive=False, verbosity=0)
    assert state() == [[], [], [], []]
    prompt = services.create_prompt(title="Reply", content="one")
    with pytest.raises(DatabaseError), transaction.atomic():
        raw("UPDATE prompt_versions SET content = 'x'")()
    assert prompt.versions.count() == 1
