"""The template languages, one file each.

A syntax parses a text into a `Parsed`: what it reads, what is wrong with it, how it is filled.
To add one: a file with `parse(text)`, and a line in PARSERS. Nunjucks is for the prompts of
configurations that come as files; nobody chooses it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from prompts.rendering.syntaxes import jinja, mustache, nunjucks, plain
from prompts.rendering.syntaxes.parsed import Parsed, Reference, Use

__all__ = ["PARSERS", "SYNTAXES", "Parsed", "Reference", "Use"]

PARSERS: Final[Mapping[str, Callable[[str], Parsed]]] = {
    "plain": plain.parse,
    "mustache": mustache.parse,
    "jinja": jinja.parse,
    "nunjucks": nunjucks.parse,
    "nunjucks-json": nunjucks.parse_json,
    "nunjucks-value": nunjucks.parse_value,
}
SYNTAXES: Final = ("plain", "mustache", "jinja")
