"""The search's index holds names too, and every text as NFKC folds it: ＡＢＣ as ABC, ﾌﾟﾛ as プロ.

The folding happens in the triggers, so that raw SQL is indexed like everything else. SQL has no
normalisation of its own: a table holds what is replaced by what, in order, and only what a text
contains is replaced in it. `core.folding` folds what people look for in the same way; it
is repeated here, because a migration that has landed does not change with the code.
"""

import unicodedata
from importlib import import_module

from django.db import migrations

before = import_module("prompts.migrations.0003_guards_and_search")

WIDTHS = (*range(0xFF01, 0xFFA0), *range(0xFFE0, 0xFFE7), 0x3000, 0x00A0)
RARE = (
    *range(0x2160, 0x2180),
    *range(0x2460, 0x2500),
    *range(0x3200, 0x3400),
    *range(0xFB00, 0xFB07),
)
# As GLOB has them: does a text have anything to fold at all, and anything rare?
RARE_LETTERS = "Ⅰ-ⅿ①-⓿㈀-㏿ﬀ-ﬆ"
LETTERS = "\u00a0\u3000\u3099\u309a！-\uff9f￠-￦" + RARE_LETTERS


def list_folds():
    """Return what is replaced by what, in this order, and how many of these are not rare."""
    folds = []
    halves = {unicodedata.normalize("NFKC", chr(n)): chr(n) for n in range(0xFF66, 0xFF9E)}
    for base in map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))):
        for marks in ("\u3099\uff9e", "\u309a\uff9f"):
            whole = unicodedata.normalize("NFKC", base + marks[0])
            for letter in (base, halves.get(base)) if len(whole) == 1 else ():
                folds += [(letter + mark, whole) for mark in marks] if letter else []
    folds += list_singles(WIDTHS)
    common = len(folds)
    return [*folds, *list_singles(RARE)], common


def list_singles(numbers):
    """Return the letters that NFKC replaces."""
    pairs = ((chr(n), unicodedata.normalize("NFKC", chr(n))) for n in numbers)
    return [(letter, folded) for letter, folded in pairs if letter != folded]


FOLDS, COMMON = list_folds()


def fold(text):
    """Return the SQL of a folded text."""
    most = f"CASE WHEN {text} GLOB '*[{RARE_LETTERS}]*' THEN {len(FOLDS)} ELSE {COMMON} END"
    return (
        f"CASE WHEN {text} GLOB '*[{LETTERS}]*' THEN ("
        "WITH RECURSIVE used (n, source, target) AS MATERIALIZED ("
        "SELECT row_number() OVER (ORDER BY position), source, target FROM prompt_search_folds "
        f"WHERE position <= {most} AND instr({text}, source) > 0), "
        f"folded (n, folded_text) AS (SELECT 0, {text} UNION ALL "
        "SELECT folded.n + 1, replace(folded.folded_text, used.source, used.target) "
        "FROM folded JOIN used ON used.n = folded.n + 1) "
        f"SELECT folded_text FROM folded ORDER BY n DESC LIMIT 1) ELSE {text} END"
    )


COLUMNS = "title, name, content, tags, description"
KEY = before.KEY
# Two separators end every text, so that its last two characters begin a trigram as well.
END = before.END


def indexed(row):
    """Return the SQL of a row of the index."""
    tags = f"coalesce({before.TAGS.format(row=row)}, '')"
    texts = (f"{row}.title", f"{row}.name", f"{row}.content", tags, f"{row}.description")
    return ", ".join(f"({fold(text)}) || {END}" for text in texts)


CHANGED = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in COLUMNS.split(", "))
LEARN = (
    f"INSERT INTO prompt_search (rowid, {COLUMNS}) "
    f"SELECT {KEY.format(row='NEW')}, {indexed('NEW')};"
)
TRIGGERS = {
    "prompt_search_insert": (
        "CREATE TRIGGER prompt_search_insert AFTER INSERT ON prompts BEGIN "
        f"INSERT INTO prompt_search_keys (prompt_id) VALUES (NEW.id); {LEARN} END"
    ),
    "prompt_search_update": (
        f"CREATE TRIGGER prompt_search_update AFTER UPDATE OF {COLUMNS} "
        f"ON prompts WHEN {CHANGED} BEGIN {before.FORGET} {LEARN} END"
    ),
}
OLD_TRIGGERS = {
    operation.sql.split()[2]: operation.sql
    for operation in before.SEARCH
    if operation.sql.startswith("CREATE TRIGGER")
}
OLD_INDEX = [
    operation.sql
    for operation in before.SEARCH
    if "VIRTUAL TABLE" in operation.sql or operation.sql.startswith("INSERT INTO prompt_search (")
]


DROP_TRIGGERS = [f"DROP TRIGGER {name}" for name in TRIGGERS]
DROP_INDEX = ["DROP TABLE prompt_search_terms", "DROP TABLE prompt_search"]
NEW_INDEX = [
    f"CREATE VIRTUAL TABLE prompt_search USING fts5({COLUMNS}, tokenize = 'trigram')",
    "CREATE VIRTUAL TABLE prompt_search_terms USING fts5vocab('prompt_search', 'row')",
]
FILL = (
    f"INSERT INTO prompt_search (rowid, {COLUMNS}) SELECT k.id, {indexed('p')} "
    "FROM prompts AS p JOIN prompt_search_keys AS k ON k.prompt_id = p.id"
)
FOLDS_TABLE = (
    "CREATE TABLE prompt_search_folds "
    "(position integer NOT NULL PRIMARY KEY, source text NOT NULL, target text NOT NULL)"
)


def write_folds(apps, schema_editor):  # noqa: ARG001 (Django's signature)
    """Write what is replaced by what."""
    with schema_editor.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO prompt_search_folds (position, source, target) VALUES (%s, %s, %s)",
            [(position, *pair) for position, pair in enumerate(FOLDS, start=1)],
        )


class Migration(migrations.Migration):
    dependencies = [("prompts", "0005_mend_guards")]

    # Lists: a statement in one is executed as it is, and not looked through for its end.
    operations = [
        migrations.RunSQL(DROP_TRIGGERS, [OLD_TRIGGERS[name] for name in TRIGGERS]),
        migrations.RunSQL(DROP_INDEX, OLD_INDEX),
        migrations.RunSQL([FOLDS_TABLE], ["DROP TABLE prompt_search_folds"]),
        migrations.RunPython(write_folds, migrations.RunPython.noop),
        migrations.RunSQL(NEW_INDEX, DROP_INDEX),
        migrations.RunSQL([FILL], migrations.RunSQL.noop),
        migrations.RunSQL(list(TRIGGERS.values()), DROP_TRIGGERS),
    ]
