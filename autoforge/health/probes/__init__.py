"""One file a probe: its function `probe` returns what it saw, or raises a ProbeError.

What it returns may have a hint on a second line. A new file is found by itself; it has the name
by which people ask for it.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Final

__all__ = ["PROBES"]

PROBES: Final[dict[str, Callable[[], str]]] = {
    module.name: import_module(f"{__name__}.{module.name}").probe
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
}
