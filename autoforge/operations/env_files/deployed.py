"""What starts, and is still not right where others rely on it: the rules of `manage.py check`.

They are asked of a file here, before anything is deployed with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.jwt_claims import expiry, is_read_only

__all__ = ["Finding", "find_in_deployment"]

SOON = timedelta(days=14)  # as `core.token_expiry`, which reads the settings
TOKENS = {"staging": "TURSO_STAGING_AUTH_TOKEN", "production": "TURSO_AUTH_TOKEN"}
RENEW = "renew it with `manage.py turso token rotate`."


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something about one variable."""

    name: str
    """The variable."""
    code: str
    """What kind of problem it is, for machines."""
    message: str
    """What is wrong and what to do."""
    is_error: bool = True
    """False for what works for now."""


def find_in_deployment(values: Mapping[str, str], app_env: str) -> Iterator[Finding]:
    """Yield what is not right with the values of a file of staging or production.

    Args:
        values: name → value, as the file has them.
        app_env: its environment; in local nothing of it matters.
    """
    if app_env in TOKENS:
        yield from _look_at_token(TOKENS[app_env], values.get(TOKENS[app_env], ""))
    if app_env == "production":
        yield from _look_at_hosts(values)
        yield from _look_at_clerk(values)


def _look_at_token(name: str, token: str) -> Iterator[Finding]:
    if not token:
        return
    ends, now = expiry(token), datetime.now(UTC)
    if ends and ends <= now:
        message = f"{name} expired at {ends:%Y-%m-%d %H:%M} UTC; {RENEW}"
        yield Finding(name=name, code="expired", message=message)
    elif ends and ends - now < SOON:
        message = f"{name} expires at {ends:%Y-%m-%d %H:%M} UTC; {RENEW}"
        yield Finding(name=name, code="expires-soon", message=message, is_error=False)
    if is_read_only(token):
        message = (
            f"{name} is read-only: nothing can be saved; use a token with write access, unless "
            "this installation is meant to be read-only."
        )
        yield Finding(name=name, code="read-only", message=message, is_error=False)


def _look_at_hosts(values: Mapping[str, str]) -> Iterator[Finding]:
    if "*" in _split(values.get("ALLOWED_HOSTS", "")):
        message = "ALLOWED_HOSTS is '*': any host name is served; list the hosts."
        yield Finding(name="ALLOWED_HOSTS", code="any-host", message=message)
    for name in ("CORS_ORIGINS", "CSRF_TRUSTED_ORIGINS"):
        for origin in _split(values.get(name, "")):
            if not origin.startswith("https://"):
                message = (
                    f"{name} contains '{origin}' in production, which is not https; list each "
                    "origin, starting with https://."
                )
                yield Finding(name=name, code="not-https", message=message)


def _look_at_clerk(values: Mapping[str, str]) -> Iterator[Finding]:
    for name in ("CLERK_SECRET_KEY", "CLERK_PUBLIC_KEY", "CLERK_PUBLISHABLE_KEY"):
        # Clerk says in the key itself which instance it is for.
        if values.get(name, "").startswith(("sk_test_", "pk_test_")):
            message = f"{name} is a test key in production; use the live key of the instance."
            yield Finding(name=name, code="test-key", message=message, is_error=False)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
