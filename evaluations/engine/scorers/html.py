"""is-html, contains-html."""

import re
from typing import Any, Final

from evaluations.engine.scorers.base import Context, Scorer, marks_cost
from evaluations.engine.scorers.javascript import SPACE
from evaluations.engine.scorers.thresholds import at_least
from evaluations.engine.types import Answer, Assertion, AssertionResult

__all__ = ["SCORERS"]

LONGEST: Final = 10_485_760
NAMES: Final = """
    html head title base link meta style body article section nav aside h1 h2 h3 h4 h5 h6 header
    footer address p hr pre blockquote ol ul li dl dt dd figure figcaption main div a em strong
    small s cite q dfn abbr ruby rt rp data time code var samp kbd sub sup i b u mark bdi bdo span
    br wbr img iframe embed object param picture source video audio track map area svg math script
    noscript canvas ins del table caption colgroup col tbody thead tfoot tr td th form label input
    button select datalist optgroup option textarea output progress meter fieldset legend details
    summary dialog menu slot template
    """
ELEMENTS: Final = frozenset(NAMES.split())
WRAPPERS: Final = {name: re.compile(rf"<{name}(?=[\s>/])") for name in ("html", "head", "body")}
NAMED: Final = re.compile(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s|\Z)")
NAMED_EMPTY: Final = re.compile(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s|/\Z)")
CLOSING: Final = re.compile(r"</[a-zA-Z][a-zA-Z0-9-]*\s*>")
COMMON: Final = re.compile(
    r"<(html|head|body|div|span|p|a|img|h[1-6]|ul|ol|li|table|tr|td|th|form|input|button|script"
    r"|style|link|meta|br|hr)\b",
    re.IGNORECASE | re.ASCII,
)
SIGNS: Final = (  # each with its points
    (re.compile(r"&(?:[a-zA-Z]+|#[0-9]+|#x[0-9a-fA-F]+);"), 1),
    (re.compile(r"<!DOCTYPE\s+html", re.IGNORECASE), 2),
    (re.compile(r"<!--[^-]*(?:-[^-]+)*-->"), 1),
    (re.compile(r"\s[a-zA-Z-]+=\s*[\"'][^\"']*[\"']"), 1),
    (COMMON, 2),
)
ENOUGH: Final = 2


def _parse(text: str) -> Any:
    from selectolax.lexbor import LexborHTMLParser  # only where HTML is asked for

    return LexborHTMLParser(text)


def _count_points(text: str) -> int:
    # A tag ends at the first > after it. Looked for part by part: from each < that is never closed,
    # one expression for the whole tag would run to the end of the text.
    parts = text.split(">")[:-1]
    opening = any(map(NAMED.search, parts))
    empty = any(part.endswith("/") and NAMED_EMPTY.search(part) for part in parts)
    closing = bool(CLOSING.search(text))
    tags = 2 if opening and closing else int(opening or closing)
    return tags + empty + sum(points for sign, points in SIGNS if sign.search(text))


def _contains_html(_assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    points = _count_points(answer.text) if len(answer.text) <= LONGEST else 0
    passed = points >= ENOUGH
    return at_least(f"HTML points {points}", points, ENOUGH, score=float(passed))


def _why_not(text: str) -> str | None:
    """Return why a text is no HTML, None where it is."""
    trimmed = text.strip(SPACE)
    if not trimmed:
        return "the answer is empty"
    if len(trimmed) > LONGEST:
        return "the answer is longer than 10 MiB"
    if trimmed[:5].lower() == "<?xml":
        return "the answer is XML, not HTML"
    tree = _parse(trimmed)
    lower = trimmed.lower()
    if not _writes_body(trimmed, lower) and _read_body_text(tree).strip(SPACE):
        return "the answer contains text outside of HTML elements"
    if not _has_element(tree, lower):
        return "the answer contains no HTML element"
    return None


def _has_element(tree: Any, lower: str) -> bool:
    # A parser adds html, head and body to every text: they count where they are written out.
    if any(pattern.search(lower) for pattern in WRAPPERS.values()):
        return True
    names = {node.tag or "" for node in tree.css("*")} - WRAPPERS.keys()
    # A hyphen is in the names of custom elements alone (HTML standard, 4.13).
    return any(name in ELEMENTS or "-" in name for name in names)


def _writes_body(text: str, lower: str) -> bool:
    """Whether the body is written out: where something stands before it, parsers have begun one."""
    tag = WRAPPERS["body"].search(lower)
    if tag is None:
        return False
    before = _parse(text[: tag.start()]).body
    if before is None:
        return True
    return not before.child and not before.text(deep=False).strip(SPACE)


def _read_body_text(tree: Any) -> str:
    body = tree.body
    return body.text(deep=False) if body is not None else ""


def _is_html(_assertion: Assertion, answer: Answer, _context: Context) -> AssertionResult:
    why = _why_not(answer.text)
    return AssertionResult(
        passed=why is None, score=float(why is None), reason=why or "the answer is HTML"
    )


SCORERS: Final = (
    Scorer(
        name="is-html",
        title="is HTML",
        score=_is_html,
        normalisation="parsed as browsers do; no text outside of elements",
        cost=marks_cost,
    ),
    Scorer(
        name="contains-html",
        title="contains HTML",
        score=_contains_html,
        normalisation="signs of HTML are counted",
    ),
)
