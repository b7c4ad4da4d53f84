"""Turso's Platform API: one request a method, its answer typed, each failure one sentence.

The API is not exact in what it answers, nor do its own clients agree: capitals in `Name` are real,
the answer of a rotation is empty whatever a client expects, usage has its total under two names.
What is not needed is not read.

Source: Turso's OpenAPI document (docs.turso.tech/api-reference).
"""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from autoforge.operations.turso.errors import TursoError, TursoInputError, TursoUnavailable
from autoforge.operations.turso.refusals import build_refusal

__all__ = ["Database", "Group", "PlatformAPI", "Quotas", "Usage"]

TIMEOUT_SECONDS: Final = 30.0
LONGEST_ANSWER: Final = 16 * 1024 * 1024  # bytes; a thousand databases are half of one
LONGEST_MESSAGE: Final = 300  # characters of Turso's own words that are repeated
MOST_PAGES: Final = 1_000
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Databases that are in one place and share a server."""

    name: str
    """Unique in the organization."""
    location: str
    """Code of its region."""
    is_protected: bool
    """Whether it and its databases cannot be deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """A database."""

    name: str
    """Unique in the organization."""
    id: str
    """Its UUID."""
    hostname: str
    """Where it answers, without a scheme."""
    group: str
    """Name of its group; empty right after it was made."""
    region: str
    """Code of its region; empty right after it was made."""
    is_protected: bool
    """Whether it cannot be deleted."""
    blocks_reads: bool
    """Whether it refuses to be read, such as over a quota."""
    blocks_writes: bool
    """Whether it refuses to be written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What was used in this calendar month."""

    rows_read: int
    """Rows that statements have looked at, which is what is billed."""
    rows_written: int
    """Rows that statements have changed."""
    storage_bytes: int
    """What is stored now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotas:
    """What the organization's plan allows in a month."""

    plan: str
    """Name of the plan."""
    rows_read: int | None
    """Rows; None: not said."""
    rows_written: int | None
    """Rows; None: not said."""
    storage_bytes: int | None
    """Bytes; None: not said."""


