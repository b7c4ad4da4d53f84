"""The public keys of a Clerk instance, by their ids, read from its JWKS address (RFC 7517).

Keys are good for an hour. An id that is not among them may be of a key that is new, so they are
read again, at most every 30 seconds. While Clerk is away, the keys of the last 24 hours are used:
a session does not end because Clerk has an outage. Each process has its own keys.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import msgspec

from core.access.token_errors import TokenCannotBeChecked
from core.sentences import Sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["ClerkKeys", "KeySource"]

FRESH_SECONDS: Final = 60 * 60
STALE_SECONDS: Final = 24 * 60 * 60
# Anybody can invent key ids: this is how often that makes us ask Clerk.
PAUSE_SECONDS: Final = 30
# After a failure sooner: until then, tokens may be answered with an error.
PAUSE_AFTER_FAILURE_SECONDS: Final = 5
TIMEOUT_SECONDS: Final = 3
MAX_ANSWER_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
# NIST SP 800-131A: shorter RSA keys are not to be used.
MIN_KEY_BITS: Final = 2048
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

logger = logging.getLogger(__name__)


class KeySource(Protocol):
    """Whoever knows the keys of a Clerk instance."""

    def find(self, key_id: str) -> "RSAPublicKey | None":
        """Return the key with this id; None where there is none.

        Raises:
            TokenCannotBeChecked: nobody can tell now.
        """
        ...


class _ReadError(Exception):
    """The keys could not be read; `str()` says why, for the log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _KeySet:
    """Keys that belong together, and how long they are known."""

    keys: "Mapping[str, RSAPublicKey]" = field(default_factory=dict)
    """Key id → key."""
    read_at: float = float("-inf")
    """When they were read, in seconds of the clock."""


