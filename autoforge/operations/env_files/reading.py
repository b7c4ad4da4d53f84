"""Reading files of variables: what is none is said to be what it is, before it is opened.

A named pipe would let the reader wait for ever, and a device may never end.
"""

import stat
from pathlib import Path
from typing import Final

from autoforge.operations.env_files.errors import EnvFileError

__all__ = ["check_file_or_nothing", "check_is_file", "read_file"]

KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
MOST_BYTES: Final = 4_000_000
"""No file of variables is as large; what is larger was named by mistake."""


def check_is_file(path: Path, remedy: str = "correct the path") -> None:
    """Refuse what is not there, and what is there and no file.

    Args:
        path: what somebody has named; a symbolic link counts as what it points to.
        remedy: what to do where nothing is there, without a full stop.

    Raises:
        EnvFileError: the sentence says which of them.
    """
    if not check_file_or_nothing(path):
        raise EnvFileError(f"There is no {path}; {remedy}.")


def check_file_or_nothing(path: Path) -> bool:
    """Return whether there is a file; False where there is nothing.

    Raises:
        EnvFileError: it is something else, such as a folder, or cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError: a name with NUL in it
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvFileError(f"{path} cannot be read ({reason}); correct the path.") from error
    for is_kind, name in KINDS:
        if is_kind(mode):
            raise EnvFileError(f"{path} is {name}, and no file; name a file.")
    return True


def read_file(path: Path) -> str:
    """Return the text of a file with its own line ends; empty where there is no file.

    Raises:
        EnvFileError: it is no file, cannot be read, or is not text.
    """
    if not check_file_or_nothing(path):
        return ""  # a program that sets a variable makes the file
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise EnvFileError(
            f"{path} cannot be read ({error.strerror}); correct its permissions."
        ) from error
    if len(content) > MOST_BYTES:
        raise EnvFileError(f"{path} is too large for a file of variables; name another file.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EnvFileError(
            f"{path} is not valid UTF-8 at byte {error.start + 1}; save it as UTF-8."
        ) from None
    if "\0" in text:
        at = content.index(b"\0") + 1
        raise EnvFileError(f"{path} is no text (NUL at byte {at}); name another file.")
    return text
