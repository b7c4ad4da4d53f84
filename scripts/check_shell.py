"""Check every shell script's syntax with the shell that its first line names."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("scripts", ".ci", "docker", "deploy")


def main() -> int:
    """Return 0 if every script can be read by its shell, else 1."""
    failed = False
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and (shell := _shell(path)):
                failed |= subprocess.run([shell, "-n", str(path)], check=False).returncode != 0  # noqa: S603 (the shell is one of two names)
    return int(failed)


def _shell(path: Path) -> str | None:
    first_line = path.read_bytes()[:100].partition(b"\n")[0]
    if not first_line.startswith(b"#!"):
        return None
    return {b"sh": "sh", b"bash": "bash"}.get(first_line.split()[-1].rpartition(b"/")[2])


if __name__ == "__main__":
    sys.exit(main())
