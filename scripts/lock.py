"""`make lock`: resolve requirements*.in into requirements*.txt, pinned and hashed.

One resolution for every supported Python; neither an index nor a machine's paths get into a file.
The Django 6.1 file is for `make test-matrix` alone, that of the documentation for `make docs`,
that of other people's clients for `make clients`, that of other people's Django packages for
`make third-party`, that of the measures for `make measure`, those of load, scans and Node.js for
`make load`, `make audit`, `make sbom` and `make cloudflare`.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.terminal import set_up, step
from launch.tools import run

OPTIONS: Final = (
    "--universal",
    "--generate-hashes",
    # Else pip takes the newest release for `coverage[toml]` and finds no hash.
    "--no-strip-extras",
    "--quiet",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=make lock",
)
# The oldest Python that a file is for: later ones get the same pins.
OLDEST: Final = "--python-version=3.11"
# Else the file could drift from what the runtime pins.
SAME: Final = "--constraint=requirements.txt"
LOCKS: Final[dict[str, tuple[str, ...]]] = {
    "requirements-uv.txt": ("requirements-uv.in", OLDEST),
    "requirements.txt": ("requirements.in", OLDEST),
    "requirements-libsql.txt": ("requirements-libsql.in", OLDEST, SAME),
    "requirements-dev.txt": ("requirements-dev.in", OLDEST, SAME),
    "requirements-docs.txt": ("requirements-docs.in", OLDEST),
    "requirements-clients.txt": ("requirements-clients.in", OLDEST),
    "requirements-load.txt": ("requirements-load.in", OLDEST),
    "requirements-node.txt": ("requirements-node.in", OLDEST),
    "requirements-scans.txt": ("requirements-scans.in", OLDEST),
    "requirements-third-party.txt": ("requirements-third-party.in", OLDEST, SAME),
    "requirements-django61.txt": (
        "requirements-dev.in",
        "--override=requirements-django61.in",
        "--python-version=3.12",
    ),
    "scripts/measure/requirements.txt": ("scripts/measure/requirements.in", OLDEST),
}


def main() -> int:
    """Write every lock file; return the first status that is not 0.

    Versions stay as they are where they can; `make lock ARGS=--upgrade` takes the newest.
    """
    more = shlex.split(os.environ.get("ARGS", ""))
    set_up()
    for output, sources in LOCKS.items():
        command = ("uv", "pip", "compile", *sources, *OPTIONS, "--output-file", output)
        status = run((*command, *more)).returncode
        if status != 0:
            return status
        step(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
