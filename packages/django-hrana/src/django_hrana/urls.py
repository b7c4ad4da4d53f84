"""Database URLs as platforms hand them out: one text with the address and the token.

    DATABASES = {"default": django_hrana.urls.database(os.environ["DATABASE_URL"])}

With django-environ: `database(env("DATABASE_URL"))`. With dj-database-url: `register()`, once,
before `dj_database_url.config()`.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode, urlunsplit

from django_hrana.driver.endpoint import SCHEMES, Endpoint, split_token
from django_hrana.driver.errors import InterfaceError

__all__ = ["SCHEMES", "database", "is_libsql", "register"]

ENGINE: Final = "django_hrana"
CONN_MAX_AGE: Final = 60  # seconds; a new connection costs a round trip, and two more with TLS


def is_libsql(url: str) -> bool:
    """Whether a URL is that of a libSQL database, judging by its scheme."""
    return url.partition(":")[0].lower() in SCHEMES


def database(url: str, **entry: Any) -> dict[str, Any]:
    """Return an entry of DATABASES.

    Args:
        url: `libsql://host?authToken=…`, or `https` or `http` instead of `libsql`; `namespace=`
            and `tls=0` as in `NAME`.
        entry: what else the entry shall have, or have otherwise, such as CONN_MAX_AGE=None or
            OPTIONS={"timeout": 20}.

    Returns:
        The entry; a token is in its OPTIONS, and not in NAME, which Django prints.

    Raises:
        ValueError: the URL is not valid; its token is not shown.

    Example:
        >>> database("libsql://team.turso.io?authToken=abc")["NAME"]
        'libsql://team.turso.io'
    """
    try:
        name, token = split_token(url)
        Endpoint.parse(name)
    except InterfaceError as error:
        raise ValueError(str(error)) from None
    options = {"auth_token": token} if token else {}
    options |= entry.pop("OPTIONS", {})
    return {
        "ENGINE": ENGINE,
        "NAME": name,
        "OPTIONS": options,
        "CONN_MAX_AGE": CONN_MAX_AGE,
        "CONN_HEALTH_CHECKS": True,
        **entry,
    }


def register() -> None:
    """Teach dj-database-url these schemes.

    Raises:
        ImportError: dj-database-url is not installed.
    """
    import dj_database_url  # an optional companion

    for scheme in SCHEMES:
        dj_database_url.register(scheme, ENGINE)(_make_completion(scheme))


def _make_completion(scheme: str) -> Callable[[Any], None]:
    def complete(entry: Any) -> None:
        """Put together again what dj-database-url has taken apart."""
        host = str(entry.pop("HOST"))
        port, path = entry.pop("PORT"), entry.pop("NAME")
        user, password = entry.pop("USER"), entry.pop("PASSWORD")
        if ":" in host:  # IPv6
            host = f"[{host}]"
        if user or password:
            host = f"-@{host}"  # which is refused, without showing it
        address = f"{host}:{port}" if port else host
        query = urlencode(entry.pop("OPTIONS"), doseq=True)
        found = database(urlunsplit((scheme, address, f"/{path}" if path else "", query, "")))
        entry.update(NAME=found["NAME"], OPTIONS=found["OPTIONS"])

    return complete
