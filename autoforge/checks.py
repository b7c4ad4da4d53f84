"""System checks of the environment: what starts, and is still not right.

What must not start at all is refused earlier, by `autoforge.environment`.
"""

import difflib
import ipaddress
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from core.file_modes import find_env_files, readable_by_others
from core.token_expiry import REMEDY, read_token_expiry

__all__ = [
    "check_clerk",
    "check_data_folder",
    "check_env_files",
    "check_origins",
    "check_token",
    "check_variables",
]

GIT_SECONDS = 5  # a check must not hang where git does: a repository on a network drive
Messages = list[checks.CheckMessage]


@checks.register(checks.Tags.security)
def check_token(app_configs: object = None, **kwargs: object) -> Messages:
    """Check how long the database's token lives and whether it may write."""
    token = read_token_expiry()
    if token is None:
        return []
    problems: Messages = []
    if token.has_expired:
        text = f"The database's auth token expired at {token.ends:%Y-%m-%d %H:%M} UTC."
        problems.append(checks.Error(text, hint=REMEDY, id="autoforge.E001"))
    elif token.is_soon:
        text = f"The database's auth token expires at {token.ends:%Y-%m-%d %H:%M} UTC."
        problems.append(checks.Warning(text, hint=REMEDY, id="autoforge.W001"))
    if token.is_read_only:
        text = "The database's auth token is read-only: nothing can be saved."
        hint = "Use a token with write access, unless this installation is meant to be read-only."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W002"))
    return problems


@checks.register(checks.Tags.security)
def check_env_files(app_configs: object = None, **kwargs: object) -> Messages:
    """Check that files of secrets are for their owner alone, and not in git."""
    root = Path(settings.BASE_DIR)
    files = find_env_files(root)
    problems: Messages = []
    for path in readable_by_others(files):
        text = f"{path.name} can be read by its group or by others."
        hint = f"Run `chmod 600 {path.name}`."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W003"))
    for name in _tracked(root, [path.name for path in files]):
        text = f"{name} contains secrets and is tracked by git."
        hint = f"Run `git rm --cached {name}`, and replace every secret that was in it."
        problems.append(checks.Error(text, hint=hint, id="autoforge.E002"))
    for name in _templates_with_values(root):
        text = f"{name} is committed and contains a value that is not a placeholder."
        hint = "Write ${NAME} there, and keep the value in the deployment's secrets."
        problems.append(checks.Error(text, hint=hint, id="autoforge.E002"))
    return problems


def _tracked(root: Path, names: Sequence[str]) -> list[str]:
    if not names or not (root / ".git").exists():
        return []
    command = ["git", "-C", str(root), "ls-files", "--", *names]
    # Inside of a git hook GIT_DIR names that repository, and git would look there.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        listing = subprocess.run(  # noqa: S603 (fixed arguments, and names of files that exist)
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_SECONDS,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []  # a machine without git has nothing tracked
    return listing.stdout.split()


def _templates_with_values(root: Path) -> list[str]:
    names = []
    for name in (".env.staging", ".env.production"):
        path = root / name
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            value = line.partition("=")[2].strip()
            is_placeholder = value.startswith("${") and value.endswith("}")
            if line[:1].isalpha() and not is_placeholder:
                names.append(name)
                break
    return names


@checks.register(checks.Tags.security)
def check_origins(app_configs: object = None, **kwargs: object) -> Messages:
    """Check hosts, origins and services of a production installation."""
    if settings.APP_ENV != "production":
        return []
    problems: Messages = []
    if "*" in settings.ALLOWED_HOSTS:
        text = "ALLOWED_HOSTS is '*' in production: any host name is served."
        hint = "List the hosts, separated by commas."
        problems.append(checks.Error(text, hint=hint, id="autoforge.E003"))
    origins = [("CORS_ORIGINS", origin) for origin in settings.ENVIRONMENT.cors_origins]
    origins += [("CSRF_TRUSTED_ORIGINS", origin) for origin in settings.CSRF_TRUSTED_ORIGINS]
    for name, origin in origins:
        if not origin.startswith("https://"):
            text = f"{name} contains '{origin}' in production, which is not https."
            hint = "List each origin, starting with https://."
            problems.append(checks.Error(text, hint=hint, id="autoforge.E004"))
    if settings.ENVIRONMENT.redis_url and _is_loopback(settings.ENVIRONMENT.redis_url):
        text = "REDIS_URL or REDIS_HOST points to this machine in production."
        hint = "Use the Redis server that all processes share."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W004"))
    for name in ("CLERK_SECRET_KEY", "CLERK_PUBLIC_KEY"):
        # Clerk says in the key itself which instance it is for.
        if (getattr(settings, name) or "").startswith(("sk_test_", "pk_test_")):
            text = f"{name} is a test key in production."
            hint = "Use the live key of the Clerk instance."
            problems.append(checks.Warning(text, hint=hint, id="autoforge.W005"))
    return problems


@checks.register(checks.Tags.security)
def check_clerk(app_configs: object = None, **kwargs: object) -> Messages:
    """Check that people can sign in with Clerk, where its publishable key is set."""
    if not settings.CLERK_PUBLIC_KEY:
        return []
    from core.access.clerk import read_host  # it brings an HTTP client, which few commands need
    from core.access.token_errors import TokensNotConfigured

    problems: Messages = []
    try:
        read_host(settings.CLERK_PUBLIC_KEY)
    except TokensNotConfigured:
        text = "CLERK_PUBLIC_KEY is not a publishable key: no session token of Clerk is accepted."
        hint = "Copy it from the API keys of the Clerk dashboard."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W009"))
    if not settings.CLERK_AUTHORIZED_PARTIES:
        text = "No origin may use session tokens of Clerk: none is accepted."
        hint = "Set CLERK_AUTHORIZED_PARTIES to the origins of the front end."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W010"))
    return problems


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@checks.register
def check_variables(app_configs: object = None, **kwargs: object) -> Messages:
    """Check that what is set has an effect."""
    environment = settings.ENVIRONMENT
    problems: Messages = []
    if environment.missing_file:
        text = f"ENV_FILE is '{environment.missing_file}', which does not exist."
        hint = "Correct the path, or remove ENV_FILE."
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W006"))
    known = list(environment.table_names())
    for name in environment.unknown:
        text = f"The environment file sets {name}, which is not a variable of AutoForge."
        hint = "Remove the line; .env.example lists all variables."
        near = difflib.get_close_matches(name, known, n=1)
        if near:
            hint = f"Did you mean {near[0]}?"
        problems.append(checks.Warning(text, hint=hint, id="autoforge.W007"))
    for note in environment.notes:
        hint = "Remove it, or set the variable it depends on."
        problems.append(checks.Warning(note, hint=hint, id="autoforge.W008"))
    return problems


@checks.register(checks.Tags.database)
def check_data_folder(
    app_configs: object = None,
    databases: object = ("default",),
    **kwargs: object,
) -> Messages:
    """Check that a SQLite file can be made where it is to be; only where databases are asked for.

    Any command that uses the database says the same in one sentence, by `core.database.outages`.
    """
    if not databases:
        return []
    entry = settings.DATABASES["default"]
    name = str(entry["NAME"])
    if entry["ENGINE"] != "core.sqlite" or ":memory:" in name:
        return []  # a server has no folder here, nor has a database in memory
    folder = Path(name).parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return []
    fault = "cannot be written" if folder.is_dir() else "does not exist"
    text = f"The database folder '{folder}' {fault}."
    hint = "Create it and give this user write access, or correct DATABASE_URL."
    return [checks.Error(text, hint=hint, id="autoforge.E005")]
