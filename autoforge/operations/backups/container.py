"""The file of a backup: one that strangers can open.

    [ zstd skippable frame: the manifest, as JSON ] [ zstd stream: a SQLite database ]

`zstd -d` skips the first frame, so that `zstd -d backup.zst -o copy.db && sqlite3 copy.db` works
without AutoForge. With recipients, all of it is inside of an age file (https://age-encryption.org):
`age -d -i identity.txt backup.zst.age | zstd -d -o copy.db`.

Source: RFC 8878, sections 3.1.1 and 3.1.2 (frames, skippable frames).
"""

import hashlib
import os
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from autoforge.operations.backups.database_file import DatabaseFile
from autoforge.operations.backups.encryption import AGE, decrypt_stream
from autoforge.operations.backups.errors import BackupError, DamagedBackup
from autoforge.operations.backups.failures import explained
from autoforge.operations.backups.manifest import FORMAT, Manifest, MinimalManifest
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress
from autoforge.operations.backups.room import temporary_room
from autoforge.operations.backups.scratch import remove_abandoned, scratch_folder

__all__ = ["begins_as_backup", "check_content", "hash_stream", "pack", "read_manifest", "unpacked"]

SKIPPABLE: Final = 0x184D2A5B  # of the sixteen numbers for skippable frames, this one is ours
ZSTD: Final = 0xFD2FB528
HEAD: Final = struct.Struct("<II")
MANIFEST_BYTES: Final = 4_000_000  # a hundred bytes a table
NUMBER_DIGITS: Final = 20  # room for the size of the largest file
LEVEL: Final = 3  # zstd's own default
CHUNK: Final = 1 << 20


def hash_stream(stream: BinaryIO, *, stage: str, on_progress: OnProgress = ignore_progress) -> str:
    """Return the SHA-256 of all of a file."""
    digest = hashlib.sha256()
    total = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    done = 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        done += len(chunk)
        on_progress(Progress(stage=stage, done=done, total=total))
    return digest.hexdigest()


