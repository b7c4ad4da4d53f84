"""Who asks Turso: the platform token from a variable, or the one that `login` has kept.

It is not a database's token: it creates and destroys databases. It is kept in a file in `data/`
for its owner alone, where git does not look; a server needs none.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from autoforge.logging.secrets import add_secret
from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.writing import write_private
from autoforge.operations.turso.api import PlatformAPI
from autoforge.operations.turso.errors import TursoAccessError, TursoInputError
from autoforge.operations.turso.names import check_organization

__all__ = ["DEFAULT_URL", "Login", "find_login_file", "log_in", "open_api"]

DEFAULT_URL: Final = "https://api.turso.tech"


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What `login` has found out and kept."""

    organization: str
    """Slug of the organization that commands work on."""
    expires_at: datetime | None
    """When the platform token expires, in UTC; None: never."""
    file: Path
    """Where it is kept."""


def find_login_file() -> Path:
    """Return the file that keeps the platform token, whether it is there or not."""
    return Path(settings.BASE_DIR) / "data" / "turso-login.json"


def log_in(token: str, organization: str = "", *, url: str = "") -> Login:
    """Try a platform token and keep it.

    Args:
        token: it is not shown again.
        organization: slug; may be empty where the token is good for one alone.
        url: address of the API, if not TURSO_API_URL or Turso's own.

    Raises:
        TursoInputError: the organization must be said, or there is no token.
        TursoError: Turso does not accept the token, or cannot be asked.
    """
    token = token.strip()
    if not token:
        raise TursoInputError(
            "No platform token was given: create one at app.turso.tech and paste it, or pipe it in."
        )
    add_secret(token)
    url = url or settings.TURSO_API_URL or DEFAULT_URL
    if organization:
        check_organization(organization)
    api = PlatformAPI(url, token, organization)
    expires = api.validate()
    organization = _choose_organization(api, organization or settings.TURSO_ORGANIZATION or "")
    path = find_login_file()
    document = {"token": token, "organization": organization, "url": url}
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, json.dumps(document) + "\n")
    except (OSError, EnvFileError) as error:
        raise TursoInputError(f"The login could not be kept: {error}") from error
    expires_at = None
    if expires is not None:
        expires_at = datetime.fromtimestamp(expires, UTC)
    return Login(organization=organization, expires_at=expires_at, file=path)


def open_api(organization: str = "") -> PlatformAPI:
    """Return the API for whoever is logged in.

    TURSO_PLATFORM_TOKEN, TURSO_ORGANIZATION and TURSO_API_URL stand before what `login` has kept.

    Args:
        organization: slug of another organization than the usual one.

    Raises:
        TursoAccessError: nobody is logged in.
        TursoInputError: an organization or an address is not valid.
    """
    kept = _read_login()
    token = settings.TURSO_PLATFORM_TOKEN or kept.get("token", "")
    if not token:
        raise TursoAccessError(
            "Nobody is logged in at Turso: run `manage.py turso login`, or set "
            "TURSO_PLATFORM_TOKEN."
        )
    add_secret(token)
    slug = organization or settings.TURSO_ORGANIZATION or kept.get("organization", "")
    if not slug:
        raise TursoInputError(
            "No organization is chosen: set TURSO_ORGANIZATION, or add --organization SLUG."
        )
    url = settings.TURSO_API_URL or kept.get("url") or DEFAULT_URL
    return PlatformAPI(url, token, check_organization(slug))


def _choose_organization(api: PlatformAPI, slug: str) -> str:
    if slug:
        api.organization = slug
        api.list_groups()  # whoever may not see them can do nothing here
        return slug
    slugs = api.list_organizations()
    if len(slugs) == 1:
        return slugs[0]
    if not slugs:
        raise TursoInputError(
            "Turso names no organization for this token; add --organization SLUG, as in the "
            "address of its page."
        )
    raise TursoInputError(
        f"The token is good for {len(slugs)} organizations; add --organization with one of "
        f"{', '.join(sorted(slugs))}."
    )


def _read_login() -> dict[str, Any]:
    """Return what `login` has kept; nothing where it has kept nothing that can be read."""
    with suppress(OSError, ValueError):
        document = json.loads(find_login_file().read_text(encoding="utf-8"))
        if isinstance(document, dict):
            return document
    return {}
