"""Django's tests: they are in its source distribution only, of which pip has the address."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from launch.errors import LaunchError
from launch.pip import NO_NETWORK
from launch.pythons import lock_of
from launch.tools import ROOT

__all__ = ["fetch_tests"]

CACHE: Final = ROOT / ".cache"
RETRIES: Final = "2"


def fetch_tests(version: str) -> Path:
    """Return the folder of the tests of a version of Django; downloads them the first time.

    Args:
        version: as in "5.2.19"; a requirements file must pin it, and says what hash it must have.

    Raises:
        LaunchError: they cannot be had, or are not what the requirements file says.
    """
    folder = CACHE / f"django-{version}"
    # Two tests look for Django's own files beside theirs.
    if not all((folder / name).exists() for name in ("tests/runtests.py", "django/__init__.py")):
        requirement = _requirement(version)
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = _download(version, requirement, Path(scratch))
            _unpack(archive, Path(scratch) / "unpacked", folder)
    return folder / "tests"


def _requirement(version: str) -> str:
    """Return the lines that pin Django with its hashes."""
    lock = lock_of(version)
    if lock is None:
        raise LaunchError(
            f"Django {version} is installed, but no requirements file pins it; run make setup."
        )
    pin = rf"^django=={re.escape(version)}\b.*\n(?:    --hash=.*\n?)+"
    match = re.search(pin, (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise LaunchError(f"{lock} has no hash for Django {version}; run make lock.")
    return match[0]


def _download(version: str, requirement: str, scratch: Path) -> Path:
    """Download the source distribution, which uv cannot; pip compares it with the hashes."""
    requirements = scratch / "django.txt"
    requirements.write_text(requirement, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--retries", RETRIES]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--no-deps"]
    command += ["--no-binary", "django", "--require-hashes", "--dest", str(scratch)]
    done = subprocess.run(  # noqa: S603 (the command is our own)
        [*command, "--requirement", str(requirements)], capture_output=True, text=True, check=False
    )
    archive = next(iter(scratch.glob("*.tar.gz")), None)
    if done.returncode != 0 or archive is None:
        raise LaunchError(
            f"The source of Django {version}, which contains its tests, could not be downloaded: "
            f"{_reason(done.stdout + done.stderr)}."
        )
    return archive


def _reason(output: str) -> str:
    if NO_NETWORK.search(output):
        return "the package index is unreachable; check the network or the proxy"
    if "DO NOT MATCH THE HASHES" in output:
        return "the download does not match the hash in the requirements file"
    errors = re.findall(r"ERROR: (.+)", output)
    return errors[-1].strip().rstrip(".")[:300] if errors else "pip stopped without a reason"


def _unpack(archive: Path, scratch: Path, folder: Path) -> None:
    """Unpack everything: tests read the docs, and Django's files, though what runs is installed."""
    with tarfile.open(archive) as tar:
        inner = tar.getnames()[0].partition("/")[0]  # django-5.2.19
        # Debian's Python 3.11.2 has no filters yet; what is unpacked has the hash that is pinned.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(scratch, **safely)  # noqa: S202 (as above)
    shutil.rmtree(folder, ignore_errors=True)
    (scratch / inner).rename(folder)  # at once: a folder that is there is whole
