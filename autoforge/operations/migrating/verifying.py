"""Is the database sound: whole, without dangling references, and with the rows that it had?"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from autoforge.operations.migrating.effects import Loss
from autoforge.operations.migrating.rehearsal import Rehearsed
from core.database.ddl import parse
from core.database.drift import Difference
from core.database.schemas import Schema, compare_schemas

__all__ = [
    "check_integrity",
    "check_references",
    "count_rows",
    "find_deviations",
    "find_lost_rows",
    "may_shrink",
]

MAX_LISTED: Final = 5
TERMS: Final = 400  # of one compound SELECT; SQLite takes 500


def check_integrity() -> str:
    """Return what is damaged, empty where nothing is.

    Raises:
        DatabaseError: the database does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check(10)")
        findings = [str(row[0]) for row in cursor.fetchall()]
    if findings == ["ok"]:
        return ""
    return "; ".join(findings[:MAX_LISTED])


def find_deviations(rehearsed: Rehearsed, before: Schema, after: Schema) -> list[Difference]:
    """Return where a migration did something else than on an empty copy of the schema.

    Args:
        rehearsed: what it did there.
        before: what was in this database before it; what differed already is no deviation.
        after: what is in it now.
    """
    known = set(compare_schemas(rehearsed.before, before))
    deviations = [each for each in compare_schemas(rehearsed.after, after) if each not in known]
    # What vanishes though the plan does not say so: somebody has added it by hand.
    planned = set()
    for each in compare_schemas(rehearsed.before, rehearsed.after):
        planned.add((each.kind, each.table, each.name))
    for each in compare_schemas(before, after):
        is_data = each.state == "missing" and each.kind in ("table", "column")
        if is_data and (each.kind, each.table, each.name) not in planned:
            deviations.append(each)
    return deviations


def check_references() -> str:
    """Return which rows refer to rows that are not there, empty where none does."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_key_check")
        rows = cursor.fetchall()
    findings = []
    for table, rowid, parent, _number in rows[:MAX_LISTED]:
        findings.append(f"row {rowid} of {table} refers to a row of {parent} that is not there")
    more = len(rows) - MAX_LISTED
    if more > 0:
        findings.append(f"{more} more")
    return "; ".join(findings)


def count_rows(schema: Schema) -> dict[str, int]:
    """Return table → number of rows; of virtual tables none, their rows are those of others."""
    tables = []
    for (kind, name), sql in schema.items():
        statement = parse(sql)
        if kind == "table" and statement is not None and statement.kind == "table":
            tables.append(name)
    counts: dict[str, int] = {}
    for start in range(0, len(tables), TERMS):
        counts |= _count(tables[start : start + TERMS])
    return counts


def _count(tables: Collection[str]) -> dict[str, int]:
    queries = []
    for table in tables:
        name = connection.ops.quote_name(table)
        queries.append(f"SELECT %s, COUNT(*) FROM {name}")  # noqa: S608 (the database's own names, quoted)  # nosec B608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries), list(tables))
        return dict(cursor.fetchall())


def may_shrink(losses: Iterable[Loss]) -> frozenset[str] | None:
    """Return the tables that a migration may take rows from, None where that can be any."""
    # What is recorded goes where a migration is taken back.
    tables = {MigrationRecorder.Migration._meta.db_table}
    for loss in losses:
        if not loss.table:
            return None
        tables.add(loss.table)
    return frozenset(tables)


def find_lost_rows(
    before: Mapping[str, int], after: Mapping[str, int], allowed: frozenset[str] | None
) -> str:
    """Return which tables have fewer rows than before, though the plan does not say so."""
    if allowed is None:
        return ""
    findings = []
    for table, count in sorted(before.items()):
        left = after.get(table, 0)
        if left < count and table not in allowed:
            findings.append(f"{table} had {count:,} rows and has {left:,}")
    return "; ".join(findings)
