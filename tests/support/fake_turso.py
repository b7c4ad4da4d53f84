"""A FAKE of Turso's Platform API, over real HTTP on loopback, that really makes databases.

Each database is a libSQL server of its own, and its tokens are signed with its own key (Ed25519),
so that what a command makes can be used, and what is revoked is refused. Every request and answer
is held to Turso's OpenAPI document (`turso_schema`); `faults` says what did not fit. Where Turso's
document and its own clients contradict each other, both are served.
"""

import base64
import json
import re
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from launch.sqld import Server

from tests.support.turso_schema import Operation, TursoSchema

LOCATIONS = {
    "aws-ap-northeast-1": "AWS AP NorthEast (Tokyo)",
    "aws-ap-south-1": "AWS AP South (Mumbai)",
    "aws-eu-west-1": "AWS EU West (Ireland)",
    "aws-us-east-1": "AWS US East (Virginia)",
    "aws-us-east-2": "AWS US East (Ohio)",
    "aws-us-west-2": "AWS US West (Oregon)",
}
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
SPAN = re.compile(r"([0-9]+)([wdhms])")
SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
QUOTAS = {
    "rowsRead": 500_000_000,
    "rowsWritten": 10_000_000,
    "databases": 3,
    "locations": 1,
    "storage": 5_000_000_000,
    "groups": 1,
    "bytesSynced": 3_000_000_000,
}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


@dataclass
class FakeDatabase:
    """A database with a server of its own."""

    name: str
    group: str
    server: Server
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    configuration: dict[str, Any] = field(default_factory=dict)
    minted: list[str] = field(default_factory=list)

    @property
    def hostname(self) -> str:
        return f"localhost:{self.server.port}"

    def take_key(self) -> None:
        """Tell the server which key signs its tokens; those of another are refused at once."""
        path = "/v1/namespaces/default/config"
        config = self.server.admin("GET", path)
        self.server.admin("POST", path, config | {"jwt_key": _encode_public_key(self.key)})

    def mint(self, *, access: str, seconds: float | None) -> str:
        claims: dict[str, Any] = {"a": access, "iat": int(time.time()), "jti": secrets.token_hex(8)}
        if seconds is not None:
            claims["exp"] = int(time.time() + seconds)
        token = jwt.encode(claims, self.key, "EdDSA")
        self.minted.append(token)
        return token


@dataclass
class Failure:
    """An answer that is made up instead of the real one."""

    method: str
    pattern: str
    status: int
    body: bytes
    times: int
    delay_seconds: float = 0.0
    after: bool = False
    """Whether the request is carried out all the same."""


