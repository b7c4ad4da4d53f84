"""The environment, read strictly: every variable, typed, from the process or from one file.

`load` is all that settings need. Nothing here imports any other part of the project.

Files: `variables` the table · `values` one parser a kind · `files` reading · `layers` which level
a value comes from · `databases`, `caches` URLs to settings · `rules` over several variables ·
`reading` all values, or all that is wrong · `errors` the refusal · `model_services` names that
others chose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autoforge.environment.caches import cache_settings, queue_kind, redis_url
from autoforge.environment.databases import database_settings
from autoforge.environment.errors import ConfigurationError, mask, quote_url
from autoforge.environment.layers import open_layers
from autoforge.environment.model_services import find_service_texts
from autoforge.environment.reading import read_values
from autoforge.environment.rules import check_rules, find_ineffective
from autoforge.environment.variables import VARIABLES, Variable

__all__ = ["VARIABLES", "ConfigurationError", "Environment", "Variable", "load"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything that the environment says; its `repr` shows no secret."""

    app_name: str
    """What this installation is called."""
    app_env: str
    """local, staging or production."""
    debug: bool
    """Whether pages show tracebacks."""
    log_level: str
    """DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    host: str
    """The address to serve on; IPv6 without brackets."""
    port: int
    """The TCP port to serve on, 1 to 65535."""
    secret_key: str = field(repr=False)
    """Signs sessions and forms."""
    allowed_hosts: tuple[str, ...]
    """Host names that are served."""
    csrf_trusted_origins: tuple[str, ...]
    """Origins whose forms are accepted."""
    trusted_proxies: int
    """How many proxies of ours a request has come through, 0 to 10."""
    language_code: str
    """en or ja."""
    time_zone: str
    """Name of an IANA time zone."""
    databases: dict[str, dict[str, Any]] = field(repr=False)
    """Django's DATABASES."""
    turso_platform_token: str | None = field(repr=False)
    """Platform token of Turso, for its commands alone."""
    turso_organization: str | None
    """Organization at Turso that its commands work on."""
    turso_api_url: str | None
    """Where Turso's Platform API is; None: where Turso has it."""
    libsql_replica: str | None
    """Where the copy is that pages are read from, as it was given; `databases` has its path."""
    redis_url: str | None = field(repr=False)
    """The Redis server with password and database, or None."""
    redis_cache_ttl_seconds: int
    """How long a cached value lives."""
    caches: dict[str, dict[str, Any]] = field(repr=False)
    """Django's CACHES."""
    queue: str
    """in-process, sqlite or redis."""
    queue_file: Path
    """Where the queue is, if it is SQLite's: beside the database, else in data/."""
    clerk_secret_key: str | None = field(repr=False)
    """Clerk's secret key."""
    clerk_public_key: str | None
    """Clerk's publishable key."""
    clerk_authorized_parties: tuple[str, ...]
    """Origins whose session tokens are accepted."""
    clerk_roles: dict[str, str]
    """Role of an organization at Clerk → role here."""
    clerk_default_role: str | None
    """Role of a person without an organization; None: none."""
    clerk_organization: str | None
    """ID of the organization at Clerk that this installation belongs to; None: of none."""
    jwt_secret_key: str | None = field(repr=False)
    """Signs access tokens; None: there are none."""
    jwt_algorithm: str
    """HS256, HS384 or HS512."""
    jwt_access_token_expire_minutes: int
    """How long an access token lives."""
    cors_origins: tuple[str, ...]
    """Origins whose browsers may call the API, or `*`."""
    cors_credentials: bool
    """Whether those browsers may send cookies."""
    openai_api_key: str | None = field(repr=False)
    """Key of the OpenAI API."""
    anthropic_api_key: str | None = field(repr=False)
    """Key of the Anthropic API."""
    openai_base_url: str | None
    """Where the OpenAI API is."""
    anthropic_base_url: str | None
    """Where the Anthropic API is."""
    openai_compatible_base_url: str | None
    """A service that speaks OpenAI's API."""
    openai_compatible_api_key: str | None = field(repr=False)
    """Key of that service."""
    model_allowed_networks: tuple[str, ...]
    """Where models may be besides public addresses."""
    model_keys: tuple[tuple[str, str], ...]
    """Variables with keys of models besides the usual ones, each with the origin it may go to."""
    service_texts: dict[str, str] = field(repr=False)
    """What is set of other people's services: name of the variable → text, secrets included."""
    service_secrets: tuple[str, ...] = field(repr=False)
    """Those of them that are secrets."""
    local_model: str | None
    """The local model's file."""
    langfuse_public_key: str | None
    """Langfuse's public key."""
    langfuse_secret_key: str | None = field(repr=False)
    """Langfuse's secret key."""
    langfuse_host: str | None
    """Where Langfuse is; None: nothing is sent there."""
    otel_exporter_otlp_endpoint: str | None
    """A collector; traces go to /v1/traces below it."""
    otel_exporter_otlp_traces_endpoint: str | None
    """The whole URL for traces, where it is another one."""
    otel_exporter_otlp_headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Names and values of headers for the collector."""
    otel_service_name: str
    """What traces call this installation."""
    trace_messages: bool
    """Whether traces contain prompts and answers."""
    gateway_records_days: int
    """How long calls of the gateway are kept; 0: none is."""
    traces_kept_days: int
    """How long calls in traces of other programs are kept; 0: none is accepted."""
    webhook_allowed_networks: tuple[str, ...]
    """Where webhooks may go besides public addresses."""
    retention_runs_days: int | None
    """How long runs are kept after their end; None: for ever."""
    retention_results_days: int | None
    """How long answers of completed runs are kept; None: as long as the run."""
    retention_logs_days: int | None
    """How long the admin's log and failed logins are kept; None: for ever."""
    retention_trash_days: int | None
    """How long what lies in the trash is kept; None: for ever."""
    backup_to: str | None
    """Where backups are kept, with a slash at the end; None: nowhere."""
    backup_every_hours: int
    """How often a worker makes one; 0: never."""
    backup_keep: int
    """How many of them are kept."""
    backup_age_recipients: tuple[str, ...]
    """Whom backups are encrypted for; (): nobody, they are not encrypted."""
    trace_requests: bool
    """Whether requests and their SQL are traced, to the collector."""
    otel_traces_sampler: str
    """Which requests are: the name of a sampler of OpenTelemetry."""
    otel_traces_sampler_arg: float
    """Its ratio, from 0 to 1."""
    sentry_dsn: str | None = field(repr=False)
    """Where errors are reported; None: nowhere."""
    metrics_token: str | None = field(repr=False)
    """What Prometheus has to send; None: it is answered in local alone."""
    metrics_host: str
    """Where a worker answers Prometheus; IPv6 without brackets."""
    metrics_port: int | None
    """The TCP port for that; None: it does not."""
    file: Path | None
    """The file that was read, if any."""
    missing_file: Path | None
    """The file that ENV_FILE names, where it does not exist."""
    sources: dict[str, str]
    """Name of each variable with a value → "process", "file", "secret file" or "default"."""
    texts: dict[str, str] = field(repr=False)
    """Name of each variable with a value → its text, secrets included."""
    unknown: tuple[str, ...]
    """Names in the file that no variable has."""
    notes: tuple[str, ...]
    """A sentence for each variable that is set and has no effect."""

    def describe(self) -> list[dict[str, str]]:
        """Return name, value (secrets masked), source and description of every variable."""
        rows = []
        for variable in VARIABLES:
            row = {
                "name": variable.name,
                "value": self._shown(variable),
                "source": self.sources.get(variable.name, self._find_source(variable)),
                "description": variable.description,
            }
            rows.append(row)
        return rows

    def of_providers(self) -> dict[str, str]:
        """Return the variables that providers of models read, secrets included."""
        prefixes = ("OPENAI_", "ANTHROPIC_", "LOCAL_MODEL", "MODEL_ALLOWED_NETWORKS", "MODEL_KEYS")
        ours = {name: text for name, text in self.texts.items() if name.startswith(prefixes)}
        return self.service_texts | ours

    def table_names(self) -> tuple[str, ...]:
        """Return the name of every variable there is."""
        return tuple(variable.name for variable in VARIABLES)

    def secrets(self) -> list[str]:
        """Return every secret in effect, for the log to hide."""
        texts = [self.texts.get(variable.name) for variable in VARIABLES if variable.secret]
        # These two may stand inside of a URL, which is no secret as a whole.
        token = self.databases["default"]["OPTIONS"].get("auth_token")
        texts.append(token() if callable(token) else token)
        texts.append(urlsplit(self.redis_url or "").password)
        for _name, value in self.otel_exporter_otlp_headers:
            texts.append(value)  # one may be told without the others
            texts.append(value.partition(" ")[2])  # what stands behind "Bearer"
        texts += self.service_secrets
        return [text for text in texts if text]

    def _find_source(self, variable: Variable) -> str:
        """Return the source of a variable that has no text of its own."""
        return "default" if variable.default_note else "not set"

    def _shown(self, variable: Variable) -> str:
        text = self.texts.get(variable.name, "")
        if not text and variable.default_note:  # a default that depends on others
            text = str(getattr(self, variable.name.lower()))
        if not text:
            return ""
        if variable.secret:
            return mask(text)
        if variable.takes_file:  # what may come from a file of its own is a URL with a password
            return quote_url(text)[1:-1]  # without its quotes
        return text


