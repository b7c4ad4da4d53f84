"""Where requests of this machine may go: kinds of networks, and which of them are allowed.

An address that somebody else chose (a model's in a pull request, a webhook's in a form) must not
reach the machine's own metadata, nor services behind the firewall. What counts is the address that
is connected to, so it is checked after each resolution (`core.resolving`) and, where the host is a
number already, before. How a refusal is worded is left to whoever asks.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final

from core.sentences import Sentence

__all__ = ["LOOPBACK", "PRIVATE", "PUBLIC", "AddressPolicy", "IPAddress", "make_policy"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Clouds tell a machine its keys here; some of them stand outside the link-local networks.
METADATA: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local (RFC 3927): AWS, Azure, Google Cloud, OpenStack
            "fe80::/10",  # link-local (RFC 4291)
            "fd00:ec2::254/128",  # AWS
            "fd20:ce::254/128",  # Google Cloud
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure's own services
            "192.0.0.192/32",  # Oracle Cloud
        ),
    )
)
NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
LOOPBACK, LINK_LOCAL, PRIVATE, PUBLIC = "loopback", "link-local", "private", "public"
KINDS: Final = {
    LOOPBACK: "address.loopback",
    LINK_LOCAL: "address.link-local",
    PRIVATE: "address.private",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPolicy:
    """Which addresses may be connected to."""

    kinds: frozenset[str]
    """Some of LOOPBACK, PRIVATE and PUBLIC."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    """Networks that are allowed besides."""
    hosts: frozenset[str] = frozenset()
    """Names of hosts whose loopback or private addresses are allowed; in lower case."""
    named_hosts: frozenset[str] = frozenset()
    """Names of hosts that may have any address."""

    def find_refusal_of_number(self, host: str) -> Sentence | None:
        """Return what kind of address a host is, if it is a number already and refused."""
        try:
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return None  # a name: it is checked when it is resolved
        return self.find_refusal(host, address)

    def find_refusal(self, host: str, address: IPAddress) -> Sentence | None:
        """Return what kind of address it is, if it may not be connected to; else None."""
        bare = _unwrapped(address)
        name = host.lower().rstrip(".")
        kind = _kind_of(bare)
        if kind in self.kinds or name in self.named_hosts:
            return None
        if kind in (LOOPBACK, PRIVATE) and name in self.hosts:
            return None
        if any(bare in network for network in self.networks):
            return None
        return Sentence(KINDS[kind])

    @staticmethod
    def is_public(address: IPAddress) -> bool:
        """Whether an address stands in the public internet."""
        return _kind_of(_unwrapped(address)) == PUBLIC


def _unwrapped(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in network for network in NAT64):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _kind_of(address: IPAddress) -> str:
    if any(address in network for network in METADATA):
        return LINK_LOCAL
    if address.is_loopback or address.is_unspecified:
        return LOOPBACK
    # Not is_private alone: shared (RFC 6598), multicast and reserved ones are no services either.
    return PUBLIC if address.is_global and not address.is_multicast else PRIVATE


def make_policy(allowed: str, *, hosts: frozenset[str] = frozenset()) -> AddressPolicy:
    """Return a policy of public addresses and what a variable allows besides.

    Args:
        allowed: networks, names of hosts, `loopback` or `private`, with commas between them.
            Link-local and metadata addresses are allowed only where a network or a host among them
            is named.
        hosts: names of hosts that may be loopback or private anyway.
    """
    kinds = {PUBLIC}
    networks, named = [], set()
    for entry in allowed.split(","):
        text = entry.strip().lower()
        if text in (LOOPBACK, PRIVATE):
            kinds.add(text)
            continue
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            named.add(text)
    return AddressPolicy(
        kinds=frozenset(kinds),
        networks=tuple(networks),
        hosts=hosts - {""},
        named_hosts=frozenset(named - {""}),
    )
