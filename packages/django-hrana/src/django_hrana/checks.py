"""System checks: are the settings of the libSQL databases valid, and are they what anyone wants?

`manage.py check` and `runserver` run them once a backend of this package is loaded; nothing is sent
to a server (`validation` does that). A fault also refuses the first connection, in one sentence.
"""

import importlib.util
import math
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from django_hrana import driver
from django_hrana.driver.endpoint import split_token
from django_hrana.replica.options import (
    DEFAULT_MAX_AGE_SECONDS,
    DEFAULT_SYNC_SECONDS,
    READS,
    REPLICA_OPTIONS,
)

__all__ = [
    "ASYNC_CONNECTIONS",
    "ENGINE",
    "OPTIONS",
    "check_databases",
    "check_settings",
    "first_fault",
]

ENGINE: Final = "django_hrana"
MODES: Final = ("AUTO", "DEFERRED", "EXCLUSIVE", "IMMEDIATE")
NETWORK_OPTIONS: Final = tuple(sorted(driver.NetworkOptions.__annotations__))
CONNECTION_OPTIONS: Final = ("auth_token", "namespace", "timeout", "transaction_mode")
ASYNC_CONNECTIONS: Final = "async_connections"
OPTIONS: Final = tuple(
    sorted((*CONNECTION_OPTIONS, *NETWORK_OPTIONS, *REPLICA_OPTIONS, ASYNC_CONNECTIONS))
)
MAX_PLACES: Final = 128  # a libSQL server has no more by default
READ_OWN_WRITES: Final = "django_hrana.replica.middleware.read_own_writes"
URLS: Final = "libsql://host, https://host or http://host:port"
# What other backends have in OPTIONS, and what stands for it here.
ELSEWHERE: Final = {
    "check_same_thread": "Remove it: a connection is one thread's, as Django has it.",
    "detect_types": "Remove it: values are converted as Django's SQLite backend does.",
    "init_command": "Remove it: what a server keeps (WAL, durability) is set on the server.",
    "isolation_level": "Write transaction_mode.",
    "pool": (
        "Remove it: with CONN_MAX_AGE each thread keeps its network connection, and a place on the "
        "server only while it needs one."
    ),
    "sslmode": "Remove it: libsql:// and https:// in NAME mean TLS, http:// means none.",
    "sslrootcert": "Write ca_file.",
    "authToken": "Write auth_token.",
    "sync_url": "Remove it: NAME is the server's URL, and replica the path of the local copy.",
}
# Of Django's own keys and those of other packages; nothing here reads them.
IGNORED: Final = ("USER", "PASSWORD", "HOST", "PORT", "AUTH_TOKEN")
# A writer may wait so long for the one in front of it before the server takes the lock from that.
WRITER_SECONDS: Final = 5


