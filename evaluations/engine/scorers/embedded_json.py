"""Objects that stand somewhere in a text, as contains-json looks for them.

What promptfoo reads is read: from every brace to its partner, as JSON or as YAML reads it. How much
is read is limited, so that no answer keeps everybody else waiting.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

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


def find_objects(text: str) -> Iterator[object]:
    """Yield the objects in a text, read as tolerantly as people write them.

    Raises:
        ScoringError: there are more braces than can be looked through.
    """
    reader = _Reader()
    read_to = 0
    for span in _find_spans(text):
        if span.start < read_to:
            continue  # inside of the object before
        value = reader.read(text[span.start : span.end] + "}" * span.missing, span.height)
        if value is not None:
            yield value
            read_to = span.end


def _find_spans(text: str) -> Iterator[_Span]:
    """Yield what each opening brace begins, up to its partner or the length that is read."""
    braces = [match.start() for match in BRACE.finditer(text)]
    steps = [1 if text[brace] == "{" else -1 for brace in braces]
    depths = list(accumulate(steps))  # how many are open after each brace
    ends, heights = _match_braces(text, braces)
    for index, start in enumerate(braces):
        if text[start] == "}":
            continue
        limit = min(start + LARGEST_OBJECT, len(text))
        end = ends.get(start)
        missing = 0
        if end is None or end > limit:
            end = limit
            last = bisect_left(braces, limit) - 1  # the last brace before the limit
            missing = depths[last] - depths[index] + 1
        yield _Span(start=start, end=end, missing=missing, height=heights[start])


def _match_braces(text: str, braces: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Return, by opening brace, where its partner ends, and how many stand within each other."""
    ends: dict[int, int] = {}
    heights: dict[int, int] = {}
    opened: list[int] = []

    def close() -> int:
        inner = opened.pop()
        if opened:
            outer = opened[-1]
            heights[outer] = max(heights[outer], heights[inner] + 1)
        return inner

    for brace in braces:
        if text[brace] == "{":
            opened.append(brace)
            heights[brace] = 1
        elif opened:
            ends[close()] = brace + 1
    while opened:
        close()
    return ends, heights


class _Reader:
    """Reads texts as long as the limits of one answer allow it."""

    def __init__(self) -> None:
        self._json_left = MOST_AS_JSON
        self._yaml_left = MOST_AS_YAML

    def read(self, text: str, height: int) -> object:
        """Return the object that a text is, None where it is none.

        Raises:
            ScoringError: the limits are used up.
        """
        check_effort()
        try:
            return parse_json(text)
        except ValueError as error:
            # A JSONDecodeError knows how far it read; the slice alone has copied the text.
            read = getattr(error, "pos", len(text))
            self._json_left -= read + len(text) // COPIED_AS_FAST
        if height > DEEPEST or _measure_depth(text) > DEEPEST:
            _check_left(self._json_left)
            return None
        self._yaml_left -= len(text) + EACH_AS_YAML
        _check_left(min(self._json_left, self._yaml_left))
        return _parse_yaml(text)


def _check_left(characters: int) -> None:
    if characters < 0:
        raise ScoringError("scorer.too-many-braces")


def _measure_depth(text: str) -> int:
    depth = deepest = 0
    for match in BRACKET.finditer(text):
        depth += 1 if match[0] in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _parse_yaml(text: str) -> object:
    uncommented = TEXT_OR_COMMENT.sub(_without_comments, text)
    try:
        if has_aliases(uncommented):
            return None
        value = yaml.load(uncommented, Loader=LOADER)  # noqa: S506  # nosec B506 (a safe loader, the fast one where it is there)
    except YAML_FAULTS:
        return None
    return value if isinstance(value, dict | list) else None


def has_aliases(text: str) -> bool:
    """Whether a YAML text repeats parts of itself: a few lines can then stand for terabytes.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    if "&" not in text or "*" not in text:
        return False
    return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, LOADER))


def _without_comments(match: re.Match[str]) -> str:
    return match["text"] or COMMENT.sub("", match["open"] or "")
