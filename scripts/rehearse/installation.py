"""One installation as staging has it: releases beside each other, one env file, web and worker."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final

from launch.sqld import free_port
from launch.tools import BIN, ROOT

__all__ = ["Installation", "RehearsalError"]

START_SECONDS: Final = 60  # a busy machine; it takes three
STOP_SECONDS: Final = 20  # what the product promises
SHOWN: Final = 3000  # characters of what a failed program said


class RehearsalError(Exception):
    """The rehearsal failed; `str()` says at what."""


class Installation:
    """What a host has: `releases/1`, `releases/2`, the link `current`, and `shared/`.

    Attributes:
        shared: the folder of what outlives a release: the env file, secrets, backups.
        env_file: the rendered file that all processes read.
        port: where the web server answers.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folders; no release is there yet."""
        self.folder = folder
        self.shared = folder / "shared"
        self.shared.mkdir(mode=0o700)
        self.env_file = self.shared / ".env"
        self.port = free_port()
        self.current = folder / "current"
        self._write_shim(folder / "bin")
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def _write_shim(self, folder: Path) -> None:
        """Make `manage.py` a command, as the guides write it."""
        folder.mkdir()
        shim = folder / "manage.py"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" manage.py "$@"\n', encoding="utf-8")
        shim.chmod(0o755)

    # Releases

    def unpack(self, version: str) -> None:
        """Put the code of this checkout beside the others, as a release of that version."""
        release = self.folder / "releases" / version
        for name in self._list_files():
            target = release / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        marked = release / "autoforge" / "__init__.py"
        text = marked.read_text(encoding="utf-8")
        head, _, rest = text.partition("__version__ = ")
        after = rest.partition("\n")[2]
        marked.write_text(f'{head}__version__ = "{version}"\n{after}', encoding="utf-8")

    def switch(self, version: str) -> None:
        """Let `current` name a release, in one step."""
        link = self.folder / "next"
        link.symlink_to(self.folder / "releases" / version)
        link.replace(self.current)

    def _list_files(self) -> list[str]:
        """Return what git knows, and what it would add: names of files that are there."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(  # noqa: S603 (fixed arguments)
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
        names = listing.stdout.split("\0")
        outside = ("tests/", "docs/", "benchmarks/", "packages/autoforge-client")
        return [
            name
            for name in names
            if name and not name.startswith(outside) and (ROOT / name).is_file()
        ]

    # Programs

    @property
    def environment(self) -> dict[str, str]:
        """What processes of this installation are given: where the env file is, and no more."""
        return {
            "ENV_FILE": str(self.env_file),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join((str(self.folder / "bin"), str(BIN), os.environ["PATH"])),
            "PWD": str(self.current),  # as a shell sets it
            "PYTHONUNBUFFERED": "1",
            "SHARED": str(self.shared),
        }

    def manage(self, *arguments: str, stdin: str = "", status: int = 0, **more: str) -> str:
        """Run a command of the current release; return what it printed.

        Raises:
            RehearsalError: its exit status is not `status`.
        """
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "manage.py", *arguments],
            cwd=self.current,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != status:
            said = f"{done.stdout[-SHOWN:]}{done.stderr[-SHOWN:]}"
            raise RehearsalError(
                f"manage.py {' '.join(arguments[:3])} ended with {done.returncode} instead of "
                f"{status}: {said}"
            )
        return done.stdout

    def type(self, lines: str, **more: str) -> str:
        """Run lines of the guide in a shell, as an operator types them; return what they printed.

        Raises:
            RehearsalError: one of them failed.
        """
        done = subprocess.run(  # noqa: S603 (lines of our own guide)
            ["/bin/sh", "-euc", lines],
            cwd=self.current,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = f"{done.stdout[-SHOWN:]}{done.stderr[-SHOWN:]}"
            raise RehearsalError(f"{lines.strip()}\nended with {done.returncode}: {said}")
        return done.stdout

    def start(self, name: str, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a program that goes on; what it says goes to its log."""
        with self.open_log(name) as log:
            process = subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, *command],
                cwd=self.current,
                env=self.environment | more,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def stop(self, name: str, *, seconds: float = STOP_SECONDS) -> float:
        """End a program in order; return after how many seconds it was out.

        Raises:
            RehearsalError: it was not out in time, or said that it failed.
        """
        process = self._running.pop(name)
        began = time.monotonic()
        process.terminate()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RehearsalError(
                f"{name} was not out {seconds:g} s after SIGTERM: {self.read_log(name)}"
            ) from None
        if status != 0:
            raise RehearsalError(f"{name} ended with {status}: {self.read_log(name)}")
        return time.monotonic() - began

    def open_log(self, name: str) -> IO[bytes]:
        """Return a program's log, to be written on at its end."""
        return (self._logs / f"{name}.log").open("ab")

    def read_log(self, name: str) -> str:
        """Return the end of what a program has said."""
        log = self._logs / f"{name}.log"
        return log.read_text(encoding="utf-8", errors="replace")[-SHOWN:]

    def close(self) -> None:
        """End whatever still runs, and its children."""
        for process in self._running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()