@checks.register()
def check_databases(
    app_configs: object = None, databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Return what is wrong with the settings of the libSQL databases, and doubtful.

    Args:
        app_configs: Django's; settings belong to no app.
        databases: aliases that Django asks the backends themselves about: they say the same.
        kwargs: Django's.
    """
    entries = {
        alias: entry
        for alias, entry in django_settings.DATABASES.items()
        if entry.get("ENGINE") == ENGINE
    }
    messages: list[CheckMessage] = []
    for alias, entry in entries.items():
        if alias not in (databases or ()):
            messages += check_settings(entry, alias)
    return [*messages, *_shared_replicas(entries)]


def first_fault(settings: Mapping[str, object], alias: str) -> str | None:
    """Return the first thing that makes the settings unusable, as one sentence."""
    for message in _faults(settings, alias):
        return f"{message.msg} {message.hint}"
    return None


def check_settings(settings: Mapping[str, object], alias: str) -> list[CheckMessage]:
    """Return what is wrong with the settings of a database, and what deserves a second look.

    Args:
        settings: the entry of DATABASES.
        alias: its name there.
    """
    return [*_faults(settings, alias), *_doubts(settings, alias)]


def _faults(settings: Mapping[str, Any], alias: str) -> Iterator[CheckMessage]:
    options = settings.get("OPTIONS") or {}
    where = f"settings.DATABASES[{alias!r}]"
    yield from _url(settings.get("NAME"), f"{where}['NAME']", "E001", f"Write {URLS}.")
    yield from _token(options.get("auth_token"), where)
    yield from _timeout(options.get("timeout"), where)
    yield from _mode(options.get("transaction_mode"), where)
    yield from _namespace(options.get("namespace"), where)
    yield from _network(options, where)
    yield from _replica(options, where)
    yield from _connections(settings, where)
    yield from _async_connections(options.get(ASYNC_CONNECTIONS), where)
    for name in sorted(set(options) - set(OPTIONS), key=str):
        yield Error(
            f"{where}['OPTIONS'] contains {name!r}, which is not an option of the libSQL backend.",
            hint=ELSEWHERE.get(str(name), f"Available options: {', '.join(OPTIONS)}."),
            id="libsql.E006",
        )
    test = settings.get("TEST") or {}
    if test.get("ADMIN_URL") is not None:
        hint = "Write http://host:port of the server's admin API."
        yield from _url(test["ADMIN_URL"], f"{where}['TEST']['ADMIN_URL']", "E007", hint)
    elif test.get("NAME") is not None:
        yield from _url(test["NAME"], f"{where}['TEST']['NAME']", "E008", f"Write {URLS}.")


def _url(value: object, where: str, number: str, hint: str) -> Iterator[CheckMessage]:
    url = value if isinstance(value, str) else ""
    try:
        driver.Endpoint.parse(split_token(url)[0])
    except driver.InterfaceError as error:
        yield Error(f"{where} is improperly configured: {error}.", hint=hint, id=f"libsql.{number}")


def _token(value: object, where: str) -> Iterator[CheckMessage]:
    if value is None or callable(value):
        return
    # Anything else could end the Authorization header's line.
    is_clean = isinstance(value, str) and value.isascii() and not any(map(str.isspace, value))
    if not is_clean:
        yield Error(
            f"{where}['OPTIONS']['auth_token'] is improperly configured (its value is not shown).",
            hint="Use a token without white space, or a function that returns one.",
            id="libsql.E002",
        )


def _timeout(value: Any, where: str) -> Iterator[CheckMessage]:
    if value is None:
        return
    if not _is_positive(value):
        yield Error(
            f"{where}['OPTIONS']['timeout'] is improperly configured to {value!r}.",
            hint=(
                "Use a number of seconds greater than 0, such as 60; a writer may wait 5 s for "
                "others."
            ),
            id="libsql.E003",
        )


def _mode(value: object, where: str) -> Iterator[CheckMessage]:
    if value is None:
        return
    is_valid = isinstance(value, str) and value.upper() in MODES
    if not is_valid:
        # Django's own tests expect its SQLite backend's sentence.
        yield Error(
            f"{where}['OPTIONS']['transaction_mode'] is improperly configured to '{value}'. "
            "Use one of 'DEFERRED', 'EXCLUSIVE', 'IMMEDIATE', or None.",
            hint="None and 'auto' take the write lock when a transaction begins.",
            id="libsql.E004",
        )


def _namespace(value: object, where: str) -> Iterator[CheckMessage]:
    if value is None:
        return
    try:
        driver.Endpoint.parse("http://localhost", str(value))
    except driver.InterfaceError:
        yield Error(
            f"{where}['OPTIONS']['namespace'] is improperly configured to {value!r}.",
            hint="Use 1 to 63 letters, digits, - and _: the name of a database on the server.",
            id="libsql.E005",
        )


def _network(options: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    values: Any = {name: options[name] for name in NETWORK_OPTIONS if name in options}
    try:
        driver.Network.of(**values)
    except driver.InterfaceError as error:
        yield Error(
            f"{where}['OPTIONS'] is improperly configured: {error}.",
            hint="See the settings in the package's README.",
            id="libsql.E010",
        )


def _replica(options: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    path = options.get("replica")
    if path is not None and not (isinstance(path, str | os.PathLike) and str(path)):
        yield Error(
            f"{where}['OPTIONS']['replica'] is improperly configured to {path!r}.",
            hint="Use the path of a file on a disk of this machine, such as data/replica.db.",
            id="libsql.E011",
        )
    if path and importlib.util.find_spec("fcntl") is None:
        yield Error(
            f"{where}['OPTIONS']['replica'] needs the file locks of a POSIX system.",
            hint="Remove it on this system: the server answers all reads.",
            id="libsql.E014",
        )
    reads = options.get("replica_reads")
    if reads is not None and reads not in READS:
        yield Error(
            f"{where}['OPTIONS']['replica_reads'] is improperly configured to {reads!r}.",
            hint="Use 'all', or 'requests' for those that went through the middleware.",
            id="libsql.E018",
        )
    sync_seconds = options.get("replica_sync_seconds")
    max_age_seconds = options.get("replica_max_age_seconds")
    for name, value in (
        ("replica_sync_seconds", sync_seconds),
        ("replica_max_age_seconds", max_age_seconds),
    ):
        if value is not None and not _is_positive(value):
            yield Error(
                f"{where}['OPTIONS'][{name!r}] is improperly configured to {value!r}.",
                hint="Use a number of seconds greater than 0.",
                id="libsql.E012",
            )
            return
    if (max_age_seconds or DEFAULT_MAX_AGE_SECONDS) <= (sync_seconds or DEFAULT_SYNC_SECONDS):
        yield Error(
            f"{where}['OPTIONS']['replica_max_age_seconds'] is not more than "
            "replica_sync_seconds, so that the replica would be too old most of the time.",
            hint="Use several times as much.",
            id="libsql.E013",
        )


def _is_positive(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and bool(value > 0)


def _connections(settings: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    """Look at CONN_MAX_AGE, which Django adds to a clock at the first connection."""
    age = settings.get("CONN_MAX_AGE", 0)
    is_number = isinstance(age, int | float) and not isinstance(age, bool)
    if age is not None and not (is_number and age >= 0):
        yield Error(
            f"{where}['CONN_MAX_AGE'] is improperly configured to {age!r}.",
            hint="Use a number of seconds such as 60, 0 for one request, or None for ever.",
            id="libsql.E015",
        )


def _async_connections(value: Any, where: str) -> Iterator[CheckMessage]:
    if value is None:
        return
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_PLACES:
        yield Error(
            f"{where}['OPTIONS'][{ASYNC_CONNECTIONS!r}] is improperly configured to {value!r}.",
            hint=f"Use a whole number from 0 (asynchronous queries use threads) to {MAX_PLACES}.",
            id="libsql.E017",
        )


def _shared_replicas(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[CheckMessage]:
    """Look for copies of different databases in one file, each of which would replace the other."""
    aliases: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for alias, entry in entries.items():
        options = entry.get("OPTIONS") or {}
        path, endpoint = options.get("replica"), _endpoint(entry)
        if isinstance(path, str | os.PathLike) and str(path) and endpoint is not None:
            aliases[os.path.abspath(path)].setdefault(str(endpoint), alias)  # noqa: PTH100 (no file)
    for sharing in aliases.values():
        if len(sharing) > 1:
            names = " and ".join(map(repr, sorted(sharing.values())))
            yield Error(
                f"The databases {names} have the same OPTIONS['replica'], and each would replace "
                "the copy of the other.",
                hint="Use one path for each database.",
                id="libsql.E016",
            )


def _endpoint(settings: Mapping[str, Any]) -> driver.Endpoint | None:
    """Return where a database is; None where its settings do not say it."""
    options = settings.get("OPTIONS") or {}
    try:
        url, _token = split_token(str(settings.get("NAME")))
        return driver.Endpoint.parse(url, options.get("namespace"))
    except driver.InterfaceError:
        return None


def _doubts(settings: Mapping[str, Any], alias: str) -> Iterator[CheckMessage]:
    where = f"settings.DATABASES[{alias!r}]"
    yield from _doubts_of_requests(settings, where)
    yield from _doubts_of_replica(settings, where)
    yield from _doubts_of_server(settings, where)
    ignored = [name for name in IGNORED if settings.get(name)]
    if ignored:
        yield checks.Warning(
            f"{where} has {', '.join(ignored)}, which the libSQL backend does not use.",
            hint="Write the address in NAME, and the token in OPTIONS['auth_token'].",
            id="libsql.W005",
        )


def _doubts_of_requests(settings: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    options = settings.get("OPTIONS") or {}
    mode = str(options.get("transaction_mode") or "auto").upper()
    if settings.get("ATOMIC_REQUESTS") and mode != "DEFERRED":
        yield checks.Warning(
            f"{where} has ATOMIC_REQUESTS, so every request waits for the single write lock of the "
            "database.",
            hint="Remove it and use atomic() where it is needed, or set transaction_mode DEFERRED.",
            id="libsql.W001",
        )
    timeout: Any = options.get("timeout")
    if _is_positive(timeout) and timeout < WRITER_SECONDS:
        yield checks.Warning(
            f"{where}['OPTIONS']['timeout'] is {timeout!r}, less than the {WRITER_SECONDS} seconds "
            "that a writer may wait for the one in front of it: nobody knows then whether its "
            "write was made.",
            hint="Use 60, or more where many write at once.",
            id="libsql.W007",
        )


def _doubts_of_replica(settings: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    options = settings.get("OPTIONS") or {}
    if not options.get("replica"):
        return
    if READ_OWN_WRITES not in django_settings.MIDDLEWARE:
        yield checks.Warning(
            f"{where} has a replica, and MIDDLEWARE does not contain {READ_OWN_WRITES!r}: what one "
            "request has written, the next may not find in another process.",
            hint="Put it at the top of MIDDLEWARE, in front of the sessions.",
            id="libsql.W003",
        )
    if settings.get("ATOMIC_REQUESTS"):
        yield checks.Warning(
            f"{where} has a replica and ATOMIC_REQUESTS: transactions read from the server, so "
            "that no view would read from the replica.",
            hint="Remove one of them.",
            id="libsql.W006",
        )


def _doubts_of_server(settings: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    options = settings.get("OPTIONS") or {}
    endpoint = _endpoint(settings)
    if endpoint is None or endpoint.is_local:
        return
    has_token = bool(options.get("auth_token") or split_token(str(settings.get("NAME")))[1])
    if has_token and not endpoint.is_tls:
        yield checks.Warning(
            f"{where} sends its token without encryption to another machine.",
            hint="Use libsql:// or https:// in NAME.",
            id="libsql.W002",
        )
    is_asgi = bool(getattr(django_settings, "ASGI_APPLICATION", None))
    if endpoint.is_tls and not is_asgi and settings.get("CONN_MAX_AGE", 0) == 0:
        yield checks.Warning(
            f"{where}['CONN_MAX_AGE'] is 0, so each request opens a network connection to another "
            "machine: two or three round trips before its first statement.",
            hint="Set CONN_MAX_AGE to 60, and CONN_HEALTH_CHECKS to True.",
            id="libsql.W004",
        )
