"""Where requests may go: addresses joined with paths, and networks that are not asked.

An address of a model may come from a configuration in a pull request, or from a form: it must not
reach the machine's own metadata, nor services behind the firewall. What counts is the address that
is connected to, so it is checked after each resolution (`resolving`) and, where the host is a
number already, before.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from core.sentences import Sentence
from evaluations.engine.errors import SetupError
from evaluations.engine.providers.base import ADDRESSES

__all__ = ["ALLOWED_NETWORKS", "LOOPBACK", "Policy", "join_url", "make_policy"]

ALLOWED_NETWORKS: Final = "MODEL_ALLOWED_NETWORKS"

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
ON_A_LAPTOP: Final = f"{LOOPBACK},{PRIVATE}"
KINDS: Final = {
    LOOPBACK: "address.loopback",
    LINK_LOCAL: "address.link-local",
    PRIVATE: "address.private",
}


def join_url(base: str, path: str, *, version: str = "") -> str:
    """Return the address of an endpoint.

    The address's own path and query (such as `?api-version=…`) stay; a slash at its end, a version
    or the endpoint itself may stand there already.

    Args:
        base: what a person set.
        path: the endpoint, such as /chat/completions.
        version: what stands before it and may be missing in `base`, such as /v1.
    """
    parts = urlsplit(base)
    before = parts.path.rstrip("/")
    before = before.removesuffix(path).rstrip("/")
    if version and not before.endswith(version):
        before += version
    return urlunsplit((parts.scheme, parts.netloc, f"{before}{path}", parts.query, ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which addresses may be connected to."""

    kinds: frozenset[str]
    """Some of LOOPBACK, PRIVATE and PUBLIC."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    """Networks that are allowed besides."""
    hosts: frozenset[str] = frozenset()
    """Names of hosts whose loopback or private addresses are allowed; in lower case."""
    named_hosts: frozenset[str] = frozenset()
    """Names of hosts that may have any address."""

    def check_host(self, host: str) -> None:
        """Refuse a host that is a number already.

        Raises:
            SetupError: it may not be asked; says why and what would allow it.
        """
        try:
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return  # a name: it is checked when it is resolved
        self.check(host, address)

    def check(self, host: str, address: IPAddress) -> None:
        """Refuse an address that may not be connected to.

        Raises:
            SetupError: as above.
        """
        bare = _unwrapped(address)
        name = host.lower().rstrip(".")
        kind = _kind_of(bare)
        if kind in self.kinds or name in self.named_hosts:
            return
        if kind in (LOOPBACK, PRIVATE) and name in self.hosts:
            return
        if any(bare in network for network in self.networks):
            return
        shown = host if host == str(address) else f"{host} ({address})"
        what = Sentence(KINDS[kind])
        raise SetupError("address.refused", address=shown, kind=what, setting=ALLOWED_NETWORKS)


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


def make_policy(environment: Mapping[str, str]) -> Policy:
    """Return which addresses may be connected to.

    MODEL_ALLOWED_NETWORKS names what is allowed besides public addresses. Its default in local is
    this machine and private networks, where models of a laptop run; in staging and production it is
    nothing. Hosts that the operator's own variables name may be there anyway. Link-local and
    metadata addresses are refused everywhere unless a network or a host among them is named.
    """
    kinds = {PUBLIC}
    networks, named = [], set()
    for entry in environment.get(ALLOWED_NETWORKS, ON_A_LAPTOP).split(","):
        text = entry.strip().lower()
        if text in (LOOPBACK, PRIVATE):
            kinds.add(text)
            continue
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            named.add(text)
    urls = [environment.get(variable, "") for variable in ADDRESSES.values()]
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return Policy(
        kinds=frozenset(kinds),
        networks=tuple(networks),
        hosts=frozenset(hosts - {""}),
        named_hosts=frozenset(named - {""}),
    )
