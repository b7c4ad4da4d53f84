"""How a network connection to a server is opened: TCP, through a proxy if there is one, TLS.

Source: RFC 9110, 9.3.6 (CONNECT); the variables HTTPS_PROXY and NO_PROXY as curl has them.
"""

import base64
import math
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypedDict, Unpack
from urllib.parse import unquote, urlsplit

from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import InterfaceError

__all__ = [
    "DEFAULT_CONNECT_TIMEOUT_SECONDS",
    "DEFAULT_KEEPALIVE_SECONDS",
    "SHORTEST_SECONDS",
    "Network",
    "NetworkOptions",
    "Proxy",
]

DEFAULT_CONNECT_TIMEOUT_SECONDS: Final = 10.0
# Less than the minutes after which routers and balancers forget a connection that is idle.
DEFAULT_KEEPALIVE_SECONDS: Final = 60
KEEPALIVE_PROBES: Final = 5  # without an answer, after which the connection counts as dead
PROXY_PORT: Final = 8080
MAX_HEAD_BYTES: Final = 65_536
SHORTEST_SECONDS: Final = 0.001  # 0 would mean to a socket that it must not wait at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """An HTTP proxy that connections go through."""

    host: str
    """Name or IP address."""
    port: int
    """TCP port."""
    credentials: str = field(default="", repr=False)
    """User and password as the header has them; empty for none."""

    @classmethod
    def parse(cls, url: str, name: str = "proxy") -> Self:
        """Parse `http://host:port`, also with `user:password@` before the host.

        Args:
            url: the address; without a scheme, it is http.
            name: of the option or variable, for the message.

        Raises:
            InterfaceError: it is not valid; it is not shown, since it may contain a password.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme != "http":
            raise InterfaceError(
                f"{name} is not valid (its value is not shown): write http://host:port"
            )
        credentials = ""
        if parts.username is not None:
            text = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = base64.b64encode(text.encode()).decode()
        return cls(host=host, port=port or PROXY_PORT, credentials=credentials)


class NetworkOptions(TypedDict, total=False):
    """The options of `connect` for opening network connections."""

    connect_timeout: float
    """Seconds for opening one, TLS included."""
    keepalive: int
    """Seconds of silence after which TCP looks whether the other side is there; 0: never."""
    ca_file: str | None
    """PEM file of the certificate authorities to trust instead of this machine's."""
    proxy: str | None
    """`http://host:port`, also with `user:password@`; None: for TLS, what HTTPS_PROXY and NO_PROXY
    say; "": none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """How connections are opened."""

    connect_timeout_seconds: float = DEFAULT_CONNECT_TIMEOUT_SECONDS
    """How long opening one may take in all, TLS included."""
    keepalive_seconds: int = DEFAULT_KEEPALIVE_SECONDS
    """How long one is idle before TCP asks whether the other side is there; 0: it never does."""
    ca_file: str | None = None
    """PEM file of the authorities to trust; None: those of this machine."""
    proxy: Proxy | None = None
    """What connections go through; None: see `uses_environment`."""
    uses_environment: bool = True
    """Whether HTTPS_PROXY and NO_PROXY count where there is no `proxy`."""

    @classmethod
    def of(cls, **options: Unpack[NetworkOptions]) -> Self:
        """Return what the options of `connect` say.

        Raises:
            InterfaceError: one of them is not valid; the address of a proxy is not shown.
        """
        connect_timeout = options.get("connect_timeout", DEFAULT_CONNECT_TIMEOUT_SECONDS)
        keepalive = options.get("keepalive", DEFAULT_KEEPALIVE_SECONDS)
        ca_file, proxy = options.get("ca_file"), options.get("proxy")
        if not (_is_number(connect_timeout) and connect_timeout > 0):
            raise InterfaceError(
                "connect_timeout is not valid: use a number of seconds greater than 0"
            )
        if not (_is_number(keepalive) and keepalive >= 0 and keepalive == int(keepalive)):
            raise InterfaceError(
                "keepalive is not valid: use a whole number of seconds, or 0 for none"
            )
        if ca_file is not None:
            _check_ca_file(str(ca_file))
        if proxy is not None and not isinstance(proxy, str):
            raise InterfaceError("proxy is not valid: write http://host:port, or '' for none")
        return cls(
            connect_timeout_seconds=connect_timeout,
            keepalive_seconds=int(keepalive),
            ca_file=None if ca_file is None else str(ca_file),
            proxy=Proxy.parse(proxy) if proxy else None,
            uses_environment=proxy is None,
        )

    def find_proxy(self, endpoint: Endpoint) -> Proxy | None:
        """Return what a connection to `endpoint` goes through, or None.

        Raises:
            InterfaceError: HTTPS_PROXY is not valid.
        """
        if self.proxy is not None or not self.uses_environment:
            return self.proxy
        # HTTP_PROXY is not for tunnels; and who is on this machine needs no help to be found.
        if not endpoint.is_tls or endpoint.is_local:
            return None
        from urllib import request  # it takes long to import, and few need it

        bypass: Any = request.proxy_bypass_environment  # type: ignore[attr-defined]  # as its twin
        url = request.getproxies_environment().get("https")
        if not url or bypass(f"{endpoint.host}:{endpoint.port}"):
            return None
        return Proxy.parse(url, "HTTPS_PROXY")

    def make_tls_context(self) -> ssl.SSLContext:
        """Return the rules for TLS: certificates and host names are checked."""
        return ssl.create_default_context(cafile=self.ca_file)

    def open(self, endpoint: Endpoint, timeout_seconds: float) -> socket.socket:
        """Return a TCP connection to `endpoint`, not encrypted yet.

        Raises:
            OSError: there is none.
            TimeoutError: not within `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        proxy = self.find_proxy(endpoint)
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        try:
            connection = socket.create_connection((host, port), timeout=timeout_seconds)
        except TimeoutError:
            raise
        except OSError as error:
            if proxy is None:
                raise
            raise _ProxyError(f"the proxy {proxy.host}:{proxy.port} is not responding") from error
        try:
            self.configure(connection)
            if proxy is not None:
                _tunnel(connection, proxy, endpoint, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def configure(self, connection: socket.socket) -> None:
        """Set the options of a TCP connection."""
        # Else a request that takes two packets waits for the first one's acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.keepalive_seconds:
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        settings = (
            ("TCP_KEEPIDLE", self.keepalive_seconds),
            ("TCP_KEEPALIVE", self.keepalive_seconds),  # macOS's name for it
            ("TCP_KEEPINTVL", max(1, self.keepalive_seconds // KEEPALIVE_PROBES)),
            ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        )
        for name, value in settings:
            option = getattr(socket, name, None)
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


class _ProxyError(OSError):
    """The proxy does not let us through."""


def _tunnel(connection: socket.socket, proxy: Proxy, endpoint: Endpoint, deadline: float) -> None:
    """Ask a proxy to pass on everything from here on to a server, and the other way around."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host  # IPv6
    target = f"{host}:{endpoint.port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.credentials:
        head += f"Proxy-Authorization: Basic {proxy.credentials}\r\n"
    connection.sendall(f"{head}\r\n".encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        connection.settimeout(max(SHORTEST_SECONDS, deadline - time.monotonic()))
        # Nothing can follow the head before we have said something ourselves.
        received = connection.recv(4096)
        answer += received
        if not received or len(answer) > MAX_HEAD_BYTES:
            raise _ProxyError(f"the proxy {proxy.host}:{proxy.port} did not answer in HTTP")
    status = answer.split(b"\r\n", 1)[0].split(b" ")[1:2]
    if status == [b"407"]:
        raise _ProxyError(f"the proxy {proxy.host}:{proxy.port} asks for a user and a password")
    if not (status and status[0].isdigit() and status[0].startswith(b"2")):
        shown = b"".join(status)[:3].decode("ascii", "replace") or "nothing"
        raise _ProxyError(f"the proxy {proxy.host}:{proxy.port} answered {shown} to CONNECT")


def _check_ca_file(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:  # ssl.SSLError, of a file that is no PEM, is an OSError
        raise InterfaceError(
            f"ca_file {path} is not valid: use a PEM file of certificates that can be read"
        ) from error


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
