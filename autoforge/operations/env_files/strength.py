"""Secrets: made strong, and recognised where they are weak."""

import math
import re
import secrets
from itertools import pairwise

__all__ = ["KEY_BITS", "PASSWORD_BITS", "find_weakness", "make_secret"]

SECRET_BYTES = 50  # 67 characters of base64: more than any of the variables asks for
# A key signs offline: whoever has one token can try keys at the speed of a machine. Of 32 random
# hexadecimal characters, 128 bits, the estimate below sees 100 as a rule and never as few as 50.
KEY_BITS = 50
PASSWORD_BITS = 25  # a password is tried over a network; twelve characters of a generator pass
# Words that people write where a secret belongs; they add nothing that must be guessed.
WORDS = re.compile(
    r"change[-_ ]?me|change[-_ ]?this|replace[-_ ]?me|insecure|password|passwd|secret|example|"
    r"default|django|autoforge|staging|production|develop(?:ment)?|qwerty|letmein|admin|test|token|"
    r"my|key|jwt",
    re.IGNORECASE,
)


def make_secret() -> str:
    """Return 67 random letters, digits, `-` and `_`, which no reader of files changes."""
    return secrets.token_urlsafe(SECRET_BYTES)


def find_weakness(value: str, least_bits: float) -> str:
    """Return why a secret is easy to guess, in words; empty where it is not.

    The estimate is generous: what it refuses, nobody has drawn at random.

    Args:
        value: the secret.
        least_bits: how many bits of chance it must have: `KEY_BITS` or `PASSWORD_BITS`.
    """
    if _count_bits(value) < least_bits and len(value) < least_bits / 4:  # even of a wide alphabet
        return "it is too short"
    period = _find_period(value)
    if len(value) >= 2 * period and _count_bits(value[:period]) < least_bits:
        return "it repeats itself"
    if WORDS.search(value) and _count_bits(WORDS.sub("", value)) < least_bits:
        return "it consists of words that are tried first"
    if _count_bits(value) < least_bits:
        return "it has too few different characters, or they follow each other"
    return ""


def _count_bits(value: str) -> float:
    """Return about how many bits of chance a text has, if it was drawn from its own characters."""
    if not value:
        return 0.0
    surprising = 1
    for former, character in pairwise(value):
        # The same again, or the next of the alphabet or the digits, is no new choice.
        if abs(ord(character) - ord(former)) > 1:
            surprising += 1
    return surprising * math.log2(max(len(set(value)), 2))


def _find_period(value: str) -> int:
    """Return the length of the shortest beginning that the whole text repeats."""
    for period in range(1, len(value)):
        if all(value[n] == value[n - period] for n in range(period, len(value))):
            return period
    return len(value)
