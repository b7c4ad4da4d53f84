"""Where the measured code comes from: this checkout, one of its revisions, or another project."""

import io
import subprocess
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.venv import prepare

__all__ = ["PEERS", "Source", "open_checkout", "open_peer", "unpack_revision"]

REQUIREMENTS: Final = Path(__file__).resolve().parent / "requirements.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A body of code, whole on this disk."""

    name: str
    """As the table calls it."""
    folders: Sequence[Path]
    """What is measured."""
    search_path: Sequence[Path]
    """Where its packages are imported from."""
    packages: Sequence[str]
    """Its packages by their dotted names; circles are looked for among their modules."""


# Column of the table → package. requirements.txt says which releases.
PEERS: Final = {
    "Django backends": "django.db.backends",
    "psycopg": "psycopg",
    "httpx": "httpx",
}


def open_checkout(root: Path, name: str) -> Source:
    """Return the packages of a checkout of ours: what its import-linter calls root packages.

    Raises:
        LaunchError: the folder is no checkout of ours.
    """
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        packages = settings["tool"]["importlinter"]["root_packages"]
    except (OSError, KeyError) as error:
        raise LaunchError(f"{name} has no pyproject.toml that names our packages.") from error
    search_path = [root, *sorted(root.glob("packages/*/src"))]
    folders = []
    for package in packages:
        candidates = [parent / package for parent in search_path]
        folders += [folder for folder in candidates if folder.is_dir()]
    return Source(name=name, folders=folders, search_path=search_path, packages=packages)


def unpack_revision(root: Path, revision: str, folder: Path) -> Source:
    """Write a revision's files into `folder`, and return its packages.

    Raises:
        LaunchError: git does not know the revision, or it is no checkout of ours.
    """
    archived = subprocess.run(  # noqa: S603 (git with our own arguments; a revision is no option)
        ["git", "archive", "--format=zip", "--end-of-options", revision],  # noqa: S607 (as in PATH)
        cwd=root,
        capture_output=True,
        check=False,
    )
    if archived.returncode != 0:
        lines = archived.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else "git failed"
        raise LaunchError(f"Revision {revision} cannot be read: {reason}")
    with zipfile.ZipFile(io.BytesIO(archived.stdout)) as archive:
        archive.extractall(folder)
    return open_checkout(folder, revision)


def open_peer(venv: Path, name: str) -> Source:
    """Return another project's package; what is missing of `venv` is installed first.

    Raises:
        LaunchError: it cannot be installed; says why.
    """
    prepare(venv, [REQUIREMENTS])
    site_packages = next(venv.glob("lib/python*/site-packages"))
    package = PEERS[name]
    folder = site_packages.joinpath(*package.split("."))
    return Source(name=name, folders=[folder], search_path=[site_packages], packages=[package])
