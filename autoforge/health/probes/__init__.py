"""One file a probe. It returns what it saw (a hint may stand on a second line), or raises.

To add one: write `<name>.py` with a function `probe`, and a line here.
"""

from collections.abc import Callable
from typing import Final

from autoforge.health.probes import (
    cache,
    database,
    disk,
    migrations,
    permissions,
    tables,
    token,
    write,
)

__all__ = ["PROBES"]

PROBES: Final[dict[str, Callable[[], str]]] = {
    "database": database.probe,
    "migrations": migrations.probe,
    "tables": tables.probe,
    "write": write.probe,
    "cache": cache.probe,
    "disk": disk.probe,
    "token": token.probe,
    "permissions": permissions.probe,
}
