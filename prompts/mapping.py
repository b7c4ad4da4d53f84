"""From what the tables hold to what `prompts.rendering` reads, and problems in people's words."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from prompts.rendering import Problem, Template, parse_variables

__all__ = [
    "INCLUDE_FIELDS",
    "HasWording",
    "as_template",
    "content_hash",
    "say",
    "say_all",
]

INCLUDE_FIELDS: Final = (
    "reference",
    "prompt_id",
    "number",
    "content_hash",
    "kind",
    "syntax",
    "content",
    "variables",
    "includes",
)
PLAIN_CONTRACT: Final = {"kind": "text", "syntax": "plain", "variables": [], "includes": []}


class HasWording(Protocol):
    """A prompt or a version of one."""

    kind: Any
    syntax: Any
    content: Any
    variables: Any
    config: Any
    includes: Any


def as_template(row: HasWording | Mapping[str, Any]) -> Template:
    """Return the template that a row, or the entry of an include, describes.

    Raises:
        ContractError: its variables are not declared as they must be.
    """
    if isinstance(row, Mapping):
        fields = row
    else:
        names = ("kind", "syntax", "content", "variables", "includes")
        fields = {name: getattr(row, name) for name in names}
    includes = {}
    for entry in fields["includes"]:
        includes[entry["reference"]] = as_template(entry)
    return Template(
        kind=fields["kind"],
        syntax=fields["syntax"],
        content=fields["content"],
        variables=parse_variables(fields["variables"]),
        includes=includes,
    )


def content_hash(row: HasWording) -> str:
    """Return the SHA-256 of all that decides what is rendered, as 64 hexadecimal characters.

    Of a plain text it is that of the content in UTF-8. Everything else has its contract after the
    content, as canonical JSON behind a NUL, which no content holds. A configuration is named there
    only where there is one, so that versions from before there were any keep their hash.
    """
    includes = []
    for entry in row.includes:
        includes.append({"reference": entry["reference"], "content_hash": entry["content_hash"]})
    # `str`: kind and syntax may be members of an enum, which JSON has not.
    contract: dict[str, object] = {
        "kind": str(row.kind),
        "syntax": str(row.syntax),
        "variables": row.variables,
        "includes": includes,
    }
    if row.config:
        contract["config"] = row.config
    text = row.content
    if contract != PLAIN_CONTRACT:
        # Sorted and without blanks, so that the same contract has the same hash on every machine.
        canonical = json.dumps(contract, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        text = f"{text}\0{canonical}"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def say(problem: Problem) -> str:
    """Return a problem in the language of whoever asks, with its place."""
    return str(problem)


def say_all(problems: Iterable[Problem]) -> str:
    """Return problems as one text, a sentence each."""
    return "; ".join(map(say, problems))
