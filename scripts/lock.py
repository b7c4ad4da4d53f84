"""`make lock`: resolve requirements*.in into requirements*.txt, pinned and hashed.

One resolution for every supported Python; neither an index nor a machine's paths get into a file.
The Django 6.1 file is for `make test-matrix` alone, that of the documentation for `make docs`, and
that of the measures for `make measure`.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.terminal import set_up, step
from launch.tools import run

# Extras stay in the pins: else pip takes the newest release for `coverage[toml]` and finds no hash.
COMMON: Final = ("--universal", "--generate-hashes", "--no-strip-extras", "--quiet")
CLEAN: Final = ("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command")
LOCKS: Final[dict[str, tuple[str, ...]]] = {
    "requirements-uv.txt": ("requirements-uv.in", "--python-version", "3.11"),
    "requirements.txt": ("requirements.in", "--python-version", "3.11"),
    "requirements-libsql.txt": ("requirements-libsql.in", "--python-version", "3.11"),
    "requirements-dev.txt": ("requirements-dev.in", "--python-version", "3.11"),
    "requirements-docs.txt": ("requirements-docs.in", "--python-version", "3.11"),
    "requirements-django61.txt": (
        "requirements-dev.in",
        *("--override", "requirements-django61.in", "--python-version", "3.12"),
    ),
    "scripts/measure/requirements.txt": (
        "scripts/measure/requirements.in",
        *("--python-version", "3.11"),
    ),
}


SAME: Final = {"requirements-dev.txt", "requirements-libsql.txt"}


def main() -> int:
    """Write every lock file; return the first status that is not 0.

    Versions stay as they are where they can; `make lock ARGS=--upgrade` takes the newest.
    """
    more = shlex.split(os.environ.get("ARGS", ""))
    set_up()
    for output, sources in LOCKS.items():
        command = ("uv", "pip", "compile", *sources, *COMMON, *CLEAN, "make lock", "-o", output)
        # Else the development file could drift from what the runtime pins.
        same = ("--constraint", "requirements.txt") if output in SAME else ()
        status = run((*command, *same, *more)).returncode
        if status != 0:
            return status
        step(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
