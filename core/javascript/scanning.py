"""The tokens of JavaScript (ECMA-262, section 12), as far as import and export need them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["ScanError", "Token", "list_tokens"]

SPACE: Final = re.compile(r"(?:\s|//[^\n\u2028\u2029]*|/\*.*?\*/)+", re.DOTALL)
WORD: Final = re.compile(r"#?(?:[\w$\u200c\u200d]|\\u(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]+\}))+")
STRING: Final = re.compile(
    r"""'(?:[^'\\\n]|\\(?:\r\n|[\s\S]))*'|"(?:[^"\\\n]|\\(?:\r\n|[\s\S]))*\""""
)
EXPRESSION: Final = re.compile(r"/(?:[^/\\\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*\])+/\w*")
TEMPLATE_PART: Final = re.compile(r"(?:[^`\\$]|\\[\s\S]|\$(?!\{))*")
SIGN: Final = re.compile(r"=>|\?\.|\.\.\.|[-+*/%&|^!<>=?]+|.", re.DOTALL)
# Behind these a stroke begins a regular expression, and no division.
BEFORE_EXPRESSION: Final = frozenset(
    """
    return typeof instanceof in of new delete void throw case do else yield await default
    """.split()  # noqa: SIM905 (a table of words)
)
HEADS: Final = frozenset({"if", "while", "for", "with"})


class ScanError(ValueError):
    """A text or template does not end; the engine says where."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, text, expression, template or sign."""

    kind: str
    """"word", "text", "template", "expression" or "sign"."""
    text: str
    start: int
    end: int
    depth: int
    """How many brackets it stands in."""
    after_line: bool
    """Whether a line ends before it."""


def list_tokens(text: str) -> list[Token]:
    """Return the tokens of a source; a template is one, with all that is in it.

    Raises:
        ScanError: a text, template or bracket does not end.
    """
    return list(_Scanner(text).scan(0))


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0

    def scan(self, position: int, *, within_template: bool = False) -> Iterator[Token]:
        """Yield tokens from a position on, up to the bracket that ends a template's part."""
        text = self.text
        depth = 0
        before: Token | None = None
        opened: list[Token | None] = []  # what stood before each bracket that is open
        closed: Token | None = None  # what stood before the bracket that was closed last
        while True:
            start = position
            position = _skip_space(text, position)
            after_line = "\n" in text[start:position] or start == 0
            if position >= len(text):
                if within_template:
                    raise ScanError("a template does not end")
                return
            sign = text[position]
            if sign == "}" and within_template and depth == 0:
                self.end = position + 1
                return
            if sign in ")]}":
                depth -= 1
                closed = opened.pop() if opened else None
            kind, end = self._measure(position, before, closed)
            token = Token(kind, text[position:end], position, end, depth, after_line)
            if token.kind == "sign" and token.text in ("(", "[", "{"):
                depth += 1
                opened.append(before)
            yield token
            before = token
            position = end

    def _measure(
        self, position: int, before: Token | None, closed: Token | None
    ) -> tuple[str, int]:
        """Return what begins at a position, and where it ends."""
        text = self.text
        sign = text[position]
        if sign == "`":
            return "template", self._skip_template(position + 1)
        if sign in "'\"":
            match = STRING.match(text, position)
            if match is None:
                raise ScanError("a text does not end")
            return "text", match.end()
        match = WORD.match(text, position)
        if match is not None:
            return "word", match.end()
        if sign == "/" and _begins_expression(before, closed):
            match = EXPRESSION.match(text, position)
            if match is not None:
                return "expression", match.end()
        if sign in "()[]{};,:@~#":
            return "sign", position + 1
        match = SIGN.match(text, position)
        return "sign", match.end() if match else position + 1

    def _skip_template(self, position: int) -> int:
        while True:
            match = TEMPLATE_PART.match(self.text, position)
            position = match.end() if match else position
            if position >= len(self.text):
                raise ScanError("a template does not end")
            if self.text[position] == "`":
                return position + 1
            for _token in self.scan(position + 2, within_template=True):
                pass
            position = self.end


def _skip_space(text: str, position: int) -> int:
    match = SPACE.match(text, position)
    return match.end() if match else position


def _begins_expression(before: Token | None, closed: Token | None) -> bool:
    if before is None:
        return True
    if before.kind == "word":
        return before.text in BEFORE_EXPRESSION
    if before.kind != "sign":
        return False
    if before.text == ")":
        # if (…) /x/.test(y): the bracket ends a head, and no value.
        return closed is not None and closed.text in HEADS
    if before.text == "}":
        return True  # a block ends there more often than an object that is divided
    return before.text not in ("]", "++", "--")
