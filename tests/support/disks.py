"""Disks that can only be read: a real one for root, who may write everywhere else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["mounted_for_reading"]


@contextmanager
def mounted_for_reading(folder: Path) -> Iterator[None]:
    """Let nobody write into an empty folder meanwhile."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    command = ["mount", "-t", "tmpfs", "-o", "ro", "reading", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk, and root may write everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
