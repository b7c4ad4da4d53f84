"""Files that a person named on the command line, opened without following a link elsewhere.

Who can change a repository can put a link where a file was. A command that followed it would read
what only the person may (the keys in a process's environment, another project's file) and print it,
in CI for everybody to see. A link within its own folder is followed, and what was typed below
`/dev/` is opened as it is: standard input and what the shell puts in place of `<(…)`.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from core.sentences import Sentence
from core.tables.quoting import UnreadableError

__all__ = ["open_typed", "read_typed"]

DEVICES: Final = "/dev/"
# What the kernel shows as files.
SYSTEM_FOLDERS: Final = ("/proc/", "/sys/")
FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


def open_typed(path: Path, border: Path | None = None) -> BinaryIO:
    """Return a file, open for reading.

    Args:
        path: the name as it was typed, or of a file in a folder that was typed.
        border: the folder that links may not lead out of; else the one that the file lies in.

    Raises:
        UnreadableError: a link leads elsewhere, it is no regular file, or the system refuses it.
    """
    try:
        if border is None and str(path).startswith(DEVICES):
            return path.open("rb")
        return _open_inside(path, border or path.parent)
    except OSError as error:
        raise UnreadableError(Sentence.verbatim(error.strerror or str(error))) from error
    except ValueError:  # a NUL in it
        raise UnreadableError("file.no-name") from None


def read_typed(path: Path, *, most_bytes: int, border: Path | None = None) -> bytes:
    """Return what a file holds; as `open_typed`.

    Raises:
        UnreadableError: also where it is larger than `most_bytes`.
    """
    with open_typed(path, border) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise UnreadableError("file.is-too-large", limit=f"{most_bytes / 1024 / 1024:g}")
    return content


def _open_inside(path: Path, border: Path) -> BinaryIO:
    real = Path(os.path.realpath(path))  # unlike resolve(), it takes links that go in circles
    if not real.is_relative_to(os.path.realpath(border)):
        raise UnreadableError("file.is-link")
    if str(real).startswith(SYSTEM_FOLDERS):
        raise UnreadableError("file.is-special")
    # A device may act when it is opened: it is looked at before, and again once it is open.
    _check_mode(real.lstat())
    stream = os.fdopen(os.open(real, FLAGS), "rb")
    try:
        _check_mode(os.fstat(stream.fileno()))
    except BaseException:
        stream.close()
        raise
    return stream


def _check_mode(status: os.stat_result) -> None:
    """Refuse what is neither a regular file nor a named pipe."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise UnreadableError("file.is-special")
