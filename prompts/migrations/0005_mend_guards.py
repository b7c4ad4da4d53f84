"""Databases that applied an earlier text of 0002 or 0003 get what their present text makes.

Both were edited on the day they landed. Databases that had run them by then may lack the triggers
against INSERT OR REPLACE, or have one with another sentence; their index of names takes a prompt
without a name as a name; their CHECK of events allows a kind that there is no more; and the search
keeps weights of its own. Everywhere else nothing is done. Going back undoes nothing either: what is
mended here belongs to 0002 and 0003.
"""

from django.db import migrations

TRIGGERS = {
    "prompt_versions_no_replace": (
        "CREATE TRIGGER prompt_versions_no_replace BEFORE INSERT ON prompt_versions "
        "WHEN EXISTS (SELECT 1 FROM prompt_versions WHERE id = NEW.id "
        "OR (prompt_id = NEW.prompt_id AND number = NEW.number)) "
        "BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: prompt_versions.prompt_id, "
        "prompt_versions.number (versions never change)'); END"
    ),
    "prompt_events_no_replace": (
        "CREATE TRIGGER prompt_events_no_replace BEFORE INSERT ON prompt_events "
        "WHEN EXISTS (SELECT 1 FROM prompt_events WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'the timeline never changes'); END"
    ),
}
UNIQUE_NAME = "prompts_name_unique"
KIND_KNOWN = "prompt_events_kind_known"


def mend(apps, schema_editor):
    mend_unique_names(schema_editor, apps.get_model("prompts", "Prompt"))
    mend_kinds_of_events(schema_editor, apps.get_model("prompts", "PromptEvent"))
    for name, sql in TRIGGERS.items():
        mend_trigger(schema_editor, name, sql)
    forget_weights(schema_editor)


def mend_unique_names(schema_editor, model):
    sql = read_sql(schema_editor, UNIQUE_NAME)
    if " AND NOT " in sql:
        return
    constraint = find_constraint(model, UNIQUE_NAME)
    if sql:
        schema_editor.remove_constraint(model, constraint)
    schema_editor.add_constraint(model, constraint)


def mend_kinds_of_events(schema_editor, model):
    if "'created'" in read_sql(schema_editor, "prompt_events"):
        # The table is built anew as the model says. No code ever wrote an event of that kind.
        schema_editor.add_constraint(model, find_constraint(model, KIND_KNOWN))


def mend_trigger(schema_editor, name, sql):
    before = read_sql(schema_editor, name)
    if before == sql:
        return
    if before:
        schema_editor.execute(f"DROP TRIGGER {name}", params=None)
    schema_editor.execute(sql, params=None)


def forget_weights(schema_editor):
    sql = "SELECT 1 FROM prompt_search_config WHERE k = 'rank'"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql)
        if cursor.fetchone():
            # How FTS5 is told: a row whose first value is the name of the table.
            cursor.execute(
                "INSERT INTO prompt_search (prompt_search, rank) VALUES ('rank', 'bm25()')"
            )


def find_constraint(model, name):
    return next(constraint for constraint in model._meta.constraints if constraint.name == name)


def read_sql(schema_editor, name):
    """Return the statement that made a table, index or trigger; empty where there is none."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name])
        row = cursor.fetchone()
    return row[0] if row else ""


class Migration(migrations.Migration):
    dependencies = [("prompts", "0004_roles")]

    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
