"""Encrypted backups: the age format, by pyrage; streamed, whatever the size.

Who makes a backup needs a recipient alone (`age1…`, public); who reads one needs the identity
(`AGE-SECRET-KEY-1…`) in a file. A worker that makes backups can therefore not read them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from autoforge.operations.backups.errors import BackupError, DamagedBackup

__all__ = ["AGE", "check_recipients", "decrypt_stream", "encrypt_stream"]

AGE: Final = b"age-encryption.org/v1\n"


def _load() -> Any:
    try:
        import pyrage  # only where something is encrypted
    except ImportError as error:
        raise BackupError(
            "The package pyrage is not installed, which encrypts backups; install it with "
            "`pip install pyrage`."
        ) from error
    return pyrage


def check_recipients(recipients: Sequence[str]) -> None:
    """Check that backups can be encrypted for all of these.

    Raises:
        BackupError: one is not valid.
    """
    if recipients:
        _parse_recipients(recipients)


def _parse_recipients(recipients: Sequence[str]) -> list[Any]:
    pyrage = _load()
    parsed = []
    for recipient in recipients:
        kind = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
        try:
            parsed.append(kind.Recipient.from_str(recipient.strip()))
        except pyrage.RecipientError as error:
            if "SECRET" in recipient.upper():  # never shown
                raise BackupError(
                    "A recipient is a secret key; use the public one, which begins with age1."
                ) from error
            raise BackupError(
                f"{recipient!r} is not a recipient; use the public key that age-keygen prints, "
                "which begins with age1."
            ) from error
    return parsed


def encrypt_stream(plain: BinaryIO, out: BinaryIO, recipients: Sequence[str]) -> None:
    """Encrypt one file into another, from where both stand.

    Raises:
        BackupError: a recipient is not valid, or the library fails.
        OSError: it cannot be read or written.
    """
    parsed = _parse_recipients(recipients)
    pyrage = _load()
    reader, writer = _Remembering(plain), _Remembering(out)
    try:
        pyrage.encrypt_io(reader, writer, parsed)
    except (pyrage.EncryptError, OSError) as error:
        reader.raise_again()
        writer.raise_again()
        raise BackupError(f"The backup cannot be encrypted: {error}.") from error


def decrypt_stream(
    source: BinaryIO, out: BinaryIO, identities: Sequence[Path], *, name: str
) -> None:
    """Decrypt one file into another, from where both stand.

    Args:
        source: an age file.
        out: what is in it.
        identities: files of age identities.
        name: what the file is called in messages.

    Raises:
        BackupError: no identity opens it.
        DamagedBackup: it is not what was written.
        OSError: it cannot be read or written.
    """
    if not identities:
        raise BackupError(
            f"{name} is encrypted; name the file of the identity that opens it (--identity FILE)."
        )
    parsed = _read_identities(identities)
    pyrage = _load()
    reader, writer = _Remembering(source), _Remembering(out)
    try:
        pyrage.decrypt_io(reader, writer, parsed)
    except (pyrage.DecryptError, OSError) as error:
        reader.raise_again()
        writer.raise_again()
        if not writer.has_bytes:
            # The first 64 kB are checked before any of them is handed out, so that this may be
            # either; the library has one error for both.
            raise BackupError(
                f"{name} cannot be decrypted: it is for another identity, or damaged at its "
                f"beginning ({error})."
            ) from error
        raise DamagedBackup(f"{name} is damaged or truncated ({error}).") from error


class _Remembering:
    """A file that the library reads or writes, which turns every error into one of its own."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._error: BaseException | None = None
        self.has_bytes = False

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except BaseException as error:  # Ctrl-C, too
            self._error = error
            raise

    def write(self, content: bytes) -> int:
        try:
            self.has_bytes = True
            return self._stream.write(content)
        except BaseException as error:
            self._error = error
            raise

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BaseException as error:
            self._error = error
            raise

    def raise_again(self) -> None:
        """Raise what has happened here, if something has."""
        if self._error is not None:
            raise self._error


def _read_identities(paths: Sequence[Path]) -> list[Any]:
    pyrage = _load()
    identities = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BackupError(f"The identity cannot be read from {path}: {error}.") from error
        for line in lines:
            text = line.strip()
            if text and not text.startswith("#"):
                try:
                    identities.append(pyrage.x25519.Identity.from_str(text))
                except pyrage.IdentityError as error:
                    raise BackupError(
                        f"{path} contains a line that is no identity; use the file that age-keygen "
                        "wrote."
                    ) from error
    if not identities:
        raise BackupError(f"{path} contains no identity; use the file that age-keygen wrote.")
    return identities
