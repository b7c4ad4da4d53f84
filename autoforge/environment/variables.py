"""The table of variables: one row each, which drives reading, refusing and documenting.

`.env.example`, the deployment templates, the workflows and docs/environment.md are held against
this table by a test.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["INSECURE_JWT_KEY", "INSECURE_SECRET_KEY", "VARIABLES", "Variable"]

# Good for a look on one laptop, refused everywhere else; `make run` writes real ones.
INSECURE_SECRET_KEY: Final = "django-insecure-for-a-laptop-only-run-make-run-to-get-a-fresh-one"  # noqa: S105 (public on purpose)
INSECURE_JWT_KEY: Final = "insecure-jwt-key-for-a-laptop-only-make-run-writes-one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One variable of the environment."""

    name: str
    """As it is set, in capitals."""
    kind: str
    """Which parser reads it: a name in `autoforge.environment.values.PARSERS`."""
    allowed: str
    """What it may be; ends the words "it must be …"."""
    example: str
    """A value that is allowed; nothing secret."""
    description: str
    """One line for people who set it."""
    group: str
    """The heading it stands under in `.env.example`."""
    default: str | None = None
    """The value where it is not set; None if there is none."""
    local_default: str | None = None
    """Another default that counts in local alone."""
    secret: bool = False
    """Whether its value is never shown."""
    alias: str = ""
    """Another name that is read as well."""
    environments: tuple[str, ...] = ("local", "staging", "production")
    """Where it can have an effect."""

    @property
    def takes_file(self) -> bool:
        """Whether `<NAME>_FILE` may name a file that holds the value."""
        return self.secret or self.kind in {"database_url", "libsql_url", "redis_url"}

    def default_in(self, app_env: str) -> str | None:
        """Return the default that counts in `app_env`."""
        if app_env == "local" and self.local_default is not None:
            return self.local_default
        return self.default


