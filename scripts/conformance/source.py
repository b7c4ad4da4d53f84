"""Django's tests: they are in its source distribution only, of which pip has the address."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.tools import ROOT

__all__ = ["fetch_tests"]

CACHE: Final = ROOT / ".cache"


def fetch_tests(version: str, lock_file: str) -> Path:
    """Return the folder of the tests of a version of Django; downloads them the first time.

    Args:
        version: as in "5.2.19".
        lock_file: name of the requirements file that holds the version's hashes.

    Raises:
        LaunchError: they cannot be had, or are not what the lock file says.
    """
    folder = CACHE / f"django-{version}"
    if not (folder / "tests" / "runtests.py").exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = _download(version, ROOT / lock_file, Path(scratch))
            _unpack(archive, folder)
    return folder / "tests"


def _download(version: str, lock_file: Path, scratch: Path) -> Path:
    """Download the source distribution; pip compares it with the hashes of the lock file."""
    found = re.search(
        rf"^django=={re.escape(version)}\b.*?(?=^\S)",
        lock_file.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    if found is None:
        raise LaunchError(
            f"{lock_file.name} pins another Django than the {version} that is installed: make setup"
        )
    requirement = scratch / "django.txt"
    requirement.write_text(found[0].partition("#")[0])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--require-hashes", "--dest", str(scratch)]
    done = subprocess.run(  # noqa: S603 (the command is our own)
        [*command, "--requirement", str(requirement)], capture_output=True, text=True, check=False
    )
    archive = next(iter(scratch.glob("*.tar.gz")), None)
    if done.returncode or archive is None:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise LaunchError(f"Django's tests (its source, {version}) cannot be had: {reason}")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    unpacked = folder.with_suffix(".new")
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (inner,) = unpacked.iterdir()
    shutil.rmtree(folder, ignore_errors=True)
    inner.rename(folder)
    unpacked.rmdir()
