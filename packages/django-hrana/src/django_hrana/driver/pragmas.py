"""PRAGMAs: which go to the server, and how the others are answered without asking it.

Programs send PRAGMAs to whatever speaks SQLite's SQL: when a connection opens, and in migrations.
A libSQL server refuses most of those that set something, because its databases are everybody's.
Four kinds of them are never sent:

- switches of a connection, whose state the driver keeps: a server's connection lasts for one
  request only (`connection`);
- tuning (memory, files, waiting): the server sees to it, so that they are accepted and do nothing.
  Where SQLite answers, the answer is the same; what is in force, the PRAGMA without a value says;
- what would change results or break a promise: NotSupportedError, unless it asks for what the
  server does anyway;
- maintenance, which the server does by itself.

Everything else is the server's business. No network here.

Source: "PRAGMA Statements" in SQLite's documentation; what sqld 0.24 accepts was tried.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django_hrana.driver.errors import NotSupportedError
from django_hrana.driver.lexical import END, QUOTED, SPACE, unquote

__all__ = [
    "DEFER_FOREIGN_KEYS",
    "FOREIGN_KEYS",
    "LEGACY_ALTER_TABLE",
    "QUERY_ONLY",
    "Pragma",
    "Reply",
    "check_rename",
    "parse",
]

DEFER_FOREIGN_KEYS: Final = "defer_foreign_keys"
FOREIGN_KEYS: Final = "foreign_keys"
LEGACY_ALTER_TABLE: Final = "legacy_alter_table"
QUERY_ONLY: Final = "query_only"
SWITCHES: Final = frozenset({DEFER_FOREIGN_KEYS, FOREIGN_KEYS, LEGACY_ALTER_TABLE, QUERY_ONLY})

NAME: Final = rf"({QUOTED}|\w+)"
# A number's sign belongs to it; ON, WAL and the like are words.
VALUE: Final = rf"({QUOTED}|[+-]?[\w.]+)"
PRAGMA: Final = re.compile(
    rf"[;\s]*{SPACE}PRAGMA\b{SPACE}(?:{NAME}{SPACE}\.{SPACE})?{NAME}{SPACE}"
    rf"(?:={SPACE}{VALUE}|\({SPACE}{VALUE}{SPACE}\))?{END}",
    re.DOTALL | re.IGNORECASE,
)
SCHEMAS: Final = frozenset({"", "main", "temp"})  # others are databases that were attached
NUMBER: Final = re.compile(r"\+?(0x[0-9a-f]+|[0-9]+)", re.IGNORECASE)
TRUE: Final = frozenset({"on", "true", "yes"})

# Those whose value says what to read; with any other name, a value is written.
READING: Final = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
# Accepted, and without effect. The server says what is in force.
TUNING: Final = frozenset(
    {
        "auto_vacuum",
        "automatic_index",
        "cache_size",
        "cache_spill",
        "cell_size_check",
        "checkpoint_fullfsync",
        "default_cache_size",
        "fullfsync",
        "page_size",
        "read_uncommitted",
        "synchronous",
        "temp_store",
        "temp_store_directory",
    }
)
# The same, but SQLite answers with the value, in a column of this name.
TUNING_WITH_ANSWER: Final[Mapping[str, str]] = {
    "analysis_limit": "analysis_limit",
    "busy_timeout": "timeout",
    "hard_heap_limit": "hard_heap_limit",
    "journal_size_limit": "journal_size_limit",
    "mmap_size": "mmap_size",
    "soft_heap_limit": "soft_heap_limit",
    "threads": "threads",
    "wal_autocheckpoint": "wal_autocheckpoint",
}
# SQLite answers with the mode that is in force, also where it could not be changed.
MODES: Final[Mapping[str, str]] = {"journal_mode": "wal", "locking_mode": "normal"}
# What a switch is on every server, and what to do where the other one is wanted.
FIXED: Final[Mapping[str, tuple[bool, str]]] = {
    "case_sensitive_like": (False, "compare with GLOB"),
    "count_changes": (False, "use the cursor's rowcount"),
    "empty_result_callbacks": (False, "leave it out"),
    "full_column_names": (False, "name the columns with AS"),
    "ignore_check_constraints": (False, "mend the rows, or remove the constraint first"),
    "recursive_triggers": (False, "write what the triggers should do in one of them"),
    "reverse_unordered_selects": (False, "order the results"),
    "secure_delete": (False, "overwrite what is secret before it is deleted"),
    "short_column_names": (True, "name the columns with AS"),
    "trusted_schema": (True, "leave it out"),
    "writable_schema": (False, "change the schema with ALTER TABLE"),
}
# Refused with a value.
REFUSED: Final[Mapping[str, str]] = {
    "application_id": "only user_version can be set",
    "max_page_count": "the server limits the size of its databases",
    "schema_version": "the server counts the changes of the schema by itself",
}
# Its number only means something to the one connection that sees all of it change.
DATA_VERSION: Final = (
    "PRAGMA data_version says nothing here: each statement may have another connection of the "
    "server's, on which the number starts again; compare something in the data"
)
# What the server refuses to say, of those above.
UNREADABLE: Final = frozenset(
    {
        "case_sensitive_like",
        "count_changes",
        "default_cache_size",
        "empty_result_callbacks",
        "full_column_names",
        "ignore_check_constraints",
        "short_column_names",
        "temp_store_directory",
        "writable_schema",
    }
)
# -1: SQLite's number for "no log was moved", which is true of this statement.
MAINTENANCE: Final[Mapping[str, tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]]] = {
    "incremental_vacuum": ((), ()),
    "optimize": ((), ()),
    "shrink_memory": ((), ()),
    "wal_checkpoint": (("busy", "log", "checkpointed"), ((0, -1, -1),)),
}
RENAME_TABLE: Final = re.compile(
    rf"{SPACE}ALTER{SPACE}TABLE\b.*\bRENAME{SPACE}TO\b", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a PRAGMA answers."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Pragma:
    """A PRAGMA statement."""

    name: str
    """In lower case, without quotes."""
    value: str | None = None
    """What stands after = or in brackets, in lower case without quotes; None: it asks."""
    schema: str = ""
    """The database that is named before the dot, if any."""

    @property
    def is_switch(self) -> bool:
        """Whether the connection keeps its state."""
        return self.name in SWITCHES and self.schema in SCHEMAS

    @property
    def is_on(self) -> bool:
        """Whether the value turns a switch on, as SQLite reads it: what it does not know is off."""
        value = self.value or ""
        return value in TRUE or bool(re.match("[0-9]", value) and _number(value) % 256)

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that the server may be asked twice."""
        return self.value is None or self.name in READING

    def reply(self) -> Reply | None:
        """Return the answer of one that is not sent; None: it is the server's business.

        Raises:
            NotSupportedError: it would change results, or promise what the server does not do.
        """
        if self.schema not in SCHEMAS or self.is_switch:
            return None
        if self.name in MAINTENANCE:
            return Reply(*MAINTENANCE[self.name])
        if self.name in FIXED:
            return self._fixed()
        if self.value is None:
            return self._read()
        return self._set(self.value)

    def _read(self) -> Reply | None:
        if self.name == "data_version":
            raise NotSupportedError(DATA_VERSION)
        return Reply((self.name,)) if self.name in UNREADABLE else None

    def _set(self, value: str) -> Reply | None:
        if self.name in REFUSED:
            raise NotSupportedError(
                f"PRAGMA {self.name} cannot be set on a libSQL server: {REFUSED[self.name]}"
            )
        if self.name in TUNING:
            return Reply()
        if self.name in TUNING_WITH_ANSWER:
            return Reply((TUNING_WITH_ANSWER[self.name],), ((_number(value),),))
        if self.name in MODES:
            return Reply((self.name,), ((MODES[self.name],),))
        return None

    def _fixed(self) -> Reply | None:
        is_on, remedy = FIXED[self.name]
        if self.value is None:
            if self.name not in UNREADABLE:
                return None
            if self.name == "case_sensitive_like":  # SQLite does not answer either
                return Reply()
            return Reply((self.name,), ((int(is_on),),))
        asks_for_more = self.name == "secure_delete" and self.value == "fast"
        if self.is_on != is_on or asks_for_more:
            raise NotSupportedError(
                f"PRAGMA {self.name} = {self.value} would change what statements do, and a libSQL "
                f"server does not allow that: {remedy}"
            )
        if self.name == "secure_delete":
            return Reply((self.name,), ((int(is_on),),))
        return Reply()


def parse(sql: str) -> Pragma | None:
    """Return a PRAGMA statement taken apart; None where it is none, or is not valid."""
    match = PRAGMA.match(sql)
    if match is None:
        return None
    schema, name, after_equals, in_brackets = match.groups()
    value = after_equals if after_equals is not None else in_brackets
    return Pragma(
        unquote(name).lower(),
        None if value is None else unquote(value).lower(),
        unquote(schema or "").lower(),
    )


def check_rename(sql: str) -> None:
    """Refuse to rename a table in the old way, for which `legacy_alter_table` asks.

    Raises:
        NotSupportedError: the statement renames a table.
    """
    if RENAME_TABLE.match(sql):
        raise NotSupportedError(
            "a libSQL server renames a table in views, triggers and foreign keys as well, and "
            "PRAGMA legacy_alter_table = ON asks it not to: turn it off before ALTER TABLE … "
            "RENAME TO"
        )


def _number(value: str) -> int:
    """Return an integer as SQLite reads it; what is none, or negative, counts as 0."""
    match = NUMBER.match(value)
    return int(match[1], 0 if match[1][:2].lower() == "0x" else 10) if match else 0
