"""Databases are made, and destroyed, with what has to be asked before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from autoforge.operations.turso.api import Database, Group, PlatformAPI
from autoforge.operations.turso.errors import (
    TursoError,
    TursoInputError,
    TursoNotFoundError,
    TursoUnavailable,
)
from autoforge.operations.turso.locations import translate_location
from autoforge.operations.turso.names import check_name
from autoforge.operations.turso.tokens import (
    NewToken,
    TokenRequest,
    describe_token,
    mint_token,
)
from autoforge.operations.turso.trial import build_url, wait_for_token

__all__ = ["CreatedDatabase", "create_database", "destroy_database", "find_in_use"]

TURSO_DOMAIN: Final = ".turso.io"
WAIT_SECONDS: Final = 60.0  # until a new database answers; Turso needs one or two
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatedDatabase:
    """A database that answers."""

    database: Database
    """As Turso describes it."""
    url: str
    """For DATABASE_URL and its like."""
    token: NewToken
    """Its token, tried."""


def create_database(
    api: PlatformAPI,
    name: str,
    request: TokenRequest,
    *,
    group: str = "default",
    location: str = "",
    say: Say = print,
    wait_seconds: float = WAIT_SECONDS,
) -> CreatedDatabase:
    """Create a database and a token, wait until it answers, write both down.

    Args:
        api: for whom.
        name: of the database.
        request: what token, and where it and the URL go.
        group: of the group; it is created where it is missing and `location` is there.
        location: where a missing group is created; retired codes are translated.
        say: is told each step, in a sentence.
        wait_seconds: how long the database may take to answer.

    Raises:
        TursoInputError: something is not valid; nothing was done.
        TursoError: Turso refused, or the database does not answer; the sentence says what is there.
    """
    check_name(name, "database")
    check_name(group, "group")
    request.check()
    _provide_group(api, group, location, say)
    database = api.create_database(name, group)
    say(f"The database {database.name} is created in the group {group}.")
    url = build_url(database.hostname)
    try:
        jwt = mint_token(api, name, request)
        say(f"Waiting until {url} answers (at most {wait_seconds:g} s) …")
        wait_for_token(url, jwt, is_read_only=request.is_read_only, seconds=wait_seconds)
        if request.destination is not None:
            request.destination.write(jwt, url)
    except TursoError as error:
        failure = type(error)(
            f"{error} The database {name} is there, without a token that is written down: "
            f"`manage.py turso token create {name}` makes one, `manage.py turso destroy {name}` "
            "removes the database."
        )
        raise failure from error
    token = describe_token(jwt, destination=request.destination)
    return CreatedDatabase(database=database, url=url, token=token)


def _provide_group(api: PlatformAPI, name: str, location: str, say: Say) -> None:
    """See that a group is there, and where it is to be.

    Raises:
        TursoInputError: it is missing and nobody says where it is to be, or it is elsewhere.
    """
    region = ""
    if location:
        region, note = translate_location(location, api.list_locations())
        if note:
            say(note)
    groups = {group.name: group for group in api.list_groups()}
    existing = groups.get(name)
    if existing is None:
        _create_group(api, name, region, groups, say)
    elif region and existing.location != region:
        raise TursoInputError(
            f"The group {name} is in {existing.location}, not in {region}: leave out --location, "
            "or name another group with --group."
        )


def _create_group(
    api: PlatformAPI, name: str, region: str, groups: dict[str, Group], say: Say
) -> None:
    if not region:
        others = ", ".join(sorted(groups)) or "none"
        raise TursoInputError(
            f"There is no group {name} (groups: {others}): add --location, such as --location "
            "aws-ap-northeast-1, and it is created there."
        )
    api.create_group(name, region)
    say(f"The group {name} is created in {region}.")


def destroy_database(
    api: PlatformAPI, name: str, *, even_if_in_use: bool = False, say: Say = print
) -> Database:
    """Delete a database with all that is in it; return what it was.

    Where Turso does not say whether it did, it is asked whether the database is still there.

    Args:
        api: for whom.
        name: of the database.
        even_if_in_use: also where it is the database of this installation.
        say: is told when Turso had to be asked again, in a sentence.

    Raises:
        TursoInputError: it is the database in use.
        TursoUnavailable: Turso did not answer; the sentence says what is known.
        TursoError: it is protected, or Turso refused; nothing was deleted.
    """
    database = api.find_database(check_name(name, "database"))
    if database.is_protected:
        raise TursoError(
            f"The database {name} is protected against deletion: take its delete protection off "
            "at app.turso.tech first. Nothing was deleted."
        )
    groups = {group.name: group for group in api.list_groups()}
    group = groups.get(database.group)
    if group is not None and group.is_protected:
        raise TursoError(
            f"The group {group.name} of the database {name} is protected against deletion: take "
            "its delete protection off at app.turso.tech first. Nothing was deleted."
        )
    if not even_if_in_use and _is_in_use(database):
        raise TursoInputError(
            f"The database {name} is the one that this installation uses; add --even-if-in-use to "
            "destroy it. Nothing was deleted."
        )
    try:
        api.delete_database(name)
    except TursoUnavailable as error:
        if not error.was_sent:
            raise TursoUnavailable(f"{error} Nothing was deleted.", was_sent=False) from error
        _ask_again(api, name, error)
        say(f"Turso did not answer as it should, and was asked again: it has no {name} any more.")
    return database


def _ask_again(api: PlatformAPI, name: str, failure: TursoUnavailable) -> None:
    """Find out whether a database is gone after a deletion without an answer.

    Raises:
        TursoUnavailable: it is still there, or Turso does not say.
    """
    try:
        api.find_database(name)
    except TursoNotFoundError:
        return
    except TursoError as error:
        raise TursoUnavailable(
            f"Whether the database {name} is deleted is not known: {failure} Asked again: {error}"
        ) from error
    raise TursoUnavailable(
        f"The database {name} was still there when Turso was asked again: {failure} The deletion "
        "may still be under way; look with `manage.py turso list` before you repeat it."
    ) from failure


def find_in_use(api: PlatformAPI) -> Database:
    """Return the database of this installation, found by its host name.

    Raises:
        TursoInputError: this installation uses none of Turso's.
        TursoNotFoundError: the organization has none at that address.
    """
    entry = settings.DATABASES["default"]
    host = _find_host(str(entry["NAME"]))
    if entry["ENGINE"] != "django_hrana" or not host:
        raise TursoInputError(
            "This installation uses no database at Turso: name one, such as `manage.py turso token "
            "rotate NAME`."
        )
    for database in api.list_databases():
        if _is_same_host(host, database.hostname):
            return database
    raise TursoNotFoundError(
        f"{api.organization} has no database at {host}, which this installation uses: add "
        "--organization, or name a database."
    )


def _is_in_use(database: Database) -> bool:
    entry = settings.DATABASES["default"]
    host = _find_host(str(entry["NAME"]))
    return entry["ENGINE"] == "django_hrana" and _is_same_host(host, database.hostname)


def _is_same_host(host: str, hostname: str) -> bool:
    """Whether two host names are of one database: Turso's have got the region with the years."""
    hostname = hostname.lower()
    are_of_turso = host.endswith(TURSO_DOMAIN) and hostname.endswith(TURSO_DOMAIN)
    if are_of_turso:  # db-org.turso.io, db-org.aws-ap-northeast-1.turso.io
        return host.partition(".")[0] == hostname.partition(".")[0]
    return host == hostname


def _find_host(url: str) -> str:
    """Return host and port of a URL."""
    return urlsplit(url).netloc.lower()
