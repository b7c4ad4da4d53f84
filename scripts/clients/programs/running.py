"""How the programs of this folder run their checks: one line for each, the rest at the end."""

import sys
import traceback
from collections.abc import Callable

__all__ = ["check", "run"]

CHECKS: list[Callable[[], None]] = []


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Let a function be run, in the order of the file."""
    CHECKS.append(function)
    return function


def run() -> None:
    """Run all checks and end the program."""
    failures = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
        except Exception:  # noqa: BLE001 (of any client)
            failures += 1
            print(f"  FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"  ok {name}")
    sys.exit(1 if failures else 0)
