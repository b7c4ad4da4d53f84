"""The Pythons of this machine, and virtual environments for each combination with a Django."""

import os
import subprocess
from pathlib import Path
from typing import Final

from launch.tools import BIN, ROOT

__all__ = ["LOCKS", "PYTHONS", "find_python", "lock_of", "prepare_venv", "supports"]

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
LOCKS: Final = {"5.2": "requirements-dev.txt", "6.1": "requirements-django61.txt"}
FIRST_FOR_DJANGO_61: Final = "3.12"


def supports(version: str, django: str) -> bool:
    """Whether a Django runs on a Python; both are minor versions, such as 6.1 and 3.12."""
    return django != "6.1" or PYTHONS.index(version) >= PYTHONS.index(FIRST_FOR_DJANGO_61)


def lock_of(django_version: str) -> str | None:
    """Return the name of the requirements file that pins this very version, such as 5.2.19."""
    for name in LOCKS.values():
        if f"\ndjango=={django_version} \\\n" in (ROOT / name).read_text(encoding="utf-8"):
            return name
    return None


def find_python(version: str) -> str | None:
    """Return a Python of that minor version that really runs: pyenv's, uv's, or on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    # pyenv's folders come first: on PATH are its shims, and uv stops at one that starts nothing.
    folders = [*map(str, pyenv.glob(f"{version}.*/bin")), os.environ.get("PATH", "")]
    answer = subprocess.run(  # noqa: S603 (our own tool)
        [str(BIN / "uv"), "python", "find", "--system", "--no-python-downloads", version],
        env={**os.environ, "PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None


def prepare_venv(python: str, version: str, django: str) -> Path | None:
    """Make `.venv-<python>-<django>` and install into it; None where that failed, which was said.

    Args:
        python: path of the interpreter.
        version: its minor version.
        django: a minor version of `LOCKS`.
    """
    venv = ROOT / f".venv-{version}-{django}"
    command = [python, "scripts/bootstrap.py", LOCKS[django], "--venv", venv.name]
    environment = {**os.environ, "PYTHON": python}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603 (our own script)
    return venv if done.returncode == 0 else None
