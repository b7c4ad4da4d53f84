"""Make a key for a libSQL server with tokens: `libsql_key.py PRIVATE_FOLDER KEY_FOLDER [URL]`.

For trials on a laptop (docker-compose.yml, profile libsql). The server's half, `jwt_key`, goes to
KEY_FOLDER; `url`, an address with a token for DATABASE_URL_FILE, to PRIVATE_FOLDER, for its owner
alone. What is there already stays.
"""

import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

URL: Final = "http://libsql:8080"


def main(arguments: Sequence[str]) -> int:
    """Write both files unless they are there; return 0, or 2 for wrong usage."""
    if not 2 <= len(arguments) <= 3:
        sys.stderr.write("usage: libsql_key.py PRIVATE_FOLDER KEY_FOLDER [URL]\n")
        return 2
    private, public = Path(arguments[0]), Path(arguments[1])
    url = arguments[2] if len(arguments) > 2 else URL
    if (private / "url").exists() and (public / "jwt_key").exists():
        print(f"{private / 'url'} is there already.")
        return 0
    write_pair(private, public, url)
    print(f"Wrote {public / 'jwt_key'}, and {private / 'url'} for DATABASE_URL_FILE.")
    return 0


def write_pair(private: Path, public: Path, url: str) -> None:
    """Write a new key's public half and an address with a token that never expires.

    The private half is not kept: whoever needs another token makes a new pair.
    """
    key = Ed25519PrivateKey.generate()
    token = jwt.encode({"a": "rw"}, key, "EdDSA")
    half = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(public / "jwt_key", half, 0o644)
    write(private / "url", f"{url}?authToken={token}", 0o600)


def write(path: Path, text: str, mode: int) -> None:
    """Write a file that is there whole or not at all, with this mode from its first byte."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
