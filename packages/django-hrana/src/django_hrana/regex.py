"""Regular expressions without REGEXP: Python patterns compiled to automata that run in SQL.

libSQL servers have no REGEXP and cannot call Python functions. A pattern is parsed with Python's
own parser and compiled to a nondeterministic finite automaton. A recursive query advances the set
of its active states one character at a time, so the run time is proportional to the length of the
text and cannot explode. The result is that of `re.search`: character classes and case-insensitive
matching follow Unicode as in `re`. Constructs that are not regular in the formal sense are
rejected: backreferences, lookaround, conditions and atomic groups.

Limits: text after a NUL character is ignored; patterns with more than 5000 states are rejected.

Source: K. Thompson, "Regular Expression Search Algorithm", 1968.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]  # re has no public parser
from re import _parser  # type: ignore[attr-defined]  # as above
from typing import Any, Final

from django_hrana.code_points import (
    ALL,
    Ranges,
    category,
    complement,
    ignoring_case,
    union,
)

Edge = tuple[int, int | None, int, int | None, int]

__all__ = ["MAX_STATES", "Automaton", "UnsupportedRegex", "compile_regex"]

MAX_STATES: Final = 5000  # each adds a few edges to a query parameter, and work to each step
# Blocks of 512 characters: the server only checks the few ranges of one block.
BLOCK_BITS: Final = 9
ANYTHING: Final = -1  # the class of all characters beyond ASCII
BEYOND_ASCII: Final = ((128, sys.maxunicode),)
NEWLINE: Final = 10
ASSERTIONS: Final = {
    # Name → number in the edges. In SQL, p is the number of characters read, c the next character
    # and n the length of the text.
    "start": 1,
    "end": 2,
    "very end": 3,
    "start of line": 4,
    "end of line": 5,
    "word boundary": 6,
    "no word boundary": 7,
    "word boundary, ASCII": 8,
    "no word boundary, ASCII": 9,
}
REFUSED: Final = {
    sre.ASSERT: "lookahead or lookbehind",
    sre.ASSERT_NOT: "negative lookahead or lookbehind",
    sre.ATOMIC_GROUP: "atomic groups",
    sre.GROUPREF: "backreferences",
    sre.GROUPREF_EXISTS: "conditions on groups",
    sre.POSSESSIVE_REPEAT: "possessive repeats",
}


class UnsupportedRegex(ValueError):
    """A pattern that the server cannot run; `str()` names the construct and the alternatives."""

    def __init__(self, construct: str) -> None:
        super().__init__(
            f"Regular expressions with {construct} are not supported on a libSQL server: rewrite "
            "the pattern, or filter in Python."
        )


@dataclass(frozen=True, slots=True)
class Automaton:
    """A compiled pattern that can be converted to SQL."""

    literal: str | None
    """The string to search for, if the pattern is a plain string; otherwise None."""
    edges: str
    """JSON list of [from, bits, bits, class, to], one per edge. The bits are masks of the
    characters 0 to 63 and 64 to 127 that the edge accepts, and the class selects the others. For
    an edge that reads no character, the first bits are null and the second are the assertion that
    must hold."""
    classes: str
    """JSON list of [class, block, low, high] for sets beyond ASCII; a block has 512 characters."""
    end: int
    """The accepting state; state 0 is the initial one."""
    assertions: frozenset[int]
    """Numbers of the assertions in the pattern."""

    def sql(self, operand: str, params: Sequence[object]) -> tuple[str, tuple[Any, ...]]:
        """Return a SQL expression and its parameters; it is 1 or 0, or NULL if the operand is NULL.

        Args:
            operand: SQL expression of the text; it is used once.
            params: the parameters of the operand.
        """
        if self.literal is not None:
            return f"(INSTR(CAST({operand} AS TEXT), %s) > 0)", (*params, self.literal)
        sql = SQL.replace("{operand}", operand).replace("{end}", str(self.end))
        sql = sql.replace("{asserted}", _assertions_sql(self.assertions))
        return sql, (*params, self.edges, self.classes)


NEXT: Final = "UNICODE(SUBSTR(s, p + 1, 1))"
PREVIOUS: Final = "UNICODE(SUBSTR(s, p, 1))"
# r_x: the text and its length. r_e: the edges. r_k: the classes. r_run: each state q that is active
# after p characters, with the next character c. UNION drops duplicates, so a text of n characters
# produces at most one row per character and state.
SQL: Final = (
    "(WITH RECURSIVE "
    "r_x(s, n) AS MATERIALIZED (SELECT r_t, LENGTH(r_t) FROM "
    "(SELECT CAST({operand} AS TEXT) AS r_t)), "
    "r_e(f, a, b, k, t) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2, "
    "value ->> 3, value ->> 4 FROM JSON_EACH(%s)), "
    "r_k(k, b, lo, hi) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 "
    "FROM JSON_EACH(%s)), "
    "r_run(p, q, c) AS (SELECT 0, 0, UNICODE(s) FROM r_x UNION "
    "SELECT p + (e.a IS NOT NULL), e.t, "
    "CASE WHEN e.a IS NULL THEN c ELSE UNICODE(SUBSTR(s, p + 2, 1)) END "
    "FROM r_run CROSS JOIN r_x CROSS JOIN r_e AS e WHERE e.f = q AND "
    "CASE WHEN e.a IS NULL THEN {asserted} WHEN c < 64 THEN e.a >> c & 1 "
    "WHEN c < 128 THEN e.b >> (c - 64) & 1 WHEN e.k < 0 THEN c IS NOT NULL "
    "ELSE e.k IS NOT NULL AND EXISTS (SELECT 1 FROM r_k WHERE r_k.k = e.k AND r_k.b = c >> 9 "
    "AND c BETWEEN r_k.lo AND r_k.hi) END) "
    "SELECT CASE WHEN s IS NOT NULL THEN EXISTS (SELECT 1 FROM r_run WHERE q = {end}) END FROM r_x)"
)
WORD_CLASS: Final = {False: -1, True: -2}


def _is_word(character: str, *, is_ascii: bool) -> str:
    number = WORD_CLASS[is_ascii]
    return (
        f"EXISTS (SELECT 1 FROM r_k WHERE r_k.k = {number} AND r_k.b = {character} >> {BLOCK_BITS} "
        f"AND {character} BETWEEN r_k.lo AND r_k.hi)"
    )


def _boundary(*, is_ascii: bool) -> str:
    before = f"(p > 0 AND {_is_word(PREVIOUS, is_ascii=is_ascii)})"
    after = f"(p < n AND {_is_word('c', is_ascii=is_ascii)})"
    return f"{before} <> {after}"


CONDITIONS: Final = {
    "start": "p = 0",
    "end": f"p = n OR (p = n - 1 AND c = {NEWLINE})",
    "very end": "p = n",
    "start of line": f"p = 0 OR {PREVIOUS} = {NEWLINE}",
    "end of line": f"p = n OR c = {NEWLINE}",
    "word boundary": _boundary(is_ascii=False),
    "no word boundary": f"NOT ({_boundary(is_ascii=False)})",
    "word boundary, ASCII": _boundary(is_ascii=True),
    "no word boundary, ASCII": f"NOT ({_boundary(is_ascii=True)})",
}


def _assertions_sql(assertions: Iterable[int]) -> str:
    """Return SQL that checks whether the assertion e.b holds; 0 always does."""
    cases = []
    for name, number in ASSERTIONS.items():
        if number in assertions:
            cases.append(f"WHEN {number} THEN ({CONDITIONS[name]})")
    return f"CASE e.b WHEN 0 THEN 1 {' '.join(cases)} END"


@lru_cache(maxsize=512)
def compile_regex(pattern: str, *, ignore_case: bool = False) -> Automaton:
    """Return the automaton of a Python regular expression.

    Raises:
        re.error: the pattern is not valid.
        UnsupportedRegex: it is not regular in the formal sense, or too large.
    """
    tree = _parser.parse(pattern, re.IGNORECASE if ignore_case else 0)
    literal = _literal(tree)
    if literal is not None:
        return Automaton(literal=literal, edges="[]", classes="[]", end=0, assertions=frozenset())
    builder = _Builder()
    start, flags = builder.new_state(), tree.state.flags
    if not _is_anchored(tree):
        builder.read(start, ALL, start)  # `re.search` can match anywhere
    first = builder.new_state()
    builder.skip(start, first)
    end = builder.sequence(tree, first, flags)
    edges = _without_skips(builder.edges, end)
    return Automaton(
        literal=None,
        edges=json.dumps(edges, separators=(",", ":")),
        classes=json.dumps(builder.class_rows(), separators=(",", ":")),
        end=end,
        assertions=frozenset(builder.assertions),
    )


def _without_skips(edges: Sequence[Edge], end: int) -> list[Edge]:
    """Return an equivalent automaton in which almost every edge reads a character.

    Only assertions, and the last step to the accepting state, read none.
    """
    leaving: dict[int, list[Edge]] = {}
    for edge in edges:
        leaving.setdefault(edge[0], []).append(edge)
    done: set[int] = set()
    todo = [0]
    short: list[Edge] = []
    while todo:
        state = todo.pop()
        if state in done:
            continue
        done.add(state)
        reached = _reached(state, leaving)
        for near in reached:
            for _from, low, high, number, to in leaving.get(near, ()):
                if low is not None or high > 0:  # it reads, or must hold
                    short.append((state, low, high, number, to))
                    todo.append(to)
        if end in reached and state != end:
            short.append((state, None, 0, None, end))
    return list(dict.fromkeys(short))


def _reached(state: int, leaving: dict[int, list[Edge]]) -> set[int]:
    """Return the states that are reachable without reading a character or checking an assertion."""
    reached, todo = {state}, [state]
    while todo:
        for _from, low, assertion, _number, to in leaving.get(todo.pop(), ()):
            if low is None and not assertion and to not in reached:
                reached.add(to)
                todo.append(to)
    return reached


def _literal(tree: Any) -> str | None:
    is_literal = all(operation is sre.LITERAL for operation, _ in tree)
    if not is_literal or tree.state.flags & re.IGNORECASE:
        return None
    return "".join(chr(code) for _, code in tree)


def _is_anchored(tree: Any) -> bool:
    """Return whether the pattern can only match at the beginning of the text."""
    if not len(tree):
        return False
    operation, argument = tree[0]
    is_start = argument is sre.AT_BEGINNING and not tree.state.flags & re.MULTILINE
    return operation is sre.AT and (is_start or argument is sre.AT_BEGINNING_STRING)


@dataclass(slots=True)
class _Builder:
    """Builds an automaton from the parse tree; methods take a state and return the next one."""

    edges: list[Edge] = field(default_factory=list)
    assertions: set[int] = field(default_factory=set)
    states: int = 0
    classes: dict[Ranges, int] = field(default_factory=dict)

    def new_state(self) -> int:
        self.states += 1
        if self.states > MAX_STATES:
            raise UnsupportedRegex(f"so many repeats that they need over {MAX_STATES} states")
        return self.states - 1

    def read(self, state: int, ranges: Ranges, following: int) -> None:
        """Add an edge that reads one character of the set."""
        low, high, others = _split(ranges)
        number: int | None = None
        if others == BEYOND_ASCII:
            number = ANYTHING  # such as a dot: saves over two thousand rows of blocks
        elif others:
            number = self.classes.setdefault(others, len(self.classes))
        self.edges.append((state, low, high, number, following))

    def skip(self, state: int, following: int, assertion: int = 0) -> None:
        """Add an edge that reads no character, with an assertion that must hold, if any."""
        if assertion:
            self.assertions.add(assertion)
        self.edges.append((state, None, assertion, None, following))

    def class_rows(self) -> list[tuple[int, int, int, int]]:
        """Return the rows of the character classes, split into blocks for a fast lookup."""
        numbered = [(number, ranges) for ranges, number in self.classes.items()]
        for is_ascii in (False, True):
            # Word boundaries are assertions, not edges, so their characters are added separately.
            suffix = ", ASCII" if is_ascii else ""
            boundaries = {
                ASSERTIONS[f"word boundary{suffix}"],
                ASSERTIONS[f"no word boundary{suffix}"],
            }
            if self.assertions & boundaries:
                word = category(sre.CATEGORY_WORD, is_ascii=is_ascii)
                numbered.append((WORD_CLASS[is_ascii], word))
        rows = []
        for number, ranges in numbered:
            for low, high in ranges:
                first, last = low >> BLOCK_BITS, high >> BLOCK_BITS
                rows += [(number, block, low, high) for block in range(first, last + 1)]
        return rows

    def sequence(self, items: Any, state: int, flags: int) -> int:
        for operation, argument in items:
            state = self.item(operation, argument, state, flags)
        return state

    def item(self, operation: object, argument: Any, state: int, flags: int) -> int:
        if operation in REFUSED:
            raise UnsupportedRegex(REFUSED[operation])
        if operation is sre.BRANCH:
            return self.branch(argument[1], state, flags)
        if operation is sre.SUBPATTERN:
            _group, added, removed, tree = argument
            return self.sequence(tree, state, (flags | added) & ~removed)
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self.repeat(*argument, state=state, flags=flags)
        following = self.new_state()
        if operation is sre.AT:
            self.skip(state, following, _assertion(argument, flags))
        else:
            self.read(state, _characters(operation, argument, flags), following)
        return following

    def branch(self, branches: Any, state: int, flags: int) -> int:
        following = self.new_state()
        for tree in branches:
            self.skip(self.sequence(tree, state, flags), following)
        return following

    def repeat(self, least: int, most: Any, tree: Any, *, state: int, flags: int) -> int:
        for _ in range(least):
            state = self.sequence(tree, state, flags)
        following = self.new_state()
        if most is sre.MAXREPEAT:
            loop = self.new_state()
            self.skip(state, loop)
            self.skip(self.sequence(tree, loop, flags), loop)
            self.skip(loop, following)
            return following
        self.skip(state, following)
        for _ in range(most - least):
            state = self.sequence(tree, state, flags)
            self.skip(state, following)
        return following


@lru_cache(maxsize=64)
def _split(ranges: Ranges) -> tuple[int, int, Ranges]:
    """Return two 64-bit masks of the ASCII characters in a set, and its other characters."""
    return _bits(ranges, 0), _bits(ranges, 64), union(_beyond_ascii(ranges))


def _beyond_ascii(ranges: Ranges) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a set beyond ASCII."""
    for low, high in ranges:
        if high >= BEYOND_ASCII[0][0]:
            yield max(low, BEYOND_ASCII[0][0]), high


