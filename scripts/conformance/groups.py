"""Which of Django's test modules there are, and which run in one process.

A group has databases with its own modules' tables only, so that emptying them is quick, and a
crash costs no more than its group.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from launch.errors import LaunchError

__all__ = ["FAST", "all_modules", "choose_groups"]

FAST: Final = (
    *("basic", "queries", "transactions", "lookup", "expressions", "aggregation", "db_functions"),
    *("schema", "migrations", "backends", "model_fields", "timezones"),
)
# As in Django's runtests.py: two that only serve other tests, and those of a GIS database.
NOT_TESTS: Final = {"import_error_package", "test_runner_apps", "gis_tests"}
GROUP_SIZE: Final = 12  # modules: what a crash costs, and how many tables a flush has to empty


def all_modules(tests: Path) -> list[str]:
    """Return the names of the test modules in Django's folder of tests."""
    packages = {path.parent.name for path in tests.glob("*/__init__.py")}
    return sorted(packages - NOT_TESTS)


def choose_groups(modules: Sequence[str], named: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the groups to run.

    Args:
        modules: all there are.
        named: those that are asked for; none: all.

    Raises:
        LaunchError: one that is asked for does not exist.
    """
    unknown = sorted(set(named) - set(modules))
    if unknown:
        raise LaunchError(f"Django has no test module named {', '.join(unknown)}.")
    chosen = set(named or modules)
    # The quick run's modules stay together: what SQLite did with them is then kept for both runs.
    fast = [name for name in FAST if name in chosen]
    others = [name for name in modules if name in chosen and name not in FAST]
    return [*_split(fast), *_split(others)]


def _split(names: Sequence[str]) -> list[tuple[str, ...]]:
    starts = range(0, len(names), GROUP_SIZE)
    return [tuple(names[start : start + GROUP_SIZE]) for start in starts]
