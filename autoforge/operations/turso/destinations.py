"""Where a database's URL and token are written: an env file, or the file of one secret.

Nothing of it is a secret's own business: `autoforge.operations.env_files` writes, whole or not at
all and for the owner alone.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from django.conf import settings

from autoforge.operations.env_files.errors import EnvFileError
from autoforge.operations.env_files.lines import read_values
from autoforge.operations.env_files.locating import locate_variable
from autoforge.operations.env_files.reading import check_file_or_nothing, read_file
from autoforge.operations.env_files.writing import write_secret_file, write_variable
from autoforge.operations.turso.errors import TursoInputError

__all__ = ["ENVIRONMENTS", "Destination", "find_current", "open_env_file"]

ENVIRONMENTS: Final = ("local", "staging", "production")
PREFIXES: Final = {"staging": "TURSO_STAGING", "production": "TURSO"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A file that holds the token of one environment's database."""

    path: Path
    """The file."""
    app_env: str
    """local, staging or production."""
    is_secret_file: bool
    """Whether the file holds the token and nothing else."""

    @property
    def token_name(self) -> str:
        """The variable of the token; in local it is a part of the URL's."""
        if self.app_env == "local":
            return "DATABASE_URL"
        return f"{PREFIXES[self.app_env]}_AUTH_TOKEN"

    def check(self) -> None:
        """Refuse what could not be written later, before anything is done that stays.

        Raises:
            TursoInputError: the file cannot be written; the sentence says why.
        """
        folder = Path(os.path.realpath(self.path)).parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise TursoInputError(
                f"{self.path} could not be written: {folder} is no folder that you may write to."
            )
        try:
            check_file_or_nothing(self.path)
            if not self.is_secret_file:  # of a secret's own file nothing is kept
                read_file(self.path)
        except EnvFileError as error:
            raise TursoInputError(str(error)) from error
        if os.path.ismount(os.path.realpath(self.path)):
            raise TursoInputError(
                f"{self.path} is a mount point, which cannot be replaced: mount its folder instead."
            )
        if not self.is_secret_file:
            names = _read_assignments(self.path)
            if names.get(f"{self.token_name}_FILE"):
                raise TursoInputError(
                    f"{self.path} sets {self.token_name}_FILE: the token is in the file that it "
                    "names. Remove the line, or run this where AutoForge reads that file."
                )

    def write(self, token: str, url: str) -> None:
        """Write the URL of a database and its token.

        Raises:
            TursoInputError: the file cannot be written.
        """
        if self.app_env != "local" and not self.is_secret_file:
            self._write_variable(f"{PREFIXES[self.app_env]}_DATABASE_URL", url)
        self.write_token(token, url)

    def write_token(self, token: str, url: str) -> None:
        """Write the token alone; what else the file says stays.

        Args:
            token: the new one.
            url: of the database, for a file of a laptop, where both are one variable.

        Raises:
            TursoInputError: the file cannot be written.
        """
        if self.is_secret_file:
            try:
                write_secret_file(self.path, token)
            except EnvFileError as error:
                raise TursoInputError(str(error)) from error
        elif self.app_env == "local":
            self._write_variable("DATABASE_URL", f"{url}?authToken={quote(token)}")
        else:
            self._write_variable(self.token_name, token)

    def read_token(self) -> str:
        """Return the token that is there now; empty where there is none."""
        if self.is_secret_file:
            with suppress(EnvFileError):
                return read_file(self.path).strip()
            return ""
        text = _read_assignments(self.path).get(self.token_name, "")
        if self.app_env == "local":
            return unquote(text.partition("authToken=")[2])
        return text

    def _write_variable(self, name: str, value: str) -> None:
        try:
            write_variable(self.path, name, value)
        except EnvFileError as error:
            raise TursoInputError(str(error)) from error


def open_env_file(path: Path, app_env: str = "") -> Destination:
    """Return an env file as a destination.

    Args:
        path: the file, there or not.
        app_env: for which environment; empty: what the file says, or its name.

    Raises:
        TursoInputError: it does not say which.
    """
    app_env = app_env or _read_assignments(path).get("APP_ENV", "")
    if not app_env and path.name in {".env.local", ".env.staging", ".env.production"}:
        app_env = path.suffix.removeprefix(".")
    if app_env not in ENVIRONMENTS:
        raise TursoInputError(
            f"{path} does not say which environment it is for: add --for with one of "
            f"{', '.join(ENVIRONMENTS)}, or APP_ENV= to the file."
        )
    if path.name in {".env.staging", ".env.production", ".env.example"}:
        raise TursoInputError(
            f"{path} is a template that is committed: write to a file that git does not see, such "
            f"as .env or {app_env}.rendered.env."
        )
    return Destination(path=path, app_env=app_env, is_secret_file=False)


def find_current() -> Destination:
    """Return where this installation's token stands.

    Raises:
        TursoInputError: in the environment of the process, which no command can change, or nowhere.
    """
    app_env = settings.APP_ENV
    if app_env == "local":
        place = locate_variable("DATABASE_URL", os.environ, settings.BASE_DIR)
        name = "DATABASE_URL"
    else:
        name = f"{PREFIXES[app_env]}_AUTH_TOKEN"
        place = locate_variable(name, os.environ, settings.BASE_DIR)
    if place.path is not None:
        return Destination(
            path=place.path, app_env=app_env, is_secret_file=place.source == "secret file"
        )
    if place.source == "process":
        raise TursoInputError(
            f"{name} is set in the environment of the process, which a command cannot change: put "
            f"the token into a file ({name}_FILE, or an env file), name one with --write-to, or "
            "add --show."
        )
    raise TursoInputError(
        f"{name} is not set anywhere: say where the token goes with --write-to FILE, or add --show."
    )


def _read_assignments(path: Path) -> dict[str, str]:
    """Return name → value of an env file, as the settings do; nothing where there is no file.

    Raises:
        TursoInputError: it is no file, cannot be read, or is not text.
    """
    try:
        return read_values(read_file(path).removeprefix("\ufeff"))
    except EnvFileError as error:
        raise TursoInputError(str(error)) from error
