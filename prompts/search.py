"""Full-text search over prompts: one statement, whatever the length of the words.

The index (`prompt_search`, kept by triggers) holds trigrams, so that a word is found inside of
others and in languages without spaces. A word of one or two characters has no trigram of its own:
it stands for every trigram of the index that begins with it, and each text ends in two separators,
so that its last characters begin one too. Texts and words are folded alike: full-width letters are
half-width ones, half-width kana full-width ones (`core.folding`).
"""

import re
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.folding import fold, make_pattern

__all__ = ["MOST_MATCHES", "excerpt", "highlight", "matching", "split_words"]

MOST_WORDS: Final = 10
MOST_MATCHES: Final = 10_000  # are listed (LIMIT below); the list says where there are more
TRIGRAM: Final = 3
LAST: Final = "\U0010ffff"  # no term sorts behind it
QUOTED: Final = re.compile(r'"([^"]+)"|(\S+)')
AROUND: Final = 60  # characters before and after a match
NOTHING: Final = "'\"' || char(30, 31, 30) || '\"'"  # a trigram that no text has
# A letter or a digit alone is in nearly every text: reading the texts takes less than the index.
READ: Final = "instr(lower(title || name || content || tags || description), %s) > 0"
READ_TITLES: Final = "instr(lower(title || name), %s) > 0"
# What matches, newest first, and what has the words in its title or name, however old.
MATCHES: Final = (
    "SELECT prompt_id FROM prompt_search_keys WHERE id IN ("
    "SELECT rowid FROM (SELECT rowid FROM prompt_search WHERE {condition} "
    "ORDER BY rowid DESC LIMIT 10000) UNION "
    "SELECT rowid FROM (SELECT rowid FROM prompt_search WHERE {in_titles} "
    "ORDER BY rowid DESC LIMIT 10000))"
)
# Where a word stands says more than how often: a title comes before all of the others together.
# Of a long text the beginning is counted, so that ranking many prompts stays quick.
WORTH: Final = (
    "200 * (instr(lower(s.title), lower(%s)) > 0)"
    " + 80 * (instr(lower(s.name), lower(%s)) > 0)"
    " + 20 * (instr(lower(s.tags), lower(%s)) > 0)"
    " + 10 * (instr(lower(s.description), lower(%s)) > 0)"
    " + min(5, length(substr(s.content, 1, 10000))"
    " - length(replace(lower(substr(s.content, 1, 10000)), lower(%s), substr(lower(%s), 2))))"
)
WHOLE: Final = (
    "1000 * (prompts.name = %s OR lower(s.title) = lower(%s) || char(31, 31))"  # it, by its name
)
# To rank every match of a word that is in nearly every text would take a second: ranked are the
# newest matches, and those in titles and names. The others come after these.
RANK: Final = (
    "(SELECT CASE WHEN k.id IN (SELECT rowid FROM (SELECT rowid FROM prompt_search "
    "WHERE {condition} ORDER BY rowid DESC LIMIT 1000)) "
    "OR k.id IN (SELECT rowid FROM (SELECT rowid FROM prompt_search "
    "WHERE {in_titles} ORDER BY rowid DESC LIMIT 5000)) "
    "THEN (SELECT {worth} FROM prompt_search AS s WHERE s.rowid = k.id) ELSE -1 END "
    "FROM prompt_search_keys AS k WHERE k.prompt_id = prompts.id)"
)
TITLES: Final = "'{{title name}} : (' || {expression} || ')'"
TERMS: Final = (
    "(SELECT group_concat('\"' || replace(term, '\"', '\"\"') || '\"', ' OR ') "
    "FROM prompt_search_terms WHERE {})"
)


def split_words(text: str) -> list[str]:
    """Return the words to look for, folded; "several in quotes" are one."""
    folded = fold(text.replace("\0", " "))  # a NUL would end the text within SQLite's functions
    words = [quoted or word for quoted, word in QUOTED.findall(folded)]
    unique = list(dict.fromkeys(words))
    return unique[:MOST_WORDS]


