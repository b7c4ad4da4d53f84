"""What no line of a log may hold: the environment's secrets, a request's, and what looks like one.

Known values are found as they stand, and as URLs, JSON and HTML spell them; others by the name they
stand under (`password=`), or by their shape (a signed token).
"""

import html
import json
import re
from collections.abc import Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote

__all__ = [
    "REDACTED",
    "TELLING_NAMES",
    "add_secret",
    "current_request",
    "hide_known",
    "hide_secrets",
    "hide_text",
    "hide_values",
    "is_telling",
    "list_request_secrets",
    "list_spellings",
    "set_secrets",
]

REDACTED: Final = "****"
SHORTEST_SECRET: Final = 8  # a shorter one would blacken ordinary words
# A name that holds one of these has a secret for a value. `sessionid` and `csrfmiddlewaretoken` are
# among them; `key` alone is not: cache keys, primary keys and dictionaries have that name.
TELLING_NAMES: Final = (
    "authorization",
    "cookie",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "credential",
    "sessionid",
    "session_key",
    "signature",
    "private_key",
)

SHORTEST_OF_REQUEST: Final = 6  # a shorter one would blacken words here too
COOKIES_OF_LOGINS: Final = frozenset({"sessionid", "csrftoken"})  # Django's, and never renamed here
NOT_TEXT: Final = frozenset({"exc_info", "stack_info"})  # rendered later, and hidden then

# Shapes that are secrets whatever their value is. Each repeats within bounds: linear in the text.
TELLING: Final = (
    r"[A-Za-z0-9_.-]{0,60}(?:"
    + "|".join(re.escape(name) for name in TELLING_NAMES)
    + r")[A-Za-z0-9_.-]{0,60}"
)
QUOTED: Final = r"""b?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
SHAPES: Final = (
    # user:password@ of any URL
    (re.compile(r"(?<=://)[^/?#\s@'\"]{0,500}@"), rf"{REDACTED}@"),
    # what an Authorization header carries
    (
        re.compile(r"\b([Bb]earer|[Bb]asic)\s+(?=\S{0,500}[0-9A-Z=])[A-Za-z0-9._~+/=-]{6,}"),
        rf"\1 {REDACTED}",
    ),
    # a signed token, a key of a model service
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REDACTED),
    (re.compile(r"\b(?:sk|rk)[-_][A-Za-z0-9_-]{16,}"), REDACTED),
    # an API key of ours, beyond the prefix by which people tell it; the secret of a webhook
    (re.compile(r"\b(af_[A-Za-z0-9]{8})_[A-Za-z0-9]{8,}"), rf"\1_{REDACTED}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=]{8,}"), REDACTED),
    # name=value of a query or a form
    (
        re.compile(rf"(?i)(?<![A-Za-z0-9_.-])({TELLING}=)[^&\s'\"<>;,]+"),
        rf"\1{REDACTED}",
    ),
    # "name": "value" of JSON or of a dictionary, and of a form, whose values are lists
    (
        re.compile(
            rf"""(?i)(["']{TELLING}["']\s{{0,5}}:\s{{0,5}})"""
            rf"(?:{QUOTED}|\[{QUOTED}(?:, ?{QUOTED}){{0,50}}\])"
        ),
        rf'\1"{REDACTED}"',
    ),
)

_secrets: list[str] = []
# The request that is answered now (`requests` sets it): what it carries is a secret as well.
current_request: ContextVar[object] = ContextVar("current_request", default=None)


def set_secrets(values: Iterable[str]) -> None:
    """Set the texts that no line may hold; longer ones are hidden first."""
    secrets = {value for value in values if len(value) >= SHORTEST_SECRET}
    _secrets[:] = list_spellings(secrets)


def add_secret(value: str) -> None:
    """Hide one more text: a token that has taken the place of another, which stays hidden too."""
    if len(value) >= SHORTEST_SECRET:
        spellings = {*_secrets, *list_spellings([value])}
        _secrets[:] = sorted(spellings, key=len, reverse=True)


def list_spellings(secrets: Iterable[str]) -> list[str]:
    """Return the secrets as they stand in URLs, JSON, HTML and a `repr` too, longest first."""
    spellings: set[str] = set()
    for secret in secrets:
        for text in (secret, unquote(secret)):
            spellings |= {text, quote(text, safe=""), quote(text), quote_plus(text)}
            spellings |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
            spellings |= {html.escape(text), repr(text)[1:-1], html.escape(repr(text)[1:-1])}
    return sorted(spellings, key=len, reverse=True)


def is_telling(name: str) -> bool:
    """Whether a value of this name is a secret."""
    small = name.lower()
    return any(telling in small for telling in TELLING_NAMES)


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, object]) -> object:
    """Replace secrets in an event: values under telling names, and known secrets anywhere."""
    hidden = {}
    for key, value in event.items():
        is_internal = key in NOT_TEXT or key.startswith("_")  # rendered later, or structlog's own
        hidden[key] = value if is_internal else _hide(key, value)
    return hidden


def _hide(key: str, value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if is_telling(str(key)):
        return REDACTED
    if isinstance(value, dict):
        hidden = {}
        for name, content in value.items():
            hidden[name] = _hide(str(name), content)
        return hidden
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide("", content) for content in value]
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else _as_text(value)
    return hide_text(text)


def _as_text(value: object) -> str:
    """Return a value as text; its class where the text would ask the database, or fails."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (whatever it is, the line is worth more)
        return f"<{type(value).__qualname__}>"


def hide_text(text: str) -> str:
    """Return a text without the secrets in it."""
    text = hide_values(hide_known(text), list_request_secrets(current_request.get()))
    for shape, instead in SHAPES:
        text = shape.sub(instead, text)
    return text


def hide_known(text: str) -> str:
    """Return a text without the secrets of the environment: what is JSON stays JSON."""
    return hide_values(text, _secrets)


def list_request_secrets(request: Any) -> list[str]:
    """Return what a Django request carries under telling names: cookies, headers, form fields.

    Nothing is read for it: a form that nobody has looked at yet is not parsed.
    """
    if request is None:
        return []
    pairs = [*request.COOKIES.items(), *request.META.items(), *request.GET.lists()]
    form = vars(request).get("_post")
    if form is not None:
        pairs += form.lists()
    secrets: set[str] = set()
    for name, value in pairs:
        if not is_telling(name) and name not in COOKIES_OF_LOGINS:
            continue
        if isinstance(value, list):  # a form's
            secrets.update(value)
        else:
            secrets.add(str(value))
    for secret in list(secrets):
        secrets.update(secret.split())  # "Bearer x" may stand somewhere as "x" alone
    long_enough = {secret for secret in secrets if len(secret) >= SHORTEST_OF_REQUEST}
    return list_spellings(long_enough)


def hide_values(text: str, values: Iterable[str]) -> str:
    """Return a text without these values, longer ones first."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text
