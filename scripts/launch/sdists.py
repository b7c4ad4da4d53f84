"""Source distributions, which hold tests that wheels do not.

pip knows their address, and a requirements file the hash; uv cannot download without installing.
"""

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
from launch.tools import ROOT

__all__ = ["fetch_source", "find_pin"]

RETRIES: Final = "2"


def find_pin(distribution: str, lock: str) -> tuple[str, str] | None:
    """Return the version of a distribution and the lines that pin it with its hashes.

    Args:
        distribution: its name, as in the requirements file.
        lock: name of the requirements file.
    """
    pin = rf"^{re.escape(distribution)}(?:\[[^\]]+\])?==(\S+)\b.*\n(?:    --hash=.*\n?)+"
    match = re.search(pin, (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    return (match[1], match[0]) if match else None


def fetch_source(distribution: str, requirement: str, folder: Path) -> None:
    """Download a source distribution and unpack it into a folder, which is then whole.

    Args:
        distribution: its name.
        requirement: the lines that pin it, from `find_pin`.
        folder: to be made; its parent may be missing too.

    Raises:
        LaunchError: it cannot be had, or is not what the requirements file says.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = _download(distribution, requirement, Path(scratch))
        _unpack(archive, Path(scratch) / "unpacked", folder)


def _download(distribution: str, requirement: str, scratch: Path) -> Path:
    """Download it; pip compares it with the hashes."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(requirement, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--retries", RETRIES]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--no-deps"]
    command += ["--no-binary", distribution, "--require-hashes", "--dest", str(scratch)]
    done = subprocess.run(  # noqa: S603 (the command is our own)
        [*command, "--requirement", str(requirements)], capture_output=True, text=True, check=False
    )
    archive = next(iter(scratch.glob("*.tar.gz")), None)
    if done.returncode != 0 or archive is None:
        name = requirement.split(None, 1)[0].replace("==", " ")
        raise LaunchError(
            f"The source of {name}, which contains its tests, could not be downloaded: "
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
    """Unpack everything: tests read docs and the package's own files, though another copy runs."""
    with tarfile.open(archive) as tar:
        inner = tar.getnames()[0].partition("/")[0]  # django-5.2.19
        # Debian's Python 3.11.2 has no filters yet; what is unpacked has the hash that is pinned.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(scratch, **safely)  # noqa: S202 (as above)
    shutil.rmtree(folder, ignore_errors=True)
    (scratch / inner).rename(folder)  # at once: a folder that is there is whole
