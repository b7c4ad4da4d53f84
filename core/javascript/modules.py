"""ES modules as functions that fill `exports`: the engine loads no file by itself.

Imports become `require`, exports become getters, so that they follow their variables. Lines stay
where they are: what an error says of its place is true of the file.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from core.javascript.scanning import ScanError, list_tokens

__all__ = ["MOST_CHARACTERS", "MOST_FILES", "collect_files", "convert_module", "list_references"]

MOST_FILES: Final = 64
"""Files of one program."""
MOST_CHARACTERS: Final = 1_000_000
"""Of all its files."""
ENDINGS: Final = ("", ".js", ".cjs", ".mjs", ".json", "/index.js", "/index.cjs", "/index.mjs")
REQUIRED: Final = re.compile(
    r"""\b(?:require|__tools\.load)\s*\(\s*(["'])(\.{1,2}/[^"'\n]+)\1\s*\)"""
)
BLANK: Final = re.compile(r"[^\n]+")
CONTINUES: Final = re.compile(r"[-+*/%&|^<>=?:.,(\[]|&&|\|\||\?\?|instanceof\Z|in\Z")
OPEN: Final = frozenset("([{")
CLOSE: Final = frozenset(")]}")


@lru_cache(maxsize=256)
def convert_module(text: str, path: str = "") -> tuple[str, bool]:
    """Return a file's text as the body of a function, and whether it was an ES module.

    What cannot be read stays as it is: the engine says what is wrong with it.
    """
    if text.startswith("#!"):
        text = "//" + text[2:]
    if path.endswith((".cjs", ".json")):
        return text, False
    if "import" not in text and "export" not in text:
        return text, path.endswith(".mjs")
    try:
        converter = _Converter(text)
        converted = converter.convert()
    except ScanError:
        return text, False
    if converter.is_module or path.endswith(".mjs"):
        return converted, True
    return (converted if converter.changes else text), False


@lru_cache(maxsize=256)
def list_references(text: str, path: str = "") -> tuple[str, ...]:
    """Return what a file imports or requires of files beside it, as it is written there."""
    converted, _is_module = convert_module(text, path)
    names = [match[2] for match in REQUIRED.finditer(converted)]
    return tuple(dict.fromkeys(names))


def collect_files(entry: str, read: Callable[[str], str | None]) -> dict[str, str]:
    """Return the texts of a file and of those that it needs, by path.

    Args:
        entry: the path of the file.
        read: returns the text of a path, None where there is no such file.

    Raises:
        ValueError: there are too many, or too much in them; a sentence's end.
    """
    files: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        text = read(path)
        if text is None:
            continue  # the program says so where it needs it
        files[path] = text
        if len(files) > MOST_FILES:
            raise ValueError(f"needs more than {MOST_FILES} files")
        if sum(map(len, files.values())) > MOST_CHARACTERS:
            raise ValueError(f"needs files of more than {MOST_CHARACTERS:,} characters")
        if path.endswith(".json"):
            continue
        folder = posixpath.dirname(path)
        for name in list_references(text, path):
            target = posixpath.normpath(posixpath.join(folder, name))
            matches = (target + ending for ending in ENDINGS)
            waiting += [match for match in matches if match in files or read(match) is not None][:1]
    return files


class _Converter:
    """One module that is being converted."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list_tokens(text)
        self.changes: list[tuple[int, int, str]] = []
        """Start and end of what is replaced, and by what."""
        self.head: list[str] = []
        """What runs before everything else."""
        self.exports: dict[str, str] = {}
        """Name outside → name inside."""
        self.is_module = False
        self._imports = 0

    def convert(self) -> str:
        """Return the whole text, converted."""
        for index, token in enumerate(self.tokens):
            if token.kind != "word" or token.text not in ("import", "export"):
                continue
            if self._text(index - 1) in (".", "?."):
                continue
            after = self._text(index + 1)
            if after == ":" or (after == "(" and self._is_method(index)):
                continue  # the name of a property, or of a method
            if token.text == "import" and after == "(":
                self._change(token.start, token.end, "__tools.load")
            elif token.text == "import" and after == ".":
                self._change(token.start, self._end(index + 2), "__tools.meta")
                self.is_module = True
            elif token.depth == 0:
                self.is_module = True
                self._import(index) if token.text == "import" else self._export(index)
        return self._join()

    def _is_method(self, index: int) -> bool:
        if self._text(index) == "export":
            return True
        return self._text(self._closing(index + 1) + 1) == "{"

    def _join(self) -> str:
        text = self.text
        parts: list[str] = []
        position = 0
        for start, end, new in sorted(self.changes):
            parts += [text[position:start], new]
            position = end
        parts.append(text[position:])
        if not self.is_module:
            return "".join(parts)
        getters = ", ".join(
            f"{json.dumps(name)}: () => {inner}" for name, inner in self.exports.items()
        )
        head = ['"use strict";', f"__tools.define(exports, {{{getters}}});", *self.head]
        return " ".join(head) + "".join(parts)

    def _text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def _end(self, index: int) -> int:
        return self.tokens[min(index, len(self.tokens) - 1)].end

    def _change(self, start: int, end: int, new: str) -> None:
        self.changes.append((start, end, new))

    def _blank(self, first: int, last: int) -> None:
        """Take a statement out, but keep its lines."""
        start = self.tokens[first].start
        if self._text(last + 1) == ";":
            last += 1
        end = self._end(last)
        self._change(start, end, BLANK.sub("", self.text[start:end]))

    def _require(self, index: int) -> str:
        self._imports += 1
        name = f"__import{self._imports}"
        self.head.append(f"const {name} = require({self._text(index)});")
        return name

    def _import(self, index: int) -> None:
        # import "m"; import d, * as n, {a, b as c} from "m" with {…};
        position = index + 1
        if self.tokens[position].kind == "text":
            self._require(position)
            self._blank(index, self._skip_attributes(position))
            return
        clauses: list[tuple[str, str]] = []  # what is imported, and its name here
        while self._text(position) != "from" or self._text(position + 1) in ("from", ","):
            word = self._text(position)
            if not word:
                raise ScanError("an import does not end")
            if word == "*":
                clauses.append(("*", self._text(position + 2)))
                position += 3
            elif word == "{":
                names, position = self._read_names(position)
                clauses += names
            elif word == ",":
                position += 1
            else:
                clauses.append(("default", word))
                position += 1
        module = self._require(position + 1)
        for name, inner in clauses:
            self.head.append(f"const {inner} = {_imported(module, name)};")
        self._blank(index, self._skip_attributes(position + 1))

    def _skip_attributes(self, index: int) -> int:
        """Return the last token of an import, of whose kind it may tell: with {type: "json"}."""
        if self._text(index + 1) not in ("with", "assert") or self._text(index + 2) != "{":
            return index
        while self._text(index) not in ("}", ""):
            index += 1
        return index

    def _read_names(self, index: int) -> tuple[list[tuple[str, str]], int]:
        """Return the pairs of {a, b as c}, and the position behind it."""
        names: list[tuple[str, str]] = []
        index += 1
        while self._text(index) != "}":
            if not self._text(index):
                raise ScanError("a list of names does not end")
            first = _unquoted(self._text(index))
            second = first
            index += 1
            if self._text(index) == "as":
                second = _unquoted(self._text(index + 1))
                index += 2
            if self._text(index) == ",":
                index += 1
            names.append((first, second))
        return names, index + 1

    def _export(self, index: int) -> None:
        word = self._text(index + 1)
        if word == "default":
            self._export_default(index)
        elif word == "*":
            self._export_all(index)
        elif word == "{":
            self._export_names(index)
        elif word in ("const", "let", "var"):
            self._take_out(index, index)
            for name in self._list_declared(index + 2):
                self.exports[name] = name
        else:
            self._take_out(index, index)
            declared = self._declared_name(index + 1)
            if declared is None:
                raise ScanError("an export has no name")
            self.exports[declared] = declared

    def _take_out(self, first: int, last: int) -> None:
        start, end = self.tokens[first].start, self._end(last)
        self._change(start, end, BLANK.sub("", self.text[start:end]))

    def _export_default(self, index: int) -> None:
        start = self.tokens[index].start
        word = self._text(index + 2)
        is_async = word == "async" and self._text(index + 3) == "function"
        if word in ("function", "class") or is_async:
            name = self._declared_name(index + 2)
            if name is None:
                name = "__default"
                last = index + 2 + is_async
                last += self._text(last + 1) == "*"
                self._change(self._end(last), self._end(last), f" {name}")
            self._take_out(index, index + 1)
            self.exports["default"] = name
            return
        # Not a getter of a constant: the value stands where the statement stood.
        self.head.append("let __value;")
        self.exports["default"] = "__value"
        self._change(start, self._end(index + 1), "__value =")

    def _declared_name(self, index: int) -> str | None:
        """Return the name of a function or class that begins here, None where it has none."""
        if self._text(index) == "async":
            index += 1
        index += 1
        if self._text(index) == "*":
            index += 1
        token = self.tokens[index] if index < len(self.tokens) else None
        if token is None or token.kind != "word" or token.text == "extends":
            return None
        return token.text

    def _export_all(self, index: int) -> None:
        if self._text(index + 2) == "as":
            module = self._require(index + 5)
            self.exports[_unquoted(self._text(index + 3))] = module
            self._blank(index, self._skip_attributes(index + 5))
            return
        module = self._require(index + 3)
        self.head.append(f"__tools.all(exports, {module});")
        self._blank(index, self._skip_attributes(index + 3))

    def _export_names(self, index: int) -> None:
        names, after = self._read_names(index + 1)
        if self._text(after) != "from":
            for inner, name in names:
                self.exports[name] = inner
            self._blank(index, after - 1)
            return
        module = self._require(after + 1)
        for inner, name in names:
            self.exports[name] = _imported(module, inner)
        self._blank(index, self._skip_attributes(after + 1))

    def _list_declared(self, index: int) -> Iterator[str]:
        """Yield the names that const, let or var declare from here on."""
        while index < len(self.tokens):
            if self._text(index) in ("{", "["):
                end = self._closing(index)
                yield from self._list_bound(index, end)
                index = end + 1
            else:
                yield self._text(index)
                index += 1
            index = self._skip_value(index)
            if self._text(index) != ",":
                return
            index += 1

    def _closing(self, index: int) -> int:
        """Return where the bracket ends that begins here."""
        depth = self.tokens[index].depth
        for position in range(index + 1, len(self.tokens)):
            token = self.tokens[position]
            if token.depth == depth and token.text in CLOSE:
                return position
        raise ScanError("a bracket does not end")

    def _list_bound(self, index: int, end: int) -> Iterator[str]:
        """Yield the names that a pattern such as {a, b: c = 1, ...d} binds."""
        depth = self.tokens[index].depth + 1
        position = index + 1
        while position < end:
            token = self.tokens[position]
            if token.text in OPEN:
                last = self._closing(position)
                if self._text(position - 1) in (":", ",", "{", "[", "..."):
                    yield from self._list_bound(position, last)
                position = last
            elif token.kind == "word" and token.depth == depth:
                is_name = self._text(position + 1) in (",", "=", "}", "]")
                if is_name and self._text(position - 1) in (":", ",", "{", "[", "..."):
                    yield token.text
                    if self._text(position + 1) == "=":
                        position = self._skip_value(position + 1) - 1
            position += 1

    def _skip_value(self, index: int) -> int:
        """Return the position behind “= …”: of a comma, a semicolon, or the next statement."""
        if self._text(index) != "=":
            return index
        depth = self.tokens[index].depth
        index += 1
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.depth < depth or (token.depth == depth and token.text in (",", ";")):
                return index
            if token.depth == depth and token.after_line and self._ends_before(index):
                return index
            index += 1
        return index

    def _ends_before(self, index: int) -> bool:
        """Whether a statement ends with the line before a token (ECMA-262, 12.10)."""
        before, token = self.tokens[index - 1], self.tokens[index]
        goes_on = token.kind == "template" or (
            token.kind != "text" and CONTINUES.match(token.text) is not None
        )
        is_open = before.kind == "sign" and before.text not in (")", "]", "}", "++", "--")
        return not goes_on and not is_open and token.text not in CLOSE


def _imported(module: str, name: str) -> str:
    if name == "*":
        return module
    if name == "default":
        return f"__tools.default({module})"
    return f"{module}[{json.dumps(name)}]"


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "'\"" else text
