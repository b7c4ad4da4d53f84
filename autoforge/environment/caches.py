"""From the Redis variables to one URL, to Django's CACHES, and to where runs wait."""

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from autoforge.environment.layers import BY_NAME, Layers
from autoforge.environment.values import Setting, is_host, must_be, parse, refuse

__all__ = ["cache_settings", "queue_kind", "redis_url"]

MAX_LOCAL_ENTRIES = 10_000  # some tens of MB at most, in a process without Redis
# A page works without its cache: it must not wait for one that does not answer.
SOCKET_SECONDS = 0.5


def redis_url(layers: Layers) -> str | None:
    """Return the whole URL of the Redis server, password and database included, or None.

    Raises:
        ConfigurationError: a variable is wrong, or two contradict each other.
    """
    url = layers.find(BY_NAME["REDIS_URL"])
    host = layers.find(BY_NAME["REDIS_HOST"])
    password = layers.find(BY_NAME["REDIS_PASSWORD"])
    if password is not None:
        parse(password)
    if url is not None:
        parse(url)
        return _complete(layers, url, host, password)
    if host is None:
        return None
    name = str(parse(host))
    if ":" in name:  # IPv6
        name = f"[{name}]"
    port = _number(layers, "REDIS_PORT")
    database = _number(layers, "REDIS_DB")
    return f"redis://{_credentials(password)}{name}:{port}/{database}"


def _complete(layers: Layers, url: Setting, host: Setting | None, password: Setting | None) -> str:
    text = url.text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise must_be(url) from None
    is_socket = parts.scheme == "unix" and parts.path not in {"", "/"} and not parts.hostname
    is_server = parts.scheme in {"redis", "rediss"} and is_host(parts.hostname or "") and port != 0
    database = re.fullmatch(r"/?([0-9]*)/?", parts.path)
    if not is_socket and not (is_server and database):
        raise must_be(url)
    if host is not None and parse(host) != parts.hostname:
        raise refuse(url, f"REDIS_HOST is a different server ({parse(host)}); keep one of them.")
    if password is not None and unquote(parts.password or "") not in {"", password.text}:
        raise refuse(url, "its password differs from REDIS_PASSWORD; keep one of them.")
    if password is not None and not parts.password:
        user = quote(parts.username or "", safe="")
        server = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{user}{_credentials(password)}{server}")
    if is_server and database and not database.group(1):
        parts = parts._replace(path=f"/{_number(layers, 'REDIS_DB')}")
    if not parts.netloc:  # urllib drops the empty host of unix:///path
        return parts.geturl().replace("unix:/", "unix:///")
    return parts.geturl()


def _credentials(password: Setting | None) -> str:
    if password is None:
        return ""
    return f":{quote(password.text, safe='')}@"


def _number(layers: Layers, name: str) -> int:
    setting = layers.find(BY_NAME[name])
    assert setting is not None  # noqa: S101 (for the types: these have defaults)
    return int(parse(setting))


def cache_settings(
    *, url: str | None, app_name: str, app_env: str, timeout_seconds: int
) -> dict[str, Any]:
    """Return Django's CACHES: Redis where there is one, else this process's memory."""
    slug = re.sub(r"[^a-z0-9]+", "-", app_name.lower()).strip("-")
    if not slug:  # a name in Japanese, for example
        slug = "autoforge"
    # Several installations may share a Redis server.
    common = {"TIMEOUT": timeout_seconds, "KEY_PREFIX": f"{slug}:{app_env}"}
    if url is None:
        local = {
            "BACKEND": "autoforge.cache_counts.CountedMemoryCache",
            "LOCATION": "autoforge",
            "OPTIONS": {"MAX_ENTRIES": MAX_LOCAL_ENTRIES},
        }
        return {"default": local | common}
    redis = {
        "BACKEND": "autoforge.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": SOCKET_SECONDS,
            "SOCKET_TIMEOUT": SOCKET_SECONDS,
        },
    }
    return {"default": redis | common}


def queue_kind(layers: Layers, chosen: str | None, url: str | None) -> str:
    """Return where runs of evaluations wait.

    Raises:
        ConfigurationError: it is Redis, and there is none.
    """
    setting = layers.find(BY_NAME["QUEUE"])
    if setting is not None and chosen == "redis" and url is None:
        raise refuse(setting, "Redis is not configured; set REDIS_URL, or QUEUE=sqlite.")
    if chosen is not None:
        return chosen
    if layers.app_env == "local":
        return "in-process"
    return "sqlite" if url is None else "redis"
