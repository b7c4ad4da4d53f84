"""The OPTIONS of a database that ask for a replica, and what opens it.

Nothing of the replica is imported without them: its locks are those of POSIX systems.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django_hrana.driver.connection import DEFAULT_TIMEOUT_SECONDS
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.network import Network, NetworkOptions

if TYPE_CHECKING:
    from django_hrana.replica.reader import Reader

__all__ = [
    "DEFAULT_MAX_AGE_SECONDS",
    "DEFAULT_SYNC_SECONDS",
    "READS",
    "REPLICA_OPTIONS",
    "open_reader",
]

REPLICA_OPTIONS: Final = (
    "replica",
    "replica_max_age_seconds",
    "replica_reads",
    "replica_sync_seconds",
)
# Who reads it: everybody, or requests that went through the middleware, and nobody else.
READS: Final = ("all", "requests")
NETWORK_OPTIONS: Final = tuple(NetworkOptions.__annotations__)
DEFAULT_SYNC_SECONDS: Final = 1.0
DEFAULT_MAX_AGE_SECONDS: Final = 10.0


def open_reader(url: str, options: Mapping[str, Any]) -> "Reader | None":
    """Return what reads the replica that the OPTIONS of a database name; None: they name none.

    Args:
        url: the database's address.
        options: `replica` is the path that its files' names begin with.
    """
    path = options.get("replica")
    if not path:
        return None
    from django_hrana.replica.process import find_replica
    from django_hrana.replica.reader import Reader

    network: Any = {name: options[name] for name in NETWORK_OPTIONS if name in options}
    replica = find_replica(
        Path(path),
        Endpoint.parse(url, options.get("namespace")),
        token=options.get("auth_token"),
        timeout_seconds=options.get("timeout") or DEFAULT_TIMEOUT_SECONDS,
        sync_seconds=options.get("replica_sync_seconds") or DEFAULT_SYNC_SECONDS,
        max_age_seconds=options.get("replica_max_age_seconds") or DEFAULT_MAX_AGE_SECONDS,
        network=Network.of(**network),
    )
    return Reader(replica, is_for_requests=options.get("replica_reads") == "requests")
