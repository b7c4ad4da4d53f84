r"""A reader of `.env` files by the rules of Docker Compose, for machines without Compose.

A port of `dotenv/parser.go` and of the escapes of `template/template.go` in compose-go
(github.com/compose-spec/compose-go, commit 70e961, Apache-2.0), which reads `env_file` and `.env`
alike. Of interpolation it knows what may go wrong in a file of ours: `$$` is a dollar, and `$NAME`
and `${…}` are replaced; here by a mark that no value of a test contains.
"""

import re

EXPANDED = "\N{REPLACEMENT CHARACTER}expanded\N{REPLACEMENT CHARACTER}"
# escapeSeqRegex of dotenv/parser.go
ESCAPE = re.compile(r'(\\(?:[abcfnrtv$"\\]|0\d{0,3}))')
SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# Of template.go: "$$", a name, or braces; anything else behind a dollar is an error there.
SUBSTITUTION = re.compile(r"\$(?:(?P<escaped>\$)|(?P<named>[_a-zA-Z][_a-zA-Z0-9]*|\{[^}]*\}))")
BLANKS = "\t\v\f\r \x85\xa0"  # isSpace: no line break


class ComposeError(ValueError):
    """Compose would refuse the file."""


def read_env_file(text: str) -> dict[str, str]:
    """Return name → value, as Compose reads the text of a file."""
    values: dict[str, str] = {}
    rest = text.replace("\r\n", "\n")
    while True:
        rest = rest.lstrip()
        if not rest:
            return values
        if rest.startswith("#"):
            rest = rest.partition("\n")[2]
            continue
        name, rest = _read_name(rest)
        values[name], rest = _read_value(rest)


def _read_name(text: str) -> tuple[str, str]:
    text = re.sub(r"\Aexport\s+", "", text)
    match = re.match(r"([\w.\-\[\]\t\v\f\r \x85\xa0]*)[=:]", text)
    if match is None:
        raise ComposeError("unexpected character in variable name")
    return match[1].rstrip(), text[match.end() :].lstrip(BLANKS)


def _read_value(text: str) -> tuple[str, str]:
    quote = text[:1]
    if quote not in {"'", '"'}:
        value, _, rest = text.partition("\n")
        value = value.partition(" #")[0].rstrip()
        return _substitute(value), rest
    characters: list[str] = []
    is_escaped = False
    for position, character in enumerate(text[1:], start=1):
        if character != quote:
            if not is_escaped and character == "\\":
                is_escaped = True
                continue
            if is_escaped:
                is_escaped = False
                characters.append("\\")
            characters.append(character)
        elif is_escaped:
            is_escaped = False
            characters.append(character)
        else:
            value = "".join(characters)
            if quote == '"':
                value = _substitute(ESCAPE.sub(_unescape, value))
            return value, text[position + 1 :]
    raise ComposeError("unterminated quoted value")


def _unescape(match: re.Match[str]) -> str:
    escape = match[0][1:]
    if escape == "$":
        return "$$"
    if escape.startswith("0") and len(escape) == 4:
        return chr(int(escape, 8))
    if escape in {'"', "\\"}:
        return escape
    return SIMPLE.get(escape, match[0])


def _substitute(value: str) -> str:
    pieces = SUBSTITUTION.sub(lambda match: "" if match["escaped"] else EXPANDED, value)
    bare = SUBSTITUTION.sub("", value)
    if "$" in bare:
        raise ComposeError("invalid template")
    return pieces if EXPANDED in pieces else SUBSTITUTION.sub("$", value)
