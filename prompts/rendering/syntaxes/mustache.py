r"""Mustache, variables alone: {{ name }}, {{> name@label }} for an include, \{{ for two braces."""

import re
from collections.abc import Mapping
from typing import Any, Final

from prompts.rendering.effort import spend, weigh
from prompts.rendering.problems import Problem, RenderError, SourceLocation
from prompts.rendering.syntaxes.parsed import (
    MOST_PROBLEMS,
    MOST_VARIABLES,
    OUTPUT_LIMIT,
    Parsed,
    Places,
    Reference,
    Use,
)
from prompts.rendering.values import as_text
from prompts.rendering.variables import is_variable_name

__all__ = ["fill_partly", "parse"]

# As in Handlebars: \{{ is two braces, \\{{ a backslash before a variable.
OPENING: Final = re.compile(r"(\\{0,2})\{\{")
LONGEST_NAME: Final = 1000  # characters, with the blanks around it
EXCERPT: Final = 40  # characters of what is wrong
Part = str | Use | Reference


def parse(text: str) -> Parsed:
    """Read the text; whatever follows two braces must be a variable or an include."""
    parts: list[Part] = []
    problems: list[Problem] = []
    places = Places(text)
    end = 0
    while (opening := OPENING.search(text, end)) and len(problems) < MOST_PROBLEMS:
        parts.append(text[end : opening.start()])
        if opening[1] == "\\":
            parts.append("{{")
            end = opening.end()
            continue
        parts.append(opening[1][1:])
        start = opening.end() - 2
        closing = text.find("}}", opening.end())
        end = closing + 2 if closing >= 0 else len(text)
        part = _read(text, start, end, places.at(start))
        if isinstance(part, Problem):
            problems.append(part)
        else:
            parts.append(part)
    parts.append(text[end:])
    uses: dict[str, Use] = {}
    references: list[Reference] = []
    for part in parts:
        if isinstance(part, Use):
            uses.setdefault(part.name, part)
        elif isinstance(part, Reference):
            references.append(part)
    if len(uses) > MOST_VARIABLES:
        problems.append(Problem(code="too-many-variables", params={"limit": MOST_VARIABLES}))
    return Parsed(
        fill=_filler(parts),
        uses=tuple(uses.values()),
        references=tuple(references),
        problems=tuple(problems),
    )


def _read(text: str, start: int, end: int, location: SourceLocation) -> Part | Problem:
    if not text.endswith("}}", start + 2, end):
        return Problem(code="mustache-open", place=location)
    inner = text[start + 2 : end - 2].strip()
    # {{{ x }}}, as Mustache writes what is not escaped, or {{ {…} }}: neither is a variable here.
    has_third_brace = text.startswith("}", end)
    if inner.startswith(">"):
        reference = Reference.read(inner[1:], location)
        if reference is not None and not has_third_brace:
            return reference
    elif is_variable_name(inner) and not has_third_brace:
        return Use(name=inner, place=location)
    tag = text[start:end]
    if has_third_brace:
        tag += "}"
    if len(tag) > EXCERPT:
        tag = f"{tag[:EXCERPT]}…"
    return Problem(code="mustache-form", params={"found": tag}, place=location)


def _filler(parts: list[Part]) -> Any:
    def fill(values: Mapping[str, object], included: Mapping[str, str]) -> str:
        pieces = []
        size = 0
        for part in parts:
            if isinstance(part, Use):
                spend(weigh(values[part.name]))
                piece = as_text(values[part.name])
            elif isinstance(part, Reference):
                piece = included[str(part)]
            else:
                piece = part
            size += len(piece)
            if size > OUTPUT_LIMIT:
                raise RenderError([Problem(code="output-size", params={"limit": OUTPUT_LIMIT})])
            pieces.append(piece)
        return "".join(pieces)

    return fill


def fill_partly(text: str, values: Mapping[str, object]) -> str:
    """Return the text with the variables that `values` names in place, still a template."""
    pieces: list[str] = []
    end = 0
    while opening := OPENING.search(text, end):
        closing = text.find("}}", opening.end(), opening.end() + LONGEST_NAME)
        name = ""
        if closing >= 0:
            name = text[opening.end() : closing].strip()
        if opening[1] != "\\" and name in values:
            pieces += [text[end : opening.start()], opening[1][1:], _as_literal(values[name])]
            end = closing + 2
        else:
            pieces.append(text[end : opening.end()])
            end = opening.end()
    pieces.append(text[end:])
    return "".join(pieces)


def _as_literal(value: object) -> str:
    # What is filled in is read once more, when the rest of the variables is: it must stay a text.
    return as_text(value).replace("{{", "\\{{")