class PlatformAPI:
    """The API for one organization, with one platform token."""

    def __init__(
        self, url: str, token: str, organization: str = "", *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: `https://api.turso.tech`; `http://` only on this machine.
            token: the platform token.
            organization: slug of the organization.
            timeout: seconds to wait for an answer.

        Raises:
            TursoInputError: the token would travel in plain text, or cannot be one.
        """
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._is_tls = parts.scheme == "https"
        self._base = parts.path.rstrip("/")
        if not self._is_tls and self._host not in LOOPBACK:
            raise TursoInputError(
                f"TURSO_API_URL is {url!r}: use https://, so that the platform token is encrypted."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise TursoInputError(
                "The platform token contains white space or characters that no token has; copy it "
                "again."
            )
        self._token = token
        self._timeout = timeout
        self.organization = organization

    def __repr__(self) -> str:
        """Return the address and the organization; never the token."""
        return f"<PlatformAPI of {self.organization or 'nobody'} at {self._host}>"

    # Who asks

    def validate(self) -> int | None:
        """Return when the platform token expires, in seconds since 1970; None: never."""
        seconds = self._get("/v1/auth/validate", "exp", int)
        return None if seconds < 0 else int(seconds)

    def list_organizations(self) -> list[str]:
        """Return the slugs of the organizations that the token is good for."""
        answer = self._ask("GET", "/v1/organizations")
        if isinstance(answer, dict):  # as Turso's own client for JavaScript expects it
            answer = answer.get("organizations")
        if not isinstance(answer, list):
            raise _not_understood("/v1/organizations")
        return [_read(row, "slug", str, "/v1/organizations") for row in answer]

    # Groups

    def list_locations(self) -> dict[str, str]:
        """Return region code → name of today's regions."""
        path = "/v1/locations"
        locations = self._get(path, "locations", dict)
        return {str(code): str(name) for code, name in locations.items()}

    def list_groups(self) -> list[Group]:
        """Return the organization's groups."""
        path = self._path("groups")
        return [_make_group(row, path) for row in self._get(path, "groups", list)]

    def create_group(self, name: str, location: str) -> Group:
        """Create a group.

        Raises:
            TursoExistsError: there is one of this name.
        """
        path = self._path("groups")
        answer = self._ask("POST", path, {"name": name, "location": location})
        return _make_group(_read(answer, "group", dict, path), path)

    # Databases

    def list_databases(self) -> Iterator[Database]:
        """Yield the organization's databases."""
        path, cursor = self._path("databases"), ""
        for _page in range(MOST_PAGES):
            answer = self._ask(
                "GET", path + (f"?{urlencode({'cursor': cursor})}" if cursor else "")
            )
            for row in _read(answer, "databases", list, path):
                yield _make_database(row, path)
            pagination = answer.get("pagination")
            following = pagination.get("next") if isinstance(pagination, dict) else None
            if not following or following == cursor:
                return
            cursor = str(following)

    def create_database(self, name: str, group: str) -> Database:
        """Create a database; it may take some seconds until it answers.

        Raises:
            TursoExistsError: there is one of this name.
            TursoError: there is no such group, or the plan allows no more databases.
        """
        path = self._path("databases")
        answer = self._ask("POST", path, {"name": name, "group": group})
        return _make_database(_read(answer, "database", dict, path), path)

    def find_database(self, name: str) -> Database:
        """Return a database.

        Raises:
            TursoNotFoundError: there is none of this name.
        """
        path = self._path("databases", name)
        return _make_database(self._get(path, "database", dict), path)

    def delete_database(self, name: str) -> None:
        """Delete a database with all that is in it.

        Raises:
            TursoNotFoundError: there is none of this name.
        """
        self._ask("DELETE", self._path("databases", name))

    # Tokens

    def create_token(self, database: str, *, expiration: str, is_read_only: bool) -> str:
        """Return a new token of a database.

        Args:
            database: its name.
            expiration: such as `90d`, or `never`.
            is_read_only: whether it may only read.
        """
        access = "read-only" if is_read_only else "full-access"
        query = urlencode({"expiration": expiration, "authorization": access})
        path = self._path("databases", database, "auth", "tokens")
        token = _read(self._ask("POST", f"{path}?{query}"), "jwt", str, path)
        if not token:
            raise _not_understood(path)
        return str(token)

    def revoke_tokens(self, database: str) -> None:
        """Make every token of a database invalid; Turso cannot revoke one alone."""
        # Its answer has no content, whatever else a client of Turso's own expects.
        self._ask("POST", self._path("databases", database, "auth", "rotate"), is_read=False)

    # Usage

    def read_usage(self, database: str) -> Usage:
        """Return what a database has used in this month."""
        path = self._path("databases", database, "usage")
        answer = self._get(path, "database", dict)
        # The OpenAPI document says `total`; Turso's command line and its clients read `usage`.
        total = answer["total"] if "total" in answer else _read(answer, "usage", dict, path)
        return _make_usage(total, path)

    def read_organization_usage(self) -> Usage:
        """Return what all of the organization's databases have used in this month."""
        path = self._path("usage")
        return _make_usage(_read(self._get(path, "organization", dict), "usage", dict, path), path)

    def read_quotas(self) -> Quotas:
        """Return what the organization's plan allows."""
        path = self._path("subscription")
        subscription = self._get(path, "subscription", dict)
        name = str(subscription.get("plan") or subscription.get("name") or "")
        quotas: Mapping[str, Any] = {}
        for plan in self._get(self._path("plans"), "plans", list):
            if plan.get("name") == name:
                quotas = plan.get("quotas") or {}
        return Quotas(
            plan=name,
            rows_read=quotas.get("rowsRead"),
            rows_written=quotas.get("rowsWritten"),
            storage_bytes=quotas.get("storage"),
        )

    # Requests

    def _path(self, *parts: str) -> str:
        return "/".join(["/v1/organizations", *map(_quote, (self.organization, *parts))])

    def _get(self, path: str, member: str, kind: type) -> Any:
        return _read(self._ask("GET", path), member, kind, path)

    def _ask(self, method: str, path: str, body: object = None, *, is_read: bool = True) -> Any:
        """Send a request; return the JSON of its answer, or None where it is not read."""
        status, content = self._send(method, path, body)
        if not http.client.OK <= status < http.client.MULTIPLE_CHOICES:
            raise self._refusal(status, content, path)
        if not is_read:
            return None
        try:
            return json.loads(content)
        except ValueError:
            raise _not_understood(path) from None

    def _send(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = self._connect()
        was_sent = False
        try:
            connection.connect()
            was_sent = True
            # No redirect is followed: the token is for this host alone.
            connection.request(method, self._base + path, content, headers)
            response = connection.getresponse()
            answer = response.read(LONGEST_ANSWER + 1)
        except TimeoutError:
            raise TursoUnavailable(
                f"Turso ({self._host}) did not answer within {self._timeout:g} s; check with "
                "`manage.py turso list` what was done, then try again.",
                was_sent=was_sent,
            ) from None
        except ssl.SSLError as error:
            raise TursoUnavailable(
                f"The connection to Turso ({self._host}) is not secure ({error.reason}); check "
                "TURSO_API_URL and the certificates of this machine.",
                was_sent=was_sent,
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise TursoUnavailable(
                f"Turso ({self._host}) cannot be reached ({reason}); check the network, and "
                "TURSO_API_URL if it is set.",
                was_sent=was_sent,
            ) from None
        finally:
            connection.close()
        if len(answer) > LONGEST_ANSWER:
            raise _not_understood(path)
        return response.status, answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._is_tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _refusal(self, status: int, content: bytes, path: str) -> TursoError:
        """Return the error for a status that is no success."""
        return build_refusal(
            status,
            message=self._read_message(content),
            organization=self.organization,
            place=_say_path(path),
        )

    def _read_message(self, content: bytes) -> str:
        """Return Turso's own words, without the token, on one line."""
        try:
            answer = json.loads(content)
        except ValueError:
            return ""
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):
            error = error.get("message")
        if not isinstance(error, str):
            return ""
        return " ".join(error.replace(self._token, "****").split())[:LONGEST_MESSAGE]


def _quote(part: str) -> str:
    return quote(part, safe="")


def _say_path(path: str) -> str:
    """Return what a path is about: `databases/x` of `/v1/organizations/me/databases/x/usage`."""
    parts = path.partition("?")[0].split("/")[4:6]
    return "/".join(parts) or "this address"


def _read(answer: Any, member: str, kind: type, path: str) -> Any:
    """Return a member of an answer that is a JSON object.

    Raises:
        TursoUnavailable: it is not there, or of another type.
    """
    value = answer.get(member) if isinstance(answer, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise _not_understood(path)
    return value


def _not_understood(path: str) -> TursoUnavailable:
    return TursoUnavailable(
        f"The answer for {_say_path(path)} is not what Turso's API says; check TURSO_API_URL, and "
        "try again."
    )


def _make_group(row: Any, path: str) -> Group:
    locations = row.get("locations") if isinstance(row, dict) else None
    location = row.get("primary") or (locations or [""])[0] if isinstance(row, dict) else ""
    return Group(
        name=_read(row, "name", str, path),
        location=str(location),
        is_protected=bool(row.get("delete_protection")),
    )


def _make_database(row: Any, path: str) -> Database:
    return Database(
        name=_read(row, "Name", str, path),
        id=_read(row, "DbId", str, path),
        hostname=_read(row, "Hostname", str, path),
        group=str(row.get("group") or ""),
        region=str(row.get("primaryRegion") or ""),
        is_protected=bool(row.get("delete_protection")),
        blocks_reads=bool(row.get("block_reads")),
        blocks_writes=bool(row.get("block_writes")),
    )


def _make_usage(row: Any, path: str) -> Usage:
    return Usage(
        rows_read=_read(row, "rows_read", int, path),
        rows_written=_read(row, "rows_written", int, path),
        storage_bytes=_read(row, "storage_bytes", int, path),
    )
