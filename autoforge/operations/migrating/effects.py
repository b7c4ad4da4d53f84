"""What a migration loses, and where it does not fit the code that is running meanwhile.

Both are read off the schema before and after it, and off the SQL that somebody wrote by hand.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from autoforge.operations.migrating.rehearsal import Action, Rehearsed
from core.database.ddl import parse
from core.database.drift import Difference
from core.database.schemas import Schema, compare_schemas

__all__ = ["Loss", "list_conflicts", "list_losses"]

REMADE: Final = "new__"
"""Django makes a table anew under its name with this in front, and renames it at the end."""
NAME: Final = r'(?:"([^"]+)"|(\w+))'
RENAMED_COLUMN: Final = re.compile(
    rf"ALTER TABLE {NAME} RENAME COLUMN {NAME} TO {NAME}", re.IGNORECASE
)
RENAMED_TABLE: Final = re.compile(rf"ALTER TABLE {NAME} RENAME TO {NAME}", re.IGNORECASE)
COPIED: Final = re.compile(
    rf"INSERT INTO {NAME} \((.*?)\) SELECT (.*) FROM {NAME}\Z",  # noqa: S608 (a pattern)  # nosec B608
    re.IGNORECASE | re.DOTALL,
)
WRITTEN: Final = (
    (re.compile(rf"\ADROP TABLE (?:IF EXISTS )?{NAME}", re.IGNORECASE), "drops the table {}"),
    (
        re.compile(
            rf"\A(?:WITH\b.*?\b)?DELETE FROM {NAME}",  # noqa: S608 (a pattern)  # nosec B608
            re.IGNORECASE | re.DOTALL,
        ),
        "deletes rows of {}",
    ),
    (
        re.compile(rf"\A(?:WITH\b.*?\b)?UPDATE (?:OR \w+ )?{NAME}", re.IGNORECASE | re.DOTALL),
        "changes rows of {}",
    ),
    (
        re.compile(rf"\A(?:REPLACE|INSERT OR REPLACE) INTO {NAME}", re.IGNORECASE),
        "replaces rows of {}",
    ),
)
AFFINITIES: Final = (  # the first one that fits
    ("integer", ("int",)),
    ("text", ("char", "clob", "text")),
    ("blob", ("blob",)),
    ("real", ("real", "floa", "doub")),
)
COMMENTS: Final = re.compile(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Something that cannot be got back but from a backup."""

    sentence: str
    """What happens, without a full stop."""
    table: str
    """The table that it happens to; empty where that cannot be told."""


def list_losses(rehearsed: Rehearsed) -> tuple[Loss, ...]:
    """Return what a migration loses, or may lose."""
    losses = [
        *_losses_of_schema(rehearsed),
        *_losses_of_actions(rehearsed),
        *_losses_declared(rehearsed),
    ]
    return tuple(dict.fromkeys(losses))


def list_conflicts(rehearsed: Rehearsed) -> tuple[str, ...]:
    """Return where code that knows the schema before a migration fails on the one after it."""
    conflicts = []
    for difference in compare_schemas(rehearsed.before, rehearsed.after):
        conflict = _find_conflict(difference, rehearsed)
        if conflict:
            conflicts.append(conflict)
    return tuple(conflicts)


def _losses_of_schema(rehearsed: Rehearsed) -> Iterator[Loss]:
    renamed = _Renamed(rehearsed.actions)
    for difference in compare_schemas(rehearsed.before, rehearsed.after):
        kind, table, name = difference.kind, difference.table, difference.name
        if difference.state == "missing" and kind == "table" and name not in renamed.tables:
            yield Loss(sentence=f"drops the table {name}", table=name)
        elif difference.state == "missing" and kind == "column":
            if (table, name) not in renamed.columns:
                yield Loss(sentence=f"drops the column {name} of {table}", table=table)
        elif difference.state == "other" and kind == "column":
            yield from _losses_of_column(difference)


def _losses_of_column(difference: Difference) -> Iterator[Loss]:
    before, after = difference.expected, difference.actual
    table, name = difference.table, difference.name
    if _affinity(_type(before)) != _affinity(_type(after)):
        sentence = f"changes the type of {name} of {table} from {_type(before)} to {_type(after)}"
        yield Loss(sentence=sentence, table=table)
    if "not null" in after and "not null" not in before:
        sentence = f"replaces NULL in the column {name} of {table}"
        yield Loss(sentence=sentence, table=table)