APPLICATION = (
    Variable(
        name="APP_NAME",
        kind="text",
        default="AutoForge",
        allowed="a name of 1 to 50 characters",
        example="AutoForge",
        description="What pages and cache keys call this installation.",
        group="Application",
    ),
    Variable(
        name="APP_ENV",
        kind="app_env",
        default="local",
        allowed="local, staging or production",
        example="local",
        description="Where this runs: local, staging or production.",
        group="Application",
    ),
    Variable(
        name="DEBUG",
        kind="boolean",
        default="false",
        local_default="true",
        allowed="true or false",
        example="false",
        description="Pages with tracebacks, for a laptop: true or false (true in local).",
        group="Application",
    ),
    Variable(
        name="LOG_LEVEL",
        kind="log_level",
        default="INFO",
        allowed="DEBUG, INFO, WARNING, ERROR or CRITICAL",
        example="INFO",
        description="The least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        group="Application",
    ),
    Variable(
        name="HOST",
        kind="host",
        default="127.0.0.1",
        allowed="a host name or an IP address",
        example="127.0.0.1",
        description="The address to serve on; 0.0.0.0 in a container.",
        group="Application",
    ),
    Variable(
        name="PORT",
        kind="port",
        default="8000",
        allowed="a whole number from 1 to 65535",
        example="8000",
        description="The TCP port to serve on.",
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
    ),
    Variable(
        name="ALLOWED_HOSTS",
        kind="hosts",
        default="",
        local_default="localhost,127.0.0.1,[::1]",
        allowed="host names with commas between them, without scheme, port or path",
        example="autoforge.example.com",
        description="Host names that are served, with commas between them.",
        group="Application",
    ),
    Variable(
        name="CSRF_TRUSTED_ORIGINS",
        kind="csrf_origins",
        default="",
        allowed="origins such as https://autoforge.example.com with commas between them",
        example="https://autoforge.example.com",
        description="Origins whose forms are accepted besides our own, with commas between them.",
        group="Application",
    ),
    Variable(
        name="TRUSTED_PROXIES",
        kind="proxies",
        default="1",
        local_default="0",
        allowed="a whole number from 0 to 10",
        example="1",
        description=(
            "How many proxies stand in front: so many entries of X-Forwarded-For are believed, "
            "from its end."
        ),
        group="Application",
    ),
    Variable(
        name="LANGUAGE_CODE",
        kind="language",
        default="en",
        allowed="en or ja",
        example="ja",
        description="en or ja; not set: the browser's language, English where it has neither.",
        group="Application",
    ),
    Variable(
        name="TIME_ZONE",
        kind="time_zone",
        default="UTC",
        allowed="a name of the IANA time zone database such as Asia/Tokyo",
        example="Asia/Tokyo",
        description="The time zone of pages, such as Asia/Tokyo; the database keeps UTC.",
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
        description="The database in production; stands before DATABASE_URL there.",
        group="Database",
        environments=("production",),
    ),
    Variable(
        name="TURSO_AUTH_TOKEN",
        kind="secret",
        secret=True,
        allowed="the token that `turso db tokens create` prints",
        example="",
        description="The token of the database in production.",
        group="Database",
        environments=("production",),
    ),
    Variable(
        name="TURSO_STAGING_DATABASE_URL",
        kind="libsql_url",
        allowed="libsql://host, https://host or http://host",
        example="libsql://autoforge-staging.turso.io",
        description="The database in staging; stands before DATABASE_URL there.",
        group="Database",
        environments=("staging",),
    ),
    Variable(
        name="TURSO_STAGING_AUTH_TOKEN",
        kind="secret",
        secret=True,
        allowed="the token that `turso db tokens create` prints",
        example="",
        description="The token of the database in staging.",
        group="Database",
        environments=("staging",),
    ),
)
REDIS = (
    Variable(
        name="REDIS_URL",
        kind="redis_url",
        allowed="redis://host:port/db, rediss://host:port/db or unix:///path",
        example="redis://127.0.0.1:6379/0",
        description="The Redis server; neither this nor REDIS_HOST: no Redis, an in-process cache.",
        group="Redis",
    ),
    Variable(
        name="REDIS_HOST",
        kind="host",
        allowed="a host name or an IP address",
        example="127.0.0.1",
        description="The Redis server's host, where REDIS_URL is not set.",
        group="Redis",
    ),
    Variable(
        name="REDIS_PORT",
        kind="port",
        default="6379",
        allowed="a whole number from 1 to 65535",
        example="6379",
        description="The Redis server's port, with REDIS_HOST.",
        group="Redis",
    ),
    Variable(
        name="REDIS_PASSWORD",
        kind="password",
        secret=True,
        allowed="the Redis server's password",
        example="",
        description="The Redis server's password, where REDIS_URL has none.",
        group="Redis",
    ),
    Variable(
        name="REDIS_DB",
        kind="redis_db",
        default="0",
        allowed="a whole number from 0 to 15",
        example="0",
        description="The Redis database's number, where REDIS_URL has none.",
        group="Redis",
    ),
    Variable(
        name="REDIS_CACHE_TTL",
        kind="seconds",
        default="3600",
        allowed="a whole number of seconds from 1 to 31536000",
        example="3600",
        description="How long a cached value lives, in seconds.",
        group="Redis",
    ),
    Variable(
        name="QUEUE",
        kind="queue",
        allowed="in-process, sqlite or redis",
        example="in-process",
        description="Where runs of evaluations wait: in this process, or for `manage.py run_huey`.",
        group="Redis",
    ),
)
SIGN_IN = (
    Variable(
        name="CLERK_SECRET_KEY",
        kind="clerk_secret",
        secret=True,
        allowed="a key that begins with sk_test_ or sk_live_",
        example="",
        description="Clerk's secret key (sk_…).",
        group="Sign-in",
    ),
    Variable(
        name="CLERK_PUBLIC_KEY",
        alias="CLERK_PUBLISHABLE_KEY",
        kind="clerk_public",
        allowed="a key that begins with pk_test_ or pk_live_",
        example="pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
        description="Clerk's publishable key (pk_…); CLERK_PUBLISHABLE_KEY is read as well.",
        group="Sign-in",
    ),
    Variable(
        name="JWT_SECRET_KEY",
        kind="secret",
        secret=True,
        local_default=INSECURE_JWT_KEY,
        allowed="32 or more random characters",
        example="",
        description="Signs access tokens; 32 or more random characters. Not set: no tokens.",
        group="Sign-in",
    ),
    Variable(
        name="JWT_ALGORITHM",
        kind="jwt_algorithm",
        default="HS256",
        allowed="HS256, HS384 or HS512",
        example="HS256",
        description="How access tokens are signed: HS256, HS384 or HS512.",
        group="Sign-in",
    ),
    Variable(
        name="JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
        kind="minutes",
        default="30",
        allowed="a whole number of minutes from 1 to 10080",
        example="30",
        description="How long an access token lives, in minutes; a week (10080) at most.",
        group="Sign-in",
    ),
)
BROWSERS = (
    Variable(
        name="CORS_ORIGINS",
        kind="cors_origins",
        default="",
        allowed="origins such as https://app.example.com with commas between them, or *",
        example="https://app.example.com",
        description="Origins whose browsers may call the API, with commas between them.",
        group="Browsers",
    ),
    Variable(
        name="CORS_CREDENTIALS",
        kind="boolean",
        default="false",
        allowed="true or false",
        example="false",
        description="Whether those browsers may send cookies: true or false.",
        group="Browsers",
    ),
)
SERVICES = (
    Variable(
        name="OPENAI_API_KEY",
        kind="secret",
        secret=True,
        allowed="a key of the OpenAI API",
        example="",
        description="The key of the OpenAI API.",
        group="Models and traces",
    ),
    Variable(
        name="ANTHROPIC_API_KEY",
        kind="secret",
        secret=True,
        allowed="a key of the Anthropic API",
        example="",
        description="The key of the Anthropic API.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_BASE_URL",
        kind="api_url",
        allowed="an address such as https://api.openai.com/v1",
        example="https://api.openai.com/v1",
        description="Where the OpenAI API is, if not at the usual place; the key is sent there.",
        group="Models and traces",
    ),
    Variable(
        name="ANTHROPIC_BASE_URL",
        kind="api_url",
        allowed="an address such as https://api.anthropic.com",
        example="https://api.anthropic.com",
        description="Where the Anthropic API is, if not at the usual place; the key is sent there.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_COMPATIBLE_BASE_URL",
        kind="api_url",
        allowed="an address such as http://127.0.0.1:11434/v1",
        example="http://127.0.0.1:11434/v1",
        description="A service that speaks OpenAI's API: Ollama, vLLM, llama.cpp.",
        group="Models and traces",
    ),
    Variable(
        name="OPENAI_COMPATIBLE_API_KEY",
        kind="secret",
        secret=True,
        allowed="a key of that service",
        example="",
        description="The key of that service; it is sent nowhere else.",
        group="Models and traces",
    ),
    Variable(
        name="MODEL_ALLOWED_NETWORKS",
        kind="networks",
        default="",
        local_default="loopback,private",
        allowed="networks such as 10.0.0.0/8, host names, loopback or private, with commas "
        "between them",
        example="10.0.0.0/8,ollama.internal",
        description="Where models may be besides public addresses: networks, hosts, loopback, "
        "private.",
        group="Models and traces",
    ),
    Variable(
        name="LOCAL_MODEL",
        kind="text",
        allowed="a file of the kind GGUF",
        example="data/models/model.gguf",
        description="The file of the local model, if not the one of make local-model.",
        group="Models and traces",
    ),
    Variable(
        name="LANGFUSE_PUBLIC_KEY",
        kind="langfuse_public",
        allowed="a key that begins with pk-lf-",
        example="pk-lf-0000",
        description="LangFuse's public key (pk-lf-…), together with the secret one.",
        group="Models and traces",
    ),
    Variable(
        name="LANGFUSE_SECRET_KEY",
        kind="langfuse_secret",
        secret=True,
        allowed="a key that begins with sk-lf-",
        example="",
        description="LangFuse's secret key (sk-lf-…), together with the public one.",
        group="Models and traces",
    ),
)
VARIABLES: Final[tuple[Variable, ...]] = (
    *APPLICATION,
    *DATABASE,
    *REDIS,
    *SIGN_IN,
    *BROWSERS,
    *SERVICES,
)
