"""The texts of API keys: how they are made, told apart from noise, and hashed.

    af_k3Jd9aQx_Tq0…       af_ · 8 characters to show · _ · 32 random ones · 6 of a checksum

The random part holds 190 bits, so a fast hash is enough: nobody can try them all. It is keyed with
SECRET_KEY, so whoever reads the database alone cannot test a guess either.
"""

import hashlib
import hmac
import secrets
import string
import zlib
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.utils.crypto import constant_time_compare

__all__ = ["KEY_LENGTH", "PREFIX", "PREFIX_LENGTH", "hash_key", "is_well_formed", "make_key"]

PREFIX: Final = "af_"
SHOWN_LENGTH: Final = 8
PREFIX_LENGTH: Final = len(PREFIX) + SHOWN_LENGTH
SECRET_LENGTH: Final = 32
CHECKSUM_LENGTH: Final = 6  # enough for 32 bits, as 62 ** 6 > 2 ** 32
KEY_LENGTH: Final = PREFIX_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
SALT: Final = b"autoforge.access.key"
ALPHABET: Final = string.ascii_letters + string.digits


def make_key() -> str:
    """Return a new random key."""
    shown = _random(SHOWN_LENGTH)
    secret = _random(SECRET_LENGTH)
    body = f"{PREFIX}{shown}_{secret}"
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether a text could be a key: what is not one is refused without asking the database."""
    if len(text) != KEY_LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    body = text[:-CHECKSUM_LENGTH]
    return constant_time_compare(_checksum(body), text[-CHECKSUM_LENGTH:])


def hash_key(text: str) -> str:
    """Return the HMAC-SHA256 of a key, 64 hexadecimal characters: what the database keeps of it."""
    encoded = text.encode("utf-8", "surrogatepass")  # anybody may send anything
    return hmac.digest(_derive_secret(settings.SECRET_KEY), encoded, "sha256").hex()


@lru_cache(maxsize=8)
def _derive_secret(secret_key: str) -> bytes:
    """Return the secret that `salted_hmac` derives: it does so anew for each key."""
    return hashlib.sha256(SALT + secret_key.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """Return CRC-32 in letters and digits: it finds typing errors, it protects nothing."""
    rest = zlib.crc32(body.encode())
    letters = []
    for _ in range(CHECKSUM_LENGTH):
        rest, index = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)
