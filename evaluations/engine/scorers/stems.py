"""Porter's stemmer (1980), for METEOR's second stage: words without their English endings.

Our own, because snowballstemmer leaves the paper for doubled letters: docs/decisions/0017.
"""

import re
from functools import lru_cache
from typing import Final

__all__ = ["stem"]

STEP_2: Final = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
    ("abli", "able"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"),
    ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"),
    ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
STEP_3: Final = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"),
    ("ful", ""), ("ness", ""),
)  # fmt: skip
STEP_4: Final = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion",
    "ou", "ism", "ate", "iti", "ous", "ive", "ize",
)  # fmt: skip


def _kinds(word: str) -> str:
    """Return a letter for each of the word's: v for a vowel, c for a consonant."""
    kinds = ""
    for letter in word:
        if letter == "y":
            # A vowel after a consonant (“happy”), a consonant elsewhere (“yes”, “say”).
            kinds += "v" if kinds.endswith("c") else "c"
        else:
            kinds += "v" if letter in "aeiou" else "c"
    return kinds


def _measure(word: str) -> int:
    """Return the paper's m: how often vowels are followed by consonants."""
    return len(re.findall("v+c+", _kinds(word)))


def _ends_short(word: str) -> bool:
    """Return the paper's *o: consonant, vowel, consonant, the last one no w, x or y."""
    return len(word) >= 3 and _kinds(word)[-3:] == "cvc" and word[-1] not in "wxy"


def _strip_plural(word: str) -> str:
    """Step 1a."""
    for ending, replacement in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(ending):
            return word.removesuffix(ending) + replacement
    return word


def _strip_past(word: str) -> str:
    """Step 1b."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        base = word.removesuffix(ending)
        if base != word and "v" in _kinds(base):
            return _restore(base)
    return word


def _restore(base: str) -> str:
    """Return what a word without its -ed or -ing ends with: conflat-e, hop of hopp-, fil-e."""
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if len(base) > 1 and base[-1] == base[-2] and base[-1] not in "aeioulsz":
        return base[:-1]
    return base + "e" if _measure(base) == 1 and _ends_short(base) else base


def _replace_ending(word: str, endings: tuple[tuple[str, str], ...]) -> str:
    """Steps 2 and 3: the longest ending that fits decides, even where it stays."""
    for ending, replacement in sorted(endings, key=lambda pair: -len(pair[0])):
        if word.endswith(ending):
            base = word.removesuffix(ending)
            return base + replacement if _measure(base) > 0 else word
    return word


def _remove_ending(word: str) -> str:
    """Step 4: of -sion and -tion the first letter stays."""
    for ending in sorted(STEP_4, key=len, reverse=True):
        if word.endswith(ending):
            base = word.removesuffix(ending)
            if ending in ("sion", "tion"):
                base += ending[0]
            return base if _measure(base) > 1 else word
    return word


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case English word; other words come back as they are."""
    if len(word) < 3 or not word.isascii():
        return word
    word = _strip_plural(word)
    word = _strip_past(word)
    if word.endswith("y") and "v" in _kinds(word[:-1]):  # step 1c
        word = word[:-1] + "i"
    word = _replace_ending(word, STEP_2)
    word = _replace_ending(word, STEP_3)
    word = _remove_ending(word)
    if word.endswith("e"):  # step 5a
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_short(word[:-1])):
            word = word[:-1]
    if word.endswith("ll") and _measure(word) > 1:  # step 5b
        word = word[:-1]
    return word
