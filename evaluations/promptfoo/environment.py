"""`{{ env.NAME }}` in configurations: which variables may be read, and how they are filled in.

promptfoo fills these tags where a configuration is read, and again where a text is filled. What
looks like a secret is read nowhere but in the places of keys, where its name alone is kept.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from evaluations.engine.providers.keys import find_secret

__all__ = [
    "ADDRESSES",
    "KEYS",
    "Reader",
    "find_secret_variable",
    "is_key_of_header",
    "is_secret",
    "list_readable",
    "name_of_key",
]

TAG: Final = re.compile(r"\{\{(?:[^}]|\}(?!\}))*+\}\}|\{%(?:[^%]|%(?!\}))*+%\}")
READS: Final = re.compile(
    r"""\benv\s{0,9}(?:\.\s{0,9}(\w+)|\[\s{0,9}["']([^"'\]]*)["']\s{0,9}\])"""
)
NAME: Final = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")
BEARER: Final = re.compile(r"bearer\s+", re.IGNORECASE)
# In a text in a tag: what would end the tag, and what Jinja reads otherwise than JSON.
SPECIAL: Final = re.compile(r"[{}%#/]")
SECRETS: Final = frozenset(
    """
    AUTH COOKIE CREDENTIAL CREDENTIALS KEY KEYS PASS PASSPHRASE PASSWD PASSWORD PAT PWD SECRET
    SECRETS TOKEN TOKENS DSN
    """.split()  # noqa: SIM905 (a table of words)
)
ADDRESS_WORDS: Final = frozenset({"URL", "URI"})
"""An address often holds a password; where one belongs it is looked at before it is used."""
ADDRESSES: Final = ("apiBaseUrl", "apiHost", "baseUrl", "base_url", "url")
KEYS: Final = ("apiKey", "api_key")
AUTHORIZATION: Final = "authorization"


def list_readable(own: Mapping[str, object]) -> dict[str, str]:
    """Return the variables that a configuration sets itself; what looks like a secret is none."""
    readable = {}
    for name, value in own.items():
        if isinstance(value, str | int | float) and not is_secret(str(name), in_address=True):
            readable[str(name)] = value if isinstance(value, str) else json.dumps(value)
    return readable


def find_secret_variable(settings: Mapping[str, object]) -> str:
    """Return the first variable that looks like a secret and that settings read, "" for none."""
    for text, in_address in _list_texts(settings, in_address=False):
        for tag in TAG.finditer(text):
            for read in READS.finditer(tag[0]):
                name = read[1] or read[2]
                if is_secret(name, in_address=in_address):
                    return name
    return ""


def _list_texts(value: object, *, in_address: bool) -> Iterator[tuple[str, bool]]:
    """Yield each text of settings, and whether it is an address."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _list_texts(inner, in_address=key in ADDRESSES)
    elif isinstance(value, list):
        for inner in value:
            yield from _list_texts(inner, in_address=False)
    elif isinstance(value, str):
        yield value, in_address


def is_key_of_header(name: str) -> bool:
    """Whether a header holds the key of a service of OpenAI's form."""
    return name.lower() == AUTHORIZATION


def name_of_key(value: object) -> str:
    """Return the variable that `{{env.NAME}}` or `Bearer {{env.NAME}}` names, "" for all else."""
    if not isinstance(value, str):
        return ""
    match = NAME.fullmatch(BEARER.sub("", value.strip(), count=1))
    return match[1] if match else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Fills texts with variables of the environment."""

    variables: Mapping[str, str]
    """What may be read."""
    render: Callable[[str], str]
    """Fills a tag that holds values; ValueError where that cannot be done."""
    on_secret: Callable[[int, str], None]
    """Is told where a tag begins that reads what looks like a secret, and the name of that."""
    on_unset: Callable[[int, str], None]
    """The same of a variable without a value."""
    in_address: bool = False
    """Whether the text is an address, in which the variables of one may stand."""

    def fill(self, text: str) -> str:
        """Return a text of a configuration, a prompt or a table with what its tags read."""
        return TAG.sub(self._fill_tag, text) if "env" in text else text

    def _fill_tag(self, match: re.Match[str]) -> str:
        tag = match[0]
        names = [read[1] or read[2] for read in READS.finditer(tag)]
        for name in names:
            if is_secret(name, in_address=self.in_address):
                self.on_secret(match.start(), name)
                return tag  # where it may stay, whoever asks the model looks it up
            if name not in self.variables:
                self.on_unset(match.start(), name)
        if not names:
            return tag
        with_values = READS.sub(self._quote, tag)
        if tag.startswith("{%"):
            return with_values
        # As in promptfoo, a tag whose variable is not set stays, unless a filter may set one.
        if self.variables.keys().isdisjoint(names) and "|" not in tag:
            return tag
        try:
            return self.render(with_values)
        except ValueError:
            return tag

    def _quote(self, read: re.Match[str]) -> str:
        """Return a variable's value as a text in a tag; one without a value is undefined there."""
        name = read[1] or read[2]
        if name not in self.variables:
            return read[0]
        quoted = json.dumps(self.variables[name], ensure_ascii=False)
        return SPECIAL.sub(lambda match: f"\\x{ord(match[0]):02x}", quoted)


def is_secret(variable: str, *, in_address: bool = False) -> bool:
    """Whether a variable of the environment holds a key, or an address that may.

    Args:
        variable: its name.
        in_address: whether an address is asked for, which is looked at before it is used.
    """
    words = set(variable.upper().split("_"))
    if not SECRETS.isdisjoint(words) or find_secret({variable: "a string"}):
        return True
    return not in_address and not ADDRESS_WORDS.isdisjoint(words)
