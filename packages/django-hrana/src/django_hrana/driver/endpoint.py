"""The location of a database, parsed from its URL; without sockets and secrets."""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from django_hrana.driver.errors import InterfaceError

__all__ = ["SCHEMES", "Endpoint", "split_token"]

# And whether they mean TLS. Clients that speak over WebSockets write the same addresses with wss
# and ws; a server answers both at the same port.
SCHEMES: Final = {
    "libsql": True,
    "turso": True,
    "https": True,
    "wss": True,
    "http": False,
    "ws": False,
}
WITH_TLS_OPTION: Final = frozenset({"libsql", "turso"})  # the others say it themselves
IN_QUERY: Final = "authToken"  # what Turso's own clients call the token there
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
                `turso`, `wss` and `ws` mean `libsql`, `https` and `http`. `?namespace=name` has
                the same meaning as the argument, and takes precedence.
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

    def continued_at(self, base_url: str) -> "Endpoint":
        """Return where a stream of this database is continued, by the server's `base_url`.

        That may be the address of one of several servers, which says nothing of the database: its
        name goes with it, in the Host header.

        Raises:
            InterfaceError: the URL is not valid, or would send the token in plain text.
        """
        other = Endpoint.parse(base_url)
        if self.is_tls and not other.is_tls:
            raise InterfaceError(
                "the server asked to continue without encryption, which is not allowed"
            )
        if other.namespace is not None or other.host == self.host:
            return replace(other, namespace=other.namespace or self.namespace)
        label = _first_label(other.host)
        namespace = self.namespace or _first_label(self.host)
        is_named = label is not None and label == namespace
        return other if is_named else replace(other, namespace=namespace)

    def redirected_to(self, location: str, path: str) -> "Endpoint | None":
        """Return the address for a redirection that may be followed, else None.

        Only on the same host, and never to one without encryption: a request carries the token.

        Args:
            location: as the server says it, also relative.
            path: what was asked for below `self.path`.
        """
        if not location:
            return None
        scheme = "https" if self.is_tls else "http"
        try:
            parts = urlsplit(urljoin(f"{scheme}://{self.header}{self.path}{path}", location))
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        own_hosts = {self.host.lower(), (urlsplit(f"//{self.header}").hostname or "").lower()}
        is_allowed = (
            parts.scheme in ({"https"} if self.is_tls else {"https", "http"})
            and host in own_hosts
            and "@" not in parts.netloc
            and not (parts.query or parts.fragment)
            and parts.path.endswith(path)
            and parts.path.isascii()
        )
        if not is_allowed:
            return None
        is_tls = parts.scheme == "https"
        prefix = parts.path.removesuffix(path).rstrip("/")
        return replace(self, is_tls=is_tls, port=port or PORTS[is_tls], path=prefix)

    def __str__(self) -> str:
        """Return the address for messages."""
        scheme = "https" if self.is_tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host  # IPv6
        address = f"{scheme}://{host}{self._suffix}{self.path}"
        if self.namespace:
            address += f" (namespace {self.namespace})"
        return address


def split_token(url: str) -> tuple[str, str]:
    """Return a database URL without its `authToken=`, and that token, empty where there is none.

    Raises:
        InterfaceError: the URL cannot be read, or has the token twice; neither is shown.
    """
    if IN_QUERY not in url:
        return url, ""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InterfaceError(f"the database URL is not valid: {ALLOWED}") from error
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == IN_QUERY]
    if len(tokens) > 1:
        raise InterfaceError(f"the database URL has {IN_QUERY}= twice")
    rest = urlencode([pair for pair in pairs if pair[0] != IN_QUERY])
    return urlunsplit(parts._replace(query=rest)), "".join(tokens)


def _options(query: str, scheme: str) -> dict[str, str]:
    """Return what stands behind the ? of the URL."""
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    allowed = {"namespace"}
    if scheme in WITH_TLS_OPTION:
        allowed.add("tls")
    is_repeated = len(options) != len(pairs)
    if is_repeated or set(options) - allowed or options.get("tls", "0") not in "01":
        raise InterfaceError(
            "the database URL has a parameter other than namespace= (and tls=0 after libsql://): "
            "set the token in auth_token"
        )
    return options


def _first_label(host: str) -> str | None:
    """Return the first label of a host's name, which can name a database; None of an address."""
    label, dot, _rest = host.partition(".")
    return label if dot and not _is_address(host) else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
