"""Databases that applied an earlier text of 0003 get what its present text makes.

0003 was edited after it had landed. Databases that had run it by then have no column `details` in
`test_results`, nor the CHECK of that column; the oldest also have an index of `request_hash` that
leaves out empty ones. Everywhere else nothing is done. Going back undoes nothing either: what is
mended here belongs to 0003.
"""

from django.db import migrations

TABLE = "test_results"
CHECK = "test_results_details_is_object"
INDEX = "idx_test_results_request_hash"


def mend(apps, schema_editor):
    model = apps.get_model("evaluations", "TestResult")
    add_details(schema_editor, model)
    replace_partial_index(schema_editor, model)


def add_details(schema_editor, model):
    with schema_editor.connection.cursor() as cursor:
        columns = schema_editor.connection.introspection.get_table_description(cursor, TABLE)
    if "details" not in {column.name for column in columns}:
        # The table is built anew as the model says: its constraints and indexes come along.
        schema_editor.add_field(model, model._meta.get_field("details"))
        return
    if f'"{CHECK}"' in read_sql(schema_editor, TABLE):
        return
    # Somebody helped themselves with ALTER TABLE: what would break the rules is no document.
    schema_editor.execute(
        f"UPDATE {TABLE} SET details = '{{}}' WHERE details IS NULL "
        "OR NOT json_valid(details) OR json_type(details) <> 'object'"
    )
    rules = {rule.name: rule for rule in model._meta.constraints}
    schema_editor.add_constraint(model, rules[CHECK])


def replace_partial_index(schema_editor, model):
    index = next(index for index in model._meta.indexes if index.name == INDEX)
    sql = read_sql(schema_editor, INDEX)
    if sql and " WHERE " not in sql.upper():
        return
    if sql:
        schema_editor.remove_index(model, index)
    schema_editor.add_index(model, index)


def read_sql(schema_editor, name):
    """Return the statement that made a table or an index; empty where there is none."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name])
        row = cursor.fetchone()
    return row[0] if row else ""


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0004_roles_of_runs")]

    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
