"""Are the settings of a libSQL database valid? As system checks, and before one connects."""

import importlib.util
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, NotSupportedError
from django.db.backends.base.validation import BaseDatabaseValidation

from django_hrana import driver
from django_hrana.driver.endpoint import split_token
from django_hrana.replica.options import (
    DEFAULT_MAX_AGE_SECONDS,
    DEFAULT_SYNC_SECONDS,
    REPLICA_OPTIONS,
)

__all__ = ["ENGINE", "DatabaseValidation", "check_settings", "first_fault"]

ENGINE: Final = "django_hrana"
MODES: Final = ("AUTO", "DEFERRED", "EXCLUSIVE", "IMMEDIATE")
NETWORK_OPTIONS: Final = tuple(sorted(driver.NetworkOptions.__annotations__))
CONNECTION_OPTIONS: Final = ("auth_token", "namespace", "timeout", "transaction_mode")
OPTIONS: Final = tuple(sorted((*CONNECTION_OPTIONS, *NETWORK_OPTIONS, *REPLICA_OPTIONS)))
READ_OWN_WRITES: Final = "django_hrana.replica.middleware.read_own_writes"
URLS: Final = "libsql://host, https://host or http://host:port"


class DatabaseValidation(BaseDatabaseValidation):
    """Checks of `manage.py check --database`."""

    def check(self, **kwargs: object) -> list[CheckMessage]:
        """Return what is wrong with the settings, and with the server that they lead to."""
        messages = super().check(**kwargs)
        settings, alias = self.connection.settings_dict, self.connection.alias
        faults = check_settings(settings, alias)
        if first_fault(settings, alias) is None:
            faults += self._check_version()
        return [*messages, *faults]

    def _check_version(self) -> list[CheckMessage]:
        try:
            self.connection.check_database_version_supported()
        except NotSupportedError as error:
            return [Error(str(error), id="libsql.E009")]
        except DatabaseError:
            pass  # the server cannot be asked: the command that needs it says why
        return []


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
    for name in sorted(set(options) - set(OPTIONS), key=str):
        yield Error(
            f"{where}['OPTIONS'] contains {name!r}, which is not an option of the libSQL backend.",
            hint=f"Available options: {', '.join(OPTIONS)}.",
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


def _doubts(settings: Mapping[str, Any], alias: str) -> Iterator[CheckMessage]:
    options = settings.get("OPTIONS") or {}
    mode = str(options.get("transaction_mode") or "auto").upper()
    if settings.get("ATOMIC_REQUESTS") and mode != "DEFERRED":
        yield checks.Warning(
            f"settings.DATABASES[{alias!r}] has ATOMIC_REQUESTS, so every request waits for the "
            "single write lock of the database.",
            hint="Remove it and use atomic() where it is needed, or set transaction_mode DEFERRED.",
            id="libsql.W001",
        )
    if options.get("replica") and READ_OWN_WRITES not in django_settings.MIDDLEWARE:
        yield checks.Warning(
            f"settings.DATABASES[{alias!r}] has a replica, and MIDDLEWARE does not contain "
            f"{READ_OWN_WRITES!r}: what one request has written, the next may not find in another "
            "process.",
            hint="Put it at the top of MIDDLEWARE, in front of the sessions.",
            id="libsql.W003",
        )
    try:
        url, token = split_token(str(settings.get("NAME")))
        endpoint = driver.Endpoint.parse(url)
    except driver.InterfaceError:
        return
    has_token = bool(options.get("auth_token") or token)
    if has_token and not endpoint.is_tls and not endpoint.is_local:
        yield checks.Warning(
            f"settings.DATABASES[{alias!r}] sends its token without encryption to another machine.",
            hint="Use libsql:// or https:// in NAME.",
            id="libsql.W002",
        )
