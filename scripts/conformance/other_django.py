"""The same run on another Django, in the virtual environment that the test matrix uses."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from launch.errors import LaunchError
from launch.pythons import PYTHONS, find_python, prepare_venv, supports
from launch.tools import ROOT

__all__ = ["run_on"]


def run_on(django: str, arguments: Sequence[str]) -> int:
    """Run `conformance` with the newest Python here that a Django supports; return its status.

    Args:
        django: the minor version, such as 6.1.
        arguments: for that run.

    Raises:
        LaunchError: there is no such Python, or its packages could not be installed.
    """
    version, python = _newest_python(django)
    venv = prepare_venv(python, version, django)
    if venv is None:
        raise LaunchError(f"The packages for Django {django} could not be installed, see above.")
    program = Path(__file__).resolve().parent
    command = [str(venv / "bin" / "python"), str(program), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 (our own program)


def _newest_python(django: str) -> tuple[str, str]:
    """Return the minor version and the path of a Python."""
    suitable = [version for version in PYTHONS if supports(version, django)]
    for version in reversed(suitable):
        python = find_python(version)
        if python is not None:
            return version, python
    raise LaunchError(
        f"Django {django} needs Python {suitable[0]} or newer, which is not installed."
    )
