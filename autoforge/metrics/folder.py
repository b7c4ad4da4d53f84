"""The folder in which the processes of one server keep what they have counted.

prometheus_client writes each number into a file that is mapped into memory, one per process and
kind; whichever process Prometheus reaches adds up the files of all. What a process has counted must
outlive it, or counters would fall: its files stay. So that they do not pile up over months of
replaced workers, `absorb` adds those of a dead process to one file for all the dead.

Neither Django nor prometheus_client is imported with this file: `gunicorn.conf.py` prepares the
folder before anything else is loaded, because prometheus_client looks for it when it is imported.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["VARIABLE", "absorb", "discard", "find_folder", "prepare", "reading"]

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"  # the name that prometheus_client reads
PREFIX: Final = "autoforge-metrics-"
LOCK: Final = "lock"
MOVING: Final = "moving"
# The number of no process: the files of the dead look to prometheus_client like those of one more.
DEAD: Final = 0

_held: list[int] = []
"""The lock file, open as long as this server lives, which keeps others from removing its folder."""


def prepare(parent: Path) -> Path:
    """Make a folder for the processes of this server, and say so in the process's environment.

    A server that replaces this one without a pause (SIGUSR2) inherits the variable and counts on in
    the same folder. What servers that were killed have left behind is removed.

    Args:
        parent: where the folder is made: in memory, where there is such a place.
    """
    given = os.environ.get(VARIABLE)
    if given:
        folder = Path(given)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        os.environ[VARIABLE] = str(folder)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held.append(lock)
    return folder


def find_folder() -> Path | None:
    """Return the folder of this process's server; None where the process counts for itself."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None


def discard(folder: Path) -> None:
    """Remove the folder, where it is one of ours and no other server uses it."""
    if not folder.name.startswith(PREFIX):
        return  # somebody else's choice of a place, which may hold more
    while _held:
        os.close(_held.pop())
    _remove_unused(folder)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    """Remove a folder whose lock nobody holds: the kernel lets go of it when a process dies."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return  # another user's, or it is being made at this moment
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


@contextlib.contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    """Hold the lock between those who read all files and whoever moves numbers between them."""
    lock = os.open(folder / MOVING, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, kind)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[list[str]]:
    """Keep numbers from being moved meanwhile; the value is the list of files to add up."""
    with _locked(folder, fcntl.LOCK_SH):
        yield sorted(map(str, folder.glob("*.db")))


def absorb(folder: Path, pid: int) -> bool:
    """Add the numbers of a process that has ended to those of the dead, and remove its files.

    Returns:
        False where its files stay: they are being read, and whoever calls has no time to wait.
            They are still counted.
    """
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for path in folder.glob(f"*_{pid}.db"):
                _move(path)
    except OSError:
        return False
    return True


def _move(path: Path) -> None:
    """Add the numbers of a file to those of the dead."""
    from prometheus_client import mmap_dict  # not by whoever prepares the folder

    files: Any = mmap_dict.MmapedDict  # it has no types
    kind = path.name.partition("_")[0]
    if kind in {"counter", "histogram"}:  # a gauge ends with its process
        total = files(str(path.with_name(f"{kind}_{DEAD}.db")))
        for key, value, *_more in files.read_all_values_from_file(str(path)):
            before, _timestamp = total.read_value(key)
            total.write_value(key, before + value, 0.0)
        total.close()
    path.unlink()
