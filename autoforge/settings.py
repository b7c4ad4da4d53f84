"""Django's settings, all from the environment (`autoforge.environment` reads and checks it).

Sections: environment, applications, middleware, data, cache, background, people, pages, security,
logs.
Nothing else of ours is imported here: everything below is named by its dotted path.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from autoforge.environment import load

# --- Environment ----------------------------------------------------------------------------------

# A wheel carries templates, translations and static files inside of this package; a checkout has
# them beside it. What an installation has of its own (.env.local, data/, staticfiles/) is in the
# checkout, or in the folder where an installed AutoForge is started.
PACKAGE = Path(__file__).resolve().parent
IS_INSTALLED = (PACKAGE / "resources").is_dir()
RESOURCES = PACKAGE / "resources" if IS_INSTALLED else PACKAGE.parent
BASE_DIR = Path.cwd() if IS_INSTALLED else PACKAGE.parent
ENVIRONMENT = load(os.environ, BASE_DIR)

APP_NAME = ENVIRONMENT.app_name
APP_ENV = ENVIRONMENT.app_env
DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.csrf_trusted_origins)

IS_LOCAL = APP_ENV == "local"
HAS_REDIS = ENVIRONMENT.redis_url is not None

# --- Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "autoforge.site.admin_config.AdminConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "csp",
    "django_tasks",
    "autoforge",
    "core",
    "core.events",
    "core.access",
    "autoforge.health",
    "autoforge.operations.backups",
    "prompts",
    "evaluations",
]

MIDDLEWARE = [
    "autoforge.web.request_log.RequestLogMiddleware",  # first: it sees every answer
    "autoforge.metrics.middleware.MetricsMiddleware",  # before what checks host and scheme
    "autoforge.web.error_reports.TechnicalPagesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "autoforge.web.middleware.ContentSecurityPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "autoforge.web.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "autoforge.web.body_limits.BodyLimitMiddleware",  # before the next, which reads the form
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "autoforge.web.middleware.bounded_patience",
    "axes.middleware.AxesMiddleware",  # it answers for a locked-out login
    "autoforge.web.middleware.DatabaseOutageMiddleware",  # last: the first to hear of an error
]

if ENVIRONMENT.trace_requests:  # second: it sees the request's id; without it nothing is loaded
    MIDDLEWARE.insert(1, "autoforge.tracing.requests.TraceMiddleware")

if "replica" in ENVIRONMENT.databases["default"]["OPTIONS"]:  # in front of what reads first
    SESSIONS = MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware")
    MIDDLEWARE[SESSIONS:SESSIONS] = [
        "django_hrana.replica.middleware.read_own_writes",
        "autoforge.web.fresh_reads.read_pages_from_replica",
    ]

ROOT_URLCONF = "autoforge.urls"
WSGI_APPLICATION = "autoforge.wsgi.application"
ASGI_APPLICATION = "autoforge.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [RESOURCES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data -----------------------------------------------------------------------------------------

DATABASES = ENVIRONMENT.databases
# For `manage.py turso`: creates databases and their tokens. A server that only uses one has none.
TURSO_PLATFORM_TOKEN = ENVIRONMENT.turso_platform_token
TURSO_ORGANIZATION = ENVIRONMENT.turso_organization
TURSO_API_URL = ENVIRONMENT.turso_api_url
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache ----------------------------------------------------------------------------------------

CACHES = ENVIRONMENT.caches
# An in-process cache is not shared between processes: sessions are then in the database alone.
SESSION_ENGINE = (
    "django.contrib.sessions.backends.cached_db"
    if HAS_REDIS
    else "django.contrib.sessions.backends.db"
)

# Files whose change tells every process of this machine that what it remembers is old.
MARKS_FOLDER = BASE_DIR / "data"

# --- Background -----------------------------------------------------------------------------------

QUEUE = ENVIRONMENT.queue
TASK_BACKEND = "huey.contrib.djhuey.tasks_backend.HueyBackend"
if QUEUE == "in-process":
    TASK_BACKEND = "autoforge.background.InProcessBackend"
TASKS = {"default": {"BACKEND": TASK_BACKEND, "ENQUEUE_ON_COMMIT": False}}
# What a worker does by itself: dotted path → every how many minutes.
PERIODIC_TASKS = {
    "evaluations.tasks.resume_runs": 1,
    "core.events.tasks.resume_deliveries": 1,
    "autoforge.operations.backups.tasks.enqueue_due_backup": 15,
    "autoforge.operations.retention.tasks.delete_old_rows": 60,
}
# How many days rows are kept; None: for ever. `manage.py data_retention` shows what would go.
RETENTION_DAYS = {
    "runs": ENVIRONMENT.retention_runs_days,
    "results": ENVIRONMENT.retention_results_days,
    "logs": ENVIRONMENT.retention_logs_days,
    "trash": ENVIRONMENT.retention_trash_days,
}
# What looks for work that a process left behind, at the start of one with QUEUE=in-process.
RESUMED_AT_START = ("evaluations.tasks.resume_runs", "core.events.tasks.enqueue_deliveries")


def _huey() -> object:
    if QUEUE == "in-process":
        return None
    from huey import PriorityRedisExpireHuey, SqliteHuey  # only where there is one
    from huey.serializer import SignedSerializer

    serializer = SignedSerializer(secret=SECRET_KEY, salt="huey")
    if QUEUE == "redis":
        import redis  # noqa: F401 (huey hides that it is missing behind an error of its own)

        return PriorityRedisExpireHuey(
            APP_NAME, url=ENVIRONMENT.redis_url, serializer=serializer, immediate=False
        )
    from core.private_files import keep_private

    keep_private(ENVIRONMENT.queue_file)
    return SqliteHuey(
        APP_NAME,
        filename=str(ENVIRONMENT.queue_file),
        serializer=serializer,
        immediate=False,
    )


HUEY = _huey()

# --- People ---------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses a locked-out login
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# In the database: every process counts together, with Redis and without.
AXES_HANDLER = "autoforge.web.lockout.LockoutHandler"
AXES_ENABLE_ADMIN = False
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# One person's typos lock nobody else out; the second limit, of an address, is the handler's.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], ["ip_address"]]
AXES_CLIENT_IP_CALLABLE = "autoforge.web.client_address.find_client_network"
AXES_RESET_ON_SUCCESS = True
# Else an impatient person stays locked out for ever, whatever the page promises.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "autoforge.web.lockout.answer_locked_out"
# What axes keeps of a failed login: never a token of the form, nor a password typed as a name.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
# How many proxies of ours stand in front: so many entries of X-Forwarded-For are believed.
TRUSTED_PROXIES = ENVIRONMENT.trusted_proxies

# --- Pages ----------------------------------------------------------------------------------------

LANGUAGE_CODE = ENVIRONMENT.language_code
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
# Where LANGUAGE_CODE is set, it beats what the browser asks for; what a person chose beats both.
LANGUAGE_IS_SET = ENVIRONMENT.sources.get("LANGUAGE_CODE", "default") != "default"
LOCALE_PATHS = [RESOURCES / "locale", RESOURCES / "locale_theme"]  # ours, the theme's
TIME_ZONE = ENVIRONMENT.time_zone
USE_I18N = True
USE_TZ = True

# A list's rows may be named one by one: as many as one action takes, and its form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 11_000


def _find_swagger() -> Path:
    """Return the folder of Swagger UI, which the API's library carries; without importing it."""
    package = find_spec("dmr")
    if package is None or package.origin is None:  # an installation without its dependencies
        return PACKAGE
    [folder] = (Path(package.origin).parent / "static" / "dmr" / "swagger").glob("[0-9]*")
    return folder


STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [RESOURCES / "static", ("swagger", _find_swagger())]
# On a laptop straight from the sources; elsewhere from what collectstatic has gathered.
WHITENOISE_USE_FINDERS = IS_LOCAL
WHITENOISE_AUTOREFRESH = DEBUG
STATIC_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
if IS_LOCAL:
    STATIC_STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATIC_STORAGE},
}


def _static(name: str) -> Callable[[object], str]:
    def address(_request: object) -> str:
        from django.templatetags.static import static  # needs these settings

        return static(name)

    return address


UNFOLD: dict[str, object] = {
    "SITE_TITLE": APP_NAME,
    "SITE_HEADER": APP_NAME,
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _static("favicon.svg")}],
    "STYLES": [_static("autoforge/admin.css")],
    "SCRIPTS": [
        _static("autoforge/expressions.js"),
        _static("autoforge/names.js"),
        _static("autoforge/drafts.js"),
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "autoforge.site.dashboard.fill",
    "ENVIRONMENT": "autoforge.site.dashboard.environment_badge",
}

# --- Security -------------------------------------------------------------------------------------

# A body is refused by its length before it is read (autoforge.web.body_limits), also with files,
# which this number does not count: it is never the narrower one.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

if not IS_LOCAL:
    # TLS ends at the proxy in front, which says so in this header and drops it from outside.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # The health checks of a container or a load balancer come without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True

CONTENT_SECURITY_POLICY: dict[str, object] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The admin's own. Scripts are files of ours: the theme's attributes are carried out by
# static/autoforge/expressions.js instead of `eval`. Its widgets set styles (decision 13).
ADMIN_CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
# The page of the API's documentation: Swagger UI, whose files are served from here.
DOCS_CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
    **ADMIN_CONTENT_SECURITY_POLICY,
    "font-src": [SELF, "data:"],
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb")
}

