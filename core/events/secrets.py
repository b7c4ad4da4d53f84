"""Secrets of endpoints: made, and kept so that the database alone does not tell them.

A secret signs each event, so that it has to be readable: a hash would not do. It is encrypted with
a key that is derived from SECRET_KEY; where SECRET_KEY changes, secrets have to be rotated.
"""

import base64
import secrets
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from core.errors import ApplicationError

__all__ = ["PREFIX", "UnreadableSecretError", "decrypt_secret", "encrypt_secret", "make_secret"]

PREFIX: Final = "whsec_"  # Standard Webhooks: what programs that look for leaked secrets know
SECRET_BYTES: Final = 32  # the specification asks for 24 to 64
PURPOSE: Final = b"autoforge webhook secrets"


class UnreadableSecretError(ApplicationError):
    """The secret was encrypted with another SECRET_KEY: rotate it."""


def make_secret() -> str:
    """Return a new random secret in the form that receivers expect, `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypt_secret(secret: str) -> str:
    """Return what is stored of a secret."""
    return _cipher().encrypt(secret.encode()).decode()


def decrypt_secret(stored: str) -> str:
    """Return the secret of what is stored.

    Raises:
        UnreadableSecretError: SECRET_KEY is another one than it was.
    """
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError("webhook.unreadable-secret") from None


def _cipher() -> Fernet:
    # HKDF (RFC 5869) makes of one key others for each purpose: none of them tells another.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))
