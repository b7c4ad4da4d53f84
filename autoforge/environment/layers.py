"""Where a variable's value comes from: the process, the file, a secret's own file, the default.

The process stands before the file. On each of the two levels NAME or NAME_FILE may be set, and
an empty value counts as not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoforge.environment.errors import ConfigurationError
from autoforge.environment.files import (
    parse_variables,
    read_secret_file,
    read_text,
    read_variables,
)
from autoforge.environment.model_services import MODEL_SERVICES
from autoforge.environment.values import APP_ENVS, Setting, parse
from autoforge.environment.variables import READ_BY_COMPOSE, VARIABLES, Variable

__all__ = ["BY_NAME", "Layers", "open_layers"]

BY_NAME = {variable.name: variable for variable in VARIABLES}
DEPLOYED = APP_ENVS[1:]
LOCAL_FILE = ".env.local"
DEPLOYED_FILE = ".env"


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The levels that values are looked up in."""

    process: Mapping[str, str]
    """The variables of the process."""
    file_values: Mapping[str, str]
    """The variables of the file; empty where there is none."""
    root: Path
    """The project's folder: relative paths begin there."""
    app_env: str
    """local, staging or production."""
    file: Path | None
    """The file that was read, if any."""
    missing_file: Path | None
    """The file that ENV_FILE names, where it does not exist."""

    def find(self, variable: Variable) -> Setting | None:
        """Return the variable's value as it was found, or None if it is not set.

        Raises:
            ConfigurationError: it is set twice on one level, or its own file cannot be read.
        """
        value = self._find_on(self.process, variable, "process", "from the environment")
        if value is None and self.file is not None:
            value = self._find_on(self.file_values, variable, "file", f"from {self.file.name}")
        if value is not None:
            return value
        default = variable.default_in(self.app_env)
        if not default:
            return None
        return Setting(variable=variable, text=default, source="default", origin="the default")

    def unknown_names(self) -> tuple[str, ...]:
        """Return the names in the file that no variable has."""
        known = {"ENV_FILE", *READ_BY_COMPOSE, *MODEL_SERVICES, *self._find_declared_keys()}
        for variable in VARIABLES:
            known |= {variable.name, variable.alias, f"{variable.name}_FILE"}
        return tuple(sorted(self.file_values.keys() - known))

    def _find_declared_keys(self) -> set[str]:
        """Return the names that MODEL_KEYS declares."""
        setting = self.find(BY_NAME["MODEL_KEYS"])
        entries = [] if setting is None else setting.text.split(",")
        return {entry.partition("=")[0].strip() for entry in entries}

    def _find_on(
        self, values: Mapping[str, str], variable: Variable, source: str, origin: str
    ) -> Setting | None:
        names = [variable.name]
        if variable.alias:
            names.append(variable.alias)
        if variable.takes_file:
            names.append(f"{variable.name}_FILE")
        present = [name for name in names if values.get(name, "").strip()]
        # A name and its alias may say the same; a secret and its file are never compared.
        texts = {values[name] for name in present}
        if len(texts) > 1 or f"{variable.name}_FILE" in present[1:]:
            raise ConfigurationError(
                f"{' and '.join(present)} are both set ({origin}) and mean the same; keep one of "
                "them.",
                variable.name,
                *present,
            )
        if not present:
            return None
        name = present[0]
        text = values[name]
        file = self.file if source == "file" else None
        # A variable may be called so itself, and then names no file of a secret.
        if name.endswith("_FILE") and name != variable.name:
            file = self.root / text
            text = read_secret_file(name, file)
            origin, source = f"from the file in {name}", "secret file"
        return Setting(variable=variable, text=text, source=source, origin=origin, file=file)


def open_layers(process: Mapping[str, str], root: Path) -> Layers:
    """Return the levels, with the file read that belongs to the environment.

    Raises:
        ConfigurationError: APP_ENV is unknown or contradicts the file, or the file is wrong.
    """
    app_env = _parse_app_env(process, "process", "from the environment")
    named = process.get("ENV_FILE", "").strip()
    path = root / (named or _choose_file(app_env, root))
    file, missing_file = None, None
    values: Mapping[str, str] = {}
    if path.exists():
        file = path
        values = read_variables(path, path.name)
    elif named:  # nobody needs to have the usual one
        missing_file = path
    in_file = _parse_app_env(values, "file", f"from {path.name}")
    if app_env is None and in_file in DEPLOYED and path.name == LOCAL_FILE and not named:
        raise ConfigurationError(
            f"APP_ENV is '{in_file}' (from {path.name}), but that file is only read in local. "
            f"Set APP_ENV={in_file} in the environment, or remove the line.",
            "APP_ENV",
        )
    return Layers(
        process=process,
        file_values=values,
        root=root,
        app_env=app_env or in_file or "local",
        file=file,
        missing_file=missing_file,
    )


def _choose_file(app_env: str | None, root: Path) -> str:
    """Return the name of the file to read where ENV_FILE names none.

    A laptop's file is another one than a deployment's: neither must start with the other's. Where
    the process does not say which of them it is, a `.env` with APP_ENV=staging or production does;
    without that line it is somebody else's (Docker Compose reads that name too).
    """
    if app_env is not None:
        return DEPLOYED_FILE if app_env in DEPLOYED else LOCAL_FILE
    path = root / DEPLOYED_FILE
    if not path.is_file():
        return LOCAL_FILE
    in_file = parse_variables(read_text(path, path.name)).get("APP_ENV", "").strip()
    if in_file not in DEPLOYED:
        return LOCAL_FILE
    if (root / LOCAL_FILE).exists():
        raise ConfigurationError(
            f"APP_ENV is '{in_file}' (from {DEPLOYED_FILE}), and there is a {LOCAL_FILE} too, "
            "which is for local. Set APP_ENV in the environment, or remove one of the two files.",
            "APP_ENV",
        )
    return DEPLOYED_FILE


def _parse_app_env(values: Mapping[str, str], source: str, origin: str) -> str | None:
    text = values.get("APP_ENV", "").strip()
    if not text:
        return None
    value = Setting(variable=BY_NAME["APP_ENV"], text=text, source=source, origin=origin)
    return str(parse(value))