CORS_ALLOWED_ORIGINS = [origin for origin in ENVIRONMENT.cors_origins if origin != "*"]
CORS_ALLOW_ALL_ORIGINS = "*" in ENVIRONMENT.cors_origins
CORS_ALLOW_CREDENTIALS = ENVIRONMENT.cors_credentials
CORS_URLS_REGEX = r"^/((api|health|v1)/|mcp$)"  # the admin is for people of this origin
CORS_ALLOW_HEADERS = [
    *("accept", "accept-language", "authorization", "content-type", "x-request-id"),
    *("if-match", "if-none-match", "idempotency-key", "last-event-id"),
    *("mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"),
    *("x-langfuse-public-key", "x-langfuse-sdk-name", "x-langfuse-sdk-version"),
    *("content-encoding", "x-langfuse-ingestion-version"),  # of traces
]
CORS_EXPOSE_HEADERS = [
    *("ETag", "Location", "Retry-After", "X-Request-ID", "Content-Disposition"),
    *("RateLimit", "RateLimit-Policy", "Idempotency-Replayed"),
]

# --- HTTP API -------------------------------------------------------------------------------------

# Answers are made of typed structs; tests hold them to the OpenAPI document (schemathesis).
API_PATHS = ("/api/", "/v1/", "/mcp")  # what is answered here is for programs
DMR_SETTINGS = {"validate_responses": False}

# --- Services -------------------------------------------------------------------------------------

CLERK_SECRET_KEY = ENVIRONMENT.clerk_secret_key
CLERK_PUBLIC_KEY = ENVIRONMENT.clerk_public_key
CLERK_AUTHORIZED_PARTIES = ENVIRONMENT.clerk_authorized_parties
CLERK_ROLES = ENVIRONMENT.clerk_roles
CLERK_DEFAULT_ROLE = ENVIRONMENT.clerk_default_role
CLERK_ORGANIZATION = ENVIRONMENT.clerk_organization
JWT_SECRET_KEY = ENVIRONMENT.jwt_secret_key
JWT_ALGORITHM = ENVIRONMENT.jwt_algorithm
JWT_ACCESS_TOKEN_EXPIRE_MINUTES = ENVIRONMENT.jwt_access_token_expire_minutes
OPENAI_API_KEY = ENVIRONMENT.openai_api_key
ANTHROPIC_API_KEY = ENVIRONMENT.anthropic_api_key
# What providers of models may read; evaluations hand it to them and to nobody else.
PROVIDER_ENVIRONMENT = ENVIRONMENT.of_providers()
LANGFUSE_PUBLIC_KEY = ENVIRONMENT.langfuse_public_key
LANGFUSE_SECRET_KEY = ENVIRONMENT.langfuse_secret_key
LANGFUSE_HOST = ENVIRONMENT.langfuse_host
OTEL_EXPORTER_OTLP_ENDPOINT = ENVIRONMENT.otel_exporter_otlp_endpoint
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = ENVIRONMENT.otel_exporter_otlp_traces_endpoint
OTEL_EXPORTER_OTLP_HEADERS = ENVIRONMENT.otel_exporter_otlp_headers
OTEL_SERVICE_NAME = ENVIRONMENT.otel_service_name
TRACE_MESSAGES = ENVIRONMENT.trace_messages
TRACE_REQUESTS = ENVIRONMENT.trace_requests
OTEL_TRACES_SAMPLER = ENVIRONMENT.otel_traces_sampler
OTEL_TRACES_SAMPLER_ARG = ENVIRONMENT.otel_traces_sampler_arg
SENTRY_DSN = ENVIRONMENT.sentry_dsn
METRICS_TOKEN = ENVIRONMENT.metrics_token
METRICS_HOST = ENVIRONMENT.metrics_host
METRICS_PORT = ENVIRONMENT.metrics_port
GATEWAY_RECORDS_DAYS = ENVIRONMENT.gateway_records_days
TRACES_KEPT_DAYS = ENVIRONMENT.traces_kept_days
WEBHOOK_ALLOWED_NETWORKS = ",".join(ENVIRONMENT.webhook_allowed_networks)
BACKUP_TO = ENVIRONMENT.backup_to
BACKUP_EVERY_HOURS = ENVIRONMENT.backup_every_hours
BACKUP_KEEP = ENVIRONMENT.backup_keep
BACKUP_AGE_RECIPIENTS = ENVIRONMENT.backup_age_recipients

# --- Logs -----------------------------------------------------------------------------------------

LOG_LEVEL = ENVIRONMENT.log_level

LOGGING: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "autoforge.logging.formatters.make_formatter",
            "json_lines": not IS_LOCAL,
        },
    },
    "filters": {
        "requests": {"()": "autoforge.logging.filters.JoinRequests"},
        "repeats": {"()": "autoforge.logging.filters.HoldBackRepeats"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "default",
            "filters": ["requests", "repeats"],
        },
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Django gives these handlers of their own, which would write each line twice.
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Each login would be lines of its own; a lock-out is logged by `autoforge.web.lockout`.
        "axes": {"level": "ERROR"},
        # The development server's own line a request repeats ours.
        "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
        # Without a handler of ours huey adds one that knows nothing of secrets and limits.
        "huey": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
    },
}
# An error page or an e-mail about an error shows no locals and no secrets, with DEBUG too.
DEFAULT_EXCEPTION_REPORTER = "autoforge.web.error_reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "autoforge.web.error_reports.HideSecrets"
