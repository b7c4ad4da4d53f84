"""The table of variables: one row each, which drives reading, refusing and documenting.

`.env.example`, the deployment templates, the workflows and docs/environment.md are generated from
this table (`make env-files`); a test fails while one of them is out of date.
"""

from typing import Final

from autoforge.environment.monitoring import MONITORING
from autoforge.environment.variable import Variable

__all__ = [
    "INSECURE_JWT_KEY",
    "INSECURE_SECRET_KEY",
    "READ_BY_COMPOSE",
    "VARIABLES",
    "Variable",
]

# What only Docker Compose reads, from a .env of the same name; no variable of AutoForge, and not
# unknown in a file that is for both. A test holds it against the compose files.
READ_BY_COMPOSE: Final = frozenset(
    {
        *("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"),
        *("IMAGE", "IMAGE_BLUE", "IMAGE_GREEN", "IMAGE_NEXT"),
        *("METRICS_KEPT", "METRICS_SIZE", "REDIS_MEMORY", "SITE_ADDRESS", "TRUSTED_RANGES"),
        *("WEB_CONCURRENCY", "WEB_CPUS", "WEB_MEMORY", "WORKER_CPUS", "WORKER_MEMORY"),
    }
)

# Good for a look on one laptop, refused everywhere else; `make run` writes real ones.
INSECURE_SECRET_KEY: Final = "django-insecure-for-a-laptop-only-run-make-run-to-get-a-fresh-one"  # noqa: S105 (public on purpose)
INSECURE_JWT_KEY: Final = "insecure-jwt-key-for-a-laptop-only-make-run-writes-one"

