"""What a backup says of itself, in front of the database that it contains."""

import msgspec

from autoforge.operations.backups.hashing import TableDigest

__all__ = ["FORMAT", "Manifest", "MinimalManifest"]

FORMAT = 1
"""Number of the format; a change that older versions cannot read raises it."""


class MinimalManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest of any format has."""

    product: str
    """AutoForge."""
    format: int
    """Number of the format."""
    version: str
    """Version of AutoForge that wrote it."""


class Manifest(MinimalManifest, frozen=True, kw_only=True):
    """What a manifest of format 1 has."""

    made_at: str
    """When the database was as it is in here: ISO 8601, UTC."""
    database: str
    """The database's name, without its address."""
    engine: str
    """SQLite or libSQL."""
    engine_version: str
    """Version of the SQLite that read it."""
    migrations: tuple[str, ...]
    """The schema's version: applied migrations as "app.name", sorted."""
    tables: dict[str, TableDigest]
    """Name → rows and hash."""
    size_bytes: int
    """Size of the database."""
    sha256: str
    """SHA-256 of the database's bytes."""
    packed_bytes: int = 0
    """Size of what follows the manifest; 0 until it is known."""
