"""Objects that stand somewhere in a text, as contains-json looks for them.

What promptfoo reads is read: from every brace to its partner, as JSON or as YAML reads it. How much
is read is limited, so that no answer keeps everybody else waiting.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import yaml

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.effort import check_effort
from evaluations.engine.scorers.equals import parse_json

__all__ = ["YAML_FAULTS", "find_objects", "has_aliases"]

LARGEST_OBJECT: Final = 100_000  # characters of one object that is looked for in a text
DEEPEST: Final = 100  # what YAML's reader takes grows with the square of the depth
MOST_AS_JSON: Final = 10_000_000  # characters in one answer, counted in each attempt
COPIED_AS_FAST: Final = 100  # characters that are copied while one is read
MOST_AS_YAML: Final = 200_000  # as above; about a second of what is slowest
EACH_AS_YAML: Final = 50  # characters that are read while its reader is made
# What a safe loader raises, its own errors or, for a tag that does not fit, whatever it came upon.
YAML_FAULTS: Final = (
    *(yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    RecursionError,
)
BRACE: Final = re.compile(r"[{}]")
BRACKET: Final = re.compile(r"[\[\]{}]")
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
COMMENT: Final = re.compile(r"//[^\n]*")
# Where one text does not end, none after it does: the rest is taken at once, not mark by mark.
TEXT_OR_COMMENT: Final = re.compile(
    r'(?P<text>"(?:\\.|[^"\\])*+")|(?P<open>".*)|//[^\n]*', re.DOTALL
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A part of the text that a brace opens."""

    start: int
    end: int
    missing: int
    """How many braces are missing at its end: an answer may have been cut."""
    height: int
    """How many braces stand within each other."""


def find_objects(text: str) -> Iterator[Any]:
    """Yield the objects in a text, read as tolerantly as people write them.

    Raises:
        ScoringError: there are more braces than can be looked through.
    """
    reader = _Reader()
    after = 0
    for span in _spans(text):
        if span.start < after:
            continue  # inside of the object before
        found = reader.read(text[span.start : span.end] + "}" * span.missing, span.height)
        if found is not None:
            yield found
            after = span.end


def _spans(text: str) -> Iterator[_Span]:
    places, depths = _depths(text)
    partners, heights = _partners(text, places)
    for number, start in enumerate(places):
        if text[start] == "}":
            continue
        last = min(start + LARGEST_OBJECT, len(text))
        end, missing = partners.get(start, len(text) + 1), 0
        if end > last:
            end = last
            missing = depths[bisect_left(places, last) - 1] - depths[number] + 1
        yield _Span(start=start, end=end, missing=missing, height=heights[start])


def _depths(text: str) -> tuple[list[int], list[int]]:
    """Return where braces are, and how many are open after each."""
    places = [found.start() for found in BRACE.finditer(text)]
    return places, list(accumulate(1 if text[place] == "{" else -1 for place in places))


def _partners(text: str, places: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Return brace → the end of its partner, and brace → how many stand within each other."""
    partners: dict[int, int] = {}
    heights: dict[int, int] = {}
    opened: list[int] = []
    for place in places:
        if text[place] == "{":
            opened.append(place)
            heights[place] = 1
        elif opened:
            partners[opened[-1]] = place + 1
            _close(opened, heights)
    while opened:
        _close(opened, heights)
    return partners, heights


def _close(opened: list[int], heights: dict[int, int]) -> None:
    inner = opened.pop()
    if opened:
        heights[opened[-1]] = max(heights[opened[-1]], heights[inner] + 1)


class _Reader:
    """Reads texts as long as the limits of one answer allow it."""

    def __init__(self) -> None:
        self._json_left = MOST_AS_JSON
        self._yaml_left = MOST_AS_YAML

    def read(self, text: str, height: int) -> Any:
        """Return the object that a text is, None where it is none."""
        check_effort()
        try:
            return parse_json(text)
        except ValueError as error:
            self._json_left -= getattr(error, "pos", len(text)) + len(text) // COPIED_AS_FAST
        if height > DEEPEST or _depth(text) > DEEPEST:
            self._refuse(self._json_left)
            return None
        self._yaml_left -= len(text) + EACH_AS_YAML
        self._refuse(min(self._json_left, self._yaml_left))
        return _as_yaml(text)

    def _refuse(self, left: int) -> None:
        if left < 0:
            raise ScoringError("scorer.too-many-braces")


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in BRACKET.finditer(text):
        depth += 1 if found[0] in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _as_yaml(text: str) -> Any:
    uncommented = TEXT_OR_COMMENT.sub(_without_comments, text)
    try:
        if has_aliases(uncommented):
            return None
        found = yaml.load(uncommented, Loader=LOADER)  # noqa: S506  # nosec B506 (a safe loader, the fast one where it is there)
    except YAML_FAULTS:
        return None
    return found if isinstance(found, dict | list) else None


def has_aliases(text: str) -> bool:
    """Whether a YAML text repeats parts of itself: a few lines can then stand for terabytes.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    if "&" not in text or "*" not in text:
        return False
    return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, LOADER))


def _without_comments(found: re.Match[str]) -> str:
    return found["text"] or COMMENT.sub("", found["open"] or "")
