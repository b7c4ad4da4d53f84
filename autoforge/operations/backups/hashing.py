"""Hashes of tables that are the same wherever the rows are: in SQLite, libSQL or a backup.

A row is the MessagePack array of its values (https://msgpack.org), each by its storage class, and
its hash is the SHA-256 of that. A table's hash is the sum of its rows' modulo 2^256: it depends
neither on the order of the rows nor on how many are read at a time. It tells damage and mistakes;
against a forger there is the SHA-256 of the whole content, and encryption.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

__all__ = ["InvalidText", "Row", "TableDigest", "TableHash"]

MODULUS: Final = 1 << 256
INVALID_TEXT: Final = 1  # type of MessagePack's extension
Row = tuple[Any, ...]


class InvalidText(bytes):
    """Text that is not UTF-8, as another program may have stored it: carried over as it is."""

    __slots__ = ()


class TableDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What a table contains, in short."""

    rows: int
    """How many rows it has."""
    sha256: str
    """The hash described at the top of the module, 64 hexadecimal digits."""


def _encode_other(value: object) -> object:
    if isinstance(value, InvalidText):
        return msgspec.msgpack.Ext(INVALID_TEXT, bytes(value))
    raise TypeError(f"a database has no {type(value).__name__}")


ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_other)


class TableHash:
    """The hash of a table while its rows pass by."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, rows: Sequence[Row]) -> int:
        """Count rows; return how many bytes they are, as MessagePack."""
        encode, sha256 = ENCODER.encode, hashlib.sha256
        size, total = 0, 0
        for row in rows:
            encoded = encode(row)
            size += len(encoded)
            total += int.from_bytes(sha256(encoded).digest(), "big")
        self._rows += len(rows)
        self._sum = (self._sum + total) % MODULUS
        return size

    def digest(self) -> TableDigest:
        """Return what was counted so far."""
        return TableDigest(rows=self._rows, sha256=f"{self._sum:064x}")