class FakeTurso:
    """The API and the servers of its databases.

    Attributes:
        url: address of the API.
        token: a platform token that is good for `organization`.
        faults: what in requests and answers does not fit Turso's document.
        requests: method and path of each request, in order.
        page_size: databases in one answer of the list.
        starts_blind: how many trials of a new database find a token that is not good yet.
    """

    organization = "acme"

    def __init__(self, folder: Path) -> None:
        self.token = f"platform-{secrets.token_urlsafe(24)}"
        self.organizations = [self.organization]
        self.expires = -1
        self.folder = folder
        self.groups: dict[str, dict[str, Any]] = {}
        self.databases: dict[str, FakeDatabase] = {}
        self.api_tokens: dict[str, dict[str, Any]] = {}
        self.faults: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.failures: list[Failure] = []
        self.page_size = 100
        self.member = "total"  # of a database's usage; its own clients read `usage`
        self.on_rotate: Callable[[], None] = lambda: None
        self._schema = TursoSchema()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def fail(
        self,
        method: str,
        pattern: str,
        status: int,
        body: object = b"",
        *,
        times: int = 1,
        delay_seconds: float = 0.0,
        after: bool = False,
    ) -> None:
        """Answer the next requests of this method whose path matches with something else."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.failures.append(
            Failure(method, pattern, status, content, times, delay_seconds, after=after)
        )

    def close(self) -> None:
        """End the API and all databases."""
        self._http.shutdown()
        self._http.server_close()
        for database in self.databases.values():
            database.server.kill()

    def add_group(self, name: str = "default", location: str = "aws-ap-northeast-1") -> None:
        self.groups[name] = {
            "name": name,
            "version": "v0.24.32",
            "uuid": str(uuid.uuid4()),
            "locations": [location],
            "primary": location,
            "delete_protection": False,
        }

    def add_database(self, name: str, group: str = "default") -> FakeDatabase:
        """Make a database with its server."""
        server = Server(self.folder / f"db-{name}", namespaces=True, idle_seconds=600).start()
        database = FakeDatabase(name=name, group=group, server=server)
        database.take_key()
        self.databases[name] = database
        return database

    # Requests

    def serve(
        self, method: str, target: str, authorization: str, body: bytes
    ) -> tuple[int, bytes, float]:
        """Return status, content and delay of an answer."""
        parts = urlsplit(target)
        path = parts.path
        with self._lock:
            self.requests.append((method, path))
            failure = self._find_failure(method, path)
            if failure is not None and not failure.after:
                return failure.status, failure.body, failure.delay_seconds
            status, answer = self._answer(
                method, path, dict(parse_qsl(parts.query)), authorization, body
            )
        content = b"" if answer is None else json.dumps(answer).encode()
        if failure is not None:
            return failure.status, failure.body, failure.delay_seconds
        return status, content, 0.0

    def _find_failure(self, method: str, path: str) -> Failure | None:
        for failure in self.failures:
            is_meant = failure.method == method and re.search(failure.pattern, path)
            if failure.times and is_meant:
                failure.times -= 1
                return failure
        return None

    def _answer(
        self, method: str, path: str, query: dict[str, str], authorization: str, raw: bytes
    ) -> tuple[int, Any]:
        if path == "/v1/auth/api-tokens/validate":  # as Turso's own client for JavaScript asks
            path = "/v1/auth/validate"
        operation = self._schema.find(method, path)
        if operation is None:
            return 404, {"error": "not found"}
        body = json.loads(raw) if raw else None
        for fault in self._schema.list_request_faults(operation, query, body):
            self.faults.append(f"{method} {path}: request: {fault}")
        try:
            self._check_caller(authorization, operation)
            status, answer = 200, self._carry_out(operation, query, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": str(refusal)}
        for fault in self._schema.list_answer_faults(operation, status, answer):
            self.faults.append(f"{method} {path}: answer {status}: {fault}")
        return status, answer

    def _check_caller(self, authorization: str, operation: Operation) -> None:
        token = authorization.removeprefix("Bearer ")
        tokens = {self.token, *(entry["token"] for entry in self.api_tokens.values())}
        if token not in tokens:
            raise Refusal(401, "could not parse jwt id: invalid token")
        slug = operation.parameters.get("organizationSlug")
        if slug is not None and slug not in self.organizations:
            raise Refusal(403, "you are not a member of this organization")

    def _carry_out(self, operation: Operation, query: dict[str, str], body: Any) -> Any:
        work = getattr(self, _to_snake(operation.content["operationId"]))
        values = {
            _to_snake(name): value
            for name, value in operation.parameters.items()
            if name != "organizationSlug"
        }
        return work(query=query, body=body, **values)

    # The account: methods are named for the document's operationIds

    def list_locations(self, **_: Any) -> Any:
        return {"locations": LOCATIONS}

    def validate_api_token(self, **_: Any) -> Any:
        return {"exp": self.expires}

    def list_api_tokens(self, **_: Any) -> Any:
        return {"tokens": [_without_token(entry) for entry in self.api_tokens.values()]}

    def create_api_token(self, *, token_name: str, **_: Any) -> Any:
        entry = {
            "name": token_name,
            "id": secrets.token_urlsafe(12),
            "token": secrets.token_urlsafe(24),
        }
        self.api_tokens[token_name] = entry
        return entry

    def revoke_api_token(self, *, token_name: str, **_: Any) -> Any:
        del self.api_tokens[token_name]
        return {"token": token_name}

    def list_organizations(self, **_: Any) -> Any:
        return [{"name": slug, "slug": slug, "type": "team"} for slug in self.organizations]

    def get_organization_usage(self, **_: Any) -> Any:
        usages = [self._read_usage(database) for database in self.databases.values()]
        names = ("rows_read", "rows_written", "storage_bytes", "bytes_synced")
        total = {name: sum(usage[name] for usage in usages) for name in names}
        return {
            "organization": {
                "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, self.organization)),
                "usage": total | {"databases": len(self.databases), "groups": len(self.groups)},
            }
        }

    def get_organization_subscription(self, **_: Any) -> Any:
        return {"subscription": {"name": "starter", "plan": "starter", "overages": False}}

    def list_organization_plans(self, **_: Any) -> Any:
        return {"plans": [{"name": "starter", "price": "0", "quotas": QUOTAS}]}

    # Groups

    def list_groups(self, **_: Any) -> Any:
        return {"groups": list(self.groups.values())}

    def create_group(self, *, body: Any, **_: Any) -> Any:
        if body["name"] in self.groups:
            raise Refusal(409, "group already exists")
        if len(self.groups) >= QUOTAS["groups"]:
            raise Refusal(402, "your plan does not allow more groups")
        self.add_group(body["name"], body["location"])
        return {"group": self.groups[body["name"]]}

    def get_group(self, *, group_name: str, **_: Any) -> Any:
        return {"group": self._find_group(group_name)}

    def delete_group(self, *, group_name: str, **_: Any) -> Any:
        group = self._find_group(group_name)
        del self.groups[group_name]
        return {"group": group}

    def _find_group(self, name: str) -> dict[str, Any]:
        if name not in self.groups:
            raise Refusal(404, "group not found")
        return self.groups[name]

    # Databases

    def list_databases(self, *, query: dict[str, str], **_: Any) -> Any:
        names = sorted(self.databases)
        start = int(query.get("cursor", "0"))
        page = names[start : start + self.page_size]
        databases = [self._describe(self.databases[name]) for name in page]
        if "group" in query:
            databases = [row for row in databases if row["group"] == query["group"]]
        end = start + self.page_size
        following = str(end) if end < len(names) else None
        return {"databases": databases, "pagination": {"next": following}}

    def create_database(self, *, body: Any, **_: Any) -> Any:
        name = body["name"]
        if not NAME.fullmatch(name):
            raise Refusal(400, "invalid database name")
        if body["group"] not in self.groups:
            raise Refusal(400, "group not found")
        if name in self.databases:
            raise Refusal(409, f"database with name {name} already exists")
        if len(self.databases) >= QUOTAS["databases"]:
            raise Refusal(402, "your plan does not allow more databases")
        database = self.add_database(name, body["group"])
        described = self._describe(database)
        return {"database": {key: described[key] for key in ("DbId", "Hostname", "Name")}}

    def get_database(self, *, database_name: str, **_: Any) -> Any:
        return {"database": self._describe(self._find(database_name))}

    def delete_database(self, *, database_name: str, **_: Any) -> Any:
        database = self._find(database_name)
        database.server.kill()
        shutil.rmtree(database.server.folder)  # else one of the same name would find its data
        del self.databases[database_name]
        return {"database": database_name}

    def get_database_configuration(self, *, database_name: str, **_: Any) -> Any:
        return self._find(database_name).configuration

    def update_database_configuration(self, *, database_name: str, body: Any, **_: Any) -> Any:
        self._find(database_name).configuration |= body
        return self._find(database_name).configuration

    def create_database_token(self, *, database_name: str, query: dict[str, str], **_: Any) -> Any:
        database = self._find(database_name)
        access = "ro" if query.get("authorization") == "read-only" else "rw"
        seconds = _parse_span(query.get("expiration", "never"))
        return {"jwt": database.mint(access=access, seconds=seconds)}

    def invalidate_database_tokens(self, *, database_name: str, **_: Any) -> None:
        database = self._find(database_name)
        database.key = Ed25519PrivateKey.generate()
        database.take_key()
        self.on_rotate()

    def get_database_usage(self, *, database_name: str, **_: Any) -> Any:
        database = self._find(database_name)
        usage = self._read_usage(database)
        instances = [{"uuid": str(uuid.uuid4()), "usage": usage}]
        return {"database": {"uuid": database.id, "instances": instances, self.member: usage}}

    def _read_usage(self, database: FakeDatabase) -> dict[str, int]:
        stats = database.server.admin("GET", "/v1/namespaces/default/stats")
        return {
            "rows_read": stats["rows_read_count"],
            "rows_written": stats["rows_written_count"],
            "storage_bytes": stats["storage_bytes_used"],
            "bytes_synced": 0,
        }

    def _find(self, name: str) -> FakeDatabase:
        if name not in self.databases:
            raise Refusal(404, f"could not find database with name {name}: record not found")
        return self.databases[name]

    def _describe(self, database: FakeDatabase) -> dict[str, Any]:
        location = self.groups[database.group]["primary"]
        return {
            "Name": database.name,
            "DbId": database.id,
            "Hostname": database.hostname,
            "block_reads": False,
            "block_writes": False,
            "regions": [location],
            "primaryRegion": location,
            "group": database.group,
            "delete_protection": database.configuration.get("delete_protection", False),
            "parent": None,
            "type": "logical",
            "sleeping": False,
        }


def _to_snake(name: str) -> str:
    """Return `create_database` of `createDatabase`."""
    words = name.replace("API", "Api")
    return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", words)


def _without_token(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "token"}


def _parse_span(text: str) -> float | None:
    """Return the seconds of `2w1d30m`; None: never."""
    if text == "never":
        return None
    if not re.fullmatch(f"(?:{SPAN.pattern})+", text):
        raise Refusal(400, "Invalid expiration format")
    return sum(int(number) * SECONDS[unit] for number, unit in SPAN.findall(text))


def _make_handler(fake: FakeTurso) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content, delay_seconds = fake.serve(
                self.command, self.path, self.headers.get("Authorization", ""), body
            )
            time.sleep(delay_seconds)
            self.send_response(status)
            if content:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 (their names)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    return Handler


def _encode_public_key(key: Ed25519PrivateKey) -> str:
    """Return the public half as the server reads it: base64url without padding."""
    public = base64.urlsafe_b64encode(key.public_key().public_bytes_raw())
    return public.decode().rstrip("=")
