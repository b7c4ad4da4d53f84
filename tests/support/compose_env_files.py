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
# Of template.go: "$$", a name, or braces; a dollar before anything else stays as it is.
SUBSTITUTION = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*|\{[_a-z][^}]*\})|(?P<wrong>\{))",
    re.IGNORECASE,
)
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
        if name is not None:
            values[name], rest = _read_value(rest)


def _read_name(text: str) -> tuple[str | None, str]:
    """Return the name and what stands behind it; None for a name alone, taken from the process."""
    text = re.sub(r"\Aexport\s+", "", text)
    match = re.match(r"([\w.\-\[\]\t\v\f\r \x85\xa0]*)([=:\n])", text)
    if match is None:
        raise ComposeError("unexpected character in variable name")
    if match[2] == "\n":
        return None, text[match.end() :]
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
    for match in SUBSTITUTION.finditer(value):
        if match["wrong"]:
            raise ComposeError("invalid template")
    return SUBSTITUTION.sub(lambda match: "$" if match["escaped"] else EXPANDED, value)
