"""The JavaScript clients: installed from npm into the cache folder, as their lock file says."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from launch.tools import ROOT

__all__ = ["OURS", "build", "install"]

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / ".cache" / "clients"
OURS: Final = "autoforge-client-js"
LOCK: Final = "package-lock.json"


def install() -> Path:
    """Install what has changed; return the folder with the packages, programs and our client."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    installed = FOLDER / "node_modules" / ".installed"
    lock = (HERE / LOCK).read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != lock:
        for name in ("package.json", LOCK):
            shutil.copy(HERE / name, FOLDER / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True)  # noqa: S603 (npm by its name)
        installed.write_text(lock, encoding="utf-8")
    for program in (HERE / "programs").glob("*.mjs"):
        shutil.copy(program, FOLDER / program.name)
    shutil.copytree(
        ROOT / "packages" / OURS,
        FOLDER / OURS,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("node_modules", "dist"),
    )
    return FOLDER


def build(folder: Path) -> None:
    """Compile our client, with its types checked; programs import it by its name."""
    compiler = folder / "node_modules" / ".bin" / "tsc"
    subprocess.run([str(compiler), "-p", OURS], cwd=folder, check=True)  # noqa: S603 (as above)
    link = folder / "node_modules" / "autoforge-client"
    if not link.is_symlink():
        link.symlink_to(folder / OURS)
