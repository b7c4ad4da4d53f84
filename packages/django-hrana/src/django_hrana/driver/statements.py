"""What kind of statement a SQL text is, as far as the driver must know.

Does it write, does it control the transaction, is it a PRAGMA (`pragmas`)?

Everything else about SQL is the server's business.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from django_hrana.driver import pragmas
from django_hrana.driver.lexical import END, NAME, SPACE, unquote
from django_hrana.driver.pragmas import Pragma

__all__ = ["Kind", "Statement", "classify", "with_literals"]


class Kind(Enum):
    """Kinds of statements."""

    READ = "read"
    WRITE = "write"
    INSERT = "insert"
    CHANGE = "change"  # update, delete: rows are counted, nothing else
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ROLLBACK_TO = "rollback to"


CONTROL: Final = frozenset(
    {Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO}
)
WORDS: Final = {
    "DELETE": Kind.CHANGE,
    "EXPLAIN": Kind.READ,  # whatever it explains is not run
    "INSERT": Kind.INSERT,
    "REPLACE": Kind.INSERT,
    "SELECT": Kind.READ,
    "UPDATE": Kind.CHANGE,
    "VALUES": Kind.READ,
}
# Without EXPLAIN, which is a name there: WITH explain AS (…) DELETE …
AFTER_WITH: Final = frozenset(WORDS) - {"EXPLAIN"}
# Statements without a word are nothing to SQLite, also in front of one.
BEFORE: Final = rf"(?:{SPACE};)*{SPACE}"
FIRST_WORD: Final = re.compile(rf"{BEFORE}\(*([A-Za-z]+)", re.DOTALL)


def _control_pattern(words: str) -> re.Pattern[str]:
    """Return the pattern of a statement, in which a space stands for any white space."""
    words = words.replace(" ", rf"\s{SPACE}")
    return re.compile(BEFORE + words + END, re.DOTALL | re.IGNORECASE)


CONTROLS: Final = (
    (Kind.BEGIN, _control_pattern(r"BEGIN(?: (DEFERRED|IMMEDIATE|EXCLUSIVE))?(?: TRANSACTION)?")),
    (Kind.COMMIT, _control_pattern(r"(?:COMMIT|END)(?: TRANSACTION)?")),
    (Kind.ROLLBACK_TO, _control_pattern(rf"ROLLBACK(?: TRANSACTION)? TO(?: SAVEPOINT)? {NAME}")),
    (Kind.ROLLBACK, _control_pattern(r"ROLLBACK(?: TRANSACTION)?")),
    (Kind.SAVEPOINT, _control_pattern(rf"SAVEPOINT {NAME}")),
    (Kind.RELEASE, _control_pattern(rf"RELEASE(?: SAVEPOINT)? {NAME}")),
)
CONTROL_WORDS: Final = frozenset({"BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT"})
# What counts outside of texts, quoted names and comments, which these patterns match as a whole.
TOKENS: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[()]|\w+""", re.DOTALL
)
PARAMETERS: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\?\d*|[:@$]\w+""",
    re.DOTALL,
)
MAX_CACHED_LENGTH: Final = 4000  # characters; 1024 of them in the cache are 4 MB at most


@dataclass(frozen=True, slots=True)
class Statement:
    """What a SQL text is."""

    kind: Kind
    argument: str = ""
    """BEGIN's mode, or the savepoint's name in lower case without quotes."""
    pragma: Pragma | None = None
    """What a PRAGMA sets or asks."""

    @property
    def is_control(self) -> bool:
        """Whether it begins, ends or divides a transaction."""
        return self.kind in CONTROL

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that it may be run twice."""
        return self.kind is Kind.READ

    @property
    def counts_rows(self) -> bool:
        """Whether the server's count of affected rows means anything."""
        return self.kind in {Kind.INSERT, Kind.CHANGE}


def classify(sql: str) -> Statement:
    """Return what `sql` is; anything that is not known to read counts as a write."""
    if len(sql) > MAX_CACHED_LENGTH:  # long texts seldom come twice
        return _classify(sql)
    return _classify_cached(sql)


def _classify(sql: str) -> Statement:
    match = FIRST_WORD.match(sql)
    if match is None:
        return Statement(Kind.WRITE)  # the server says what is wrong with it
    word = match[1].upper()
    if word in CONTROL_WORDS:
        return _control(sql)
    if word == "PRAGMA":
        return _pragma(sql)
    if word == "WITH":
        return Statement(_after_with(sql))
    return Statement(WORDS.get(word, Kind.WRITE))


_classify_cached = lru_cache(maxsize=1024)(_classify)


def with_literals(sql: str, literals: Mapping[int | str, str]) -> str:
    """Return a statement in which some parameters are replaced by SQL.

    Args:
        sql: the statement, with `?` or `:name`.
        literals: SQL by the parameter's place, from 0, or by its name.

    Raises:
        ValueError: it has parameters with numbers, such as ?2, which cannot be told apart.
    """
    indexes = itertools.count()

    def replaced(match: re.Match[str]) -> str:
        text = match[0]
        if text == "?":
            return literals.get(next(indexes), text)
        if text.startswith("?"):
            raise ValueError(text)
        if text[0] in ":@$":
            return literals.get(text[1:], text)
        return text  # a text or a comment, in which a sign is no parameter

    return PARAMETERS.sub(replaced, sql)


def _control(sql: str) -> Statement:
    for kind, pattern in CONTROLS:
        match = pattern.match(sql)
        if match is None:
            continue
        if kind is Kind.BEGIN:
            return Statement(kind, match[1] or "")
        if pattern.groups:  # a savepoint's name
            return Statement(kind, unquote(match[1]).lower())
        return Statement(kind)
    return Statement(Kind.WRITE)  # the server says what is wrong with it


def _pragma(sql: str) -> Statement:
    pragma = pragmas.parse(sql)
    if pragma is None:
        return Statement(Kind.WRITE)  # the server says what is wrong with it
    return Statement(Kind.READ if pragma.is_read else Kind.WRITE, pragma=pragma)


def _after_with(sql: str) -> Kind:
    """Return the kind of the statement behind the common table expressions."""
    depth = 0
    for word in TOKENS.findall(sql):
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif depth == 0 and word.upper() in AFTER_WITH:  # in brackets stands a table's SELECT
            return WORDS[word.upper()]
    return Kind.WRITE