def _bits(ranges: Ranges, first: int) -> int:
    """Return a mask of the 64 characters from `first` that are in the set, as a signed integer."""
    bits = 0
    for low, high in ranges:
        if low >= first + 64:
            break  # they are sorted
        for code in range(max(low, first), min(high, first + 63) + 1):
            bits |= 1 << (code - first)
    if bits >> 63:  # SQL integers are signed: bit 63 is the sign
        bits -= 1 << 64
    return bits


def _assertion(code: object, flags: int) -> int:
    names = {
        sre.AT_BEGINNING: "start",
        sre.AT_BEGINNING_STRING: "start",
        sre.AT_END: "end",
        sre.AT_END_STRING: "very end",
        sre.AT_BOUNDARY: "word boundary",
        sre.AT_NON_BOUNDARY: "no word boundary",
    }
    name = names[code]
    if flags & re.MULTILINE and code in (sre.AT_BEGINNING, sre.AT_END):
        name += " of line"
    elif flags & re.ASCII and code in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY):
        name += ", ASCII"
    return ASSERTIONS[name]


def _characters(operation: object, argument: Any, flags: int) -> Ranges:
    """Return the characters that a single element of a pattern matches."""
    if operation is sre.ANY:
        return ALL if flags & re.DOTALL else complement(((NEWLINE, NEWLINE),))
    if operation is sre.LITERAL:
        return _folded(((argument, argument),), flags)
    if operation is sre.NOT_LITERAL:
        return complement(_folded(((argument, argument),), flags))
    if operation is sre.IN:
        return _set(argument, flags)
    raise UnsupportedRegex(f"the element {str(operation).lower()}")


def _set(items: Any, flags: int) -> Ranges:
    """Return the characters of [...]."""
    is_negated = False
    parts: list[Ranges] = []
    for operation, argument in items:
        if operation is sre.NEGATE:
            is_negated = True
        elif operation is sre.LITERAL:
            parts.append(((argument, argument),))
        elif operation is sre.RANGE:
            parts.append((argument,))
        elif operation is sre.CATEGORY:
            parts.append(category(argument, is_ascii=bool(flags & re.ASCII)))
        else:
            raise UnsupportedRegex(f"the element {str(operation).lower()} in a set")
    ranges = _folded(union(*parts), flags)
    if is_negated:
        return complement(ranges)
    return ranges


def _folded(ranges: Ranges, flags: int) -> Ranges:
    if not flags & re.IGNORECASE:
        return ranges
    return ignoring_case(ranges, is_ascii=bool(flags & re.ASCII))
