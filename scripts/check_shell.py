"""Check every shell script: its syntax with the shell that its first line names, and shellcheck."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELLCHECK = Path(sys.prefix) / "bin" / "shellcheck"
FOLDERS = ("scripts", ".ci", "docker", "deploy")


def main() -> int:
    """Return 0 if every script can be read by its shell, else 1."""
    failed = False
    scripts = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and (shell := _shell(path)):
                scripts.append(str(path))
                failed |= subprocess.run([shell, "-n", str(path)], check=False).returncode != 0  # noqa: S603 (the shell is one of two names)
    failed |= subprocess.run([str(SHELLCHECK), *scripts], check=False).returncode != 0  # noqa: S603 (the tool of this environment)
    return int(failed)


def _shell(path: Path) -> str | None:
    first_line = path.read_bytes()[:100].partition(b"\n")[0]
    if not first_line.startswith(b"#!"):
        return None
    return {b"sh": "sh", b"bash": "bash"}.get(first_line.split()[-1].rpartition(b"/")[2])


if __name__ == "__main__":
    sys.exit(main())
