"""is-sql, contains-sql: whether an answer is SQL of a dialect, and touches only what it may.

promptfoo asks node-sql-parser; here sqlglot reads. It takes more than a database would (a lone name
is an expression to it), so only whole statements count. Tables and columns are allowed by the same
patterns: `select::(.*)::users`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, estimate_length
from evaluations.engine.types import Answer, Assertion, AssertionResult

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["SCORERS"]

# promptfoo's names of databases, and sqlglot's of their dialects.
DIALECTS: Final[Mapping[str, str]] = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgresql": "postgres",
    "postgres": "postgres",
    "sqlite": "sqlite",
    "bigquery": "bigquery",
    "transactsql": "tsql",
    "snowflake": "snowflake",
    "redshift": "redshift",
    "hive": "hive",
    "db2": "",
    "flinksql": "",
    "noql": "",
    "athena": "athena",
    "trino": "trino",
}
USUAL: Final = "MySQL"  # promptfoo's
SETTINGS: Final = ("databaseType", "allowedTables", "allowedColumns")
BLOCK: Final = re.compile(
    r"^ {0,3}```[ \t]*(?:sql)?[^\n]*\n(.*?)^ {0,3}```", re.DOTALL | re.MULTILINE
)
EXPENSIVE: Final = 1_000_000.0  # microseconds: patterns of strangers are matched in a worker
PARSING: Final = 60.0  # microseconds a character, measured generously


def _cost(assertion: Assertion, answer: Answer, _context: Context) -> float:
    if isinstance(assertion.value, Mapping) and set(assertion.value) - {"databaseType"}:
        return EXPENSIVE
    return PARSING * len(answer.text) + estimate_length(assertion.value)


def _check(assertion: Assertion) -> Iterable[str]:
    value = assertion.value
    if value is None or value == "":
        return
    if not isinstance(value, Mapping):
        yield "the value must be an object with databaseType, allowedTables or allowedColumns"
        return
    for name in value:
        if name not in SETTINGS:
            yield f"unknown setting “{name}”; allowed: {', '.join(SETTINGS)}"
    database = value.get("databaseType", USUAL)
    if not isinstance(database, str) or database.lower() not in DIALECTS:
        yield f"databaseType must be one of {', '.join(DIALECTS)}"
    for name in SETTINGS[1:]:
        yield from _check_patterns(name, value.get(name))


def _check_patterns(name: str, patterns: object) -> Iterator[str]:
    if patterns is None:
        return
    if not isinstance(patterns, list | tuple) or not all(isinstance(one, str) for one in patterns):
        yield f"{name} must be a list of strings such as select::(.*)::users"
        return
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, RecursionError) as error:
            yield f"{name}: “{pattern}” is not a regular expression: {error}"


def _score(
    assertion: Assertion, answer: Answer, _context: Context, *, inside: bool
) -> AssertionResult:
    value = assertion.value if isinstance(assertion.value, Mapping) else {}
    database = str(value.get("databaseType") or USUAL)
    text = answer.text
    if inside:
        block = BLOCK.search(text)
        text = block[1] if block else text
    problem = _find_problem(text, database, value)
    reason = problem or f"the answer is {database} that can be read"
    return AssertionResult(passed=not problem, score=float(not problem), reason=reason)


def _find_problem(text: str, database: str, value: Mapping[str, object]) -> str:
    """Return what is wrong with a text as SQL; empty where nothing is."""
    try:
        statements = _parse(text, DIALECTS[database.lower()])
    except _NotSql as error:
        return f"the answer is not {database}: {error}"
    tables = _patterns(value, "allowedTables")
    columns = _patterns(value, "allowedColumns")
    if tables is not None:
        for used in _list_tables(statements):
            if not _is_allowed(used, tables):
                return f"the table {used} is not allowed; allowed: {', '.join(tables)}"
    if columns is not None:
        for used in _list_columns(statements):
            # A column that names its table is allowed as one that does not, as in promptfoo.
            kind, _table, name = used.split("::", 2)
            if not (_is_allowed(used, columns) or _is_allowed(f"{kind}::null::{name}", columns)):
                return f"the column {used} is not allowed; allowed: {', '.join(columns)}"
    return ""


class _NotSql(Exception):
    """A text is no SQL; says why."""


def _parse(text: str, dialect: str) -> "list[exp.Expr]":
    """Return the statements of a text.

    Raises:
        _NotSql: it is something else.
    """
    # Only where it is used: it takes a quarter of a second to load.
    import sqlglot
    from sqlglot import errors, exp

    if not text.strip():
        raise _NotSql("it is empty")
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
        parsed = sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except (errors.SqlglotError, RecursionError) as error:
        # Its sentence goes on with the parser's own objects.
        raise _NotSql(re.split(r"<Token|\n", str(error))[0].strip()[:200]) from None
    if _lacks_comma(tokens):
        raise _NotSql("a comma seems to be missing between two columns")
    statements: list[exp.Expr] = [one for one in parsed if one is not None]
    # A name alone, or a comparison, is an expression and no statement; a command is what sqlglot
    # has not understood.
    known = (
        *(exp.Query, exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.Use, exp.Set, exp.Show),
        *(exp.Describe, exp.TruncateTable, exp.Transaction, exp.Commit, exp.Rollback, exp.Grant),
    )
    if not statements or not all(isinstance(one, known) for one in statements):
        raise _NotSql("it is no statement")
    return statements


def _lacks_comma(tokens: Sequence[object]) -> bool:
    """Whether two names follow each other in a list of columns: `SELECT first last FROM people`.

    Databases read the second one as an alias. Of an answer it is nearly always a mistake, and
    promptfoo refuses it as well.
    """
    from sqlglot.tokenizer_core import Token, TokenType

    names = (TokenType.VAR, TokenType.IDENTIFIER)
    depth, open_lists = 0, set[int]()
    before: TokenType | None = None
    for token in tokens:
        assert isinstance(token, Token)  # noqa: S101 (sqlglot has no types for its own list)
        kind = token.token_type
        if kind == TokenType.L_PAREN:
            depth += 1
        elif kind == TokenType.R_PAREN:
            open_lists.discard(depth)
            depth -= 1
        elif kind == TokenType.SELECT:
            open_lists.add(depth)
        elif kind == TokenType.FROM:
            open_lists.discard(depth)
        if depth in open_lists and kind in names and before in names:
            return True
        before = kind
    return False


def _list_tables(statements: "Sequence[exp.Expr]") -> list[str]:
    """Return `kind::database::table` of each table that is named; those of WITH are none."""
    from sqlglot import exp

    found: dict[str, None] = {}
    for statement in statements:
        own = {common.alias for common in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            if table.name not in own:
                found[f"{_kind(statement, table)}::{table.db or 'null'}::{table.name}"] = None
    return list(found)


def _list_columns(statements: "Sequence[exp.Expr]") -> list[str]:
    """Return `kind::table::column` of each column that is named; all of a table is `(.*)`."""
    from sqlglot import exp

    found: dict[str, None] = {}
    for statement in statements:
        aliases = {table.alias: table.name for table in statement.find_all(exp.Table)}
        for column in statement.find_all(exp.Column):
            table = aliases.get(column.table, column.table) or "null"
            name = "(.*)" if isinstance(column.this, exp.Star) else column.name
            found[f"{_kind(statement, column)}::{table}::{name}"] = None
        for star in statement.find_all(exp.Star):
            if isinstance(star.parent, exp.Select):
                found[f"{_kind(statement, star)}::null::(.*)"] = None
    return list(found)


def _kind(statement: "exp.Expr", part: "exp.Expr") -> str:
    """Return what is done: the statement's own word where it writes, else select."""
    from sqlglot import exp

    if part.find_ancestor(exp.Select):
        return "select"
    return statement.key.lower() if not isinstance(statement, exp.Query) else "select"


def _patterns(value: Mapping[str, object], name: str) -> list[str] | None:
    patterns = value.get(name)
    if patterns is None:
        return None
    if not isinstance(patterns, list | tuple):
        raise ScoringError("scorer.texts", type=name)
    return [str(pattern) for pattern in patterns]


def _is_allowed(used: str, patterns: Sequence[str]) -> bool:
    return any(
        used == pattern or re.fullmatch(pattern, used, re.IGNORECASE) for pattern in patterns
    )


SCORERS: Final = (
    Scorer(
        name="is-sql",
        title="a statement of SQL that touches only what is allowed",
        score=partial(_score, inside=False),
        check=_check,
        cost=_cost,
    ),
    Scorer(
        name="contains-sql",
        title="the same, in the first block of code where there is one",
        score=partial(_score, inside=True),
        check=_check,
        cost=_cost,
    ),
)
