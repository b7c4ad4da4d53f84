"""Encrypted backups: the age format, by pyrage; streamed, whatever the size.

Who makes a backup needs a recipient alone (`age1…`, public); who reads one needs the identity
(`AGE-SECRET-KEY-1…`) in a file. A worker that makes backups can therefore not read them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from autoforge.operations.backups.errors import BackupError, DamagedBackup

__all__ = ["AGE", "check_recipients", "decrypt_file", "encrypt_file"]

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


def encrypt_file(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file; the other one must not be there yet, and only its owner can read it.

    Raises:
        BackupError: a recipient is not valid, or it cannot be written.
    """
    parsed = _parse_recipients(recipients)
    pyrage = _load()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with source.open("rb") as plain, os.fdopen(handle, "wb") as out:
            pyrage.encrypt_io(plain, out, parsed)
    except (pyrage.EncryptError, OSError) as error:
        raise BackupError(f"{target.name} cannot be encrypted: {error}.") from error


def decrypt_file(source: Path, target: Path, identities: Sequence[Path]) -> None:
    """Decrypt a file into one that is not there yet.

    Raises:
        BackupError: no identity opens it.
        DamagedBackup: it is not what was written.
    """
    if not identities:
        raise BackupError(
            f"{source.name} is encrypted; name the file of the identity that opens it "
            "(--identity FILE)."
        )
    parsed = _read_identities(identities)
    pyrage = _load()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with source.open("rb") as stream, os.fdopen(handle, "wb") as out:
            pyrage.decrypt_io(stream, out, parsed)
    except (pyrage.DecryptError, OSError) as error:
        if target.stat().st_size == 0:
            # The first 64 kB are checked before any of them is handed out, so that this may be
            # either; the library has one error for both.
            raise BackupError(
                f"{source.name} cannot be decrypted: it is for another identity, or damaged at its "
                f"beginning ({error})."
            ) from error
        raise DamagedBackup(f"{source.name} is damaged or truncated ({error}).") from error


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
