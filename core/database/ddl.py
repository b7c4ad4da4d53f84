"""Statements that make tables, indexes, triggers and views, taken apart to be compared.

Two statements that mean the same may differ in white space, quotes, case, doubled parentheses and
the order of a table's columns: Django builds tables anew, and SQLite keeps the text as it came.
Source: https://www.sqlite.org/lang_createtable.html and the pages beside it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["Statement", "parse"]

TOKEN: Final = re.compile(
    r"""(?P<space> \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<text> '(?:[^']|'')*' )
    | (?P<name> "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] )
    | (?P<word> \w+ )
    | (?P<sign> . )""",
    re.DOTALL | re.VERBOSE,
)
HEAD: Final = re.compile(
    r"create (?P<unique>unique )?(?:temp |temporary )?"
    r"(?P<kind>table|virtual table|index|trigger|view)(?P<exists> if not exists)? "
)
# What a table's part begins with when it is no column.
RULES: Final = ("constraint", "check", "unique", "primary", "foreign")

Tree: TypeAlias = "list[str | Tree]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What makes one thing in a database; every text in a form that can be compared."""

    kind: str
    """table, virtual table, index, trigger or view."""
    name: str
    """Its name, in small letters."""
    table: str
    """The table that it belongs to, in small letters; of a table or view its own name."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table: a column's name → type, NULL or NOT NULL, default, checks, reference."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """Of a table: a constraint's name, or its text where it has none → its text."""
    body: str = ""
    """Of an index, trigger or view: what it does, without its name; of a table: STRICT and such."""
    is_unique: bool = False
    """Of an index: whether it refuses a second row."""


def parse(sql: str) -> Statement | None:
    """Return what a statement makes, None where it makes none of these.

    Args:
        sql: one statement, as it is run or as `sqlite_master` shows it.
    """
    tokens = list(_tokenise(sql))
    # Six words at most stand before the name, which may hold spaces itself.
    head = HEAD.match(" ".join(tokens[:7]) + " ")
    if head is None:
        return None
    kind = head["kind"]
    position = head[0].count(" ")
    if tokens[position + 1 : position + 2] == ["."]:  # main.prompts
        position += 2
    name = tokens[position]
    rest = tokens[position + 1 :]
    if kind == "table":
        return _parse_table(name, rest)
    table = name
    if kind in ("index", "trigger"):
        # Of a trigger the table stands behind the event: BEFORE UPDATE OF status ON prompts.
        table = rest[rest.index("on") + 1]
    body = _render(_nest(iter(rest)))
    return Statement(
        kind=kind, name=name, table=table, body=body, is_unique=head["unique"] is not None
    )


def _parse_table(name: str, tokens: Sequence[str]) -> Statement:
    definitions: Tree = []
    options: Tree = []
    for part in _nest(iter(tokens)):
        if isinstance(part, list):
            definitions = part
        else:  # STRICT or WITHOUT ROWID may stand behind it
            options.append(part)
    columns, rules = {}, {}
    for part in _split(definitions):
        first = part[0]
        text = _render(part)
        if first not in RULES:
            columns[str(first)] = _render(part[1:])
        elif first == "constraint":
            rules[str(part[1])] = _render(part[2:])
        else:
            rules[text] = text
    return Statement(
        kind="table", name=name, table=name, columns=columns, rules=rules, body=_render(options)
    )


def _tokenise(sql: str) -> Iterator[str]:
    for match in TOKEN.finditer(sql.strip().rstrip(";")):
        text = match[0]
        if match.lastgroup == "space":
            continue
        if match.lastgroup == "text":
            yield text  # case counts in a text alone: names and words have none in SQL
        elif match.lastgroup == "name":
            yield text[1:-1].lower()
        else:
            yield text.lower()


def _nest(tokens: Iterator[str]) -> Tree:
    """Return tokens as a tree: what stands in parentheses is a list."""
    tree: Tree = []
    for item in tokens:
        if item == "(":
            inner = _nest(tokens)
            if len(inner) == 1 and isinstance(inner[0], list):
                inner = inner[0]  # ((x)) says no more than (x)
            tree.append(inner)
        elif item == ")":
            break
        else:
            tree.append(item)
    return tree


def _split(tree: Tree) -> Iterator[Tree]:
    """Return the parts between the commas of the outermost list."""
    part: Tree = []
    for item in tree:
        if item == ",":
            yield part
            part = []
        else:
            part.append(item)
    if part:
        yield part


def _render(tree: Tree) -> str:
    texts = []
    for part in tree:
        text = part if isinstance(part, str) else f"({_render(part)})"
        texts.append(text)
    return " ".join(texts)
