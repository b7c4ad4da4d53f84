"""`make check`: every check that needs no test run; each one's output only where it fails.

All of them run, also after a failure. `--fix` is `make fmt`: it formats instead.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launch.terminal import say, set_up, step, warn
from launch.tools import run

PACKAGES: Final = (
    "autoforge",
    "core",
    "evaluations",
    "packages/autoforge-client/src/autoforge_client",
    "packages/django-hrana/src/django_hrana",
    "prompts",
)
NO_SQL: Final = (
    "-x",
    "packages,core/events/migrations,prompts/migrations,evaluations/migrations",
    "-r",
    "manage.py",
)
# bandit reports from medium severity up. It leaves out where building SQL is the business (the
# backend, triggers, migrations) and scripts/: ruff's rules S, which are the same, judge every line
# of them that starts a program, each with its reason.
CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "types": ("mypy", *PACKAGES, "scripts"),
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "--no-cache", "."),
    "layers": ("lint-imports", "--no-cache"),
    "security": ("bandit", "-q", "-ll", "-c", "pyproject.toml", *NO_SQL, *PACKAGES),
    "migrations": ("python", "-W", "error", "manage.py", "makemigrations", "--check", "--dry-run"),
    "system checks": ("python", "-W", "error", "manage.py", "check", "--fail-level", "WARNING"),
    "template format": ("djlint", "--check", "--quiet", "templates"),
    "template lint": ("djlint", "--lint", "--quiet", "templates"),
    "shell": ("python", "scripts/check_shell.py"),
    "Dockerfile": ("hadolint", "Dockerfile"),
    "workflows": ("actionlint",),
    "workflow security": ("zizmor", "--offline", "--quiet", ".github"),
    "compose": ("python", "scripts/check_compose.py"),
    "images": ("python", "scripts/pin_images.py"),
    "proxy": ("python", "scripts/check_proxy.py"),
}
# In this order: a fix may leave a line that has to be formatted.
FIXES: Final[tuple[tuple[str, ...], ...]] = (
    ("ruff", "check", "--fix-only", "--quiet", "."),
    ("ruff", "format", "."),
    ("djlint", "--reformat", "--quiet", "templates"),
)
AT_ONCE = 2


def main(arguments: Sequence[str]) -> int:
    """Run the checks, or format; return 0 if all is well, else 1."""
    set_up()
    if "--fix" in arguments:
        return fix()
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(_check, CHECKS))
    failed = [name for name, passed in zip(CHECKS, outcomes, strict=True) if not passed]
    seconds = time.monotonic() - started
    if failed:
        say(f"make check: {', '.join(failed)} failed ({seconds:.0f} s)")
        return 1
    say(f"make check: all {len(CHECKS)} checks passed ({seconds:.0f} s)")
    return 0


def fix() -> int:
    """Format code and templates; return 0, or 1 if a tool could not."""
    statuses = [run(command).returncode for command in FIXES]
    return int(statuses[1] != 0)  # the linters' own status only says that something is left


def _check(name: str) -> bool:
    command = CHECKS[name]
    done = run(command, capture=True)
    if done.returncode == 0:
        step(name)
        return True
    warn(f"{name} failed: {' '.join(command)}\n{done.stdout.rstrip()}\n")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
