"""Which database is meant: an entry of the settings, or a URL on the command line.

A token is never part of a URL on a command line, which every user of the machine can read: it
comes from a file, or from the settings where the URL is theirs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connections

from autoforge.operations.backups.errors import BackupError
from django_hrana import driver
from django_hrana.driver import Connection, Endpoint, InterfaceError

__all__ = ["Location", "find_location", "parse_location"]

SQLITE: Final = "sqlite:///"
SERVERS: Final = ("libsql", "https", "http")
ALLOWED: Final = (
    "use sqlite:///path (from the project's folder), sqlite:////absolute/path, libsql://host, "
    "https://host or http://host:port"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A database."""

    engine: str
    """SQLite or libSQL."""
    name: str
    """What people type to confirm that they mean it."""
    path: Path | None = None
    """The file, if it is SQLite."""
    url: str = ""
    """The server, if it is libSQL; without a token."""
    namespace: str | None = None
    """The database on a server with several."""
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    """What the server asks for."""
    token_option: str = ""
    """Option of the command that names the file of the token; empty: it is in the environment."""
    timeout_seconds: float = 60.0
    """How long to wait for an answer."""

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else self.url

    @property
    def identity(self) -> str:
        """Six hexadecimal digits that tell databases of one name apart, by where they are."""
        if self.path is not None:
            address = str(self.path.resolve())
        else:
            endpoint = _endpoint(self)
            address = f"{endpoint} {endpoint.header}"
        return hashlib.sha256(address.encode()).hexdigest()[:6]

    @property
    def token_remedy(self) -> str:
        """What helps where the server refuses the token."""
        if self.token_option:
            return f"put a token that is valid for it into a file, and add {self.token_option} FILE"
        return "correct the token of the environment (TURSO_AUTH_TOKEN)"

    def connect(self, *, transaction_mode: str = "auto") -> Connection:
        """Return a connection of its own to the server; each statement is a transaction."""
        return driver.connect(
            self.url,
            auth_token=self.token,
            namespace=self.namespace,
            timeout=self.timeout_seconds,
            autocommit=True,
            transaction_mode=transaction_mode,
        )

    def is_same(self, other: "Location") -> bool:
        """Whether both are one database, as far as their addresses tell."""
        if self.path is not None and other.path is not None:
            return self.path.resolve() == other.path.resolve()
        if self.path is not None or other.path is not None:
            return False
        ours, theirs = _endpoint(self), _endpoint(other)
        return str(ours) == str(theirs) and ours.header == theirs.header


def find_location(alias: str = "default") -> Location:
    """Return the database of an entry in the settings.

    Raises:
        BackupError: it is in memory.
    """
    entry = connections[alias].settings_dict
    name = str(entry["NAME"])
    if entry["ENGINE"] == "django_hrana":
        options: dict[str, Any] = entry["OPTIONS"]
        return _at_server(
            name,
            token=options.get("auth_token"),
            namespace=options.get("namespace"),
            timeout_seconds=float(options.get("timeout", 60.0)),
        )
    if connections[alias].is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's wrapper
        raise BackupError("The database is in memory: there is nothing to back up or restore.")
    return _at_path(Path(name))


def parse_location(
    url: str,
    *,
    token_file: Path | None = None,
    token_option: str = "--token-file",  # noqa: S107 (the option's name)  # nosec B107
) -> Location:
    """Return the database of a URL.

    Args:
        url: as DATABASE_URL takes it, without a token.
        token_file: a file that contains the token, and nothing else.
        token_option: the command's option for this file.

    Raises:
        BackupError: the URL or the file cannot be used.
    """
    if url.startswith(SQLITE):
        rest = unquote(url.removeprefix(SQLITE))
        if not rest or "?" in rest or "#" in rest:
            raise BackupError(f"{url} names no file; {ALLOWED}.")
        return _at_path(Path(settings.BASE_DIR) / rest)
    parts = urlsplit(url)
    if parts.scheme not in SERVERS or not parts.hostname:
        raise BackupError(f"{url.partition('?')[0]} is not the URL of a database; {ALLOWED}.")
    if "authtoken" in parts.query.lower() or "@" in parts.netloc:
        raise BackupError(
            "A token in a URL can be read by every user of this machine; leave it out, and put it "
            f"into a file that only you can read: {token_option} FILE."
        )
    token = None if token_file is None else _read_token(token_file)
    location = _at_server(url.rstrip("/"), token=token, token_option=token_option)
    current = _find_current()
    if token is None and current is not None and location.is_same(current):
        return current
    return location


def _find_current() -> Location | None:
    try:
        return find_location()
    except BackupError:
        return None


def _at_path(path: Path) -> Location:
    if path.is_dir():
        raise BackupError(f"{path} is a folder; name a file in it.")
    return Location(engine="SQLite", name=path.stem, path=path)


def _at_server(
    url: str,
    *,
    token: str | Callable[[], str] | None = None,
    token_option: str = "",
    namespace: str | None = None,
    timeout_seconds: float = 60.0,
) -> Location:
    try:
        endpoint = Endpoint.parse(url, namespace)
    except InterfaceError as error:
        raise BackupError(f"{url.partition('?')[0]} cannot be used: {error}.") from error
    host = urlsplit(url).hostname or ""
    first, _, _rest = host.partition(".")
    is_number = first.isdigit() or ":" in host
    return Location(
        engine="libSQL",
        name=namespace or (endpoint.host if is_number else first),
        url=url,
        namespace=namespace,
        token=token,
        token_option=token_option,
        timeout_seconds=timeout_seconds,
    )


def _endpoint(location: Location) -> Endpoint:
    return Endpoint.parse(location.url, location.namespace)


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"The token cannot be read from {path}: {error}.") from error
    if not token:
        raise BackupError(f"{path} is empty; it must contain the token.")
    return token
