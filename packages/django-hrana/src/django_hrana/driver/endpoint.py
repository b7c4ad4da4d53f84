"""The location of a database, parsed from its URL; without sockets and secrets."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from django_hrana.driver.errors import InterfaceError

__all__ = ["Endpoint"]

SCHEMES: Final = {"libsql": True, "https": True, "http": False}  # and whether they mean TLS
PORTS: Final = {True: 443, False: 80}
# One label of a host name (RFC 1035 allows 63 characters): the Host header carries it.
NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
ALLOWED: Final = "write libsql://host, https://host or http://host:port"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Address of one database."""

    host: str
    """Name or IP address to connect to, without brackets."""
    port: int
    """TCP port."""
    is_tls: bool
    """Whether the connection is encrypted."""
    namespace: str | None = None
    """Name of the database on a server with many of them; None: the host's name says it."""
    path: str = ""
    """What comes before /v3 on a server behind a path; no slash at its end."""

    @classmethod
    def parse(cls, url: str, namespace: str | None = None) -> Self:
        """Parse a database URL.

        Args:
            url: `libsql://host` (TLS; `?tls=0` for none), `https://host` or `http://host:port`;
                `?namespace=name` has the same meaning as the argument, and takes precedence.
            namespace: name of the database on a server with several.

        Raises:
            InterfaceError: the URL or the namespace is not valid; possible secrets are not shown.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InterfaceError(f"the database URL is not valid: {ALLOWED}") from error
        is_valid = parts.scheme in SCHEMES and port != 0
        # White space would end the Host header's line, and begin one of the URL's author.
        if not is_valid or not host or re.search(r"[\s\0]", host):
            raise InterfaceError(f"the database URL has no valid scheme or host: {ALLOWED}")
        if "@" in parts.netloc or parts.fragment:
            raise InterfaceError(
                "the database URL contains a user, a password or a #: set the token in auth_token"
            )
        options = _options(parts.query, parts.scheme)
        namespace = options.get("namespace", namespace)
        if namespace is not None and not NAMESPACE.fullmatch(namespace):
            raise InterfaceError(
                "the namespace is not valid: 1 to 63 letters, digits, - and _, with no dot"
            )
        is_tls = SCHEMES[parts.scheme] and options.get("tls") != "0"
        return cls(
            host=host,
            port=port or PORTS[is_tls],
            is_tls=is_tls,
            namespace=namespace,
            path=parts.path.rstrip("/"),
        )

    @property
    def header(self) -> str:
        """The Host header; its first label selects the database on a server with several.

        An IP address has no such label; its first number would be taken for a database.
        """
        name = "localhost" if _is_address(self.host) else self.host
        if self.namespace:
            name = f"{self.namespace}.{name}"
        return f"{name}{self._suffix}"

    @property
    def _suffix(self) -> str:
        if self.port == PORTS[self.is_tls]:
            return ""
        return f":{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, judging by its name."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")

    def __str__(self) -> str:
        """Return the address for messages."""
        scheme = "https" if self.is_tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host  # IPv6
        address = f"{scheme}://{host}{self._suffix}{self.path}"
        if self.namespace:
            address += f" (namespace {self.namespace})"
        return address


def _options(query: str, scheme: str) -> dict[str, str]:
    """Return what stands behind the ? of the URL."""
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    allowed = {"namespace"}
    if scheme == "libsql":  # http and https say it themselves
        allowed.add("tls")
    is_repeated = len(options) != len(pairs)
    if is_repeated or set(options) - allowed or options.get("tls", "0") not in "01":
        raise InterfaceError(
            "the database URL has a parameter other than namespace= (and tls=0 after libsql://): "
            "set the token in auth_token"
        )
    return options


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
