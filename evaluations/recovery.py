"""The values that filled a prompt, found again in the messages that were sent.

Only where there is no other way to read them: the template is plain, or has nothing but
`{{ name }}`; every text between two variables stands in the message once where it could; and the
values render the same messages again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from core.json import JSONObject
from prompts import interface as prompts
from prompts.rendering import ContractError, Placeholder, parse_messages

__all__ = ["Said", "recover_values"]

TAG: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
SIMPLE: Final = ("plain", "mustache")


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A message as it was sent: its role and its text."""

    role: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    """What a message of a template looks like."""

    role: str
    literals: tuple[str, ...]
    """The text before, between and after the variables: one more than these."""
    names: tuple[str, ...]
    """The variables in their order."""


def recover_values(
    prompt: prompts.PromptText, messages: Sequence[Said]
) -> Mapping[str, object] | None:
    """Return the values by name; None where they cannot be told for certain.

    Args:
        prompt: the version that was rendered.
        messages: all that was sent, without images and files.
    """
    if prompt.syntax not in SIMPLE:
        return None
    entries = _read_entries(prompt)
    if entries is None:
        return None
    values = _match_entries(entries, messages)
    if values is None or not _renders(prompt, values, messages):
        return None
    return values


def _read_entries(prompt: prompts.PromptText) -> list[_Pattern | str] | None:
    """Return a pattern for each message, a placeholder's name; None where one is not simple."""
    texts: list[tuple[str, str] | str] = []
    if prompt.kind == "text":
        texts.append(("user", prompt.content))
    else:
        try:
            entries = parse_messages(prompt.content)
        except ContractError:
            return None
        for entry in entries:
            if isinstance(entry, Placeholder):
                texts.append(entry.name)
            elif isinstance(entry.content, str):
                texts.append((entry.role, entry.content))
            else:
                return None
    patterns: list[_Pattern | str] = []
    for text in texts:
        pattern = text if isinstance(text, str) else _read_pattern(*text, prompt.syntax)
        if pattern is None:
            return None
        patterns.append(pattern)
    return patterns


def _read_pattern(role: str, text: str, syntax: str) -> _Pattern | None:
    if syntax == "plain":
        return _Pattern(role=role, literals=(text,), names=())
    pieces = TAG.split(text)  # literal, name, literal, name … literal
    literals, names = pieces[::2], pieces[1::2]
    if any("{{" in literal for literal in literals):
        return None  # an include, or braces that are written with a backslash
    if not all(literals[1:-1]):
        return None  # where one of two neighbours ends, and the other begins, nobody can tell
    return _Pattern(role=role, literals=tuple(literals), names=tuple(names))


def _match_entries(
    entries: Sequence[_Pattern | str], messages: Sequence[Said]
) -> dict[str, object] | None:
    patterns = [entry for entry in entries if isinstance(entry, _Pattern)]
    if len(entries) - len(patterns) > 1:
        return None  # where one history ends, and the other begins, nobody can tell
    values: dict[str, object] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, str):
            end = len(messages) - (len(entries) - index - 1)
            history: list[JSONObject] = []
            for message in messages[index:end]:
                history.append({"role": message.role, "content": message.text})
            values[entry] = history
            messages = [*messages[:index], *messages[max(index, end) :]]
    if len(patterns) != len(messages):
        return None
    for pattern, message in zip(patterns, messages, strict=True):
        matched = _match(pattern, message)
        if matched is None or any(values.get(name, text) != text for name, text in matched.items()):
            return None
        values |= matched
    return values


def _match(pattern: _Pattern, message: Said) -> dict[str, str] | None:
    """Return the texts of the variables; None where there is no way, or several."""
    literals, text = pattern.literals, message.text
    first, last = literals[0], literals[-1]
    if message.role != pattern.role or not text.startswith(first):
        return None
    if not pattern.names:
        return {} if text == first else None
    start, end = len(first), len(text) - len(last)
    if end < start or not text.endswith(last):
        return None
    # The separators as early as they can stand, and as late: the same places are the only ones.
    early = _find_early(text, literals[1:-1], start, end)
    if early is None or early != _find_late(text, literals[1:-1], start, end):
        return None
    bounds = [(start, start), *early, (end, end)]
    found: dict[str, str] = {}
    for name, (before, after) in zip(pattern.names, pairwise(bounds), strict=True):
        value = text[before[1] : after[0]]
        if found.setdefault(name, value) != value:
            return None
    return found


def _find_early(
    text: str, separators: Sequence[str], start: int, end: int
) -> list[tuple[int, int]] | None:
    """Return the place of each separator, as early as it can be; None: one is not there."""
    places = []
    for separator in separators:
        place = text.find(separator, start, end)
        if place < 0:
            return None
        start = place + len(separator)
        places.append((place, start))
    return places


def _find_late(text: str, separators: Sequence[str], start: int, end: int) -> list[tuple[int, int]]:
    """Return the place of each separator, as late as it can be; all of them are there."""
    places = []
    for separator in reversed(separators):
        place = text.rfind(separator, start, end)
        places.append((place, place + len(separator)))
        end = place
    places.reverse()
    return places


def _renders(
    prompt: prompts.PromptText, values: Mapping[str, object], messages: Sequence[Said]
) -> bool:
    """Whether values make these messages again: a variable may be no text, or have a limit."""
    try:
        rendered = prompt.render(values)
    except prompts.TemplateError:
        return False
    if isinstance(rendered, str):
        return [Said(role="user", text=rendered)] == list(messages)
    again = [Said(role=message.role, text=message.text) for message in rendered]
    return again == list(messages)
