"""Find the chromium that the browser tests drive, or install Debian's where that is possible."""

import os
import platform
import shutil
import subprocess
from typing import Final

from launch.terminal import Progress

__all__ = ["NAMES", "ensure"]

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES: Final = ("chromium", "fonts-noto-cjk")  # the fonts, so that Japanese pages show text
# Images of Debian come without the package lists.
UPDATE: Final = ("apt-get", "update", "-qq")
INSTALL: Final = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)


def ensure() -> str | None:
    """Return why the browser tests will be skipped, or None if there is a chromium for them.

    Packages are installed only on Debian, only as root or with a sudo that asks nothing, and not
    with `CHROMIUM=no` in the environment.
    """
    if _is_installed():
        return None
    if os.environ.get("CHROMIUM") == "no":
        return "Chromium is not installed, and CHROMIUM=no prevents installing it"
    prefix = _root_prefix()
    if not _is_debian() or prefix is None:
        return "Chromium is not installed; install it (on Debian: sudo apt-get install chromium)"
    progress = Progress("Installing Debian's chromium for the browser tests (once)")
    for command in (UPDATE, INSTALL):
        if not _run([*prefix, *command], progress):
            progress.clear()
            return f"Chromium is not installed, and “{' '.join(command)}” failed"
    progress.clear()
    if not _is_installed():
        return "Chromium cannot be found, although its package was installed"
    return None


def _is_installed() -> bool:
    return any(shutil.which(name) for name in NAMES)


def _is_debian() -> bool:
    if shutil.which("apt-get") is None:
        return False
    try:  # Ubuntu's package of that name is an empty one that asks for a snap
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def _root_prefix() -> list[str] | None:
    """Return what makes a command run as root without a question, or None if nothing does."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)  # noqa: S603 (a fixed command)
    if asked.returncode != 0:  # it would ask for a password
        return None
    return [sudo, "-n"]


def _run(command: list[str], progress: Progress) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with subprocess.Popen(  # noqa: S603 (a fixed command)
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while True:
            try:
                return process.wait(timeout=1) == 0
            except subprocess.TimeoutExpired:
                progress.update(PACKAGES[0] if "install" in command else "lists")
