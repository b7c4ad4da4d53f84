"""Where models are asked: addresses joined with paths, and networks that are not asked.

An address of a model may come from a configuration in a pull request, or from a form: which kinds
of networks there are, and what is refused, is in `core.addresses`.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from core import addresses
from core.addresses import LOOPBACK, PRIVATE, IPAddress
from core.sentences import Sentence
from evaluations.engine.errors import SetupError
from evaluations.engine.providers.services import ADDRESS_VARIABLES

__all__ = ["ALLOWED_NETWORKS", "Policy", "join_url", "make_policy"]

ALLOWED_NETWORKS: Final = "MODEL_ALLOWED_NETWORKS"
ON_A_LAPTOP: Final = f"{LOOPBACK},{PRIVATE}"


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

    allowed: addresses.AddressPolicy

    def check_host(self, host: str) -> None:
        """Refuse a host that is a number already.

        Raises:
            SetupError: it may not be asked; says why and what would allow it.
        """
        kind = self.allowed.find_refusal_of_number(host)
        if kind is not None:
            raise _refuse(host, kind)

    def may_be_unencrypted(self, host: str) -> bool:
        """Whether http:// may stand before a host: on our own networks, where we allow them."""
        name = host.lower().rstrip(".")
        if name in self.allowed.hosts or name in self.allowed.named_hosts:
            return True
        try:
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return name == "localhost" and LOOPBACK in self.allowed.kinds
        # `check_host` has looked at the address: what is not public is allowed by name.
        return not self.allowed.is_public(address)

    def check(self, host: str, address: IPAddress) -> None:
        """Refuse an address that may not be connected to.

        Raises:
            SetupError: as above.
        """
        kind = self.allowed.find_refusal(host, address)
        if kind is not None:
            shown = host if host == str(address) else f"{host} ({address})"
            raise _refuse(shown, kind)


def _refuse(address: str, kind: Sentence) -> SetupError:
    return SetupError("address.refused", address=address, kind=kind, setting=ALLOWED_NETWORKS)


def make_policy(environment: Mapping[str, str]) -> Policy:
    """Return which addresses may be connected to.

    MODEL_ALLOWED_NETWORKS names what is allowed besides public addresses. Its default in local is
    this machine and private networks, where models of a laptop run; in staging and production it is
    nothing. Hosts that the operator's own variables name may be there anyway. Link-local and
    metadata addresses are refused everywhere unless a network or a host among them is named.
    """
    urls = [environment.get(variable, "") for variable in ADDRESS_VARIABLES.values()]
    hosts = frozenset(urlsplit(url).hostname or "" for url in urls)
    text = environment.get(ALLOWED_NETWORKS, ON_A_LAPTOP)
    return Policy(allowed=addresses.make_policy(text, hosts=hosts))
