"""What the database says of itself, without secrets."""

from dataclasses import dataclass

from django.db import Error, connection

from autoforge.health.errors import ProbeError
from core.database.outages import database_file, find_outage, show_path

__all__ = [
    "ServerFacts",
    "count_rows",
    "read_server_facts",
    "size_bytes",
]

ENGINES = {"core.sqlite": "SQLite", "django_hrana": "libSQL"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFacts:
    """Which database answers, and where."""

    engine: str
    """SQLite or libSQL."""
    version: str
    """Version of the SQLite library that runs the statements."""
    location: str
    """File (inside the project: relative to it) or server, without secrets."""


def read_server_facts() -> ServerFacts:
    """Ask the database for its version.

    Raises:
        ProbeError: it does not answer; the hint says what to look at.
    """
    path = database_file()
    if path is not None and not path.exists():
        raise ProbeError(
            f"there is no database at {_location()}",
            "Run `manage.py migrate`, or correct DATABASE_URL.",
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sqlite_version()")
            version = str(cursor.fetchone()[0])
            # The version alone reads nothing of the file, which may be none of SQLite's.
            cursor.execute("SELECT COUNT(*) FROM sqlite_master")
    except Error as error:  # also what answers and is no database (InterfaceError)
        raise ProbeError(*_say(error)) from error
    engine = ENGINES.get(connection.settings_dict["ENGINE"], connection.vendor)
    return ServerFacts(engine=engine, version=version, location=_location())


def _say(error: Error) -> tuple[str, str]:
    """Return what is wrong, and how to fix it."""
    hint = "Check the database's URL and token, and whether the server is running."
    if database_file() is not None:
        hint = "Check DATABASE_URL, and whether the file is a database that this user can open."
    outage = find_outage(error)
    if outage is None:
        return f"{_location()} is not responding: {error}", hint
    if outage.remedy:
        hint = f"{outage.remedy[:1].upper()}{outage.remedy[1:]}."
    return outage.cause, hint


def _location() -> str:
    """Return where the database is, without secrets."""
    if database_file() is None:
        return str(connection.settings_dict["NAME"]).partition("?")[0]
    return show_path()


def size_bytes() -> int | None:
    """Return the database's size, a SQLite file's WAL included."""
    path = database_file()
    if path is not None:
        size = path.stat().st_size if path.exists() else 0
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists():  # commits that are not in the file yet
            size += wal.stat().st_size
        return size
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return int(cursor.fetchone()[0])


def count_rows() -> dict[str, int]:
    """Return table → number of rows, sorted by name, in one query."""
    names = sorted(connection.introspection.table_names())
    if not names:
        return {}
    queries = []
    for name in names:
        table = connection.ops.quote_name(name)
        query = f"SELECT %s AS name, COUNT(*) FROM {table}"  # noqa: S608 (names are the database's own, quoted)  # nosec B608
        queries.append(query)
    # One round trip; a compound SELECT has at most 500 terms, and we have some tens of tables.
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries), names)
        return dict(cursor.fetchall())
