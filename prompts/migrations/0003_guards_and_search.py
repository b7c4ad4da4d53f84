"""Triggers that guard versions, events, statuses and labels, and the full-text index.

What they say holds for every writer, raw SQL included:

- versions and events never change, and go only with a prompt that is in the trash;
- a status or a label stands where the newest event of its kind says, so that nothing moves
  without a row that says who, when and why;
- `prompt_search` holds title, content, tags and description of every prompt, as trigrams.
"""

from django.db import migrations

VERSIONS_KEPT = "versions never change: save the prompt again, which makes a new one"
# Stands before the UNIQUE constraint, because INSERT OR REPLACE would go around that.
VERSION_TAKEN = (
    "UNIQUE constraint failed: prompt_versions.prompt_id, prompt_versions.number "
    "(versions never change)"
)
EVENTS_KEPT = "the timeline never changes"
STATUS_ANNOUNCED = "a status changes only with an event that says who and why"
LABEL_ANNOUNCED = "a label moves only with an event that says who and why"

IN_USE = "EXISTS (SELECT 1 FROM prompts WHERE id = OLD.prompt_id AND deleted_at IS NULL)"
NEWEST_STATUS = (
    "(SELECT after FROM prompt_events WHERE prompt_id = NEW.id AND kind = 'status' "
    "ORDER BY id DESC LIMIT 1)"
)
NEWEST_MOVE = (
    "(SELECT after FROM prompt_events WHERE prompt_id = {row}.prompt_id AND kind = 'label' "
    "AND label = {row}.name ORDER BY id DESC LIMIT 1)"
)
NUMBER = (
    "(SELECT CAST(number AS TEXT) FROM prompt_versions "
    "WHERE id = NEW.version_id AND prompt_id = NEW.prompt_id)"
)


def guard(name, event, condition, sentence):
    """Return the operation that makes a trigger which refuses a write."""
    when = f"WHEN {condition} " if condition else ""
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} BEFORE {event} {when}BEGIN SELECT RAISE(ABORT, '{sentence}'); END",
        f"DROP TRIGGER {name}",
    )


LABEL_WRONG = f"{NUMBER} IS NULL OR {NUMBER} IS NOT {NEWEST_MOVE.format(row='NEW')}"
GUARDS = [
    guard("prompt_versions_no_update", "UPDATE ON prompt_versions", "", VERSIONS_KEPT),
    guard(
        "prompt_versions_no_replace",
        "INSERT ON prompt_versions",
        "EXISTS (SELECT 1 FROM prompt_versions WHERE id = NEW.id "
        "OR (prompt_id = NEW.prompt_id AND number = NEW.number))",
        VERSION_TAKEN,
    ),
    guard("prompt_versions_no_delete", "DELETE ON prompt_versions", IN_USE, VERSIONS_KEPT),
    guard("prompt_events_no_update", "UPDATE ON prompt_events", "", EVENTS_KEPT),
    guard(
        "prompt_events_no_replace",
        "INSERT ON prompt_events",
        "EXISTS (SELECT 1 FROM prompt_events WHERE id = NEW.id)",
        EVENTS_KEPT,
    ),
    guard("prompt_events_no_delete", "DELETE ON prompt_events", IN_USE, EVENTS_KEPT),
    guard(
        "prompts_status_announced",
        "UPDATE OF status ON prompts",
        f"NEW.status IS NOT OLD.status AND NEW.status IS NOT {NEWEST_STATUS}",
        STATUS_ANNOUNCED,
    ),
    guard("prompt_labels_insert", "INSERT ON prompt_labels", LABEL_WRONG, LABEL_ANNOUNCED),
    guard(
        "prompt_labels_update",
        "UPDATE OF version_id, name, prompt_id ON prompt_labels",
        LABEL_WRONG,
        LABEL_ANNOUNCED,
    ),
    guard(
        "prompt_labels_delete",
        "DELETE ON prompt_labels",
        f"{IN_USE} AND {NEWEST_MOVE.format(row='OLD')} IS NOT ''",
        LABEL_ANNOUNCED,
    ),
]

# Two separators end every text, so that its last two characters begin a trigram as well.
END = "char(31, 31)"
TAGS = f"(SELECT group_concat(value, {END}) FROM json_each({{row}}.tags))"
INDEXED = (
    f"{{row}}.title || {END}, {{row}}.content || {END}, "
    f"coalesce({TAGS}, '') || {END}, {{row}}.description || {END}"
)
KEY = "(SELECT id FROM prompt_search_keys WHERE prompt_id = {row}.id)"
CHANGED = " OR ".join(
    f"NEW.{column} IS NOT OLD.{column}" for column in ("title", "content", "tags", "description")
)
FORGET = f"DELETE FROM prompt_search WHERE rowid = {KEY.format(row='OLD')};"
LEARN = (
    "INSERT INTO prompt_search (rowid, title, content, tags, description) "
    f"SELECT {KEY.format(row='NEW')}, {INDEXED.format(row='NEW')};"
)
SEARCH = [
    migrations.RunSQL(
        "CREATE VIRTUAL TABLE prompt_search USING fts5("
        "title, content, tags, description, tokenize = 'trigram')",
        "DROP TABLE prompt_search",
    ),
    migrations.RunSQL(
        "CREATE VIRTUAL TABLE prompt_search_terms USING fts5vocab('prompt_search', 'row')",
        "DROP TABLE prompt_search_terms",
    ),
    # A row's number in the index: that of the table's own rows changes when Django remakes it.
    migrations.RunSQL(
        "CREATE TABLE prompt_search_keys "
        "(id integer NOT NULL PRIMARY KEY AUTOINCREMENT, prompt_id char(32) NOT NULL UNIQUE)",
        "DROP TABLE prompt_search_keys",
    ),
    migrations.RunSQL(
        "INSERT INTO prompt_search_keys (prompt_id) SELECT id FROM prompts ORDER BY created_at, id",
        migrations.RunSQL.noop,
    ),
    migrations.RunSQL(
        "INSERT INTO prompt_search (rowid, title, content, tags, description) "
        f"SELECT k.id, {INDEXED.format(row='p')} "
        "FROM prompts AS p JOIN prompt_search_keys AS k ON k.prompt_id = p.id",
        migrations.RunSQL.noop,
    ),
    migrations.RunSQL(
        "CREATE TRIGGER prompt_search_insert AFTER INSERT ON prompts BEGIN "
        f"INSERT INTO prompt_search_keys (prompt_id) VALUES (NEW.id); {LEARN} END",
        "DROP TRIGGER prompt_search_insert",
    ),
    migrations.RunSQL(
        "CREATE TRIGGER prompt_search_update AFTER UPDATE OF title, content, tags, description "
        f"ON prompts WHEN {CHANGED} BEGIN {FORGET} {LEARN} END",
        "DROP TRIGGER prompt_search_update",
    ),
    migrations.RunSQL(
        f"CREATE TRIGGER prompt_search_delete AFTER DELETE ON prompts BEGIN {FORGET} "
        "DELETE FROM prompt_search_keys WHERE prompt_id = OLD.id; END",
        "DROP TRIGGER prompt_search_delete",
    ),
]


def protect_production(apps, schema_editor):
    """Protect the label that programs read unless they say otherwise."""
    rules = apps.get_model("prompts", "LabelRule").objects.using(schema_editor.connection.alias)
    rules.get_or_create(label="production", defaults={"is_protected": True})


class Migration(migrations.Migration):
    dependencies = [("prompts", "0002_workshop")]

    operations = [
        *GUARDS,
        *SEARCH,
        migrations.RunPython(protect_production, migrations.RunPython.noop),
    ]
