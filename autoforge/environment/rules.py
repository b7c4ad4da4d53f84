"""Rules over several variables, and over a variable and where it runs."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from autoforge.environment.errors import ConfigurationError
from autoforge.environment.layers import BY_NAME, Layers
from autoforge.environment.values import Setting, refuse
from autoforge.environment.variables import INSECURE_JWT_KEY, INSECURE_SECRET_KEY, VARIABLES

__all__ = ["check_rules", "find_ineffective", "is_published", "list_broken_rules"]

SHORTEST_SECRET_KEY = 50  # characters, as Django's own check for deployments asks
SHORTEST_JWT_KEY = 32  # bytes of HS256's hash: a shorter key is easier to guess (RFC 7518, 3.2)
SHORTEST_METRICS_TOKEN = 32  # characters: nobody types it
# Committed files that could carry a secret somebody copies.
COMMITTED = (
    ".env.example",
    ".env.staging",
    ".env.production",
    "Dockerfile",
    "Makefile",
    "docker-compose*.yml",
    "README*.md",
    ".github/workflows/*.yml",
    "docs/*.md",
    "tests/**/*.py",
    "tests/*.env",
)


def check_rules(layers: Layers, values: dict[str, object]) -> None:
    """Check what one variable alone cannot show.

    Raises:
        ConfigurationError: the first rule that is broken.
    """
    for error in list_broken_rules(layers, values):
        raise error


def list_broken_rules(layers: Layers, values: dict[str, Any]) -> Iterator[ConfigurationError]:
    """Yield an error for each rule over several variables that is broken."""
    yield from _check_pairs(values, layers)
    yield from _check_metrics(values, layers)
    if layers.app_env == "local":
        return
    if values["DEBUG"]:
        yield refuse(
            _find_set(layers, "DEBUG"),
            f"{layers.app_env} must not show tracebacks; set DEBUG=false or remove it.",
        )
    if values["SECRET_KEY"]:
        yield from _check_secret(layers, "SECRET_KEY", SHORTEST_SECRET_KEY)
    else:
        yield ConfigurationError(
            f"SECRET_KEY is not set: {layers.app_env} needs {SHORTEST_SECRET_KEY} or more random "
            f"characters; {_how_to_make()}.",
            "SECRET_KEY",
        )
    if not values["JWT_SECRET_KEY"]:
        return
    yield from _check_secret(layers, "JWT_SECRET_KEY", SHORTEST_JWT_KEY)
    if values["JWT_SECRET_KEY"] == values["SECRET_KEY"]:
        yield refuse(
            _find_set(layers, "JWT_SECRET_KEY"),
            f"it is the same as SECRET_KEY; use another one ({_how_to_make()}).",
        )


def _check_pairs(values: dict[str, Any], layers: Layers) -> Iterator[ConfigurationError]:
    if values["CORS_CREDENTIALS"] and "*" in values["CORS_ORIGINS"]:
        yield refuse(
            _find_set(layers, "CORS_ORIGINS"),
            "with CORS_CREDENTIALS=true, each origin must be listed; list them, or set "
            "CORS_CREDENTIALS=false.",
        )
    names = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
    missing = [name for name in names if not values[name]]
    if len(missing) == 1:
        present = next(name for name in names if name not in missing)
        yield ConfigurationError(
            f"{present} is set and {missing[0]} is not: Langfuse needs both; set {missing[0]}, "
            f"or remove {present}.",
            present,
            missing[0],
        )


def _check_metrics(values: dict[str, Any], layers: Layers) -> Iterator[ConfigurationError]:
    """Yield an error where numbers are told to a network without a token, or for one to be guessed.

    They are no secret of the kind that keys are, but they tell what is used, how much, and when.
    """
    if values["METRICS_TOKEN"]:
        if layers.app_env != "local":
            yield from _check_secret(layers, "METRICS_TOKEN", SHORTEST_METRICS_TOKEN)
    elif values["METRICS_PORT"] and not _is_loopback(values["METRICS_HOST"]):
        yield refuse(
            _find_set(layers, "METRICS_HOST"),
            "other machines could read the metrics without a token; set METRICS_TOKEN, or "
            "METRICS_HOST=127.0.0.1.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_secret(layers: Layers, name: str, shortest: int) -> Iterator[ConfigurationError]:
    secret = _find_set(layers, name)
    if len(secret.text) < shortest:
        yield refuse(
            secret, f"{layers.app_env} needs {shortest} or more characters; {_how_to_make()}."
        )
    elif is_published(secret.text, layers.root):
        yield refuse(secret, f"it is published in the repository; {_how_to_make()}.")


def _how_to_make() -> str:
    return "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'` generates one"


def is_published(value: str, root: Path) -> bool:
    """Whether a secret stands in a file that everybody who has the source can read."""
    if value in {INSECURE_SECRET_KEY, INSECURE_JWT_KEY} or value.startswith("django-insecure-"):
        return True
    for pattern in COMMITTED:
        for path in root.glob(pattern):
            if value in path.read_text(encoding="utf-8", errors="ignore"):
                return True
    return False


def _find_set(layers: Layers, name: str) -> Setting:
    return cast("Setting", layers.find(BY_NAME[name]))  # asked only of what has a value


def find_ineffective(layers: Layers, values: dict[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each variable that is set and has no effect here."""
    set_names = _find_set_names(layers)
    notes = []
    if not values["REDIS_URL"]:
        for name in ("REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB"):
            if name in set_names:
                sentence = f"{name} has no effect: neither REDIS_URL nor REDIS_HOST is set."
                notes.append(sentence)
    notes += _find_ineffective_traces(set_names)
    notes += _find_ineffective_backups(set_names)
    for variable in VARIABLES:
        if variable.name in set_names and layers.app_env not in variable.environments:
            where = " and ".join(variable.environments)
            notes.append(f"{variable.name} has no effect in {layers.app_env}, only in {where}.")
    notes += _find_ineffective_databases(layers, values, set_names)
    return tuple(notes)


