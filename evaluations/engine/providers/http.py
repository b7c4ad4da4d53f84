"""HTTP for providers: one connection pool each, and every failure translated in one place."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from core.json import JSONObject
from core.language import gettext as _
from core.outgoing import outgoing
from core.resolving import GuardedResolver
from core.sentences import Sentence
from evaluations.engine.errors import (
    BrokenAnswerError,
    ContentFilterError,
    ContextTooLongError,
    ProviderError,
    RefusedError,
    ServiceError,
    SetupError,
    UnansweredError,
)
from evaluations.engine.providers.addresses import Policy, join_url
from evaluations.engine.providers.events import TooLongError, read_events
from evaluations.engine.providers.failures import (
    find_embedded,
    find_embedded_error,
    find_status_error,
    is_page,
    read_page_text,
    shorten,
)
from evaluations.engine.providers.replies import clean

__all__ = ["Client", "Reply"]

LARGEST_ANSWER: Final = 32 * 1024 * 1024
LAST_EVENT: Final = b"[DONE]"  # of OpenAI's, no JSON
MASK: Final = "[key masked]"
# A shorter key, such as “test”, is a word that answers hold anyway; a real key is longer.
SHORTEST_MASKED: Final = 8
# After so many requests in a row that were refused for good, no other would fare better. A service
# that has answered refuses some requests for what they say, such as a firewall, so it has longer.
HOPELESS: Final = 10
HOPELESS_AFTER_ANSWERS: Final = 100
# Refusals that are of the key, the address or the model rather than of one request.
FOR_GOOD: Final = frozenset({301, 302, 303, 307, 308, 403, 404, 405})
TEMPORARY_DNS_RETRIES: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    text: str


class Client:
    """Sends JSON to one service and gives JSON back.

    Args:
        name: what the service is called in messages.
        base_url: what paths are joined to; its own path and query stay.
        headers: sent with each request; their values never show.
        secrets: texts that are masked wherever the service repeats them.
        timeout_seconds: for one request, from its start to the last byte.
        policy: which addresses may be connected to.
        version: what stands before each path and may be missing in the address, such as /v1.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        secrets: tuple[str, ...],
        timeout_seconds: float,
        policy: Policy,
        version: str = "",
    ) -> None:
        self.name = name
        self.base_url = base_url
        self._version = version
        self._headers = dict(headers)
        self._secrets = tuple(filter(None, secrets))
        self._masked_in_answers = [key for key in self._secrets if len(key) >= SHORTEST_MASKED]
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self.policy = policy
        self._session: aiohttp.ClientSession | None = None
        self._refused_in_a_row = 0
        self._has_answered = False
        host = urlsplit(base_url).hostname or ""
        policy.check_host(host)

    def __repr__(self) -> str:
        return f"Client(name={self.name!r}, base_url={self.base_url!r})"

    async def post(self, path: str, body: Mapping[str, object]) -> tuple[JSONObject, int]:
        """Return the answer's JSON object and how many milliseconds it took.

        Raises:
            ProviderError: the most specific kind.
            SetupError: the address may not be asked, or everything was refused for a long time.
        """
        url = join_url(self.base_url, path, version=self._version)
        started = time.perf_counter()
        try:
            reply = await self._exchange(url, body)
            milliseconds = round((time.perf_counter() - started) * 1000)
            answer = self._read(reply, url)
        except RefusedError as error:
            self._count(error)
            raise
        self._note_answer()
        return answer, milliseconds

    def _note_answer(self) -> None:
        self._has_answered, self._refused_in_a_row = True, 0

    def _count(self, error: RefusedError) -> None:
        """Count what is refused for good.

        Raises:
            SetupError: so much was refused that the next request would be as well.
        """
        is_of_request = isinstance(error, ContentFilterError | ContextTooLongError)
        if is_of_request or (error.status is not None and error.status not in FOR_GOOD):
            # It looked at the request: key and address are good.
            self._note_answer()
            return
        self._refused_in_a_row += 1
        most = HOPELESS_AFTER_ANSWERS if self._has_answered else HOPELESS
        if self._refused_in_a_row >= most:
            which = _("last") if self._has_answered else _("first")
            raise SetupError("http.all-refused", which=which, most=most, error=error)

    async def stream(self, path: str, body: Mapping[str, object]) -> AsyncGenerator[JSONObject]:
        """Yield the JSON object of each event of an answer; of one in one piece the only one.

        Raises:
            ProviderError: the most specific kind; also while it answers.
        """
        url = join_url(self.base_url, path, version=self._version)
        session = self._session or self._open()
        with self._translated(), outgoing("POST", url) as exchange:
            async with session.post(
                url, json=body, headers=exchange.headers, allow_redirects=False
            ) as response:
                exchange.status = response.status
                if response.content_type != "text/event-stream" or not response.ok:
                    yield self._read(await self._receive(response), url)
                    return
                async with aclosing(read_events(response.content.iter_any())) as events:
                    async for event in events:
                        if event == LAST_EVENT:
                            return
                        text = event.decode("utf-8", "replace")
                        yield self._read(Reply(status=HTTPStatus.OK, headers={}, text=text), url)

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[Reply, int]:
        """Return the answer to a request of any form, and how many milliseconds it took.

        Its status is the caller's to judge; keys in its text are masked.

        Args:
            method: in capitals.
            url: the whole address; it is held against the same rules as the client's own.
            headers: besides the client's own.
            body: None: none is sent.

        Raises:
            ProviderError: there was no answer, or a redirect, which is not followed.
            SetupError: the address may not be asked.
        """
        self.policy.check_host(urlsplit(url).hostname or "")
        session = self._session or self._open()
        started = time.perf_counter()
        with self._translated(), outgoing(method, url) as exchange:
            sent = {**headers, **exchange.headers}
            async with session.request(
                method, url, data=body, headers=sent, allow_redirects=False
            ) as response:
                exchange.status = response.status
                reply = await self._receive(response)
        milliseconds = round((time.perf_counter() - started) * 1000)
        if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
            raise self._redirected(reply)
        text = clean(reply.text, self._masked_in_answers, MASK)
        return Reply(status=reply.status, headers=reply.headers, text=text), milliseconds

    async def _exchange(self, url: str, body: Mapping[str, object]) -> Reply:
        with self._translated():
            return await self._send(url, body)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what goes wrong on the way into errors of the engine."""
        try:
            yield
        except TooLongError:
            size = LARGEST_ANSWER // 1024**2
            raise BrokenAnswerError("http.too-long", name=self.name, size=size) from None
        except TimeoutError:
            seconds = self._timeout.total
            raise UnansweredError("http.timeout", name=self.name, seconds=f"{seconds:g}") from None
        except aiohttp.ClientPayloadError:
            raise BrokenAnswerError("http.cut", name=self.name) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise self._unreachable(error) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = self._mask(str(error))
            raise RefusedError("http.not-sent", name=self.name, reason=reason) from None

    async def _send(self, url: str, body: Mapping[str, object]) -> Reply:
        session = self._session or self._open()
        # Redirects are not followed: the key would go along, and the address would be unchecked.
        with outgoing("POST", url) as exchange:
            async with session.post(
                url, json=body, headers=exchange.headers, allow_redirects=False
            ) as response:
                exchange.status = response.status
                return await self._receive(response)

    async def _receive(self, response: aiohttp.ClientResponse) -> Reply:
        raw = bytearray()
        while chunk := await response.content.read(LARGEST_ANSWER):
            raw += chunk
            if len(raw) > LARGEST_ANSWER:
                raise TooLongError
        text = self._decode(raw, response)
        return Reply(status=response.status, headers=response.headers, text=text)

    def _open(self) -> aiohttp.ClientSession:
        proxy = _proxy_for(self.base_url)
        # The machine's own settings name the proxy, and it resolves the name of the service.
        free = frozenset({urlsplit(proxy).hostname or ""}) if proxy else frozenset[str]()
        resolver = GuardedResolver(self.policy.check, free)
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
            # Not trust_env: each request would read ~/.netrc, and send what is there.
            proxy=proxy,
        )
        return self._session

    def _decode(self, raw: bytearray, response: aiohttp.ClientResponse) -> str:
        try:
            return raw.decode(response.charset or "utf-8")
        except (UnicodeDecodeError, LookupError):
            if response.ok:
                raise BrokenAnswerError("http.not-utf8", name=self.name) from None
            return raw.decode("utf-8", "replace")

    def _unreachable(self, error: Exception) -> ProviderError:
        where = _shown(self.base_url)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = getattr(error.certificate_error, "verify_message", "") or _("it is not valid")
            return RefusedError("http.certificate", name=self.name, address=where, reason=reason)
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            reason = getattr(error.os_error, "reason", "") or _("it answered with something else")
            return RefusedError("http.no-tls", name=self.name, where=where, reason=reason)
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unresolved(error, where)
        # Refused before it was sent, the work was not done; cut afterwards, nobody knows.
        if isinstance(error, aiohttp.ClientConnectorError):
            return ServiceError(
                "http.unreachable", name=self.name, where=where, cause=_cause(error)
            )
        return BrokenAnswerError("http.closed", name=self.name)

    def _unresolved(self, error: aiohttp.ClientConnectorDNSError, where: str) -> ProviderError:
        host = urlsplit(self.base_url).hostname
        if error.os_error.errno == socket.EAI_AGAIN:
            return ServiceError(
                "http.unreachable",
                name=self.name,
                where=where,
                cause=Sentence("http.dns-later", host=host),
                most_retries=TEMPORARY_DNS_RETRIES,
            )
        cause = Sentence("http.no-host", host=host)
        return RefusedError("http.unreachable", name=self.name, where=where, cause=cause)

    def _read(self, reply: Reply, url: str) -> JSONObject:
        """Return the JSON object of a reply; every 2xx with one is an answer.

        Raises:
            ProviderError: there is none, or it is an error.
        """
        if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
            raise self._redirected(reply)
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._failed(reply, url)
        body = self._object(reply)
        embedded = find_embedded(body)
        if embedded is not None:
            raise find_embedded_error(self.name, embedded, reply.headers)
        return body

    def _failed(self, reply: Reply, url: str) -> ProviderError:
        error = find_status_error(self.name, reply.status, reply.headers, self._mask(reply.text))
        if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            # A wrong address and an unknown model look the same: say what was asked.
            sentence = Sentence("http.asked-at", error=error, url=_shown(url))
            error = type(error)(sentence, status=error.status)
        return error

    def _redirected(self, reply: Reply) -> ProviderError:
        location = _shown(self._mask(reply.headers.get("Location", ""))) or "nowhere"
        return RefusedError(
            Sentence("http.redirect", name=self.name, status=reply.status, location=location),
            status=reply.status,
        )

    def _object(self, reply: Reply) -> JSONObject:
        try:
            body = clean(json.loads(reply.text), self._masked_in_answers, MASK)
        except (ValueError, RecursionError):
            raise BrokenAnswerError(self._no_json(reply)) from None
        if not isinstance(body, dict):
            raise BrokenAnswerError("http.not-an-object", name=self.name)
        return body

    def _no_json(self, reply: Reply) -> Sentence:
        """Return what an answer is that is no JSON, as far as it can be told."""
        start = reply.text.lstrip()[:100].lower()
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not start:
            return Sentence("http.empty", name=self.name, status=reply.status)
        if kind == "text/event-stream" or start.startswith(("data:", "event:")):
            return Sentence("http.stream", name=self.name)
        if is_page(reply.text):
            page = shorten(self._mask(read_page_text(reply.text)))
            return Sentence("http.page", name=self.name, page=page[:100])
        return Sentence("http.not-json", name=self.name)

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            if len(secret) >= SHORTEST_MASKED:
                text = text.replace(secret, MASK)
            else:
                # A short one may be a part of other words.
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
        return text

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            # Transports end in the next turns of the loop.
            await asyncio.sleep(0)
            self._session = None


def _cause(error: aiohttp.ClientConnectorError) -> str:
    """Return why there is no connection."""
    system = error.os_error
    if isinstance(system, ConnectionRefusedError):
        return "the connection was refused; is the service running there?"
    return system.strerror or type(system).__name__


def _shown(url: str) -> str:
    """Return an address without what may be a secret in it."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _("an invalid URL")
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def _proxy_for(url: str) -> str | None:
    """Return the proxy that this machine has for an address (HTTPS_PROXY, NO_PROXY …)."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
