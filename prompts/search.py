"""Full-text search over prompts: one statement, whatever the length of the words.

The index (`prompt_search`, kept by triggers) holds trigrams, so that a word is found inside of
others and in languages without spaces. A word of one or two characters has no trigram of its own:
it stands for every trigram of the index that begins with it, and each text ends in two separators,
so that its last characters begin one too.
"""

import re
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

__all__ = ["excerpt", "highlight", "matching", "words_of"]

MOST_WORDS: Final = 10
TRIGRAM: Final = 3
LAST: Final = "\U0010ffff"
QUOTED: Final = re.compile(r'"([^"]+)"|(\S+)')
AROUND: Final = 60  # characters before and after a match
NOTHING: Final = "'\"' || char(30, 31, 30) || '\"'"  # a trigram that no text has
# A letter or a digit alone is in nearly every text: the newest texts are read until it is enough.
READ: Final = "instr(lower(title || content || tags || description), %s) > 0"
# The newest matches: to rank every match of a frequent word takes the index half a second.
FOUND: Final = (
    "SELECT prompt_id FROM prompt_search_keys WHERE id IN (SELECT rowid FROM prompt_search "
    "WHERE {condition} ORDER BY rowid DESC LIMIT 1000)"
)
WORTH: Final = (
    "20 * (instr(lower(prompts.title), lower(%s)) > 0)"
    " + 10 * EXISTS (SELECT 1 FROM json_each(prompts.tags)"
    " WHERE instr(lower(json_each.value), lower(%s)) > 0)"
    " + 6 * (instr(lower(prompts.description), lower(%s)) > 0)"
    " + min(5, length(prompts.content)"
    " - length(replace(lower(prompts.content), lower(%s), substr(lower(%s), 2))))"
)
TERMS: Final = (
    "(SELECT group_concat('\"' || replace(term, '\"', '\"\"') || '\"', ' OR ') "
    "FROM prompt_search_terms WHERE {})"
)


def words_of(text: str) -> list[str]:
    """Return the words to look for; "several in quotes" are one."""
    found = [quoted or word for quoted, word in QUOTED.findall(text.replace("\0", " "))]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def matching(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return those of `rows` that hold every word of `text`, the best match first.

    Of more than 1,000 prompts that hold them, those that came last are looked at. A word in
    the title counts most, then one in the tags, in the description, and how often it is in the
    text; what counts the same is ordered by its last change.
    """
    words = words_of(text)
    if not words:
        return rows
    condition, params = _condition(words)
    found = FOUND.format(condition=condition)
    terms = " + ".join([WORTH] * len(words))
    worth = RawSQL(terms, [word for word in words for _ in range(WORTH.count("%s"))])  # noqa: S611 (constants; what was typed is a parameter)  # nosec B611
    found_rows: QuerySet[Any] = (
        rows.filter(pk__in=RawSQL(found, params))  # noqa: S611 (as above)  # nosec B611
        .annotate(search_worth=worth)
        .order_by("-search_worth", "-updated_at")
    )
    return found_rows


def _condition(words: list[str]) -> tuple[str, list[str]]:
    """Return the SQL of what a row of the index must be, and its parameters."""
    frequent = [
        word.lower() for word in words if len(word) == 1 and word.isascii() and word.isalnum()
    ]
    others = [word for word in words if word.lower() not in frequent]
    conditions: list[str] = []
    params: list[str] = []
    if others:
        expression, params = _expression(others)
        conditions.append(f"prompt_search MATCH {expression}")
    return " AND ".join([*conditions, *[READ] * len(frequent)]), [*params, *frequent]


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
    )
