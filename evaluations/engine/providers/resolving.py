"""Names of hosts, resolved to addresses that may be connected to."""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from evaluations.engine.providers.addresses import Policy

__all__ = ["GuardedResolver"]


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses what the policy refuses: what it returns is what is connected to.

    Args:
        policy: which addresses are allowed.
        free: hosts that are not checked: proxies, which the machine's own settings name.
    """

    def __init__(self, policy: Policy, free: frozenset[str] = frozenset()) -> None:
        self._policy = policy
        self._free = free
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            SetupError: one of them is refused. A name with a good and a bad address is not tried:
                which of them is connected to would be chance.
            OSError: the name is not known.
        """
        results: list[ResolveResult] = await self._resolver.resolve(host, port, family)
        if host not in self._free:
            for result in results:
                without_zone = result["host"].partition("%")[0]
                self._policy.check(host, ipaddress.ip_address(without_zone))
        return results

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._resolver.close()
