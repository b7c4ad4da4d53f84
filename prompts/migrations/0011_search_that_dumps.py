"""The search's tables again, with SQL that survives the dump of a libSQL server.

The server writes the SQL of a virtual table between single quotes, and does not double those inside:
`tokenize = 'trigram'` ends the text, and nothing of such a dump can be loaded. Without quotes the
same tables come out right. The index is filled again from the prompts; the numbers of its rows, which
`prompt_search_keys` holds, stay, and so do the triggers.
"""

from importlib import import_module

from django.db import migrations

before = import_module("prompts.migrations.0006_search_names_and_widths")

INDEX = [
    f"CREATE VIRTUAL TABLE prompt_search USING fts5({before.COLUMNS}, tokenize = trigram)",
    "CREATE VIRTUAL TABLE prompt_search_terms USING fts5vocab(prompt_search, row)",
]


class Migration(migrations.Migration):
    dependencies = [("prompts", "0010_name_index")]

    # Each step is undone by what was there before it; FILL, by the table that goes.
    operations = [
        migrations.RunSQL(before.DROP_INDEX, [*before.NEW_INDEX, before.FILL]),
        migrations.RunSQL([*INDEX, before.FILL], before.DROP_INDEX),
    ]