def _find_ineffective_databases(
    layers: Layers, values: dict[str, Any], set_names: set[str]
) -> list[str]:
    """Return a sentence for each variable of a server, where the database is a file."""
    if values["DATABASE"]["ENGINE"] == "django_hrana":
        return []
    notes = []
    for prefix in ("TURSO", "TURSO_STAGING"):
        token, url = f"{prefix}_AUTH_TOKEN", f"{prefix}_DATABASE_URL"
        if token in set_names and layers.app_env in BY_NAME[token].environments:
            notes.append(f"{token} has no effect: {url} is not set, and the database is a file.")
    if "LIBSQL_REPLICA" in set_names:
        notes.append("LIBSQL_REPLICA has no effect: the database is a file already.")
    return notes


def _find_ineffective_traces(set_names: set[str]) -> list[str]:
    """Return a sentence for each variable of traces that lacks another one."""
    notes = []
    has_langfuse = "LANGFUSE_HOST" in set_names
    has_keys = "LANGFUSE_PUBLIC_KEY" in set_names  # both, or neither
    if has_langfuse and not has_keys:
        notes.append("LANGFUSE_HOST has no effect: LANGFUSE_PUBLIC_KEY is not set.")
    if has_keys and not has_langfuse:
        notes.append("LANGFUSE_PUBLIC_KEY has no effect: LANGFUSE_HOST is not set.")
    endpoints = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
    if "OTEL_EXPORTER_OTLP_HEADERS" in set_names and not endpoints & set_names:
        name = "OTEL_EXPORTER_OTLP_HEADERS"
        notes.append(f"{name} has no effect: OTEL_EXPORTER_OTLP_ENDPOINT is not set.")
    if "TRACE_MESSAGES" in set_names and not ((has_langfuse and has_keys) or endpoints & set_names):
        notes.append("TRACE_MESSAGES has no effect: no collector of traces is set.")
    if "TRACE_REQUESTS" in set_names and not endpoints & set_names:
        notes.append("TRACE_REQUESTS has no effect: OTEL_EXPORTER_OTLP_ENDPOINT is not set.")
    for name in ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"):
        if name in set_names and "TRACE_REQUESTS" not in set_names:
            notes.append(f"{name} has no effect: TRACE_REQUESTS is not set.")
    return notes


def _find_ineffective_backups(set_names: set[str]) -> list[str]:
    """Return a sentence where backups are scheduled, and there is no place for them."""
    if "BACKUP_EVERY_HOURS" in set_names and "BACKUP_TO" not in set_names:
        return ["BACKUP_EVERY_HOURS has no effect: BACKUP_TO is not set."]
    return []


def _find_set_names(layers: Layers) -> set[str]:
    """Return the names of the variables that somebody has set."""
    names = set()
    for variable in VARIABLES:
        value = layers.find(variable)
        if value and value.source != "default":
            names.add(variable.name)
    return names
