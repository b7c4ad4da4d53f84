"""Where events may be sent: https to the public internet, and what the operator allows besides.

A webhook makes the server send a request to an address that a person chose. Addresses of this
machine, of private networks and of a cloud's metadata are refused unless WEBHOOK_ALLOWED_NETWORKS
names them: when an endpoint is saved, and for the very address that is connected to.
"""

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from core.addresses import AddressPolicy, IPAddress, make_policy
from core.sentences import CodedError, Sentence

__all__ = ["RefusedURLError", "check_address", "check_url", "read_url"]

ALLOWED_NETWORKS: Final = "WEBHOOK_ALLOWED_NETWORKS"
RESOLVED_WITHIN_SECONDS: Final = 3


class RefusedURLError(CodedError):
    """Nothing is sent to this URL; `str()` says why."""


def read_url(url: str) -> SplitResult:
    """Return the parts of a URL that has the form of a webhook's.

    Raises:
        RefusedURLError: it is none, or holds a password; never repeats it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedURLError("webhook.url-form") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise RefusedURLError("webhook.url-form")
    # What http libraries read in different ways: a blank, a backslash, a control character.
    if "\\" in url or any(ord(character) <= ord(" ") for character in url):
        raise RefusedURLError("webhook.url-form")
    if "@" in parts.netloc:
        raise RefusedURLError("webhook.url-credentials")
    return parts


def check_url(url: str) -> None:
    """Refuse a URL that nothing may be sent to, by what its host's name means now.

    A name that is not known now is let through: it is checked again with each attempt.

    Raises:
        RefusedURLError: says why, and what would allow it.
    """
    parts = read_url(url)
    host = parts.hostname or ""
    addresses = _resolve(host)
    for address in addresses:
        check_address(parts.scheme, host, address)
    if not addresses and parts.scheme != "https":
        raise RefusedURLError("webhook.needs-https")


def check_address(scheme: str, host: str, address: IPAddress) -> None:
    """Refuse an address that a host's name stands for.

    Args:
        scheme: "https" or "http".
        host: as it stands in the URL.
        address: what is connected to.

    Raises:
        RefusedURLError: as above.
    """
    kind = _policy().find_refusal(host, address)
    if kind is not None:
        raise _refuse(host, address, kind)
    if scheme != "https" and AddressPolicy.is_public(address):
        raise RefusedURLError("webhook.needs-https")


def _refuse(host: str, address: IPAddress, kind: Sentence) -> RefusedURLError:
    shown = host if host == str(address) else f"{host} ({address})"
    return RefusedURLError(
        "webhook.refused-address", address=shown, kind=kind, setting=ALLOWED_NETWORKS
    )


def _policy() -> AddressPolicy:
    return make_policy(settings.WEBHOOK_ALLOWED_NETWORKS)


def _resolve(host: str) -> list[IPAddress]:
    """Return what a host's name stands for; nothing where that is not known soon enough."""
    # In a thread: the system's resolver has no limit of its own, and the caller may hold a
    # transaction. One that is late ends by itself.
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolving")
    future = pool.submit(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    pool.shutdown(wait=False)
    try:
        answers = future.result(timeout=RESOLVED_WITHIN_SECONDS)
    except (OSError, UnicodeError):  # UnicodeError: a label that is empty or too long
        return []
    addresses = []
    for answer in answers:
        without_zone = str(answer[4][0]).partition("%")[0]
        addresses.append(ipaddress.ip_address(without_zone))
    return addresses
