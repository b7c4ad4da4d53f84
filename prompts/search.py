"""Full-text search over prompts: one statement, whatever the length of the words.

The index (`prompt_search`, kept by triggers) holds trigrams, so that a word is found inside of
others and in languages without spaces. A word of one or two characters has no trigram of its own:
it stands for every trigram of the index that begins with it, and each text ends in two separators,
so that its last characters begin one too.
"""

import re
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

__all__ = ["excerpt", "highlight", "matching", "words_of"]

MOST_WORDS: Final = 10
TRIGRAM: Final = 3
LAST: Final = "\U0010ffff"
QUOTED: Final = re.compile(r'"([^"]+)"|(\S+)')
AROUND: Final = 60  # characters before and after a match
NOTHING: Final = "'\"' || char(30, 31, 30) || '\"'"  # a trigram that no text has
TERMS: Final = (
    "(SELECT group_concat('\"' || replace(term, '\"', '\"\"') || '\"', ' OR ') "
    "FROM prompt_search_terms WHERE {})"
)


def words_of(text: str) -> list[str]:
    """Return the words to look for; "several in quotes" are one."""
    found = [quoted or word for quoted, word in QUOTED.findall(text.replace("\0", " "))]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def matching(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return those of `rows` that hold every word of `text`, the best match first."""
    words = words_of(text)
    if not words:
        return rows
    expression, params = _expression(words)
    order = ["prompt_search.rank"] if all(len(word) >= TRIGRAM for word in words) else []
    found = rows.extra(  # noqa: S610 (constants; what was typed is a parameter)
        tables=["prompt_search_keys", "prompt_search"],
        where=[
            "prompt_search_keys.prompt_id = prompts.id",
            "prompt_search.rowid = prompt_search_keys.id",
            f"prompt_search MATCH {expression}",
        ],
        params=params,
    )
    return found.extra(order_by=order) if order else found


def _expression(words: list[str]) -> tuple[str, list[str]]:
    """Return the SQL of an FTS5 query, and its parameters."""
    parts: list[str] = []
    params: list[str] = []
    for word in words:
        if len(word) >= TRIGRAM:
            parts.append("%s")
            params.append('"{}"'.format(word.replace('"', '""')))
        else:
            variants = _variants(word)
            ranges = " OR ".join(["(term >= %s AND term < %s)"] * len(variants))
            parts.append(f"'(' || coalesce({TERMS.format(ranges)}, {NOTHING}) || ')'")
            params += [bound for start in variants for bound in (start, start + LAST)]
    return " || ' AND ' || ".join(parts), params


def _variants(word: str) -> list[str]:
    """Return a short word as the index may have it: SQLite folds some letters otherwise."""
    lowered = "".join(letter.lower()[0] for letter in word)
    folded = "".join(c.casefold() if len(c.casefold()) == 1 else c for c in word)
    return sorted({word, lowered, folded})


def excerpt(text: str, words: list[str]) -> str:
    """Return the part of `text` around the first of the words, on one line."""
    folded = text.lower()
    places = [place for word in words if (place := folded.find(word.lower())) >= 0]
    if not places or len(folded) != len(text):
        return " ".join(text[: 2 * AROUND].split())
    start = max(min(places) - AROUND, 0)
    end = min(places) + AROUND + max(map(len, words))
    line = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{line}{'…' if end < len(text) else ''}"


def highlight(text: str, words: list[str]) -> SafeString:
    """Return `text` as HTML with the words marked."""
    if not words:
        return format_html("{}", text)
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")", re.IGNORECASE)
    pieces = pattern.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", piece) if number % 2 else piece,)
            for number, piece in enumerate(pieces)
        ),
    ) or mark_safe("")
