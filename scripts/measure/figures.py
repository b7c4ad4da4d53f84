"""The figures of Python files, read from their syntax trees; nothing is imported or run.

What is counted, so that two tables can be compared:

- A *line of code* is neither blank nor a comment alone; lines of docstrings are among them.
- A *function's length* is its lines from `def` to its end, without its docstring; blank lines
  count. A function inside a function counts for both.
- *Branches* are cyclomatic complexity: one for each function, and one for every if, for, while,
  except, conditional expression, `for` and `if` of a comprehension, and chain of and/or.
- A *comprehension* is one of a list, set or dict, or a generator expression. Branches and
  comprehensions are divided by the sum of the functions' lengths.
- A *comment* is a line that holds nothing else.
- A *public function* has a name without leading underscore; methods count.
- A *binding* is a name that a function binds: a parameter (self too), an assigned name, an
  exception's name, an import or a function inside.
- *Any* is the word, wherever it stands, and a *suppression* is a noqa or a type: ignore.
- A function *named x_of* has a name that ends with `_of`.

By these definitions revision 0ec64f8 has 43 branches and 50 comprehensions, 0.6 % comments, 95 %
docstrings, 26 bindings of `found`, 1,373 Any and 205 suppressions: what was said of it when it was
first measured. Those of the peers agree to the last digit shown, or by one of it.
"""

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Figures", "list_files", "measure_files"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BRANCHES: Final = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension,
    ast.BoolOp, *FUNCTIONS,
)  # fmt: skip
# Tokens that make no line a line of code.
LAYOUT: Final = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
ANY: Final = re.compile(r"\bAny\b")
SUPPRESSION: Final = re.compile(r"\bnoqa\b|type: ignore")
NO_CODE_OF_ITS_OWN: Final = frozenset({"tests", "migrations"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a body of code is written; the module says what each word means."""

    files: int
    lines: int
    """Lines of code."""
    functions: int
    median_length: float
    """Lines of the function in the middle."""
    longest: int
    """Lines of the longest function."""
    branches: float
    """Per 100 lines of functions."""
    comprehensions: float
    """Per 1,000 lines of functions."""
    comments: float
    """Per 100 lines of code."""
    docstrings: float
    """Per 100 public functions."""
    found: float
    """Bindings of the name `found`, per 1,000 bindings."""
    any_words: int
    suppressions: int
    named_of: int
    """Functions named x_of."""


@dataclass(kw_only=True, slots=True)
class _Counts:
    """What the files read so far add up to."""

    files: int = 0
    lines: int = 0
    comments: int = 0
    lengths: list[int] = field(default_factory=list)
    branches: int = 0
    comprehensions: int = 0
    public: int = 0
    documented: int = 0
    bindings: int = 0
    found: int = 0
    any_words: int = 0
    suppressions: int = 0
    named_of: int = 0


def list_files(folders: Iterable[Path]) -> list[Path]:
    """Return the Python files below the folders, those of tests and migrations left out."""
    files: list[Path] = []
    for folder in folders:
        paths = sorted(folder.rglob("*.py"))
        files += [path for path in paths if not _is_beside(path.relative_to(folder))]
    return files


def _is_beside(path: Path) -> bool:
    return any(part in NO_CODE_OF_ITS_OWN for part in path.parts)


def measure_files(files: Iterable[Path]) -> Figures:
    """Return the figures of the files taken together; a share of nothing is 0.

    Raises:
        SyntaxError: a file is not Python, or needs a newer one than this.
    """
    counts = _Counts()
    for path in files:
        _count_file(path.read_text(encoding="utf-8"), counts)
    function_lines = sum(counts.lengths)
    return Figures(
        files=counts.files,
        lines=counts.lines,
        functions=len(counts.lengths),
        median_length=statistics.median(counts.lengths or [0]),
        longest=max(counts.lengths, default=0),
        branches=_rate(counts.branches, 100, function_lines),
        comprehensions=_rate(counts.comprehensions, 1000, function_lines),
        comments=_rate(counts.comments, 100, counts.lines),
        docstrings=_rate(counts.documented, 100, counts.public),
        found=_rate(counts.found, 1000, counts.bindings),
        any_words=counts.any_words,
        suppressions=counts.suppressions,
        named_of=counts.named_of,
    )


def _rate(count: int, per: int, total: int) -> float:
    return count * per / total if total else 0.0


def _count_file(text: str, counts: _Counts) -> None:
    tree = ast.parse(text)
    counts.files += 1
    counts.any_words += len(ANY.findall(text))
    counts.suppressions += len(SUPPRESSION.findall(text))
    _count_lines(text, counts)
    for node in ast.walk(tree):
        counts.comprehensions += isinstance(node, COMPREHENSIONS)
        counts.branches += isinstance(node, BRANCHES)
        if isinstance(node, ast.comprehension):
            counts.branches += len(node.ifs)
        if isinstance(node, FUNCTIONS):
            _count_function(node, counts)
    for name in _list_bindings(tree):
        counts.bindings += 1
        counts.found += name == "found"


def _count_lines(text: str, counts: _Counts) -> None:
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    # A text of several lines may hold blank ones, and what looks like a comment.
    blank = {number for number, line in enumerate(text.split("\n"), 1) if not line.strip()}
    counts.lines += len(code - blank)
    counts.comments += len(comments - code)


def _count_function(node: Function, counts: _Counts) -> None:
    has_docstring = ast.get_docstring(node, clean=False) is not None
    length = _count_span(node)
    if has_docstring:
        length -= _count_span(node.body[0])
    counts.lengths.append(length)
    counts.named_of += node.name.endswith("_of")
    if not node.name.startswith("_"):
        counts.public += 1
        counts.documented += has_docstring


def _count_span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _list_bindings(tree: ast.AST) -> Iterator[str]:
    """Yield each name that a function binds, once for every time it is bound."""
    for function in _list_outer_functions(tree):
        for node in ast.walk(function):
            if node is not function:
                yield from _list_names(node)


def _list_outer_functions(node: ast.AST) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child  # what is inside is walked with it
        else:
            yield from _list_outer_functions(child)


def _list_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, FUNCTIONS) or (isinstance(node, ast.ExceptHandler) and node.name):
        yield str(node.name)