APPLICATION = (
    Variable(
        name="APP_NAME",
        kind="text",
        default="AutoForge",
        allowed="a name of 1 to 50 characters",
        example="AutoForge",
        description="Name of this installation in pages and cache keys.",
        group="Application",
    ),
    Variable(
        name="APP_ENV",
        kind="app_env",
        default="local",
        allowed="local, staging or production",
        example="local",
        description="Deployment environment: local, staging or production.",
        group="Application",
        required=True,
    ),
    Variable(
        name="DEBUG",
        kind="boolean",
        default="false",
        local_default="true",
        allowed="true or false",
        example="false",
        description="Show tracebacks in pages, for development: true or false (true in local).",
        group="Application",
    ),
    Variable(
        name="LOG_LEVEL",
        kind="log_level",
        default="INFO",
        allowed="DEBUG, INFO, WARNING, ERROR or CRITICAL",
        example="INFO",
        description="Minimum log level: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        group="Application",
    ),
    Variable(
        name="HOST",
        kind="host",
        default="127.0.0.1",
        allowed="a host name or an IP address",
        example="127.0.0.1",
        description="Address to listen on; 0.0.0.0 in a container.",
        group="Application",
    ),
    Variable(
        name="PORT",
        kind="port",
        default="8000",
        allowed="an integer from 1 to 65535",
        example="8000",
        description="TCP port to listen on.",
        group="Application",
    ),
    Variable(
        name="SECRET_KEY",
        kind="secret",
        local_default=INSECURE_SECRET_KEY,
        secret=True,
        allowed="50 or more random characters",
        example="",
        description="Signs sessions and forms; 50 or more random characters.",
        group="Application",
        required=True,
        generated=True,
    ),
    Variable(
        name="ALLOWED_HOSTS",
        kind="hosts",
        default="",
        local_default="localhost,127.0.0.1,[::1]",
        allowed="comma-separated host names without scheme, port or path",
        example="autoforge.example.com",
        description="Host names to serve, comma-separated.",
        group="Application",
        required=True,
    ),
    Variable(
        name="CSRF_TRUSTED_ORIGINS",
        kind="csrf_origins",
        default="",
        allowed="comma-separated origins such as https://autoforge.example.com",
        example="https://autoforge.example.com",
        description="Additional origins whose forms are accepted, comma-separated.",
        group="Application",
    ),
    Variable(
        name="TRUSTED_PROXIES",
        kind="proxies",
        default="1",
        local_default="0",
        allowed="an integer from 0 to 10",
        example="1",
        description=(
            "Number of reverse proxies in front; that many entries of X-Forwarded-For are "
            "trusted, from the end."
        ),
        group="Application",
    ),
    Variable(
        name="LANGUAGE_CODE",
        kind="language",
        default="en",
        allowed="en or ja",
        example="ja",
        description="en or ja; if not set, the browser's language, or English if it is neither.",
        group="Application",
    ),
    Variable(
        name="TIME_ZONE",
        kind="time_zone",
        default="UTC",
        allowed="an IANA time zone such as Asia/Tokyo",
        example="Asia/Tokyo",
        description="Time zone of pages, such as Asia/Tokyo; the database stores UTC.",
        group="Application",
    ),
)
SQLITE_OR_LIBSQL = (
    "sqlite:///path, sqlite:////absolute/path, sqlite://:memory:, "
    "libsql://host, https://host or http://host"
)
DATABASE = (
    Variable(
        name="DATABASE_URL",
        kind="database_url",
        local_default="sqlite:///./data/autoforge_dev.db",
        allowed=SQLITE_OR_LIBSQL,
        example="sqlite:///./data/autoforge_dev.db",
        description="The database: sqlite:///path (from the project's folder) or libsql://host.",
        group="Database",
    ),
    Variable(
        name="TURSO_DATABASE_URL",
        kind="libsql_url",
        allowed="libsql://host, https://host or http://host",
        example="libsql://autoforge.turso.io",
        description="The database in production; takes precedence over DATABASE_URL there.",
        group="Database",
        environments=("production",),
        required=True,
    ),
    Variable(
        name="TURSO_AUTH_TOKEN",
        kind="secret",
        secret=True,
        allowed="the token that `manage.py turso token create` makes",
        example="",
        description="The token of the database in production.",
        group="Database",
        environments=("production",),
        required=True,
    ),
    Variable(
        name="TURSO_STAGING_DATABASE_URL",
        kind="libsql_url",
        allowed="libsql://host, https://host or http://host",
        example="libsql://autoforge-staging.turso.io",
        description="The database in staging; takes precedence over DATABASE_URL there.",
        group="Database",
        environments=("staging",),
        required=True,
    ),
    Variable(
        name="TURSO_STAGING_AUTH_TOKEN",
        kind="secret",
        secret=True,
        allowed="the token that `manage.py turso token create` makes",
        example="",
        description="The token of the database in staging.",
        group="Database",
        environments=("staging",),
        required=True,
    ),
    Variable(
        name="LIBSQL_REPLICA",
        kind="file_path",
        allowed="a path on a disk of this machine, such as data/replica.db",
        example="data/replica.db",
        description="Where to keep a copy of a libSQL database, from which pages are read.",
        group="Database",
    ),
)
TURSO = (
    Variable(
        name="TURSO_PLATFORM_TOKEN",
        kind="secret",
        secret=True,
        allowed="a platform token of Turso (app.turso.tech, API tokens)",
        example="",
        description=(
            "Platform token for `manage.py turso`, instead of its `login`; a server needs none."
        ),
        group="Database",
    ),
    Variable(
        name="TURSO_ORGANIZATION",
        kind="text",
        allowed="the slug of an organization at Turso",
        example="my-team",
        description="Organization at Turso that `manage.py turso` works on.",
        group="Database",
    ),
    Variable(
        name="TURSO_API_URL",
        kind="api_url",
        allowed="a URL such as https://api.turso.tech",
        example="https://api.turso.tech",
        description="Turso's Platform API, if not the default; the platform token is sent there.",
        group="Database",
    ),
)
REDIS = (
    Variable(
        name="REDIS_URL",
        kind="redis_url",
        allowed="redis://host:port/db, rediss://host:port/db or unix:///path",
        example="redis://127.0.0.1:6379/0",
        description=(
            "The Redis server. If neither this nor REDIS_HOST is set, the cache is in-process."
        ),
        group="Redis",
    ),
    Variable(
        name="REDIS_HOST",
        kind="host",
        allowed="a host name or an IP address",
        example="127.0.0.1",
        description="Host of the Redis server, if REDIS_URL is not set.",
        group="Redis",
    ),
    Variable(
        name="REDIS_PORT",
        kind="port",
        default="6379",
        allowed="an integer from 1 to 65535",
        example="6379",
        description="Port of the Redis server, with REDIS_HOST.",
        group="Redis",
    ),
    Variable(
        name="REDIS_PASSWORD",
        kind="password",
        secret=True,
        allowed="the Redis server's password",
        example="",
        description="Password of the Redis server, if REDIS_URL has none.",
        group="Redis",
        generated=True,
    ),
    Variable(
        name="REDIS_DB",
        kind="redis_db",
        default="0",
        allowed="an integer from 0 to 15",
        example="0",
        description="Number of the Redis database, if REDIS_URL has none.",
        group="Redis",
    ),
    Variable(
        name="REDIS_CACHE_TTL",
        kind="seconds",
        default="3600",
        allowed="an integer (seconds) from 1 to 31536000",
        example="3600",
        description="Lifetime of cached values, in seconds.",
        group="Redis",
    ),
    Variable(
        name="QUEUE",
        kind="queue",
        allowed="in-process, sqlite or redis",
        example="in-process",
        description=(
            "Where queued runs wait: in this process, or in SQLite or Redis for "
            "`manage.py run_huey`."
        ),
        group="Redis",
        default_note=(
            "`in-process` in local; elsewhere `redis` if a Redis server is set, else `sqlite`"
        ),
    ),
)
SIGN_IN = (
    Variable(
        name="CLERK_SECRET_KEY",
        kind="clerk_secret",
        secret=True,
        allowed="a key that starts with sk_test_ or sk_live_",
        example="",
        description="Clerk's secret key (sk_…).",
        group="Sign-in",
    ),
    Variable(
        name="CLERK_PUBLIC_KEY",
        alias="CLERK_PUBLISHABLE_KEY",
        kind="clerk_public",
        allowed="a key that starts with pk_test_ or pk_live_",
        example="pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
        description="Clerk's publishable key (pk_…); also read from CLERK_PUBLISHABLE_KEY.",
        group="Sign-in",
    ),
    Variable(
        name="CLERK_AUTHORIZED_PARTIES",
        kind="origins",
        allowed="comma-separated origins such as https://app.example.com",
        example="https://app.example.com",
        description=(
            "Origins whose Clerk sessions are accepted, comma-separated; if not set, CORS_ORIGINS."
        ),
        group="Sign-in",
    ),
    Variable(
        name="CLERK_ROLES",
        kind="clerk_roles",
        default="admin=Administrator,publisher=Publisher,editor=Editor,member=Editor,viewer=Viewer",
        allowed="comma-separated pairs such as admin=Administrator,member=Viewer",
        example="admin=Administrator,member=Viewer",
        description=(
            "Which role a role of a Clerk organization has: Viewer, Editor, Publisher or "
            "Administrator."
        ),
        group="Sign-in",
    ),
    Variable(
        name="CLERK_DEFAULT_ROLE",
        kind="role",
        allowed="Viewer, Editor, Publisher or Administrator",
        example="Viewer",
        description="Role of Clerk's users without an organization; if not set, they have none.",
        group="Sign-in",
    ),
    Variable(
        name="CLERK_ORGANIZATION",
        kind="text",
        allowed="the ID of an organization at Clerk",
        example="org_2abc",
        description=(
            "The organization that this installation belongs to. Users of others see nothing; "
            "if not set, nobody can use an organization."
        ),
        group="Sign-in",
    ),
    Variable(
        name="JWT_SECRET_KEY",
        kind="secret",
        secret=True,
        local_default=INSECURE_JWT_KEY,
        allowed="32 or more random characters",
        example="",
        description=(
            "Signs access tokens; 32 or more random characters. If not set, there are no tokens."
        ),
        group="Sign-in",
        generated=True,
    ),
    Variable(
        name="JWT_ALGORITHM",
        kind="jwt_algorithm",
        default="HS256",
        allowed="HS256, HS384 or HS512",
        example="HS256",
        description="Algorithm for signing access tokens: HS256, HS384 or HS512.",
        group="Sign-in",
    ),
    Variable(
        name="JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
        kind="minutes",
        default="30",
        allowed="an integer (minutes) from 1 to 10080",
        example="30",
        description="Lifetime of access tokens, in minutes; at most a week (10080).",
        group="Sign-in",
    ),
)
BROWSERS = (
    Variable(
        name="CORS_ORIGINS",
        kind="cors_origins",
        default="",
        allowed="comma-separated origins such as https://app.example.com, or *",
        example="https://app.example.com",
        description="Origins that may call the API from a browser, comma-separated.",
        group="Browsers",
    ),
    Variable(
        name="CORS_CREDENTIALS",
        kind="boolean",
        default="false",
        allowed="true or false",
        example="false",
        description="Whether those requests may include cookies: true or false.",
        group="Browsers",
    ),
)
SERVICES = (
    Variable(
        name="OPENAI_API_KEY",
        kind="secret",
        secret=True,
        allowed="an OpenAI API key",
        example="",
        description="OpenAI API key.",
        group="Models and traces",
    ),
    Variable(
        name="ANTHROPIC_API_KEY",
        kind="secret",
        secret=True,
        allowed="an Anthropic API key",
        example="",
        description="Anthropic API key.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_BASE_URL",
        kind="api_url",
        allowed="a URL such as https://api.openai.com/v1",
        example="https://api.openai.com/v1",
        description="Base URL of the OpenAI API, if not the default; the API key is sent there.",
        group="Models and traces",
    ),
    Variable(
        name="ANTHROPIC_BASE_URL",
        kind="api_url",
        allowed="a URL such as https://api.anthropic.com",
        example="https://api.anthropic.com",
        description="Base URL of the Anthropic API, if not the default; the API key is sent there.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_COMPATIBLE_BASE_URL",
        kind="api_url",
        allowed="a URL such as http://127.0.0.1:11434/v1",
        example="http://127.0.0.1:11434/v1",
        description="Base URL of an OpenAI-compatible service: Ollama, vLLM, llama.cpp.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_COMPATIBLE_API_KEY",
        kind="secret",
        secret=True,
        allowed="the API key of that service",
        example="",
        description="API key of that service; it is sent nowhere else.",
        group="Models and traces",
    ),
    Variable(
        name="MODEL_ALLOWED_NETWORKS",
        kind="networks",
        default="",
        local_default="loopback,private",
        allowed="comma-separated networks such as 10.0.0.0/8, host names, loopback or private",
        example="10.0.0.0/8,ollama.internal",
        description=(
            "Where models may run, besides public addresses: networks, hosts, loopback, private."
        ),
        group="Models and traces",
    ),
    Variable(
        name="MODEL_KEYS",
        kind="model_keys",
        allowed="comma-separated pairs such as TEAM_KEY=https://llm.example.com",
        example="TEAM_KEY=https://llm.example.com",
        description="Keys of models that configurations may name, and where each may be sent.",
        group="Models and traces",
    ),
    Variable(
        name="LOCAL_MODEL",
        kind="text",
        allowed="the path of a GGUF file",
        example="data/models/model.gguf",
        description="Path of the local model, if not the one from make local-model.",
        group="Models and traces",
    ),
    Variable(
        name="LANGFUSE_PUBLIC_KEY",
        kind="langfuse_public",
        allowed="a key that starts with pk-lf-",
        example="pk-lf-0000",
        description="Langfuse public key (pk-lf-…); requires the secret key as well.",
        group="Models and traces",
    ),
    Variable(
        name="LANGFUSE_SECRET_KEY",
        kind="langfuse_secret",
        secret=True,
        allowed="a key that starts with sk-lf-",
        example="",
        description="Langfuse secret key (sk-lf-…); requires the public key as well.",
        group="Models and traces",
    ),
    Variable(
        name="LANGFUSE_HOST",
        kind="api_url",
        alias="LANGFUSE_BASE_URL",
        allowed="a URL such as https://cloud.langfuse.com",
        example="https://cloud.langfuse.com",
        description="Langfuse server that gets the traces of model calls; requires both keys.",
        group="Models and traces",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_ENDPOINT",
        kind="api_url",
        allowed="a URL such as http://127.0.0.1:4318",
        example="http://127.0.0.1:4318",
        description="OpenTelemetry collector (OTLP over HTTP) that gets traces, at /v1/traces.",
        group="Models and traces",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        kind="api_url",
        allowed="a URL such as http://127.0.0.1:4318/v1/traces",
        example="http://127.0.0.1:4318/v1/traces",
        description="The collector's whole URL for traces, if it is not /v1/traces.",
        group="Models and traces",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_HEADERS",
        kind="otlp_headers",
        secret=True,
        allowed="comma-separated headers such as api-key=value, percent-encoded",
        example="",
        description="Headers for the collector, such as api-key=value; comma-separated.",
        group="Models and traces",
    ),
    Variable(
        name="OTEL_SERVICE_NAME",
        kind="text",
        default="autoforge",
        allowed="a name of 1 to 50 characters",
        example="autoforge",
        description="Name of this installation in traces.",
        group="Models and traces",
    ),
    Variable(
        name="TRACE_MESSAGES",
        kind="boolean",
        default="false",
        allowed="true or false",
        example="false",
        description="Whether traces contain prompts and answers: true or false.",
        group="Models and traces",
    ),
    Variable(
        name="GATEWAY_RECORDS_DAYS",
        kind="days",
        default="0",
        allowed="an integer (days) from 0 to 3650",
        example="30",
        description="How many days calls of the gateway are kept as records; 0: none are kept.",
        group="Models and traces",
    ),
    Variable(
        name="TRACES_KEPT_DAYS",
        kind="days",
        default="30",
        allowed="an integer (days) from 0 to 3650",
        example="30",
        description=(
            "How many days calls in traces of other programs are kept; 0: no traces are accepted."
        ),
        group="Models and traces",
    ),
)
WEBHOOKS = (
    Variable(
        name="WEBHOOK_ALLOWED_NETWORKS",
        kind="networks",
        default="",
        local_default="loopback,private",
        allowed="comma-separated networks such as 10.0.0.0/8, host names, loopback or private",
        example="10.0.0.0/8,hooks.internal",
        description=(
            "Where webhooks may go, besides public addresses: networks, hosts, loopback, private."
        ),
        group="Webhooks",
    ),
)
KEPT_DAYS = "an integer (days) from 1 to 3650"
RETENTION = (
    Variable(
        name="RETENTION_RUNS_DAYS",
        kind="kept_days",
        allowed=KEPT_DAYS,
        example="365",
        description="How many days runs are kept after their end; if not set, for ever.",
        group="Retention",
    ),
    Variable(
        name="RETENTION_RESULTS_DAYS",
        kind="kept_days",
        allowed=KEPT_DAYS,
        example="90",
        description=(
            "How many days the answers of completed runs are kept; their figures stay. If not "
            "set, as long as the run."
        ),
        group="Retention",
    ),
    Variable(
        name="RETENTION_LOGS_DAYS",
        kind="kept_days",
        allowed=KEPT_DAYS,
        example="365",
        description=(
            "How many days the admin's log and failed logins are kept; if not set, for ever."
        ),
        group="Retention",
    ),
    Variable(
        name="RETENTION_TRASH_DAYS",
        kind="kept_days",
        allowed=KEPT_DAYS,
        example="30",
        description=(
            "How many days deleted prompts, templates, suites and runs can be restored; if not "
            "set, for ever."
        ),
        group="Retention",
    ),
)
BACKUPS = (
    Variable(
        name="BACKUP_TO",
        kind="backup_target",
        allowed="a folder such as data/backups/, or s3://bucket/folder/",
        example="data/backups/",
        description="Folder for backups, or s3://bucket/folder/; a name that ends with /.",
        group="Backups",
    ),
    Variable(
        name="BACKUP_EVERY_HOURS",
        kind="backup_hours",
        default="0",
        allowed="an integer (hours) from 0 to 744",
        example="24",
        description="How often a worker makes a backup, in hours; 0: never. Requires BACKUP_TO.",
        group="Backups",
    ),
    Variable(
        name="BACKUP_KEEP",
        kind="backup_count",
        default="14",
        allowed="an integer from 1 to 1000",
        example="14",
        description="How many backups the worker keeps; older ones are deleted.",
        group="Backups",
    ),
    Variable(
        name="BACKUP_AGE_RECIPIENTS",
        kind="age_recipients",
        default="",
        allowed="comma-separated age recipients that begin with age1",
        example="age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        description="Public keys (age1…) that backups are encrypted for, comma-separated.",
        group="Backups",
    ),
)
VARIABLES: Final[tuple[Variable, ...]] = (
    *APPLICATION,
    *DATABASE,
    *TURSO,
    *REDIS,
    *SIGN_IN,
    *BROWSERS,
    *SERVICES,
    *WEBHOOKS,
    *RETENTION,
    *BACKUPS,
    *MONITORING,
)
