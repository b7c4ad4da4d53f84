"""Circles of files: modules that import each other, directly or through others, found by grimp.

grimp finds a package where Python would import it from, and two sources hold packages of the same
name. So each is looked at in a process of its own: `python -m measure.circles PACKAGE…` prints each
circle as a line of JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import grimp
from launch.errors import LaunchError

from measure.sources import Source

__all__ = ["find_circles", "list_circles"]

SCRIPTS: Final = Path(__file__).resolve().parent.parent


def list_circles(source: Source) -> list[list[str]]:
    """Return the circles of a source, each as the sorted names of its modules.

    Raises:
        LaunchError: grimp could not read the packages.
    """
    search_path = [SCRIPTS, *source.search_path]
    # -P: else the present folder came first, and with it this checkout's packages.
    done = subprocess.run(  # noqa: S603 (this very module)
        [sys.executable, "-P", "-m", "measure.circles", *source.packages],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, search_path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LaunchError(f"The imports of {source.name} cannot be read: {reason}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def find_circles(packages: Sequence[str]) -> list[list[str]]:
    """Return the circles among the modules of packages on this process's search path.

    Imports for annotations alone (`if TYPE_CHECKING`) bind nothing when the program runs, and do
    not count, as for import-linter. Nor does a way back that leaves the packages.
    """
    tops = {package.partition(".")[0] for package in packages}
    graph = grimp.build_graph(*tops, exclude_type_checking_imports=True, cache_dir=None)
    left = _list_modules(graph.modules, packages)
    for module in graph.modules - left:
        for imported in graph.find_modules_directly_imported_by(module):
            graph.remove_import(importer=module, imported=imported)
    circles = []
    while left:
        module = min(left)
        # Whoever imports it and is imported by it, over any number of steps.
        around = graph.find_upstream_modules(module) & graph.find_downstream_modules(module)
        circle = {module, *around}
        left -= circle
        if around:
            circles.append(sorted(circle))
    return circles


def _list_modules(modules: Iterable[str], packages: Sequence[str]) -> set[str]:
    prefixes = tuple(f"{package}." for package in packages)
    return {module for module in modules if f"{module}.".startswith(prefixes)}


if __name__ == "__main__":
    for names in find_circles(sys.argv[1:]):
        print(json.dumps(names))
