"""Where a request comes from, behind any number of proxies: for the log and for locking out.

`X-Forwarded-For` is written by whoever sends it. Each proxy adds the address that it was asked
from at the end, so exactly as many entries can be believed as there are proxies of ours
(`TRUSTED_PROXIES`), counted from the end; what stands before them is the caller's own invention.
"""

import ipaddress
from typing import Final

from django.conf import settings
from django.http import HttpRequest

__all__ = ["HEADER", "find_client_address", "find_client_network", "find_network"]

HEADER: Final = "HTTP_X_FORWARDED_FOR"
# What one customer of an IPv6 provider has at least: single addresses of it are endless.
IPV6_PREFIX: Final = 64
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def find_client_address(request: HttpRequest) -> str | None:
    """Return the IP address of the client, or None where there is none (a Unix socket)."""
    address = _find(request)
    return None if address is None else str(address)


def find_client_network(request: HttpRequest, *_arguments: object) -> str | None:
    """Return what stands for the client when attempts are counted.

    The address itself, and of IPv6 the first one of its /64.
    """
    address = _find(request)
    return None if address is None else find_network(address)


def find_network(address: Address) -> str:
    """Return what attempts of this address are counted under."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    network = ipaddress.ip_network((address, IPV6_PREFIX), strict=False)
    return str(network.network_address)


def _find(request: HttpRequest) -> Address | None:
    """Return the address that the outermost proxy of ours was asked from."""
    hops: int = settings.TRUSTED_PROXIES
    peer = _parse(request.META.get("REMOTE_ADDR", ""))
    if not hops:
        return peer
    entries = request.META.get(HEADER, "").split(",")
    for text in entries[-hops:]:
        address = _parse(text)
        if address is not None:
            # With fewer entries than proxies it came in behind the first one, as health checks do.
            return address
    return peer


def _parse(text: str) -> Address | None:
    """Return the address of an entry, without the port and brackets that some proxies write."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
