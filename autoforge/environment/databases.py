"""From a database URL to Django's DATABASES entry."""

import ipaddress
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from autoforge.environment.errors import ConfigurationError
from autoforge.environment.layers import BY_NAME, Layers, open_layers
from autoforge.environment.values import Setting, is_host, must_be, parse, refuse

__all__ = ["database_settings", "is_remote"]

log = logging.getLogger(__name__)

LIBSQL_SCHEMES = ("libsql", "turso", "https", "wss", "http", "ws")
SCHEMES = "sqlite:///path, libsql://host, https://host or http://host"
Token = Setting | None

SQLITE_OPTIONS: dict[str, object] = {
    # A transaction that reads first and writes later fails at once with "database is locked" when
    # somebody wrote in between; taking the write lock at BEGIN makes it wait its turn instead.
    "transaction_mode": "IMMEDIATE",
    # Seconds that a writer waits for another's lock (SQLite's busy timeout).
    "timeout": 20,
    # WAL: readers go on while somebody writes. NORMAL: with WAL a crash of the process loses
    # nothing, and each commit saves a flush to disk. The limit gives a WAL file's space back
    # after a large import. (Django itself turns foreign keys on, on every connection.)
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA journal_size_limit=67108864;"
    ),
}


def database_settings(layers: Layers) -> dict[str, Any]:
    """Return Django's DATABASES["default"] for the environment.

    Raises:
        ConfigurationError: there is no URL, or it is wrong.
    """
    setting, token = None, None
    prefix = {"staging": "TURSO_STAGING", "production": "TURSO"}.get(layers.app_env)
    if prefix is not None:
        setting = layers.find(BY_NAME[f"{prefix}_DATABASE_URL"])
        token = layers.find(BY_NAME[f"{prefix}_AUTH_TOKEN"])
    if setting is None:
        setting = layers.find(BY_NAME["DATABASE_URL"])
    if setting is None:  # local has a default
        raise ConfigurationError(
            f"{prefix}_DATABASE_URL is not set: {layers.app_env} needs a database. Set it to "
            f"libsql://host with {prefix}_AUTH_TOKEN, or set DATABASE_URL.",
            f"{prefix}_DATABASE_URL",
        )
    parse(setting)
    text = setting.text.strip()
    scheme = text.partition(":")[0].lower()
    if scheme == "sqlite" and setting.variable.kind == "database_url":
        return _sqlite(setting, text, layers.root)
    if scheme not in LIBSQL_SCHEMES or "://" not in text:
        raise must_be(setting)
    return _libsql(setting, text, token, layers)


def _sqlite(setting: Setting, text: str, root: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"ENGINE": "core.sqlite", "OPTIONS": SQLITE_OPTIONS.copy()}
    rest = text.partition(":")[2]
    if rest in {"//:memory:", "///:memory:"}:
        return entry | {"NAME": ":memory:"}
    if not rest.startswith("///"):
        file = rest.lstrip("/") or "data/autoforge_dev.db"
        raise refuse(
            setting,
            "a SQLite file needs three slashes before its path; "
            f"set {setting.variable.name}=sqlite:///{file}.",
        )
    if "?" in rest or "#" in rest:
        raise refuse(
            setting, "a SQLite URL has no ?… or #…; write these characters as %3F and %23."
        )
    # As text, not as a Path: "////x" is absolute, "///x" begins in the project's folder.
    path = Path(os.path.normpath(root / unquote(rest[3:])))
    if rest == "///" or path.is_dir() or "\0" in str(path):
        raise refuse(
            setting,
            f"it is a folder, not a file; set {setting.variable.name}={setting.variable.example}.",
        )
    # Django asks for health where a connection is kept; a file's connection cannot go stale.
    return entry | {"NAME": str(path), "CONN_MAX_AGE": 60}


def _libsql(setting: Setting, text: str, token: Token, layers: Layers) -> dict[str, Any]:
    app_env = layers.app_env
    host, in_url = _take_apart(setting, text)
    auth_token, file = in_url, setting.file
    if token is not None:
        parse(token)
        if in_url and token.text != in_url:
            raise refuse(
                setting,
                f"its authToken differs from {token.variable.name}; keep one of them.",
            )
        auth_token, file = token.text, token.file
    if not auth_token and app_env != "local" and is_remote(host):
        name = "TURSO_AUTH_TOKEN" if app_env == "production" else "TURSO_STAGING_AUTH_TOKEN"
        raise refuse(
            setting, f"a remote libSQL server requires a token in {app_env}; set {name} as well."
        )
    name = text.partition("?")[0].rstrip("/")
    options: dict[str, object] = {}
    if auth_token:
        options["auth_token"] = auth_token
    if auth_token and file is not None:
        options["auth_token"] = _watch(auth_token, file, name, layers)
    options |= _replica(layers)
    return {
        "ENGINE": "django_hrana",
        "NAME": name,
        "OPTIONS": options,
        # Seconds. A new connection costs a round trip, and two more with TLS.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _replica(layers: Layers) -> dict[str, object]:
    """Return the options of a copy on this machine; none where nobody asks for one.

    Only requests read it, and of these only pages (`autoforge.web.fresh_reads`): a worker must find
    what it was just told of.
    """
    setting = layers.find(BY_NAME["LIBSQL_REPLICA"])
    if setting is None:
        return {}
    path = layers.root / str(parse(setting))
    if path.is_dir():
        raise refuse(setting, "it is a folder, not a file; set LIBSQL_REPLICA=data/replica.db.")
    return {"replica": str(path), "replica_reads": "requests"}


def _watch(token: str, file: Path, name: str, layers: Layers) -> object:
    """Return a token that is read again when its file changes: a new one needs no restart."""
    from django_hrana.driver import FileToken  # only where the database is a server

    def read_again() -> str | None:
        try:
            entry = database_settings(open_layers(layers.process, layers.root))
        except ConfigurationError as error:  # somebody is writing, or it is not for this user
            log.warning("The database's token in use stays, because the new one fails: %s", error)
            return None
        if entry["NAME"] != name:
            return None  # of another database, which a restart turns to
        found = entry["OPTIONS"].get("auth_token")
        return str(found()) if callable(found) else found

    return FileToken(read_again, [file], first=token)


def _take_apart(setting: Setting, text: str) -> tuple[str, str]:
    """Return the host and the authToken of a libSQL URL."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refuse(
            setting, "its host or port is not valid; write libsql://host or http://host:8080."
        ) from None
    host = parts.hostname or ""
    if not host or not is_host(host) or port == 0:
        raise refuse(setting, "it has no valid host; write libsql://host or http://host:8080.")
    if "@" in parts.netloc:
        raise refuse(
            setting,
            "it contains a user name or password, which libSQL does not support; use a token.",
        )
    query = parts.query.strip("&")
    name, _, value = query.partition("=")
    is_allowed = not query or (name == "authToken" and "&" not in value)
    if parts.fragment or not is_allowed:
        raise refuse(setting, "the only parameter allowed is ?authToken=; remove the others.")
    in_url = unquote(value)
    if any(map(str.isspace, in_url)):
        raise refuse(setting, "its authToken contains white space; copy the token again.")
    return host, in_url


def is_remote(host: str) -> bool:
    """Whether `host` is another machine, as far as its name tells."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
