"""Names of hosts, resolved to addresses that may be connected to; for aiohttp's connector."""

import ipaddress
import socket
from collections.abc import Callable

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from core.addresses import IPAddress

__all__ = ["GuardedResolver"]


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses what `check` refuses: what it returns is what is connected to.

    Args:
        check: called with the host and each of its addresses; raises for one that is refused.
        free: hosts that are not checked: proxies, which the machine's own settings name.
    """

    def __init__(
        self, check: Callable[[str, IPAddress], None], free: frozenset[str] = frozenset()
    ) -> None:
        self._check = check
        self._free = free
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: the name is not known.
            Exception: what `check` raises, for the first address that is refused. A name with a
                good and a bad address is not tried: which of them is connected to would be chance.
        """
        results: list[ResolveResult] = await self._resolver.resolve(host, port, family)
        if host not in self._free:
            for result in results:
                without_zone = result["host"].partition("%")[0]
                self._check(host, ipaddress.ip_address(without_zone))
        return results

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._resolver.close()
