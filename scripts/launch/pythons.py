"""The Pythons of this machine, and virtual environments for each combination with a Django."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from launch.tools import ROOT

__all__ = ["LOCKS", "PYTHONS", "find_python", "lock_of", "prepare_venv", "supports"]

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
LOCKS: Final = {"5.2": "requirements-dev.txt", "6.1": "requirements-django61.txt"}
FIRST_FOR_DJANGO_61: Final = (3, 12)


def supports(version: str, django: str) -> bool:
    """Whether a Django runs on a Python; both are minor versions, such as 6.1 and 3.12."""
    return django != "6.1" or _numbers(version) >= FIRST_FOR_DJANGO_61


def lock_of(django_version: str) -> str | None:
    """Return the name of the requirements file that pins this very version, such as 5.2.19."""
    pin = re.compile(rf"^django=={re.escape(django_version)}[ \\]", re.MULTILINE)
    return next((name for name in LOCKS.values() if pin.search((ROOT / name).read_text())), None)


def find_python(version: str) -> str | None:
    """Return a Python of that minor version that really runs: on PATH, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = shutil.which(f"python{version}")
    ours = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: _numbers(str(path)))
    candidates = [*([found] if found else []), *(str(path) for path in reversed(ours))]
    return next((path for path in candidates if _runs_as(path, version)), None)


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


def _runs_as(python: str, version: str) -> bool:
    probe = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)  # noqa: S603 (a Python)
    return answer.stdout.strip() == version


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