def pack(
    database: BinaryIO,
    manifest: Manifest,
    out: BinaryIO,
    *,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write a backup.

    Args:
        database: a SQLite file.
        manifest: what is in it.
        out: where to; at its beginning.
        on_progress: told after each megabyte.
    """
    # How long the file becomes is known at the end: the manifest is written again, over itself.
    length = len(msgspec.json.encode(manifest)) + NUMBER_DIGITS
    start = HEAD.size + length
    out.seek(start)
    total = database.seek(0, os.SEEK_END)
    database.seek(0)
    # Two threads: compressing takes longer than the disk, and memory stays at some tens of MB.
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, threads=2)
    with compressor.stream_writer(out, size=total, closefd=False) as writer:
        done = 0
        while chunk := database.read(CHUNK):
            writer.write(chunk)
            done += len(chunk)
            on_progress(Progress(stage="compressing", done=done, total=total))
    complete = msgspec.structs.replace(manifest, packed_bytes=out.tell() - start)
    out.seek(0)
    out.write(HEAD.pack(SKIPPABLE, length) + msgspec.json.encode(complete).ljust(length))


def begins_as_backup(stream: BinaryIO) -> bool:
    """Whether a file begins as backups do, encrypted or not."""
    head = stream.read(len(AGE))
    return head == AGE or head.startswith(HEAD.pack(SKIPPABLE, 0)[:4])


def read_manifest(stream: BinaryIO, name: str) -> Manifest:
    """Read the manifest; the stream stands at the database then.

    Args:
        stream: a backup that is not encrypted, at its beginning.
        name: what the file is called in messages.

    Raises:
        BackupError: it is no backup, or one of a newer AutoForge.
        DamagedBackup: it ends within the manifest, or this cannot be read.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        raise BackupError(f"{name} is empty or only a few bytes long: it is not a backup.")
    magic, length = HEAD.unpack(head)
    if magic == ZSTD:
        raise BackupError(
            f"{name} is compressed with zstd, but has no manifest: it is not a backup that "
            "backup_database wrote."
        )
    if magic != SKIPPABLE or length > MANIFEST_BYTES:
        raise BackupError(f"{name} is not a backup that backup_database wrote.")
    body = stream.read(length)
    if len(body) < length:
        raise DamagedBackup(f"{name} is truncated: it ends within its manifest.")
    try:
        minimal = msgspec.json.decode(body, type=MinimalManifest)
        if minimal.product != "AutoForge":
            raise BackupError(f"{name} is not a backup of AutoForge, but of {minimal.product}.")
        if minimal.format > FORMAT:
            raise BackupError(
                f"{name} has format {minimal.format} of AutoForge {minimal.version}; this version "
                f"reads format {FORMAT}: install that version to open it."
            )
        return msgspec.json.decode(body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedBackup(f"{name} is damaged: its manifest cannot be read.") from error


@contextmanager
def unpacked(
    path: Path,
    folder: Path | None = None,
    *,
    identities: Sequence[Path] = (),
    on_progress: OnProgress = ignore_progress,
) -> Iterator[tuple[Manifest, sqlite3.Connection]]:
    """Give the manifest of a backup and its database, in a file that is gone afterwards.

    Args:
        path: the backup.
        folder: where there is room for the database; else the system's folder for such files.
        identities: files of age identities, where it is encrypted.
        on_progress: told after each megabyte.

    Raises:
        BackupError: it cannot be opened.
        DamagedBackup: it is not what was written.
        NoRoom: the folder is full.
    """
    remove_abandoned(path.parent)
    room = temporary_room(f"the unpacked backup {path.name}", folder)
    with ExitStack() as stack:
        stack.enter_context(explained(path, room=room))
        try:
            packed: BinaryIO = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
        scratch = stack.enter_context(scratch_folder(room.folder))
        if packed.read(len(AGE)) == AGE:
            packed.seek(0)
            plain = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
            decrypt_stream(packed, plain, identities, name=path.name)
            packed = plain
        database = stack.enter_context(DatabaseFile.unnamed(scratch))
        packed.seek(0)
        manifest = read_manifest(packed, path.name)
        needed = replace(room, needed_bytes=manifest.size_bytes)
        stack.enter_context(explained(path, room=needed))
        check_content(packed, path.name, take=database.stream.write, on_progress=on_progress)
        database.stream.flush()
        database.seal()
        yield manifest, database.connection


def check_content(
    stream: BinaryIO,
    name: str,
    *,
    take: Callable[[bytes], object] = len,
    on_progress: OnProgress = ignore_progress,
) -> Manifest:
    """Decompress a backup that is not encrypted, and compare its checksum.

    Args:
        stream: the backup.
        name: what it is called in messages.
        take: given each part of the database; else nothing is kept.
        on_progress: told after each megabyte.

    Raises:
        BackupError: it is no backup, or one of a newer AutoForge.
        DamagedBackup: it is not what was written.
    """
    digest = hashlib.sha256()
    done = 0
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    manifest = read_manifest(stream, name)
    _check_length(size - stream.tell(), manifest.packed_bytes, name)
    total = manifest.size_bytes
    try:
        with zstandard.ZstdDecompressor().stream_reader(stream, closefd=False) as reader:
            while chunk := reader.read(CHUNK):
                done += len(chunk)
                if done > total:
                    raise DamagedBackup(f"{name} is damaged: it is longer than it says.")
                digest.update(chunk)
                take(chunk)
                on_progress(Progress(stage="decompressing", done=done, total=total))
    except zstandard.ZstdError as error:
        raise DamagedBackup(f"{name} is damaged: {error}.") from error
    if digest.hexdigest() != manifest.sha256:
        raise DamagedBackup(f"{name} is damaged: its content does not have the checksum it had.")
    return manifest


def _check_length(actual: int, expected: int, name: str) -> None:
    """Check that nothing is missing at the end, where the compression's own checksum is."""
    if actual < expected:
        raise DamagedBackup(
            f"{name} is truncated: of {expected:,} bytes after its manifest, {actual:,} are there."
        )
    if actual > expected:
        raise DamagedBackup(f"{name} is damaged: something follows after its end.")
