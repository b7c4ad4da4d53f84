"""A real libSQL server that asks for tokens, with the key that signs them (Ed25519)."""

import base64
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hrana_support.sqld import Server

HOUR = 3600


class KeyedServer:
    """A server, and who signs its tokens.

    Attributes:
        server: the process.
        key: the private key.
    """

    def __init__(self, folder: Path, *, key: Ed25519PrivateKey | None = None) -> None:
        self.key = key or Ed25519PrivateKey.generate()
        file = folder / "jwt_key"
        file.write_text(_encode_public_key(self.key))
        self.server = Server(
            folder / "sqld", idle_seconds=600, arguments=("--auth-jwt-key-file", str(file))
        )

    @property
    def url(self) -> str:
        return self.server.url

    def token(self, *, access: str = "rw", seconds: float = HOUR) -> str:
        """Return a token that is good for so long."""
        claims = {"a": access, "exp": int(time.time() + seconds)}
        return jwt.encode(claims, self.key, "EdDSA")


def _encode_public_key(key: Ed25519PrivateKey) -> str:
    """Return the public half as the server reads it: base64url without padding."""
    public = base64.urlsafe_b64encode(key.public_key().public_bytes_raw())
    return public.decode().rstrip("=")


@contextlib.contextmanager
def start_keyed_server(folder: Path) -> Iterator[KeyedServer]:
    """Give a server that runs."""
    keyed = KeyedServer(folder)
    with keyed.server:
        yield keyed