def _type(definition: str) -> str:
    """Return the type of a column; SQLite takes no notice of the length of a varchar."""
    word = definition.partition(" ")[0]
    return word.partition("(")[0]


def _affinity(name: str) -> str:
    """Return how SQLite stores values of a type: https://www.sqlite.org/datatype3.html, 3.1."""
    for affinity, parts in AFFINITIES:
        if any(part in name for part in parts):
            return affinity
    return "numeric" if name else "blob"


def _losses_of_actions(rehearsed: Rehearsed) -> Iterator[Loss]:
    is_backwards = rehearsed.step.is_backwards
    for action in rehearsed.actions:
        if action.kind == "python" and not action.does_nothing:
            if is_backwards:
                sentence = f"runs {action.description}, which may change or delete rows"
                yield Loss(sentence=sentence, table="")
            elif action.is_irreversible:
                sentence = f"runs {action.description}, which cannot be taken back"
                yield Loss(sentence=sentence, table="")
        elif action.kind == "sql":
            yield from _losses_of_statements(action.statements)


def _losses_of_statements(statements: Iterable[str]) -> Iterator[Loss]:
    for statement in statements:
        sql = COMMENTS.sub("", statement)
        for pattern, sentence in WRITTEN:
            match = pattern.match(sql)
            if match is not None:
                table = _name(match[1], match[2])
                yield Loss(sentence=sentence.format(table), table=table)


def _losses_declared(rehearsed: Rehearsed) -> Iterator[Loss]:
    """Return what a migration says of its Python: `removes_rows_of = ("table",)`."""
    if rehearsed.step.is_backwards:
        return
    for table in getattr(rehearsed.step.migration, "removes_rows_of", ()):
        yield Loss(sentence=f"deletes rows of {table}, as the migration says", table=table)


def _name(quoted: str | None, plain: str | None) -> str:
    return (quoted or plain or "").lower()


class _Renamed:
    """Tables and columns whose names a migration changes, by what they were."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self.tables: set[str] = set()
        self.columns: set[tuple[str, str]] = set()
        for action in actions:
            for statement in action.statements:
                self._read(statement)

    def _read(self, statement: str) -> None:
        match = RENAMED_COLUMN.match(statement)
        if match is not None:
            self.columns.add((_name(match[1], match[2]), _name(match[3], match[4])))
        match = RENAMED_TABLE.match(statement)
        if match is not None and not _name(match[1], match[2]).startswith(REMADE):
            self.tables.add(_name(match[1], match[2]))
        match = COPIED.match(statement)
        if match is not None and _name(match[1], match[2]).startswith(REMADE):
            self._read_copy(match)

    def _read_copy(self, match: re.Match[str]) -> None:
        """Read which column of the old table becomes which one of the new."""
        table = _name(match[5], match[6])
        targets = [name.strip(' "').lower() for name in match[3].split(",")]
        # An expression, such as coalesce(…, …), is in one part or more; its column is in it.
        sources = re.findall(r'"([^"]+)"', match[4])
        for source in sources:
            if source.lower() not in targets:
                self.columns.add((table, source.lower()))


def _find_conflict(difference: Difference, rehearsed: Rehearsed) -> str:
    kind, name, table = difference.kind, difference.name, difference.table
    if difference.state == "missing":
        if kind == "table":
            return f"it uses the table {name}, which is gone"
        if kind == "column":
            return f"it uses the column {name} of {table}, which is gone"
        return ""
    if kind == "table" or not _is_known(table, rehearsed.before):
        return ""  # a new table, and what belongs to it
    if kind == "column":
        return _conflict_of_column(difference)
    is_rule = kind == "constraint" or _is_unique(name, rehearsed.after)
    if kind == "trigger":
        is_rule = "raise" in difference.actual.split()
    return f"the {kind} {name} may refuse what it writes to {table}" if is_rule else ""


def _conflict_of_column(difference: Difference) -> str:
    name, table, after = difference.name, difference.table, difference.actual
    is_required = "not null" in after and "default" not in after
    if difference.state == "unexpected":
        return f"it writes no {name} into {table}, which is required" if is_required else ""
    if is_required and "not null" not in difference.expected:
        return f"it may write NULL into {name} of {table}"
    if _affinity(_type(difference.expected)) != _affinity(_type(after)):
        return f"the column {name} of {table} is {_type(after)} for it now"
    return ""


def _is_known(table: str, schema: Schema) -> bool:
    return ("table", table) in schema


def _is_unique(name: str, schema: Schema) -> bool:
    statement = parse(schema.get(("index", name), ""))
    return statement is not None and statement.is_unique
