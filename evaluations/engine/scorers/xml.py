"""is-xml, contains-xml: well-formed XML with the elements that are asked for."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.base import Context, Scorer, marks_cost
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

TAG: Final = re.compile(r"<(/?)((?:[^\W\d]|[_:])[\w:.\-]*)((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*?)(/?)>")
ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
BARE_VALUE: Final = re.compile(r"(\s[\w:.\-]+=)([^\s\"'<>/]+)")
BARE_NAME: Final = re.compile(
    r"(<[\w:.\-]+(?:\s+[\w:.\-]+=(?:\"[^\"]*\"|'[^']*'))*\s+[\w:.\-]+)(?=[\s/>])"
)
LONGEST: Final = 1_000_000  # characters that are looked through
MOST_READ: Final = 5_000_000  # characters of all attempts, in elements within elements


def _required(assertion: Assertion) -> Sequence[str]:
    value = assertion.value
    if isinstance(value, dict) and value:
        value = value.get("requiredElements")
        if not isinstance(value, list):
            raise ScoringError("scorer.xml-object", type=assertion.type)
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if value is None or isinstance(value, list | dict):
        return [str(part) for part in value or ()]
    raise ScoringError("scorer.xml-paths", type=assertion.type)


def _parse(text: str) -> Element | str:
    """Return the root, or why there is none."""
    try:
        root: Element = fromstring(
            text, forbid_dtd=False, forbid_entities=True, forbid_external=True
        )
    except DefusedXmlException:  # a ValueError, so it comes first
        return "the answer declares XML entities, which are not read"
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        return f"the answer is not well-formed XML: {error}"
    return root


def _missing(root: Element, required: Sequence[str]) -> list[str]:
    return [path for path in required if not _has(root, path.split("."))]


def _has(root: Element, path: Sequence[str]) -> bool:
    if root.tag != path[0]:
        return False
    elements = [root]
    for name in path[1:]:
        children = chain.from_iterable(elements)
        elements = [child for child in children if child.tag == name]
    return bool(elements)


def _is_xml(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    required = _required(assertion)
    root = _parse(answer.text)
    if isinstance(root, str):
        return AssertionResult(passed=False, score=0.0, reason=root)
    missing = _missing(root, required)
    if missing:
        reason = f"the answer lacks the XML elements {', '.join(missing)}"
    else:
        reason = "the answer is XML"
    return AssertionResult(passed=not missing, score=float(not missing), reason=reason)


def _contains_xml(assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    required = _required(assertion)
    text = answer.text[:LONGEST]
    done = read = 0
    for start, end in _fragments(text):
        if start < done:
            continue
        read += end - start
        if read > MOST_READ:
            raise ScoringError("scorer.xml-effort", limit=f"{MOST_READ:,}")
        root = _parse(_repair(text[start:end]))
        if isinstance(root, str):
            continue
        if not _missing(root, required):
            return AssertionResult(
                passed=True, score=1.0, reason="the answer contains the required XML"
            )
        done = end  # what is inside of it is no document of its own
    return AssertionResult(
        passed=False, score=0.0, reason="the answer does not contain the required XML"
    )


def _repair(fragment: str) -> str:
    """Return a fragment with what people leave out: quotation marks and declared entities."""
    quoted = BARE_VALUE.sub(r'\1"\2"', fragment)
    return ENTITY.sub("&amp;", BARE_NAME.sub(r'\1=""', quoted))


def _fragments(text: str) -> Sequence[tuple[int, int]]:
    """Return where what stands from an opening tag to its closing one is, the outermost first."""
    opened: list[tuple[str, int]] = []
    names: Counter[str] = Counter()  # of what is open
    spans: list[tuple[int, int]] = []
    for tag in TAG.finditer(text):
        closing, name, _attributes, empty = tag.groups()
        if empty:
            spans.append(tag.span())
        elif not closing:
            opened.append((name, tag.start()))
            names[name] += 1
        elif names[name]:
            while opened[-1][0] != name:
                names[opened.pop()[0]] -= 1
            names[name] -= 1
            spans.append((opened.pop()[1], tag.end()))
    return sorted(spans, key=lambda span: (span[0], -span[1]))


SCORERS: Final = (
    Scorer(
        name="is-xml",
        title="is XML with certain elements",
        score=_is_xml,
        normalisation="the whole answer; paths begin at the root",
    ),
    Scorer(
        name="contains-xml",
        title="contains XML with certain elements",
        score=_contains_xml,
        normalisation="any fragment with balanced tags",
        cost=marks_cost,
    ),
)
