"""A copy of the project to launch, and the programs of this machine that a launch may find."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".cache", ".*_cache", "data", "htmlcov", "tests", "docs", "__pycache__",
    ".env*", "staticfiles", "node_modules",
)  # fmt: skip
sys.path.append(str(ROOT / "scripts"))  # for tests of the package `launch`

# Where the coverage of these processes would go to does not exist in the copy.
NOT_PASSED_ON = ("COV_", "COVERAGE_", "PIP_", "DJANGO_", "PYTEST_", "MAKE", "MFLAGS")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the checkout as a stranger has it after `git clone`."""
    copy = tmp_path / "autoforge"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    (copy / "data").mkdir()
    return copy


@pytest.fixture
def clean_environ(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a new user on this machine: nothing of ours, no pip settings."""
    from autoforge.environment import VARIABLES

    ours = {name for row in VARIABLES for name in (row.name, row.alias, f"{row.name}_FILE")}
    ours |= {"ENV_FILE", "VENV", "PYTHON", "ARGS", "VIRTUAL_ENV"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(NOT_PASSED_ON)
    }
    home = tmp_path / "home"
    home.mkdir()
    return kept | {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull}


def run_python(project: Path, environ: dict[str, str], *arguments: str, python: str = ""):
    """Run a script of the project with this test's interpreter, and return what it said."""
    return subprocess.run(
        [python or sys.executable, *arguments],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def without_root_rights(command: list[str]) -> list[str]:
    """Return `command` so that file permissions count for it, also where the tests run as root."""
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("permissions do not bind root, and there is no setpriv to give up its rights")
    dropped = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={dropped}", f"--inh-caps={dropped}", *command]
