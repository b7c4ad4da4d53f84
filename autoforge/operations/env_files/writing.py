"""Writing files that hold secrets: whole or not at all, and for their owner alone.

`write_variable` is for programs that renew one secret, such as the rotation of a database's token.
"""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autoforge.operations.env_files.errors import EnvFileError, RefusedError, UnsupportedValueError
from autoforge.operations.env_files.lines import NAME, list_assignments
from autoforge.operations.env_files.quoting import quote_for_file
from autoforge.operations.env_files.reading import check_file_or_nothing, read_file

__all__ = [
    "Change",
    "changing",
    "set_line",
    "write_private",
    "write_secret_file",
    "write_template",
    "write_variable",
]

OWNER_ONLY = 0o600


def write_variable(path: Path, name: str, value: str) -> None:
    """Set one variable in a file of variables; every other line stays as it is, byte for byte.

    The line that sets the variable is replaced; of several, the last one (a shell and Compose
    follow that one), and the others are taken out. Otherwise the new line is put behind a comment
    `# NAME=`, as `.env.example` has them, or at the end. A file that does not exist is made. The
    file appears whole (written beside it, flushed, renamed), with mode 600 and its former owner.
    Two programs that write to files of one folder wait for each other.

    Args:
        path: the file; of a symbolic link, the file that it points to is replaced.
        name: any name that a variable can have, also of a placeholder such as `STAGING_SECRET_KEY`.
        value: its value as the process shall get it, without quotes.

    Raises:
        EnvFileError: the name is no name, the file sets `<NAME>_FILE`, or it cannot be read or
            written.
        UnsupportedValueError: the value cannot stand in such a file, a line break for example.
    """
    if not NAME.fullmatch(name):
        raise EnvFileError(f"{name!r} is not the name of a variable; use letters, digits and _.")
    try:
        line = f"{name}={quote_for_file(value)}"
    except UnsupportedValueError as error:
        raise UnsupportedValueError(f"{name} cannot be written to {path}: {error}.") from None
    with changing(path) as change:
        for assignment in list_assignments(change.text):
            if assignment.name == f"{name}_FILE" and assignment.raw:
                raise EnvFileError(
                    f"{path}, line {assignment.line} sets {name}_FILE: {name} is in the file that "
                    f"it names. Write the value there, or remove the line."
                )
        change.text = set_line(change.text, name, line)


@dataclass(slots=True)
class Change:
    """The text of a file while it is changed."""

    text: str
    """What is in it; what it is to be when the block ends."""


@contextmanager
def changing(path: Path) -> Iterator[Change]:
    """Give the text of a file of secrets, and write what it is at the end of the block.

    Others who change files of the same folder this way wait. Nothing is written where the block
    fails or changes nothing. A file that does not exist is empty, and is made.

    Raises:
        EnvFileError: it cannot be read or written.
    """
    check_file_or_nothing(path)  # by the name that somebody has given
    target = Path(os.path.realpath(path))
    with _locked(target.parent):
        before = read_file(target)
        change = Change(text=before)
        yield change
        if change.text != before:
            write_private(target, change.text)


def write_secret_file(path: Path, value: str) -> None:
    """Write the file that `<NAME>_FILE` names: the value and nothing else, whole, mode 600.

    Raises:
        EnvFileError: it cannot be written.
    """
    write_private(Path(os.path.realpath(path)), value)


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file for its owner alone: beside the old one, flushed, then in its place.

    Args:
        path: where; a file that is there keeps its owner, if this process may give it away.
        text: the whole content.
        replace: whether a file that is there may be replaced.

    Raises:
        RefusedError: it is there and may not be replaced.
        EnvFileError: it cannot be written, or is there and no file: a device is not replaced.
    """
    check_file_or_nothing(path)
    try:
        _write(path, text.encode(), replace=replace)
    except FileExistsError:
        raise RefusedError(f"{path} exists; use --replace to write a new one.") from None
    except OSError as error:
        raise EnvFileError(_explain(path, error)) from error


def write_template(path: Path, text: str, *, replace: bool) -> None:
    """Write a file that holds no secret and is committed, whole, readable by all.

    Raises:
        RefusedError: it is there and may not be replaced.
        EnvFileError: it cannot be written.
    """
    write_private(path, text, replace=replace)
    path.chmod(0o644)


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".writing")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, OWNER_ONLY)  # whatever the umask is
            if path.exists() and os.geteuid() == 0:  # else a service could not read its file
                former = path.stat()
                os.fchown(handle, former.st_uid, former.st_gid)
            stream.write(content)
            stream.flush()
            os.fsync(handle)  # else a rename may outlive the content, after a power cut
        if not replace:
            path.touch(mode=OWNER_ONLY, exist_ok=False)  # of two programs, one gets the name
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(path: Path, error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return (
            f"{path} cannot be replaced, because it is a mount point: mount the folder instead of "
            "the file, or write to the file that is mounted."
        )
    return (
        f"{path} cannot be written ({error.strerror}); make {path.parent} a folder that you may "
        "write to, or choose another file."
    )


def set_line(text: str, name: str, line: str) -> str:
    """Return the text of a file with `line` as the one that sets the variable."""
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    positions = [found.line - 1 for found in list_assignments(text) if found.name == name]
    if positions:
        lines[positions[-1]] = line + _find_end(lines[positions[-1]])
        for position in reversed(positions[:-1]):
            del lines[position]
        return "".join(lines)
    comment = re.compile(rf"#\s*{name}=")
    for position, former in enumerate(lines):
        if comment.match(former):
            if not _find_end(former):  # the last line of a file without a final line break
                lines[position] = former + end
            lines.insert(position + 1, line + end)
            return "".join(lines)
    if lines and not _find_end(lines[-1]):
        lines[-1] += end
    return "".join([*lines, line + end])


def _find_end(line: str) -> str:
    """Return the line break at the end of a line; empty where it has none."""
    return line[len(line.rstrip("\r\n")) :]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder, so that nobody changes between our reading and our writing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise EnvFileError(
            f"{folder} cannot be opened ({error.strerror}); correct the path."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # gives the lock back