def matching(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return those of `rows` that hold every word of `text`, the best match first.

    The prompt that is called so comes first. Then a word in the title counts most, then one in the
    name, in the tags, in the description, and how often it is in the text; what counts the same
    is ordered by its last change.
    """
    words = split_words(text)
    if not words:
        return rows
    condition, params = _condition(words)
    in_titles, of_titles = _condition(words, in_titles=True)
    matches = MATCHES.format(condition=condition, in_titles=in_titles)
    whole = fold(text).strip()
    worth = " + ".join([WHOLE, *[WORTH] * len(words)])
    values = [whole, whole]
    for word in words:
        values += [word] * WORTH.count("%s")
    rank = RawSQL(  # noqa: S611 (constants; what was typed is a parameter)  # nosec B611
        RANK.format(condition=condition, in_titles=in_titles, worth=worth),
        [*params, *of_titles, *values],
    )
    ranked: QuerySet[Any] = (
        rows.filter(pk__in=RawSQL(matches, [*params, *of_titles]))  # noqa: S611 (as above)  # nosec B611
        .annotate(search_worth=rank)
        .order_by("-search_worth", "-updated_at")
    )
    return ranked


def _condition(words: list[str], *, in_titles: bool = False) -> tuple[str, list[str]]:
    """Return the SQL of what a row of the index must be, and its parameters."""
    frequent, others = [], []
    for word in words:
        if len(word) == 1 and word.isascii() and word.isalnum():
            frequent.append(word.lower())
        else:
            others.append(word)
    conditions: list[str] = []
    params: list[str] = []
    if others:
        query, params = _expression(others)
        if in_titles:
            query = TITLES.format(expression=query)
        conditions.append(f"prompt_search MATCH {query}")
    read = READ_TITLES if in_titles else READ
    conditions += [read] * len(frequent)
    return " AND ".join(conditions), [*params, *frequent]


def _expression(words: list[str]) -> tuple[str, list[str]]:
    """Return the SQL of an FTS5 query, and its parameters."""
    parts: list[str] = []
    params: list[str] = []
    for word in words:
        if len(word) >= TRIGRAM:
            # In quotes a word is no operator (AND, NEAR) and no column of FTS5.
            quoted = word.replace('"', '""')
            parts.append("%s")
            params.append(f'"{quoted}"')
        else:
            variants = _variants(word)
            ranges = " OR ".join(["(term >= %s AND term < %s)"] * len(variants))
            parts.append(f"'(' || coalesce({TERMS.format(ranges)}, {NOTHING}) || ')'")
            for start in variants:
                params += [start, start + LAST]  # all terms that begin so
    return " || ' AND ' || ".join(parts), params


def _variants(word: str) -> list[str]:
    """Return a short word as the index may have it: SQLite folds some letters otherwise."""
    lowered = folded = ""
    for letter in word:
        lowered += letter.lower()[0]
        # "ß" would become two letters, which no trigram has in place of one.
        fold_of_letter = letter.casefold()
        if len(fold_of_letter) > 1:
            fold_of_letter = letter
        folded += fold_of_letter
    return sorted({word, lowered, folded})


def excerpt(text: str, words: list[str]) -> str:
    """Return the part of `text` around the first of the words, on one line."""
    match = _pattern(words).search(text) if words else None
    if match is None:
        return " ".join(text[: 2 * AROUND].split())
    start = max(match.start() - AROUND, 0)
    end = match.end() + AROUND
    line = " ".join(text[start:end].split())
    if start > 0:
        line = f"…{line}"
    if end < len(text):
        line = f"{line}…"
    return line


def highlight(text: str, words: list[str]) -> SafeString:
    """Return `text` as HTML with the words marked."""
    if not words:
        return format_html("{}", text)
    pieces: list[SafeString | str] = list(_pattern(words).split(text))
    # The pattern is one group: every other piece is a match.
    for index in range(1, len(pieces), 2):
        pieces[index] = format_html("<mark>{}</mark>", pieces[index])
    return format_html_join("", "{}", [(piece,) for piece in pieces])


def _pattern(words: list[str]) -> re.Pattern[str]:
    """Return what finds the words, however wide their letters are."""
    longest_first = sorted(words, key=len, reverse=True)  # `re` takes the first that fits
    alternatives = "|".join(map(make_pattern, longest_first))
    return re.compile(f"({alternatives})", re.IGNORECASE)