def load(process: Mapping[str, str], root: Path) -> Environment:
    """Return the environment of `process`, with the file in `root` that belongs to it.

    Args:
        process: the variables of the process; they stand before the file's.
        root: the project's folder: relative paths begin there.

    Raises:
        ConfigurationError: with one sentence for the first thing that is wrong.
    """
    layers = open_layers(process, root)
    values = read_values(layers)
    check_rules(layers, values)
    values |= {"REDIS_URL": redis_url(layers), "DATABASE": database_settings(layers)}
    values["CLERK_AUTHORIZED_PARTIES"] = _find_parties(values)
    values["QUEUE"] = queue_kind(layers, values["QUEUE"], values["REDIS_URL"])
    declared = [name for name, _origin in values["MODEL_KEYS"]]
    service_texts, service_secrets = find_service_texts(
        layers.process, layers.file_values, declared
    )
    sources, texts = {}, {}
    for variable in VARIABLES:
        value = layers.find(variable)
        if value is not None:
            sources[variable.name] = value.source
            texts[variable.name] = value.text
    return Environment(
        app_env=layers.app_env,
        databases={"default": values["DATABASE"]},
        redis_url=values["REDIS_URL"],
        redis_cache_ttl_seconds=values["REDIS_CACHE_TTL"],
        caches=cache_settings(
            url=values["REDIS_URL"],
            app_name=values["APP_NAME"],
            app_env=layers.app_env,
            timeout_seconds=values["REDIS_CACHE_TTL"],
        ),
        service_texts=service_texts,
        service_secrets=service_secrets,
        queue_file=_find_queue_file(values["DATABASE"], root),
        file=layers.file,
        missing_file=layers.missing_file,
        sources=sources,
        texts=texts,
        unknown=layers.unknown_names(),
        notes=find_ineffective(layers, values),
        **{name.lower(): values[name] for name in PLAIN},
    )


def _find_parties(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins of the front end: those that may call the API, unless others are set."""
    parties: tuple[str, ...] = values["CLERK_AUTHORIZED_PARTIES"]
    if parties:
        return parties
    # A session of any site is not to be good here, though any site may call.
    return tuple(origin for origin in values["CORS_ORIGINS"] if origin != "*")


def _find_queue_file(database: Mapping[str, Any], root: Path) -> Path:
    name = Path(database["NAME"])
    folder = name.parent if name.is_absolute() else root / "data"
    return folder / "queue.sqlite3"


# Several of these together make one field, or theirs has another name.
COMBINED = frozenset(
    {
        "APP_ENV",
        "DATABASE_URL",
        "TURSO_DATABASE_URL",
        "TURSO_AUTH_TOKEN",
        "TURSO_STAGING_DATABASE_URL",
        "TURSO_STAGING_AUTH_TOKEN",
        "REDIS_URL",
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_PASSWORD",
        "REDIS_DB",
        "REDIS_CACHE_TTL",
    }
)
# Variables whose value is the field of the same name in small letters.
PLAIN = tuple(variable.name for variable in VARIABLES if variable.name not in COMBINED)