class ClerkKeys:
    """Finds a key by its id, and asks Clerk for the keys as rarely as can be.

    Args:
        url: where the keys are, https alone.
        clock: seconds that never run backwards.
        timeout_seconds: for one reading of the keys.
        allow_loopback_http: also http to this machine, for tests.

    Raises:
        ValueError: from the constructor, the URL is not allowed.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = TIMEOUT_SECONDS,
        allow_loopback_http: bool = False,
    ) -> None:
        parts = urlsplit(url)
        loopback = allow_loopback_http and parts.scheme == "http" and parts.hostname in LOOPBACK
        if parts.scheme != "https" and not loopback:
            message = f"Clerk's keys are read by https, not from {url}"
            raise ValueError(message)
        self.url = url
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._opener = _build_opener()
        self._lock = threading.Lock()
        # Replaced as a whole: who reads it without the lock sees keys with the time of theirs.
        self._known = _KeySet()
        self._tried_at = float("-inf")
        self._is_away = False

    def find(self, key_id: str) -> "RSAPublicKey | None":
        """Return the key with this id; None where Clerk has none.

        Raises:
            TokenCannotBeChecked: Clerk does not answer, and no key is known that may be used.
        """
        key = self._known.keys.get(key_id)
        if key is not None and self._age() < FRESH_SECONDS:
            return key
        is_known = key is not None and self._age() < STALE_SECONDS
        settled = self._read_again(wait=not is_known)
        if self._age() >= STALE_SECONDS:
            raise TokenCannotBeChecked(Sentence("token.no-keys"))
        key = self._known.keys.get(key_id)
        # A key that came while Clerk is away looks like one that was invented.
        if key is None and (self._is_away or not settled):
            raise TokenCannotBeChecked(Sentence("token.no-keys"))
        return key

    def _age(self) -> float:
        return self._clock() - self._known.read_at

    def _may_read(self) -> bool:
        pause = PAUSE_AFTER_FAILURE_SECONDS if self._is_away else PAUSE_SECONDS
        return self._clock() - self._tried_at >= pause

    def _read_again(self, *, wait: bool) -> bool:
        """Read the keys unless that was just done; return False where another thread is at it.

        Args:
            wait: whether to wait for that thread. With a key at hand nobody does.
        """
        if not self._may_read():
            return True
        if not self._lock.acquire(timeout=self._timeout_seconds if wait else 0):
            return False
        try:
            if self._may_read():  # else the thread that had the lock has done it
                self._read()
        finally:
            self._lock.release()
        return True

    def _read(self) -> None:
        try:
            keys = _read_keys(self._download())
        except _ReadError as error:
            logger.warning("Clerk's keys cannot be read from %s: %s.", self.url, error)
            self._is_away = True
        else:
            self._known = _KeySet(keys=keys, read_at=self._clock())
            self._is_away = False
        # Last: threads that ask until then wait for this answer.
        self._tried_at = self._clock()

    def _download(self) -> bytes:
        deadline = time.monotonic() + self._timeout_seconds
        request = Request(self.url, headers={"Accept": "application/json"})  # noqa: S310 (the constructor has checked the scheme)
        body = bytearray()
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                if response.status != HTTPStatus.OK:
                    raise _ReadError(f"the answer has the status {response.status}")
                # Piece by piece: the timeout of a socket starts again with each byte.
                while chunk := response.read1(65536):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise _ReadError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
                    if time.monotonic() > deadline:
                        raise _ReadError("the answer takes too long")
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)  # a URLError wraps what happened
            raise _ReadError(f"there is no answer ({reason})") from error
        return bytes(body)


def _build_opener() -> OpenerDirector:
    """Return what opens http and https, through the proxy of the environment, and nothing else.

    Without the handlers of redirects and of errors, every answer comes back as it is.
    """
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


class _KeyEntry(msgspec.Struct, frozen=True):
    """An entry of a key set (RFC 7517, section 4; RFC 7518, section 6.3)."""

    kid: str
    kty: str
    use: str
    n: str
    e: str
    alg: str = "RS256"
    d: str | None = None
    """Only a private key has it."""


class _KeyDocument(msgspec.Struct, frozen=True):
    """A key set; its entries are read one by one, so that a strange one spoils no other."""

    keys: list[object]


def _read_keys(body: bytes) -> "Mapping[str, RSAPublicKey]":
    """Return the keys of a JWKS document that can be used; the log says what is wrong with others.

    Raises:
        _ReadError: there is none.
    """
    try:
        entries = msgspec.json.decode(body, type=_KeyDocument).keys
    # msgspec refuses deep nesting by a RecursionError.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _ReadError("the answer is not a JSON document with a list of keys") from error
    keys = {}
    for number, entry in enumerate(entries[:MAX_KEYS], start=1):
        try:
            key_id, key = _read_key(entry)
        except _ReadError as error:
            logger.warning("Key %d of Clerk is not used: %s.", number, error)
            continue
        keys[key_id] = key
    if not keys:
        raise _ReadError("the answer holds no key that can be used")
    return keys


def _read_key(entry: object) -> "tuple[str, RSAPublicKey]":
    """Return the id and the key of one entry.

    Raises:
        _ReadError: it is not a public RSA key for signatures of 2048 bits or more.
    """
    import jwt  # brings cryptography, which most commands never need
    from jwt.algorithms import RSAAlgorithm

    try:
        fields = msgspec.convert(entry, type=_KeyEntry)
    except msgspec.ValidationError as error:
        raise _ReadError("it lacks a field of a public RSA key for signatures") from error
    is_for_us = (fields.kty, fields.use, fields.alg) == ("RSA", "sig", "RS256")
    if not is_for_us or fields.d is not None:
        raise _ReadError("it is not a public RSA key for signatures by RS256")
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": fields.n, "e": fields.e})
    except (jwt.PyJWTError, ValueError) as error:
        raise _ReadError("its numbers are not those of an RSA key") from error
    if key.key_size < MIN_KEY_BITS:
        raise _ReadError(f"it has only {key.key_size} bits")
    return fields.kid, cast("RSAPublicKey", key)  # without its private number
