"""One attempt: a POST within a time limit, to an address that is checked as it is connected to.

Redirects are not followed, no proxy is used and nothing is decompressed: the address that was
checked is the one that gets the event, and an answer costs what it says it costs.
"""

import asyncio
import ipaddress
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from core.addresses import IPAddress
from core.events.addresses import RefusedURLError, check_address, read_url
from core.outgoing import outgoing
from core.resolving import GuardedResolver
from core.sentences import Sentence

__all__ = ["Answer", "post"]

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10
ANSWER_BYTES: Final = 2048
HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": "AutoForge-Webhooks",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back from an endpoint."""

    status: int | None
    """HTTP status; None: there was no answer."""
    text: str
    """The beginning of the answer, or why there was none."""
    retry_after: str = ""
    """The header Retry-After as it came."""

    @property
    def is_accepted(self) -> bool:
        """Whether the endpoint has taken the event."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


def post(*, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a body once; return what came back. It raises nothing."""
    try:
        return asyncio.run(_post(url, {**HEADERS, **headers}, body))
    except RefusedURLError as error:
        return Answer(status=None, text=str(error))
    except TimeoutError:
        text = str(Sentence("webhook.timeout", seconds=TIMEOUT_SECONDS))
        return Answer(status=None, text=text)
    except (aiohttp.ClientError, OSError) as error:
        return Answer(status=None, text=str(Sentence("webhook.no-answer", why=_explain(error))))
    except Exception as error:
        # A fault of ours counts as an attempt: else the same event would be sent every minute.
        logger.exception("A webhook could not be sent")
        why = type(error).__name__
        return Answer(status=None, text=str(Sentence("webhook.no-answer", why=why)))


def _explain(error: Exception) -> str:
    """Return why there is no answer, without the URL, which errors repeat and may be secret."""
    cause = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if not isinstance(cause, OSError) or not cause.strerror:
        return type(error).__name__
    # asyncio puts the address into its text; TLS and resolving have numbers of their own.
    if isinstance(cause, ssl.SSLError) or not cause.errno or cause.errno < 0:
        return cause.strerror
    return os.strerror(cause.errno)


async def _post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    scheme = read_url(url).scheme
    target = URL(url)

    def check(host: str, address: IPAddress) -> None:
        check_address(scheme, host, address)

    # A host that is a number is connected to without being resolved.
    number = _read_number(target.host or "")
    if number is not None:
        check(str(number), number)
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(check), use_dns_cache=False, force_close=True
    )
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    with outgoing("POST", url) as exchange:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.post(
                target, data=body, headers={**headers, **exchange.headers}, allow_redirects=False
            ) as response,
        ):
            exchange.status = response.status
            text = await _read_beginning(response)
            retry_after = response.headers.get("Retry-After", "")
            return Answer(status=response.status, text=text, retry_after=retry_after)


def _read_number(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def _read_beginning(response: aiohttp.ClientResponse) -> str:
    """Return what an answer begins with; a NUL, which no database keeps, is left out."""
    raw = b""
    while len(raw) < ANSWER_BYTES:
        chunk = await response.content.read(ANSWER_BYTES - len(raw))
        if not chunk:
            break
        raw += chunk
    return raw.decode("utf-8", errors="replace").replace("\x00", "")
