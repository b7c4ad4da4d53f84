"""A fake Clerk: it signs session tokens with keys of its own, and publishes them by real HTTP.

It can rotate its keys, go away and come back, answer slowly, or answer something else. What it
signs is what the caller says, so it signs what the real one never would.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from core.access.clerk import ClerkVerifier
from core.access.clerk_keys import ClerkKeys
from core.access.token_errors import TokenCannotBeChecked, TokenRefused

HOST = "clerk.example.com"
ISSUER = f"https://{HOST}"
PUBLISHABLE_KEY = "pk_test_" + base64.b64encode(f"{HOST}$".encode()).decode()
SITE = "https://app.example.com"
NOW = 1_796_000_000
"""What the clock of tests says: seconds since 1970."""
ROLES_AT_CLERK = {
    "admin": "Administrator",
    "publisher": "Publisher",
    "editor": "Editor",
    "member": "Editor",
    "viewer": "Viewer",
}


def private_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """Return the key of this name, always the same one: making one takes long."""
    return _make_key(name, bits)


@cache
def _make_key(_name: str, bits: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def make_claims(**changes: object) -> dict[str, Any]:
    """Return the claims of a good token of the second version; None takes a claim away."""
    claims: dict[str, Any] = {
        "azp": SITE,
        "exp": NOW + 60,
        "fva": [5, -1],
        "iat": NOW,
        "iss": ISSUER,
        "jti": "0f9e8d7c6b5a",
        "nbf": NOW - 10,
        "sid": "sess_1",
        "sts": "active",
        "sub": "user_1",
        "v": 2,
    }
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}


def make_claims_v1(**changes: object) -> dict[str, Any]:
    """Return the claims of a good token of the first version."""
    return make_claims(**{"v": None, "sts": None, "fva": None} | changes)


def organization(role: str = "admin", **changes: object) -> dict[str, Any]:
    """Return the organisation of a token of the second version."""
    return {"id": "org_1", "slg": "acme", "rol": role} | changes


def encode(part: object) -> str:
    """Return a part of a token: JSON in base64url, or bytes."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(
    claims: object,
    *,
    key: str = "first",
    algorithm: str = "RS256",
    header: Mapping[str, object] | None = None,
) -> str:
    """Return a token, signed with the key of this name; None takes a field of the header away."""
    fields = {"alg": algorithm, "cat": "cl_B7d4PD111AAA", "kid": f"ins_{key}", "typ": "JWT"}
    fields |= header or {}
    fields = {name: value for name, value in fields.items() if value is not None}
    text = f"{encode(fields)}.{encode(claims)}"
    signer = jwt.PyJWS().get_algorithm_by_name(algorithm)
    return f"{text}.{encode(signer.sign(text.encode(), private_key(key)))}"


def sign_with_public_key(claims: object) -> str:
    """Return a forged token: HS256, with the published key as the secret."""
    public = private_key("first").public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{encode({'alg': 'HS256', 'kid': 'ins_first', 'typ': 'JWT'})}.{encode(claims)}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def public_jwk(name: str, bits: int = 2048, **changes: object) -> dict[str, Any]:
    """Return an entry of a key set."""
    entry = RSAAlgorithm.to_jwk(private_key(name, bits).public_key(), as_dict=True)
    fields = {"kid": f"ins_{name}", "use": "sig", "alg": "RS256", **entry} | changes
    fields.pop("key_ops", None)
    return {field: value for field, value in fields.items() if value is not None}


class FakeClerk:
    """A server of one key set.

    Attributes:
        keys: names of the keys that are published.
        body: what is answered instead of the key set, if anything.
        status: HTTP status of the answers.
        headers: more headers of the answers.
        asked: set when a request comes in.
        go_on: cleared, an answer stops after its head until this is set again.
        pause_seconds: how long it waits after each byte of an answer.
        requests: how many were answered or begun.
    """

    def __init__(self) -> None:
        self.keys = ["first"]
        self.body: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pause_seconds = 0.0
        self.requests = 0
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/.well-known/jwks.json"

    def start(self) -> None:
        """Listen; after a stop at the same port."""
        clerk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                clerk.answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Go away: connections are refused."""
        self.go_on.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def rotate(self, *names: str) -> None:
        """Publish these keys from now on, and no other."""
        self.keys = list(names)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.asked.set()
        entries = [public_jwk(name) for name in self.keys]
        body = json.dumps({"keys": entries}).encode() if self.body is None else self.body
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        self.go_on.wait()  # a stop ends it as well
        step = 1 if self.pause_seconds else 65536
        with contextlib.suppress(OSError):  # whoever asked has gone
            for start in range(0, len(body), step):
                handler.wfile.write(body[start : start + step])
                time.sleep(self.pause_seconds)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class World:
    """A fake Clerk, a verifier that reads its keys, and the clocks of both."""

    def __init__(self) -> None:
        self.clerk = FakeClerk()
        self.uptime = Clock(1000)
        # Long: a busy machine takes its time to make a key and to answer.
        self.keys = ClerkKeys(
            self.clerk.url, clock=self.uptime, timeout_seconds=60, allow_loopback_http=True
        )
        self.verifier = self.make_verifier()

    def lose_patience(self) -> None:
        """Wait little for the keys from now on, where they do not come anyway."""
        self.keys._timeout_seconds = 0.2

    def make_verifier(self, **changes: Any) -> ClerkVerifier:
        """Return a verifier that differs in these arguments."""
        options: dict[str, Any] = {
            "publishable_key": PUBLISHABLE_KEY,
            "authorized_parties": (SITE, "https://other.example.com:8443"),
            "roles": ROLES_AT_CLERK,
            "keys": self.keys,
            "clock": Clock(NOW),
        }
        return ClerkVerifier(**options | changes)

    def answer(self, token: str) -> str:
        """Return "accepted", or the code of the refusal."""
        try:
            self.verifier.verify(token)
        except (TokenRefused, TokenCannotBeChecked) as error:
            return error.code
        return "accepted"
