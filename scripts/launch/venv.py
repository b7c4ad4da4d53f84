"""Make the virtual environment, and install into it when what is asked for has changed.

A stamp in the environment holds what was installed. It is written last: an install that was
interrupted is done again. An environment that no longer runs (the checkout was moved, its Python
was removed) is made anew. Standard library only.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from launch.errors import LaunchError
from launch.pip import fetch_uv
from launch.terminal import note, set_up, step
from launch.uv import install, install_folder

__all__ = ["ROOT", "main", "prepare"]

ROOT = Path(__file__).resolve().parent.parent.parent
UV = ROOT / "requirements-uv.txt"
# The libSQL backend. Hashes and a folder do not go together, so no requirements file names it.
PACKAGE = ROOT / "packages" / "django-hrana"
RUNS_AUTOFORGE = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-django61.txt",
    "requirements-libsql.txt",
)


def main(arguments: Sequence[str]) -> int:
    """Prepare the environment that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Make a virtual environment and install into it.")
    parser.add_argument("requirements", nargs="+", help="files of pinned packages")
    parser.add_argument("--venv", default=os.environ.get("VENV") or ".venv", help="its folder")
    options = parser.parse_args(arguments)
    set_up()
    try:
        with _alone():
            prepare(ROOT / options.venv, [ROOT / name for name in options.requirements])
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next run continues from here.", file=sys.stderr)
        return 130
    return 0


def prepare(venv: Path, requirements: Sequence[Path]) -> None:
    """Make `venv` if it is missing or broken, and install each file that has changed.

    Raises:
        LaunchError: it cannot be made, or pip or uv failed.
    """
    if not _is_usable(venv):
        _check_permission(venv)
        _make(venv)
    python, log = venv / "bin" / "python", venv / "pip.log"
    for path in requirements:
        if _is_installed(venv, path):
            continue
        _check_permission(venv)
        if not _is_installed(venv, UV):
            fetch_uv(python, UV, path.name, log)
            _stamp(venv, UV)
        step(install(python, path, log))
        _stamp(venv, path)
    if any(path.name in RUNS_AUTOFORGE for path in requirements):
        _install_package(venv, log)


def _install_package(venv: Path, log: Path) -> None:
    """Install our package as editable: what is changed in its folder counts at once.

    It is installed again where its metadata have changed.
    """
    stamp = venv / f".installed-{PACKAGE.name}"
    wanted = _fingerprint(venv, PACKAGE / "pyproject.toml")
    if _read(stamp) == wanted:
        return
    _check_permission(venv)
    step(install_folder(venv / "bin" / "python", PACKAGE, log))
    stamp.write_text(wanted, encoding="utf-8")


def _is_installed(venv: Path, requirements: Path) -> bool:
    return _read(venv / f".installed-{requirements.name}") == _fingerprint(venv, requirements)


def _stamp(venv: Path, requirements: Path) -> None:
    stamp = venv / f".installed-{requirements.name}"
    stamp.write_text(_fingerprint(venv, requirements), encoding="utf-8")


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other bootstrap works in this checkout."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        # Some network file systems have no locks: then two at once are the user's own affair.
        with suppress(OSError):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note("Waiting for another make command in this folder")
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_usable(venv: Path) -> bool:
    """Whether the environment runs, has pip, stands where it was made and has the asked Python."""
    python = venv / "bin" / "python"
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2], sys.prefix)"
    try:
        answer = subprocess.run(  # noqa: S603 (our own interpreter)
            [str(python), "-I", "-c", probe], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    version, _, prefix = answer.stdout.strip().partition(" ")
    if answer.returncode != 0 or Path(prefix).resolve() != venv.resolve():
        return False
    # Of an environment that was moved the interpreter runs, and its scripts name the old folder.
    # Two lines: a path that is long or holds spaces stands in the second, after #!/bin/sh.
    script = "\n".join(_read(venv / "bin" / "pip").splitlines()[:2])
    if script and f"{venv}/bin/" not in script and f"{venv.resolve()}/bin/" not in script:
        return False
    if os.environ.get("PYTHON", "").strip():  # somebody asks for this very Python
        return version == "{}.{}".format(*sys.version_info[:2])
    return tuple(map(int, version.split("."))) >= (3, 11)


def _make(venv: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = "{}.{}".format(*sys.version_info[:2])
        raise LaunchError(
            f"{sys.executable} (Python {version}) cannot create virtual environments because the "
            "venv module is missing. On Debian and Ubuntu, install it with: sudo apt-get install "
            f"python{version}-venv"
        )
    _remove(venv)
    made = subprocess.run(  # noqa: S603 (our own interpreter)
        [_base_python(), "-I", "-m", "venv", str(venv)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if made.returncode != 0:
        lines = (made.stderr or made.stdout).strip().splitlines()
        reason = lines[-1] if lines else "no reason given"
        raise LaunchError(f"The virtual environment {venv} could not be created: {reason}")
    step(f"Created {_relative_path(venv)} with Python {platform.python_version()}")


def _base_python() -> str:
    """Return this interpreter; if it is a virtual environment's, the one that that was made with.

    The environment may be the very one that is made anew.
    """
    if sys.prefix == sys.base_prefix:
        return sys.executable
    return str(Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info[:2]))


def _remove(venv: Path) -> None:
    """Remove what is in the way, if it is a virtual environment."""
    if not venv.exists() and not venv.is_symlink():
        return
    is_folder = venv.is_dir() and not venv.is_symlink()
    is_venv = (venv / "pyvenv.cfg").is_file() or (venv / "bin" / "python").is_symlink()
    may_be_replaced = is_folder and (is_venv or not any(venv.iterdir()))
    if not may_be_replaced:
        raise LaunchError(
            f"{venv} exists but is not a virtual environment that can be replaced. Move it away, "
            "then run the command again."
        )
    note(
        f"{_relative_path(venv)} no longer works here (moved, or a different Python); recreating it"
    )
    shutil.rmtree(venv)


def _check_permission(venv: Path) -> None:
    folder = venv if venv.is_dir() else venv.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LaunchError(
            f"No permission to write to {folder}. Use a copy of the project that you own, or "
            "change the owner of the folder."
        )


def _fingerprint(venv: Path, requirements: Path) -> str:
    """Return what was installed where: another hash, folder or Python needs a new install."""
    try:
        digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    except OSError as error:
        raise LaunchError(
            f"{requirements} cannot be read ({error.strerror}). Restore it, for example with: "
            f"git checkout -- {_relative_path(requirements)}"
        ) from error
    libraries = sorted(path.name for path in (venv / "lib").glob("python*"))
    return f"{digest} {venv.resolve()} {' '.join(libraries)}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _relative_path(path: Path) -> str:
    if path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return str(path)
